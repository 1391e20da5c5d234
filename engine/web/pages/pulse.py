"""Has anything changed? Asked once a second for all open pages together, not once for each."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from engine.base.clock import SECOND, Clock, Millis

FRESH: Millis = SECOND


@dataclass(frozen=True, slots=True)
class Beat:
    """mark: changes when any lead or effect did. attention: what needs a person."""

    mark: str
    attention: int


class Pulse:
    """Safe to ask from several threads; the first of each second looks, the others are told."""

    def __init__(self, clock: Clock, mark: Callable[[], str], attention: Callable[[], int]) -> None:
        self._clock, self._mark, self._attention = clock, mark, attention
        self._lock = threading.Lock()
        self._at: Millis | None = None
        self._beat = Beat("", 0)

    def look(self) -> Beat:
        now = self._clock.now()
        with self._lock:
            if self._at is None or not 0 <= now - self._at < FRESH:
                self._beat = Beat(self._mark(), self._attention())
                self._at = now
            return self._beat
