"""The queries of the pages, on both databases."""

import pytest

from engine.lead.records import Ended
from engine.store import LeadFilter, LedgerEntry, Settlement, Store
from tests.store.worlds import MINUTE, PORTAL, connect, make_lead, note, order

AT = 60 * MINUTE


@pytest.fixture(autouse=True)
def _world(store: Store) -> None:
    """Three leads in acme, one in zeta (which has none of the rest)."""
    connect(store, PORTAL, "zeta")
    first = make_lead(
        store, "501", note("a"), now=AT, name="Ann Ödegård", email="ann@x.example",
        assistant="t@x.example", previous_owner="7", counters={"opens": 1}, updated_at=AT,
    )  # fmt: skip
    make_lead(
        store, "502", now=AT + 1, name="Bob 100%", email="bob@x.example", state="Warm",
        sub_state="Deep", counters={"opens": 5}, updated_at=AT + MINUTE,
    )  # fmt: skip
    make_lead(
        store, "503", now=AT + 2, name=None, email=None, state="Warm", done=True,
        updated_at=AT + 2 * MINUTE,
    )  # fmt: skip
    order(store, first, now=AT + 3 * MINUTE, state="Hot", updated_at=AT + 3 * MINUTE)


def test_search_by_part_of_a_name_is_the_same_for_scripts(store: Store) -> None:
    with store.read() as tx:
        assert [one.lead_id for one in tx.leads.list(LeadFilter(search="ob 1"))] == ["502"]
        assert [one.lead_id for one in tx.leads.list(LeadFilter(search="BOB@"))] == ["502"]


def test_flows_are_counted_by_the_minute(store: Store) -> None:
    with store.write() as tx:
        claimed = tx.outbox.claim(PORTAL, now=AT + MINUTE, lease=1, limit=9)
        done = [Settlement(effect.id, "done") for effect in claimed.effects]
        tx.outbox.settle(PORTAL, claimed.fence, done, now=AT + MINUTE)
    with store.read() as tx:
        assert tx.views.decided_per_minute(since=0) == {60: 3, 63: 1}
        assert tx.views.decided_per_minute(since=AT + MINUTE) == {63: 1}
        assert tx.views.settled_per_minute(since=0) == {61: 1}
        assert tx.views.moves() == {("Cold", "Hot"): 1}


def test_a_mark_changes_with_what_a_page_shows(store: Store) -> None:
    marks = set()

    def look() -> None:
        with store.read() as tx:
            assert tx.views.mark() == tx.views.mark()
            marks.add(tx.views.mark())

    look()
    made = make_lead(store, "504", note("n"), now=AT + 9)
    look()
    with store.write() as tx:
        tx.outbox.claim(PORTAL, now=AT + 10, lease=1, limit=9)
    look()
    order(store, made, now=AT + 11, ended=Ended.DELETED)
    look()
    assert len(marks) == 4


def test_contacts_that_nobody_could_take_are_listed_until_somebody_does(store: Store) -> None:
    def entry(lead_id: str, what: str, at: int) -> LedgerEntry:
        return LedgerEntry(PORTAL, lead_id, lead_id, at, what, "t", None, "handback")

    with store.write() as tx:
        tx.ledger.append([entry("501", "kept", 1), entry("502", "kept", 2)])
        tx.ledger.append([entry("501", "handed_back", 3), entry("503", "fallback", 5)])
    with store.read() as tx:
        assert [one.lead_id for one in tx.views.kept(limit=9)] == ["502"]
        assert tx.views.count_kept() == 1
        assert tx.views.handbacks_since(3) == 2
        assert tx.views.handbacks_since(4) == 1
        assert tx.views.rules_versions() == []
