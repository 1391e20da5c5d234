"""Drives the work: look up, decide, deliver, over and over, until stopped or until nothing is due.

Each loop lives in a thread of its own, so that a slow portal never holds up decisions.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from leadback.base.clock import SECOND, Clock, ManualClock, Millis
from leadback.base.errors import LeadbackError
from leadback.store import Store
from leadback.work.decisions import Decisions
from leadback.work.delivery import Deliveries
from leadback.work.lag import tell_lag
from leadback.work.lookup import Lookups
from leadback.work.polling import Polls
from leadback.work.portal_threads import PortalThreads
from leadback.work.trends import sample
from leadback.work.waking import News, listen

IDLE_SECONDS = 0.2
"""How long a loop with nothing to do waits for the bell before it looks anyway: timers ring none.
Looking costs one query."""
LAG_SECONDS = 60.0
"""Between two words in the log about how far behind the work is."""
TREND_SECONDS = 20.0
"""Between two looks whether a sample is due: one small query per portal."""
REST_SECONDS = 1.0
"""After a failure, before the same is tried again."""

PATIENCE: Millis = 45 * SECOND
"""`--until-idle` waits for what is to be tried again within this time; leases of a killed worker
run out sooner."""
STUCK_ROUNDS = 100
"""After so many rounds in which nothing could be done, what is due is another worker's."""
SHORTEST_WAIT: Millis = 20

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """What was done until nothing was due."""

    decided: int = 0
    delivered: int = 0
    looked_up: int = 0


class Worker:
    """One process's share of the work."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lookups: Lookups,
        decisions: Decisions,
        deliveries: Deliveries,
        *,
        deciders: int = 1,
        poll_seconds: int = 60,
    ) -> None:
        self._store, self._clock = store, clock
        self._lookups, self._decisions, self._deliveries = lookups, decisions, deliveries
        self._polls = Polls(store, lookups)
        self._deciders, self._poll_seconds = deciders, poll_seconds

    # ------------------------------------------------------------------ until idle

    def run_until_idle(self, *, poll: bool = True) -> Report:
        """Work until nothing is due; effects due again soon are waited for.

        Never deliver while events are due: a lead's last word is then sent once.
        """
        decided = delivered = looked_up = stuck = 0
        if poll:
            self._polls.poll_all(self._clock.now())
        while True:
            now = self._clock.now()
            found = self._lookups.look_up_due(now)
            made = self._decisions.decide_due(now)
            looked_up, decided = looked_up + found, decided + made
            if found or made:
                continue
            before = delivered
            delivered += self._deliveries.deliver_due()
            stuck = stuck + 1 if delivered == before else 0
            if delivered == before and (stuck > STUCK_ROUNDS or not self._wait_for_retries()):
                return Report(decided, delivered, looked_up)

    def _wait_for_retries(self) -> bool:
        """Wait for the next attempt if it is soon; False when there is nothing to wait for.

        What is due already and was not done is another worker's, or its portal is paused.
        """
        with self._store.read() as tx:
            next_due = tx.queue.next_due(self._clock.now())
        if next_due is None:
            return False
        wait = next_due - self._clock.now()
        if wait > PATIENCE:
            return False
        pause(self._clock, max(wait, SHORTEST_WAIT))
        return True

    # ------------------------------------------------------------------ for ever

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is begun is finished then, unless a CRM keeps it waiting
        for longer than a few seconds."""
        news = News()
        thread = threading.Thread
        loops = [
            *(
                thread(target=self._loop, args=(self._decide_once, stop, news), name=f"decide-{n}")
                for n in range(self._deciders)
            ),
            thread(
                target=self._portal_loop,
                args=(self._to_look_up, self._look_up, stop, news, "look-up"),
                name="look-up",
            ),
            thread(
                target=self._portal_loop,
                args=(self._deliveries.due, self._deliveries.deliver_portal, stop, news, "deliver"),
                name="deliver",
            ),
            thread(target=listen, args=(self._store, news, stop), name="bell"),
            thread(target=self._poll_loop, args=(stop,), name="poll"),
            thread(target=self._lag_loop, args=(stop,), name="lag"),
            thread(target=self._trend_loop, args=(stop,), name="trends"),
        ]
        for loop in loops:
            loop.start()
        for loop in loops:
            loop.join()

    def _loop(self, work: Callable[[], int], stop: threading.Event, news: News) -> None:
        while not stop.is_set():
            seen = news.count
            if self._tried(work, stop, default=0):
                news.tell()
            else:
                news.wait(seen, IDLE_SECONDS)

    def _portal_loop(
        self,
        due: Callable[[], list[str]],
        work: Callable[[str], int],
        stop: threading.Event,
        news: News,
        name: str,
    ) -> None:
        """Work that calls CRMs: portals have a thread each, a slow one is not waited for."""

        def once(portal: str) -> None:
            if self._tried(lambda: work(portal), stop, default=0):
                news.tell()  # otherwise another worker has what is due: no hurry

        threads = PortalThreads(once, name)
        while not stop.is_set():
            seen = news.count
            nothing: list[str] = []
            threads.start(self._tried(due, stop, default=nothing))
            news.wait(seen, IDLE_SECONDS)
        threads.join()

    def _tried(self, work: Callable[[], T], stop: threading.Event, *, default: T) -> T:
        """What came of it; `default` after a rest when it failed. Only `stop` ends a loop."""
        try:
            return work()
        except LeadbackError as error:
            log.error("work stopped for now", action="work", reason=str(error))
        except Exception:
            log.exception("work failed", action="work")
        stop.wait(REST_SECONDS)
        return default

    def _lag_loop(self, stop: threading.Event) -> None:
        while not stop.wait(LAG_SECONDS):
            self._tried(lambda: tell_lag(self._store, self._clock.now()), stop, default=None)

    def _trend_loop(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._tried(lambda: sample(self._store, self._clock.now()), stop, default=0)
            stop.wait(TREND_SECONDS)

    def _decide_once(self) -> int:
        return self._decisions.decide_due(self._clock.now())

    def _to_look_up(self) -> list[str]:
        return self._lookups.due(self._clock.now())

    def _look_up(self, portal: str) -> int:
        return self._lookups.look_up(portal, self._clock.now())

    def _poll_loop(self, stop: threading.Event) -> None:
        every = self._poll_seconds * SECOND

        def poll(portal: str) -> None:
            now = self._clock.now()
            self._tried(
                lambda: self._polls.try_portal(portal, now, every=every), stop, default=None
            )

        threads = PortalThreads(poll, "poll")
        while not stop.is_set():
            nothing: list[str] = []
            threads.start(self._tried(self._polls.portals, stop, default=nothing))
            stop.wait(self._poll_seconds)
        threads.join()


def pause(clock: Clock, duration: Millis) -> None:
    """Let time pass: really, and on a clock that stands still by moving it."""
    time.sleep(duration / SECOND)
    if isinstance(clock, ManualClock):
        clock.advance(duration)
