"""A portal's pace for all workers together: turns are taken from the database, a few at a time.

While there is room, a call costs one small transaction; at the limit a process takes its next few
turns at once. What it then does not use in time is lost, so it never takes many.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from leadback.base.clock import MINUTE, Millis
from leadback.base.pace import Limit, monotonic
from leadback.store import Store

AHEAD = 5
REACH: Millis = 500
"""Turns are taken ahead for so long at most: other processes wait behind them."""

LATE: Millis = 150
"""A turn that was not used by then is lost: the call would count in another window."""

FULL: Millis = 20
"""Who has to wait so long meets the limit."""


@dataclass(slots=True)
class _Lane:
    """ready: turns taken ahead, by this process's own clock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    ready: deque[Millis] = field(default_factory=deque)
    full: bool = False


class SharedPace:
    """leadback.base.pace.Pace over the store. Thread-safe; raises LeadbackError with the store."""

    def __init__(
        self, store: Store, portal: str, *, clock: Callable[[], Millis] = monotonic
    ) -> None:
        self._store, self._portal, self._clock = store, portal, clock
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def take(self, lane: str, limits: Sequence[Limit], *, calls: int, patience: Millis) -> Millis:
        mine = self._lane(lane)
        with mine.lock:
            now = self._clock()
            while mine.ready and mine.ready[0] < now - LATE:
                mine.ready.popleft()
            missing = calls - len(mine.ready)
            if missing > 0:
                now, turns = self._reserve(lane, limits, missing, mine.full, patience)
                wait = turns[missing - 1] - now
                mine.full = wait > FULL
                if wait > patience:
                    return wait
                mine.ready.extend(turns)
            wait = max(0, mine.ready[calls - 1] - now)
            if wait <= patience:
                for _ in range(calls):
                    mine.ready.popleft()
            return wait

    def used(self, lane: str, window: Millis) -> int:
        with self._store.read() as tx:
            return tx.pace.used(self._portal, lane, window=window, now=tx.pace.now())

    def hold(self, lane: str, duration: Millis) -> None:
        mine = self._lane(lane)
        with mine.lock:
            mine.ready.clear()
            with self._store.write() as tx:
                until = tx.pace.now() + min(duration, MINUTE)
                tx.pace.hold(self._portal, lane, until=until)

    def _lane(self, lane: str) -> _Lane:
        with self._lock:
            return self._lanes.setdefault(lane, _Lane())

    def _reserve(
        self, lane: str, limits: Sequence[Limit], calls: int, full: bool, patience: Millis
    ) -> tuple[Millis, list[Millis]]:
        """Now, and the turns, by our own clock."""
        with self._store.write() as tx:
            now, ours = tx.pace.now(), self._clock()
            turns = tx.pace.take(
                self._portal, lane, limits, now=now, calls=calls,
                ahead=AHEAD if full else 0, patience=patience, reach=REACH,
            )  # fmt: skip
        return ours, [turn - now + ours for turn in turns]


class Paces:
    """The paces of this process's portals. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._paces: dict[str, SharedPace] = {}

    def of(self, portal: str) -> SharedPace:
        with self._lock:
            found = self._paces.get(portal)
            if found is None:
                found = self._paces[portal] = SharedPace(self._store, portal)
            return found
