"""Effects: in order per lead, leased with a fence, settled once, never forgotten."""

import pytest

from leadback.lead.records import Effect, EffectKind
from leadback.store import Claim, Settlement, Store
from tests.store.worlds import (
    PORTAL,
    add,
    connect,
    decide,
    decision,
    fields,
    make_lead,
    new,
    note,
    order,
)

LEASE = 1_000


@pytest.fixture(autouse=True)
def _portals(store: Store) -> None:
    connect(store)


def claim(store: Store, now: int = 30, limit: int = 100) -> Claim:
    with store.write() as tx:
        return tx.outbox.claim(PORTAL, now=now, lease=LEASE, limit=limit)


def settle(store: Store, claimed: Claim, *settlements: Settlement, now: int = 40) -> list[int]:
    with store.write() as tx:
        return tx.outbox.settle(PORTAL, claimed.fence, settlements, now=now)


def references(claimed: Claim) -> list[str]:
    return [effect.reference for effect in claimed.effects]


def status(store: Store, lead_id: str = "501") -> dict[str, str]:
    with store.read() as tx:
        return {row.reference: row.status for row in tx.outbox.of_lead(PORTAL, lead_id)}


def done(claimed: Claim) -> list[Settlement]:
    return [Settlement(effect.id, "done") for effect in claimed.effects]


# ---------------------------------------------------------------------- order


def test_a_leads_effects_come_in_order_and_together(store: Store) -> None:
    lead = make_lead(store, "501", note("a"), note("b"))
    order(store, lead, note("c"), now=25)
    assert references(claim(store)) == ["a", "b", "c"]


def test_what_is_claimed_holds_up_what_comes_after_it(store: Store) -> None:
    lead = make_lead(store, "501", note("a"))
    first = claim(store)
    order(store, lead, note("b"), now=31)
    assert claim(store, 32).effects == ()
    with store.read() as tx:
        assert tx.outbox.due_portals(32) == []
    settle(store, first, *done(first))
    assert references(claim(store, 50)) == ["b"]


def test_a_head_that_backs_off_holds_up_its_own_lead_only(store: Store) -> None:
    """Failure 10 of other engines: it does, and it is shown with the time."""
    make_lead(store, "501", note("a"), note("b"))
    make_lead(store, "502", note("c"))
    first = claim(store)
    later = Settlement(first.effects[0].id, "retry", 5_000, "rate limit")
    settle(store, first, later, Settlement(first.effects[1].id, "unsent", 40), done(first)[2])
    order(store, make_lead(store, "503", now=45), note("d"), now=46)
    assert references(claim(store, 50)) == ["d"]
    with store.read() as tx:
        waiting = {row.lead_id: row for row in tx.outbox.blocked(PORTAL, now=50)}
        assert tx.queue.next_due(50) == min(5_000, 50 + LEASE)
    assert (waiting["501"].until, waiting["501"].reason) == (5_000, "rate limit")
    again = claim(store, 5_000)
    assert [e.reference for e in again.effects if e.lead_id == "501"] == ["a", "b"]


def test_no_later_effect_overtakes_a_chain_of_waiting_ones(store: Store) -> None:
    make_lead(store, "501", note("a"), note("b"), note("c"))
    first = claim(store)
    a, b, c = first.effects
    settle(
        store,
        first,
        Settlement(a.id, "done"),
        Settlement(b.id, "retry", 500),
        Settlement(c.id, "unsent", 40),
    )
    assert claim(store, 499).effects == ()
    assert references(claim(store, 500)) == ["b", "c"]


def test_the_limit_is_about_effects_and_cuts_between_leads(store: Store) -> None:
    for number in range(5):
        make_lead(store, str(number), note(f"{number}a"), note(f"{number}b"))
    first = claim(store, limit=3)
    assert references(first) == ["0a", "0b", "1a", "1b"]
    assert references(claim(store, limit=100)) == ["2a", "2b", "3a", "3b", "4a", "4b"]


# ---------------------------------------------------------------------- leases and fences


def test_the_attempt_is_on_record_before_anything_is_sent(store: Store) -> None:
    make_lead(store, "501", note("a"))
    claimed = claim(store)
    assert claimed.effects[0].attempts == 1
    with store.read() as tx:
        (row,) = tx.outbox.of_lead(PORTAL, "501")
    assert (row.attempts, row.status) == (1, "leased")


def test_a_dead_workers_effect_comes_back_and_may_have_been_sent(store: Store) -> None:
    """Failures 2 and 5: no recovery at start is needed, whoever claims next finds it."""
    make_lead(store, "501", note("a"))
    assert not claim(store).effects[0].maybe_sent
    assert claim(store, 30 + LEASE - 1).effects == ()
    again = claim(store, 30 + LEASE)
    assert again.effects[0].maybe_sent
    assert again.effects[0].attempts == 2


