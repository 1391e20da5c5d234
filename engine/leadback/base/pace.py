"""Turns at something with rate limits: when the next call may leave. Pure, and for one process.

A limit is kept by a log of the turns that were given out: the nth last of them and the next one
are a window apart. Turns are given out ahead, in order, so that nobody has to ask again and again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from leadback.base.clock import MINUTE, Millis

FURTHEST: Millis = 3 * MINUTE
"""No turn is given out so far ahead: later ones are from before a clock was set back."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many calls in every window of so many milliseconds."""

    most: int
    window: Millis


@dataclass(frozen=True, slots=True)
class Turns:
    """A lane's log: instants in ascending order. held_until: nobody's turn is before that."""

    taken: tuple[Millis, ...] = ()
    held_until: Millis = 0

    def recent(self, limits: Sequence[Limit], now: Millis) -> "Turns":
        """Without what no limit looks at any more."""
        since = now - max(limit.window for limit in limits)
        kept = tuple(turn for turn in self.taken if since < turn <= now + FURTHEST)
        return Turns(kept, self.held_until if self.held_until <= now + FURTHEST else 0)

    def next(
        self, limits: Sequence[Limit], *, now: Millis, calls: int, ahead: int = 0
    ) -> list[Millis]:
        """The instants of the next calls, which leave together when the last of them may (as many
        as may leave together), and of `ahead` more, one by one."""
        turns = list(self.taken)
        together = min(calls, *(limit.most for limit in limits))
        for number in range(calls + ahead):
            turn = max(now, self.held_until, turns[-1] if turns else 0)
            for limit in limits:
                if len(turns) >= limit.most:
                    turn = max(turn, turns[-limit.most] + limit.window)
            turns.append(turn)
            if number == calls - 1:
                turns[-together:] = [turn] * together
        return turns[len(self.taken) :]

    def used(self, window: Millis, now: Millis) -> int:
        """Turns in the window that ends now."""
        return sum(now - window < turn <= now for turn in self.taken)


class Pace(Protocol):
    """What a plugin asks before it calls. A lane is whatever has limits of its own."""

    def take(self, lane: str, limits: Sequence[Limit], *, calls: int, patience: Millis) -> Millis:
        """How many ms from now the calls may leave; their turn is taken.

        More than `patience`: nothing was taken, and asking sooner is in vain.
        """

    def used(self, lane: str, window: Millis) -> int:
        """Turns taken in the window that ends now, by everybody who shares this pace."""

    def hold(self, lane: str, duration: Millis) -> None:
        """Nobody's next turn comes sooner: the other side refused a call."""


def monotonic() -> Millis:
    return time.monotonic_ns() // 1_000_000


class LocalPace:
    """A pace shared by the threads of one process."""

    def __init__(self, clock: Callable[[], Millis] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, Turns] = {}

    def take(self, lane: str, limits: Sequence[Limit], *, calls: int, patience: Millis) -> Millis:
        with self._lock:
            now = self._clock()
            log = self._lanes.get(lane, Turns()).recent(limits, now)
            turns = log.next(limits, now=now, calls=calls)
            wait = turns[-1] - now
            if wait <= patience:
                log = replace(log, taken=(*log.taken, *turns))
            self._lanes[lane] = log
            return wait

    def used(self, lane: str, window: Millis) -> int:
        with self._lock:
            return self._lanes.get(lane, Turns()).used(window, self._clock())

    def hold(self, lane: str, duration: Millis) -> None:
        with self._lock:
            log = self._lanes.get(lane, Turns())
            until = max(log.held_until, self._clock() + min(duration, MINUTE))
            self._lanes[lane] = replace(log, held_until=until)
