"""Hints: one per contact, leased, never lost when they come again meanwhile."""

import pytest

from leadback.store import HintRow, NewHint, Store
from tests.store.worlds import PORTAL, connect

LEASE = 100


@pytest.fixture(autouse=True)
def _portals(store: Store) -> None:
    connect(store, PORTAL, "globex")


def hint(store: Store, *hints: NewHint, now: int = 10) -> None:
    with store.write() as tx:
        tx.hints.add(PORTAL, hints, now=now)


def claim(store: Store, now: int = 20, limit: int = 10) -> list[HintRow]:
    with store.write() as tx:
        return tx.hints.claim(PORTAL, now=now, lease=LEASE, limit=limit)


def settle(store: Store, rows: list[HintRow]) -> list[str]:
    with store.write() as tx:
        return tx.hints.settle(PORTAL, rows)


def test_a_contact_is_read_once_however_often_it_was_said(store: Store) -> None:
    hint(store, NewHint("501", 10), NewHint("502", 11), NewHint("501", 12))
    hint(store, NewHint("501", 13))
    rows = claim(store)
    assert [row.crm_id for row in rows] == ["501", "502"]
    assert settle(store, rows) == []
    assert claim(store, 10_000) == []


def test_the_earliest_time_counts(store: Store) -> None:
    hint(store, NewHint("501", 50), NewHint("501", 40))
    hint(store, NewHint("501", 60))
    with store.read() as tx:
        assert tx.hints.portals(39) == []
        assert tx.hints.portals(40) == [PORTAL]
        assert tx.queue.next_due(10) == 40
        assert tx.queue.status(39).waiting == 1
        assert tx.queue.status(40).due == 1


def test_a_hint_that_comes_again_while_it_is_read_is_read_again(store: Store) -> None:
    hint(store, NewHint("501", 10), NewHint("502", 10))
    rows = claim(store)
    hint(store, NewHint("501", 30))
    assert claim(store, 40) == []  # the first reader still has it
    assert settle(store, rows) == ["501"]
    assert [row.crm_id for row in claim(store, 30)] == ["501"]


def test_a_dead_readers_hint_comes_back(store: Store) -> None:
    hint(store, NewHint("501", 10))
    (first,) = claim(store)
    assert claim(store, 20 + LEASE - 1) == []
    (again,) = claim(store, 20 + LEASE)
    assert (first.attempts, again.attempts) == (1, 2)
    assert settle(store, [again]) == []
    hint(store, NewHint("501", 300))
    assert settle(store, [first]) == ["501"]  # late: what came after it is not swept away
    assert [row.crm_id for row in claim(store, 300)] == ["501"]


def test_erased_is_remembered(store: Store) -> None:
    hint(store, NewHint("501", 10, erased=True), NewHint("501", 10))
    hint(store, NewHint("501", 11))
    assert [row.erased for row in claim(store)] == [True]


def test_a_postponed_hint_waits(store: Store) -> None:
    hint(store, NewHint("501", 10))
    rows = claim(store)
    with store.write() as tx:
        tx.hints.postpone(PORTAL, rows, until=5_000)
    hint(store, NewHint("501", 30))
    assert claim(store, 4_999) == []
    assert len(claim(store, 5_000)) == 1


def test_a_paused_portal_is_not_asked(store: Store) -> None:
    hint(store, NewHint("501", 10))
    with store.write() as tx:
        tx.portals.pause(PORTAL, until=500, reason="moving house")
        assert tx.hints.portals(499) == []
        assert tx.hints.portals(500) == [PORTAL]


def test_the_limit_takes_the_oldest(store: Store) -> None:
    hint(store, *(NewHint(str(n), 10 + n) for n in range(5)))
    assert {row.crm_id for row in claim(store, limit=2)} == {"0", "1"}
