"""How fast a portal may be called: paced below HubSpot's limits, adapting to what it reports.

https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
The buckets are pyrate-limiter's; one kept in a store makes processes share a budget.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem

from engine.api import Millis

WINDOW: Millis = 10_000
SECOND: Millis = 1_000
HOUR: Millis = 3_600_000
AFTER_MIDNIGHT: Millis = 30_000
SMALLEST_BURST = 100
"""Calls in 10 s that every account has; what the account really has is in the first answer."""

SEARCHES = 5
MARGIN: Millis = 200
"""How much unevener our calls may arrive than they left."""

A_SECOND = 0.25
"""Part of a window's calls that one second may carry: a burst is quick, but no flood."""


class Lane(StrEnum):
    """Which limit a call spends. Search and associations have limits of their own."""

    BURST = "burst"
    SEARCH = "search"
    ASSOCIATIONS = "associations"


MakeBucket = Callable[[str, list[Rate]], AbstractBucket]
"""A bucket by its name, `PORTAL:LANE`; the same name is the same bucket where it is shared."""


def in_memory(_: str, rates: list[Rate]) -> AbstractBucket:
    """A bucket shared by the threads of this process."""
    return InMemoryBucket(rates)


def monotonic() -> Millis:
    return time.monotonic_ns() // 1_000_000


def pause_thread(millis: Millis) -> None:
    time.sleep(millis / 1000)


@dataclass(slots=True)
class _Limit:
    """One lane: HubSpot's number, what others of the same app seem to use, and our bucket."""

    bucket: AbstractBucket
    maximum: int
    others: float = 0.0


@dataclass(slots=True)
class _Daily:
    maximum: int
    remaining: int
    seen_at: Millis


class Budget:
    """One portal's budget. Thread-safe.

    share: of every limit that may be used. day_left: ms until the account's midnight, or None
    when its time zone is not known yet. clock (monotonic ms) and sleep are replaced in tests.
    """

    def __init__(
        self,
        share: float,
        *,
        name: str = "",
        make_bucket: MakeBucket = in_memory,
        day_left: Callable[[], Millis | None] = lambda: None,
        clock: Callable[[], Millis] = monotonic,
        sleep: Callable[[Millis], None] = pause_thread,
    ) -> None:
        self._share, self._day_left = share, day_left
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._paused_until: Millis = 0
        self._daily: _Daily | None = None
        self._limits = {
            lane: _Limit(make_bucket(f"{name}:{lane}", _rates(lane, maximum, share, 0.0)), maximum)
            for lane, maximum in (
                (Lane.BURST, SMALLEST_BURST),
                (Lane.SEARCH, SEARCHES),
                (Lane.ASSOCIATIONS, SMALLEST_BURST),
            )
        }

    def spend(self, lane: Lane, *, patience: Millis, calls: int = 1) -> Millis:
        """Wait for our turn and take it: 0. Or, when that takes longer than `patience`, take
        nothing and answer the ms until it is worth asking again."""
        until = self._clock() + patience
        while True:
            wait = self._try(lane, calls)
            if wait <= 0:
                return 0
            if self._clock() + wait > until:
                return wait
            self._sleep(wait)

    def observe(self, lane: Lane, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers (lower-case names)."""
        maximum = _number(headers, "x-hubspot-ratelimit-max")
        remaining = _number(headers, "x-hubspot-ratelimit-remaining")
        with self._lock:
            if maximum and remaining is not None and lane is not Lane.SEARCH:
                self._adapt(lane, maximum, remaining)
            most = _number(headers, "x-hubspot-ratelimit-daily")
            left = _number(headers, "x-hubspot-ratelimit-daily-remaining")
            if most and left is not None and lane is Lane.BURST:
                self._daily = _Daily(most, left, self._clock())

    def pause(self, after: Millis) -> None:
        """Nobody calls this portal before `after` ms have passed (a 429 came in spite of us)."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + after)

    def nearly_spent(self) -> bool:
        """The day's budget is running low: time to know when the account's day ends."""
        daily = self._daily
        return daily is not None and daily.remaining < daily.maximum * (1.2 - self._share)

    def figures(self) -> dict[str, int]:
        """Calls per window that each lane may use now: for status and tests."""
        with self._lock:
            return {lane: limit.bucket.rates[-1].limit for lane, limit in self._limits.items()}

    def _try(self, lane: Lane, calls: int) -> Millis:
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return self._paused_until - now
            waits = self._day_is_spent(now)
            if waits:
                return waits
            bucket = self._limits[lane].bucket
            bucket.leak(now)
            smallest = bucket.rates[0].limit
            item = RateItem(lane, now, weight=min(calls, smallest))
            if bucket.put(item):
                if lane is not Lane.ASSOCIATIONS and self._daily is not None:
                    self._daily.remaining -= calls
                return 0
            waiting = bucket.waiting(item)
            return max(1, waiting) if isinstance(waiting, int) else SECOND

    def _day_is_spent(self, now: Millis) -> Millis:
        """ms to wait when only the others' part of the day's budget is left."""
        daily = self._daily
        if daily is None or daily.remaining > round(daily.maximum * (1 - self._share)):
            return 0
        self._daily = None
        wait = day_wait(self._day_left())
        self._paused_until = now + wait
        return wait

    def _adapt(self, lane: Lane, maximum: int, remaining: int) -> None:
        limit = self._limits[lane]
        limit.bucket.leak(self._clock())
        ours = limit.bucket.count()
        others = max(0, maximum - remaining - ours) if isinstance(ours, int) else 0
        before = limit.maximum, round(limit.others)
        limit.maximum = maximum
        # Up at once, down slowly: one late answer must not open the tap again.
        limit.others = float(others) if others > limit.others else (3 * limit.others + others) / 4
        if (limit.maximum, round(limit.others)) != before:
            limit.bucket.rates = _rates(lane, maximum, self._share, limit.others)


def day_wait(left: Millis | None) -> Millis:
    """How long to keep still when the day is used up: until midnight, asking every hour."""
    return HOUR if left is None else min(left + AFTER_MIDNIGHT, HOUR)


def _rates(lane: Lane, maximum: int, share: float, others: float) -> list[Rate]:
    if lane is Lane.SEARCH:
        return [Rate(max(1, int(maximum * share)), SECOND)]
    most = max(2, int(maximum * share - others))
    return [Rate(max(1, int(most * A_SECOND)), SECOND), Rate(most, WINDOW + MARGIN)]


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
