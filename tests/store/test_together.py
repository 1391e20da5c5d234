"""Several workers at once: nothing twice, nothing out of order, nobody waits for a dead one."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from leadback.lead.records import Lead
from leadback.store import Decided, NewHint, Settlement, Store
from tests.store.worlds import PORTAL, add, connect, decide, decision, lead, make_lead, new, note

Open = Callable[[], Store]


@pytest.fixture(autouse=True)
def _portals(store: Store) -> None:
    connect(store)


def in_threads(*work: Callable[[], None]) -> None:
    """Start together, end together, and raise what one of them raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(work))

    def run(one: Callable[[], None]) -> None:
        start.wait()
        try:
            one()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


LEADS, EACH = 40, 15


def test_two_deciders_never_overlap_and_keep_every_leads_order(opened: Open) -> None:
    first = opened()
    numbers = range(EACH)
    for number in numbers:
        kind = "assigned" if number == 0 else "x"
        add(first, *(new(str(n), f"{n}-{number}", kind) for n in range(LEADS)), now=10 + number)
    done: list[tuple[str, str]] = []

    def work() -> None:
        store = opened()
        while step := decide(store, now=100, limit=17):
            done.extend(step)

    in_threads(work, work, work)
    decide(first, now=100)
    with first.read() as tx:
        found = tx.leads.list(limit=1_000)
        history = {
            one.lead_id: [e.event_id for e in reversed(tx.history.of_lead(PORTAL, one.lead_id))]
            for one in found
        }
        assert tx.queue.status(100).due == 0
    assert max(Counter(done).values()) == 1
    assert len(found) == LEADS
    for lead_id, seen in history.items():
        assert seen == [f"{lead_id}-{number}" for number in numbers]
    assert {one.revision for one in found} == {EACH - 1}


def test_events_come_in_while_others_decide(opened: Open) -> None:
    first = opened()
    add(first, *(new(str(n), f"{n}-0", "assigned") for n in range(10)), now=0)
    stop = threading.Event()

    def intake() -> None:
        store = opened()
        for number in range(1, 30):
            add(store, *(new(str(n), f"{n}-{number}") for n in range(10)), now=number)
        stop.set()

    def work() -> None:
        store = opened()
        while True:
            last = stop.is_set()
            if not decide(store, now=1_000, limit=7) and last:
                return

    in_threads(intake, work, work)
    with first.read() as tx:
        for n in range(10):
            seen = [e.event_id for e in reversed(tx.history.of_lead(PORTAL, str(n)))]
            assert seen == [f"{n}-{number}" for number in range(30)]


def test_many_senders_of_the_same_events_are_one(opened: Open) -> None:
    accepted: list[bool] = []

    def send(order: int) -> Callable[[], None]:
        def work() -> None:
            store = opened()
            for page in range(10):
                batch = [new(str(n % 7), f"{page}-{n}") for n in range(30)]
                accepted.extend(add(store, *(batch if order else reversed(batch))))

        return work

    in_threads(send(0), send(1), send(1))
    assert sum(accepted) == 300
    assert len(accepted) == 900


def test_only_one_worker_makes_a_lead_of_a_contact(opened: Open) -> None:
    first = opened()
    for number in range(20):
        add(first, new("501", f"a{number}", "assigned"), now=number)
    made: list[Lead | None] = []

    def work() -> None:
        store = opened()
        for _ in range(20):
            with store.write() as tx:
                for lane in tx.inbox.claim(PORTAL, now=100, limit=1):
                    made.append(lane.lead)
                    after = lane.lead or lead("501")
                    after = replace(after, revision=after.revision + 1)
                    decided = [Decided(row, lane.lead, decision(after)) for row in lane.events]
                    tx.inbox.commit(PORTAL, decided, now=100, rules_version="v1")

    in_threads(work, work)
    while decide(first, now=100):
        pass
    assert made.count(None) == 1
    with first.read() as tx:
        assert len(tx.history.of_lead(PORTAL, "501")) == 20


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
@pytest.mark.postgres
def test_a_lead_that_is_being_decided_is_skipped_not_waited_for(opened: Open) -> None:
    first, second = opened(), opened()
    add(first, new("501", 1, "assigned"), new("502", 2, "assigned"), now=1)
    with first.write() as tx:
        (mine,) = tx.inbox.claim(PORTAL, now=10, limit=1)
        assert mine.lead_id == "501"
        assert decide(second, now=10) == [("502", "2")]
        with second.write() as other:
            assert not other.inbox.lock_lane(PORTAL, "501")
            assert other.inbox.lock_lane(PORTAL, "503")
    assert decide(second, now=10) == [("501", "1")]  # the first one rolled nothing forward


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
@pytest.mark.postgres
def test_a_claim_sees_what_was_committed_while_it_looked(opened: Open) -> None:
    """The event that another worker gave back is not overtaken by the one after it."""
    first, second = opened(), opened()
    add(first, new("501", 1, "assigned"), now=1)
    add(first, new("501", 2), now=2)

    def claims_and_dies() -> None:
        with first.write() as tx:
            tx.inbox.claim(PORTAL, now=10, limit=1)
            assert decide(second, now=10) == []
            raise RuntimeError

    with pytest.raises(RuntimeError):
        claims_and_dies()
    assert decide(second, now=10) == [("501", "1"), ("501", "2")]


def test_two_deliverers_never_have_the_same_effect(opened: Open) -> None:
    first = opened()
    for number in range(30):
        make_lead(first, str(number), note(f"{number}-a"), note(f"{number}-b"))
    sent: list[str] = []
    fences = itertools.count()

    def work() -> None:
        store = opened()
        while True:
            with store.write() as tx:
                claimed = tx.outbox.claim(PORTAL, now=50, lease=10_000, limit=5)
            if not claimed.effects:
                with store.read() as tx:
                    if not tx.outbox.due_portals(50):
                        return
                continue
            next(fences)
            sent.extend(effect.reference for effect in claimed.effects)
            done = [Settlement(effect.id, "done") for effect in claimed.effects]
            with store.write() as tx:
                assert tx.outbox.settle(PORTAL, claimed.fence, done, now=51) == []

    in_threads(work, work)
    assert sorted(sent) == sorted(f"{n}-{x}" for n in range(30) for x in "ab")
    assert all(sent.index(f"{n}-a") < sent.index(f"{n}-b") for n in range(30))


def test_two_readers_never_have_the_same_hint(opened: Open) -> None:
    first = opened()
    with first.write() as tx:
        tx.hints.add(PORTAL, [NewHint(str(n), 1) for n in range(50)], now=1)
    read: list[str] = []

    def work() -> None:
        store = opened()
        while True:
            with store.write() as tx:
                rows = tx.hints.claim(PORTAL, now=5, lease=1_000, limit=4)
            if not rows:
                return
            read.extend(row.crm_id for row in rows)
            with store.write() as tx:
                tx.hints.settle(PORTAL, rows)

    in_threads(work, work)
    assert sorted(read, key=int) == [str(n) for n in range(50)]
