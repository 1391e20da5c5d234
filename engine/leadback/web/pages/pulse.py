"""Has anything changed? Asked a few times a second for all open pages together, not once for each;
and what several pages show alike is read once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from leadback.base.clock import SECOND, Clock, Millis

FRESH: Millis = SECOND // 6
SHARE = 4
"""Who took long to read rests so many times as long: pages never take more than a part of the
machine from the workers, however many are open."""
LONGEST: Millis = 5 * SECOND
ATTENTION_FRESH: Millis = 2 * SECOND
KEPT: Millis = 10 * SECOND

T = TypeVar("T")
Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Calls it in a thread."""


@dataclass(slots=True)
class _Reading:
    task: asyncio.Task[None] | None = None
    at: Millis | None = None
    rests: Millis = 0
    value: Any = None


class Shared:
    """Readings that pages share; of one event loop. Who comes while somebody reads the same waits
    for that reading, and takes no thread for it. Nobody may change what it returns."""

    def __init__(self, clock: Clock, run: Run = asyncio.to_thread) -> None:
        """run: has a reading called in a thread."""
        self._clock, self._run = clock, run
        self._readings: dict[Hashable, _Reading] = {}

    async def ask(
        self, key: Hashable, read: Callable[[], T], *, after: Millis, run: Run | None = None
    ) -> tuple[T, bool]:
        """`read()` in a thread, or what it gave since `after`, or shortly before when it took long;
        and whether that was since `after`. run: how to have it called, if not as the database is.
        """
        self._forget()
        reading = self._readings.setdefault(key, _Reading())
        while True:
            now, at = self._clock.now(), reading.at
            if at is not None and (after < at <= now or 0 <= now - at < reading.rests):
                value: T = reading.value
                return value, at > after
            if reading.task is None:
                reading.task = asyncio.create_task(self._read(reading, read, run or self._run))
            await asyncio.shield(reading.task)

    async def _read(self, reading: _Reading, read: Callable[[], Any], run: Run) -> None:
        at, began = self._clock.now(), monotonic()
        try:
            reading.value = await run(read)
            took = int((monotonic() - began) * SECOND)
            reading.at, reading.rests = at, max(1, min(SHARE * took, LONGEST))
        finally:
            reading.task = None

    def _forget(self) -> None:
        now = self._clock.now()
        old = [
            key
            for key, reading in self._readings.items()
            if reading.at is not None and not -KEPT < now - reading.at < KEPT
        ]
        for key in old:
            if self._readings[key].task is None:
                del self._readings[key]


@dataclass(frozen=True, slots=True)
class Beat:
    """mark: changes when any lead or effect did. attention: what needs a person. at: when the mark
    was read; what was read later has whatever made the mark."""

    mark: str
    attention: int
    at: Millis


class Pulse:
    """The beat of this process's pages."""

    def __init__(
        self, clock: Clock, shared: Shared, mark: Callable[[], str], attention: Callable[[], int]
    ) -> None:
        self._clock, self._shared = clock, shared
        self._mark, self._attention = mark, attention
        self.last = Beat("", 0, 0)

    async def beat(self) -> Beat:
        now = self._clock.now()
        if not 0 <= now - self.last.at < FRESH:
            mark, _ = await self._shared.ask("mark", self._mark, after=now - FRESH)
            needs = self._attention
            attention, _ = await self._shared.ask("attention", needs, after=now - ATTENTION_FRESH)
            self.last = Beat(mark, attention, now)
        return self.last
