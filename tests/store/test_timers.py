"""Timers at scale: waiting ones are never looked at, due ones fire in order, once."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from leadback.lead.records import TimerSet
from leadback.store import Decided, Store
from tests.store.test_together import in_threads
from tests.store.worlds import PORTAL, add, connect, decide, decision, lead, new

COUNT = 120
DAY = 86_400_000


def arm(store: Store, count: int) -> None:
    """One lead per timer; the later the lead's number, the earlier its timer. All after a day."""
    add(store, *(new(str(n), f"a{n}", "assigned") for n in range(count)))
    with store.write() as tx:
        decided = [
            Decided(
                lane.events[0],
                None,
                decision(lead(lane.lead_id), timers=[TimerSet("t", DAY - int(lane.lead_id))]),
            )
            for lane in tx.inbox.claim(PORTAL, now=20, limit=count)
        ]
        tx.inbox.commit(PORTAL, decided, now=20, rules_version="v")


@pytest.fixture(autouse=True)
def _armed(store: Store) -> None:
    connect(store)
    arm(store, COUNT)


def test_timers_that_are_not_due_are_not_found(store: Store) -> None:
    first = DAY - COUNT + 1
    with store.read() as tx:
        assert tx.inbox.due_portals(first - 1) == []
        assert tx.inbox.due_portals(first) == [PORTAL]
        assert tx.queue.status(first - 1).due == 0
    assert decide(store, now=first - 1) == []


def test_due_timers_fire_in_order(store: Store) -> None:
    fired = [lead_id for lead_id, _ in decide(store, now=DAY)]
    assert fired == [str(n) for n in reversed(range(COUNT))]
    assert decide(store, now=2 * DAY) == []


def test_failure_9_a_timer_longer_than_any_lease_fires_once(
    store: Store, opened: Callable[[], Store]
) -> None:
    """Four workers look for it all the while, before it is due and after; one dies with it."""
    fired: list[str] = []
    lock = threading.Lock()

    def dies() -> None:
        with store.write() as tx:
            assert tx.inbox.claim(PORTAL, now=DAY, limit=10)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        dies()

    def work() -> None:
        mine = opened()
        for now in range(DAY - COUNT - 50, DAY + 50, 10):
            for lead_id, _ in decide(mine, now=now, limit=7):
                with lock:
                    fired.append(lead_id)
        while step := decide(mine, now=2 * DAY, limit=7):
            with lock:
                fired.extend(lead_id for lead_id, _ in step)

    in_threads(work, work, work, work)
    while step := decide(store, now=2 * DAY):
        fired.extend(lead_id for lead_id, _ in step)
    assert Counter(fired) == Counter(str(n) for n in range(COUNT))
    with store.read() as tx:
        assert all(len(tx.history.of_lead(PORTAL, str(n))) == 2 for n in range(COUNT))
