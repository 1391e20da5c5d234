"""Events that came with an address find their contact, in their order, and nothing is lost."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from leadback.store import ADDRESS, ADDRESS_OF_LEAD, NewEvent, Store
from tests.store.test_leads import _erase, get, merge
from tests.store.worlds import PORTAL, add, connect, decide, event, make_lead, new

ANN = "ann@example.org"


@pytest.fixture(autouse=True)
def _portal(store: Store) -> None:
    connect(store)


def addressed(number: object, kind: str = "x", *, email: str = ANN, lane: str = "") -> NewEvent:
    needs = ADDRESS_OF_LEAD if lane else ADDRESS
    return NewEvent(PORTAL, email, event(number, kind), needs, lane)


def found(store: Store, needs: str = ADDRESS, limit: int = 9, **crm_ids: str | None) -> None:
    """The worker asks; crm_ids: local part of the address → CRM id."""
    with store.write() as tx:
        rows = tx.inbox.claim_lookups(PORTAL, now=20, lease=1, limit=limit, needs=needs)
        known = {f"{name}@example.org": crm_id for name, crm_id in crm_ids.items() if crm_id}
        tx.inbox.place(PORTAL, known, tx.inbox.moving(PORTAL, known, rows), start="assigned")


def test_an_event_goes_to_the_contact_that_has_its_address(store: Store) -> None:
    make_lead(store, "501")
    add(store, addressed(1), addressed(2, email="bob@example.org"), now=30)
    assert decide(store, now=31) == []
    found(store, ann="501")
    assert decide(store, now=31) == [("501", "1")]


def test_all_events_of_an_address_keep_their_order_also_after_a_pause(store: Store) -> None:
    make_lead(store, "501")
    add(store, addressed(1), now=30)
    with store.write() as tx:
        (first,) = tx.inbox.claim_lookups(PORTAL, now=30, lease=1, limit=9, needs=ADDRESS)
        tx.inbox.postpone(PORTAL, [first.seq], until=10**9)
    add(store, addressed(2), addressed(3), now=40)
    found(store, ann="501", limit=1)
    assert [name for _, name in decide(store, now=50)] == ["1", "2", "3"]


def test_an_event_of_a_known_address_holds_up_what_comes_behind_it(store: Store) -> None:
    make_lead(store, "501", email=ANN)
    add(store, new("501", 1), addressed(2, lane="501"), new("501", 3), now=30)
    assert decide(store, now=31) == [("501", "1")]
    found(store, ADDRESS_OF_LEAD, ann="501")
    assert decide(store, now=31) == [("501", "2"), ("501", "3")]


def test_an_address_that_moved_to_another_contact_takes_its_event_along(store: Store) -> None:
    make_lead(store, "501", email=ANN)
    make_lead(store, "502")
    add(store, addressed(1, lane="501"), new("501", 2), now=30)
    found(store, ADDRESS_OF_LEAD, ann="502")
    assert sorted(decide(store, now=31)) == [("501", "2"), ("502", "1")]


def test_an_address_that_nobody_has_any_more_is_the_leads_that_had_it(store: Store) -> None:
    make_lead(store, "501", email=ANN)
    add(store, addressed(1, lane="501"), now=30)
    found(store, ADDRESS_OF_LEAD)
    assert decide(store, now=31) == [("501", "1")]


def test_an_assignment_by_address_is_asked_for_facts_next(store: Store) -> None:
    add(store, addressed(1, "assigned"), addressed(2), now=30)
    found(store, ann="501")
    with store.write() as tx:
        assert tx.inbox.claim_lookups(PORTAL, now=30, lease=1, limit=9, needs=ADDRESS) == []
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=30, lease=1, limit=9)
        assert (asked.crm_id, asked.lead_id, asked.attempts) == ("501", "501", 1)
    assert decide(store, now=31) == []
    with store.write() as tx:
        tx.inbox.fill_facts(PORTAL, {asked.seq: {"name": "Ann"}})
    assert decide(store, now=31) == [("501", "1"), ("501", "2")]


def test_an_event_goes_where_its_contact_was_merged_to(store: Store) -> None:
    loser = make_lead(store, "501")
    make_lead(store, "900")
    merge(store, loser, "900", winner_is_lead=True, now=30)
    add(store, addressed(1), now=30)
    found(store, ann="501")
    assert decide(store, now=31) == [("900", "1")]


@pytest.mark.parametrize("number", [1, 3])
def test_what_waits_under_an_unknown_address_is_refused_together(store: Store, number: int) -> None:
    add(store, *(addressed(n) for n in range(number)), addressed("bob", email="bob@example.org"))
    with store.write() as tx:
        seqs = tx.inbox.under(PORTAL, [ANN], limit=100)
        tx.inbox.refuse(PORTAL, [(seq, "nobody") for seq in seqs], now=20)
    with store.read() as tx:
        assert [f'"{PORTAL}/{ANN}"' in row.raw for row in tx.quarantine.list()] == [True] * number
        assert tx.queue.status(30).due == 1


def test_one_lead_has_an_address_or_it_is_not_known_whose_it_is(store: Store) -> None:
    make_lead(store, "501", email=ANN)
    make_lead(store, "502", email="two@example.org")
    make_lead(store, "503", email="two@example.org")
    loser = make_lead(store, "504", email="merged@example.org")
    make_lead(store, "505", email="merged@example.org")
    merge(store, loser, "505", winner_is_lead=True, now=30)
    asked = [ANN, "two@example.org", "merged@example.org", "nobody@example.org"]
    with store.read() as tx:
        known = tx.leads.of_addresses(PORTAL, asked)
    assert known == {ANN: "501", "merged@example.org": "505"}


@pytest.mark.parametrize("lane", ["", "501"])
def test_erasure_finds_what_waits_with_an_address(
    store: Store, dump: Callable[[], str], lane: str
) -> None:
    secret = "zzsecret@example.org"
    known = make_lead(store, "501", email=secret)
    waits = replace(addressed(1, email=secret, lane=lane), event=event(1, "x", body="zzsecret"))
    assert "zzsecret" in dump()
    _erase(store, known, 25, waits)
    assert "zzsecret" not in dump()
    with store.read() as tx:
        assert get(store, "501").email is None
        assert tx.inbox.lookup_portals(10**9) == []


def test_what_is_asked_first_does_not_keep_the_rest_waiting(store: Store) -> None:
    """Facts, addresses of leads, and others are claimed each by themselves."""
    make_lead(store, "501", email=ANN)
    add(store, *(addressed(n, email=f"n{n}@example.org") for n in range(50)), now=30)
    add(store, addressed("known", lane="501"), new("502", "facts", needs="contact"), now=30)
    with store.write() as tx:
        ask = tx.inbox.claim_lookups
        assert [r.event.id for r in ask(PORTAL, now=30, lease=1, limit=9)] == ["facts"]
        known = ask(PORTAL, now=30, lease=1, limit=9, needs=ADDRESS_OF_LEAD)
        assert [row.event.id for row in known] == ["known"]
        assert len(ask(PORTAL, now=30, lease=1, limit=9, needs=ADDRESS)) == 9