def test_the_slower_of_two_workers_records_nothing(store: Store) -> None:
    """Failures 3 and 7: a starved worker wakes up after its lease; its fence has moved."""
    make_lead(store, "501", note("a"))
    slow = claim(store)
    quick = claim(store, 30 + LEASE)
    assert settle(store, slow, Settlement(slow.effects[0].id, "failed", reason="late")) == [
        slow.effects[0].id
    ]
    assert status(store) == {"a": "leased"}
    assert settle(store, quick, *done(quick)) == []
    assert settle(store, quick, *done(quick)) == [quick.effects[0].id]
    assert status(store) == {"a": "done"}


def test_a_stale_claim_blocks_nothing_for_ever(store: Store) -> None:
    """Failure 8: work that nobody settles is claimed again and again, not counted against us."""
    make_lead(store, "501", note("a"))
    for round_ in range(20):
        assert claim(store, 30 + round_ * LEASE).effects[0].attempts == round_ + 1


def test_maybe_sent_stays_until_it_is_settled(store: Store) -> None:
    make_lead(store, "501", note("a"))
    first = claim(store)
    settle(store, first, Settlement(first.effects[0].id, "uncertain", 50, "cut off"))
    assert status(store) == {"a": "uncertain"}
    second = claim(store, 50)
    assert second.effects[0].maybe_sent
    settle(store, second, Settlement(second.effects[0].id, "retry", 60, "429 when asked"))
    assert claim(store, 60).effects[0].maybe_sent


def test_what_a_dead_worker_may_have_sent_is_remembered_over_later_attempts(store: Store) -> None:
    make_lead(store, "501", note("a"))
    claim(store)
    second = claim(store, 30 + LEASE)
    settle(store, second, Settlement(second.effects[0].id, "retry", 9_000, "429 when asked"))
    with store.read() as tx:
        (row,) = tx.outbox.of_lead(PORTAL, "501")
    assert (row.status, row.maybe_sent) == ("pending", True)
    assert claim(store, 9_000).effects[0].maybe_sent


def test_an_unsent_effect_is_as_it_was(store: Store) -> None:
    make_lead(store, "501", note("a"))
    first = claim(store)
    settle(store, first, Settlement(first.effects[0].id, "unsent", 45))
    again = claim(store, 45)
    assert (again.effects[0].attempts, again.effects[0].maybe_sent) == (1, False)


def test_outcomes_are_kept(store: Store) -> None:
    make_lead(store, "501", note("a"), note("b"))
    claimed = claim(store)
    a, b = claimed.effects
    settle(
        store,
        claimed,
        Settlement(a.id, "done", result={"id": "77"}),
        Settlement(b.id, "failed", reason="no such contact"),
    )
    with store.read() as tx:
        first, second = tx.outbox.of_lead(PORTAL, "501")
        assert tx.outbox.count_done(PORTAL) == 1
        found = tx.queue.status(50)
    assert (first.status, first.result, first.settled_at) == ("done", {"id": "77"}, 40)
    assert (second.status, second.reason) == ("failed", "no such contact")
    assert (found.done, found.failed, found.pending) == (1, 1, 0)


# ---------------------------------------------------------------------- newest values only


def test_only_the_newest_field_values_are_sent(store: Store) -> None:
    lead = make_lead(store, "501", fields("f1", status="NEW", extra="kept"), note("n"))
    order(store, lead, fields("f2", status="OPEN"), now=25)
    claimed = claim(store)
    assert references(claimed) == ["n", "f2"]
    newest = claimed.effects[1]
    assert newest.payload == {"status": "OPEN", "extra": "kept"}
    assert list(claimed.superseded.values()) == [newest.id]
    assert status(store) == {"f1": "superseded", "n": "leased", "f2": "leased"}
    again = claim(store, 30 + LEASE)
    assert again.effects[1].payload == newest.payload


def test_a_run_of_field_values_ends_in_one(store: Store) -> None:
    lead = make_lead(store, "501", fields("f0", a="0"))
    for number in range(1, 5):
        lead = order(store, lead, fields(f"f{number}", a=str(number)), now=20 + number)
    claimed = claim(store)
    assert [e.payload for e in claimed.effects] == [{"a": "4"}]
    assert set(claimed.superseded.values()) == {claimed.effects[0].id}


# ---------------------------------------------------------------------- gone, parked, retried


def test_what_was_not_sent_for_a_contact_that_is_gone_is_cancelled(store: Store) -> None:
    lead = make_lead(store, "501", note("a"))
    make_lead(store, "502", note("other"))
    under_way = claim(store)
    order(store, lead, note("b"), now=31)
    order(store, lead, note("never"), now=32, drops_effects=True)
    assert status(store) == {"a": "cancelled", "b": "cancelled", "never": "pending"}
    assert status(store, "502") == {"other": "leased"}
    mine = [e.id for e in under_way.effects if e.lead_id == "501"]
    assert settle(store, under_way, *done(under_way)) == mine


def test_what_was_cancelled_is_sent_after_all_when_the_contact_is_back(store: Store) -> None:
    lead = make_lead(store, "501", note("sent"), note("a"))
    make_lead(store, "502", note("other"))
    settle(store, claimed := claim(store), *done(claimed)[:1])
    order(store, lead, note("b"), now=31)
    order(store, lead, now=32, drops_effects=True)
    order(store, lead, note("c"), now=33, revives_effects=True)
    assert status(store) == {"sent": "done", "a": "pending", "b": "pending", "c": "pending"}
    assert references(claim(store, 34)) == [], "a may be on its way until its lease ends"
    again = claim(store, 30 + LEASE)
    assert [(e.reference, e.maybe_sent) for e in again.effects if e.lead_id == "501"] == [
        ("a", True), ("b", False), ("c", False),
    ]  # fmt: skip
    assert all(e.created_at in (31, 33) for e in again.effects if e.lead_id == "501")


@pytest.mark.parametrize("order_of", ["gone and back", "back and gone"])
def test_a_contact_that_goes_and_comes_back_in_one_claim(store: Store, order_of: str) -> None:
    lead = make_lead(store, "501", note("a"))
    add(store, new("501", "first"), new("501", "second"), now=30)
    gone = decision(lead, note("b"), drops_effects=True)
    back = decision(lead, note("c"), revives_effects=True)
    first, second = (gone, back) if order_of == "gone and back" else (back, gone)
    decide(store, {"first": first, "second": second}, now=31)
    ends = {"pending"} if second is back else {"cancelled"}
    assert {end for name, end in status(store).items() if name != "b"} == ends


def test_nothing_is_sent_to_a_paused_portal(store: Store) -> None:
    make_lead(store, "501", note("a"))
    with store.write() as tx:
        tx.portals.pause(PORTAL, until=500, reason="token refused")
        assert tx.outbox.due_portals(499) == []
        assert tx.queue.next_due(100) == 500
        assert tx.portals.state(PORTAL).reason == "token refused"
        assert tx.outbox.due_portals(500) == [PORTAL]
        tx.portals.resume(PORTAL)
        assert tx.outbox.due_portals(100) == [PORTAL]


def _park(store: Store) -> Claim:
    claimed = claim(store)
    settle(store, claimed, *(Settlement(e.id, "failed", reason="no") for e in claimed.effects))
    return claimed


def test_parked_effects_can_be_retried(store: Store) -> None:
    make_lead(store, "501", note("a"))
    make_lead(store, "502", note("b"))
    parked = _park(store)
    with store.write() as tx:
        assert tx.outbox.retry(portal=PORTAL, ids=[parked.effects[0].id], now=60) == 1
        assert tx.outbox.retry(portal=PORTAL, ids=[parked.effects[0].id], now=60) == 0
    assert references(claim(store, 60)) == ["a"]
    with store.write() as tx:
        assert tx.outbox.retry(now=61) == 1
    assert references(claim(store, 61)) == ["b"]


def test_a_retry_does_not_bring_back_old_field_values(store: Store) -> None:
    lead = make_lead(store, "501", fields("old", a="1"))
    _park(store)
    order(store, lead, fields("new", a="2"), now=50)
    with store.write() as tx:
        assert tx.outbox.retry(now=60) == 0
    assert status(store) == {"old": "superseded", "new": "pending"}


@pytest.mark.parametrize(("assigned_at", "sent"), [(20, 1), (55, 0)])
def test_a_retry_does_not_hand_back_a_lead_that_was_assigned_anew(
    store: Store, assigned_at: int, sent: int
) -> None:
    handback = Effect(EffectKind.HANDBACK, {"assistant": "t"}, "h")
    lead = make_lead(store, "501", handback, assigned_at=20)
    _park(store)
    order(store, lead, now=55, assigned_at=assigned_at)
    with store.write() as tx:
        assert tx.outbox.retry(now=60) == sent
    assert status(store) == {"h": "pending" if sent else "superseded"}


def test_giving_up_is_for_good(store: Store) -> None:
    make_lead(store, "501", note("a"))
    parked = _park(store)
    with store.write() as tx:
        assert tx.outbox.give_up(PORTAL, parked.effects[0].id, reason="by Ann", now=60)
        assert not tx.outbox.give_up(PORTAL, parked.effects[0].id, reason="again", now=61)
        assert tx.outbox.retry(now=62) == 0
        (row,) = tx.outbox.list(status="cancelled")
    assert row.reason == "by Ann"


def test_the_list_is_by_status_over_all_portals(store: Store) -> None:
    make_lead(store, "501", note("a"), note("b"))
    _park(store)
    with store.read() as tx:
        assert [row.reference for row in tx.outbox.list(status="failed")] == ["a", "b"]
        assert [row.reference for row in tx.outbox.list(status="failed", limit=1)] == ["a"]
        assert tx.outbox.list(status="pending") == []
