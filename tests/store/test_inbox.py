"""Events: accepted once, decided in order, held until there is a lead, never lost."""

from collections.abc import Callable

import pytest

from leadback.lead.records import Decision, Lead, TimerSet
from leadback.store import Decided, InboxEvent, Lane, Store
from tests.store import worlds
from tests.store.worlds import MINUTE, PORTAL, add, connect, decide, decision, lead, new


@pytest.fixture(autouse=True)
def _portals(store: Store) -> None:
    connect(store, PORTAL, "globex")


def events_of(store: Store, lead_id: str) -> list[str]:
    """Event ids of a lead's history, oldest first."""
    with store.read() as tx:
        return [e.event_id for e in reversed(tx.history.of_lead(PORTAL, lead_id))]


# ---------------------------------------------------------------------- accepted once


def test_an_event_is_known_by_its_source_and_id(store: Store) -> None:
    assert add(store, new("501", 1), new("501", 2)) == [True, True]
    assert add(store, new("502", 2), new("501", 3)) == [False, True]


def test_of_two_equal_events_in_one_batch_the_first_is_accepted(store: Store) -> None:
    batch = [new("502", "b"), new("501", "a", n=1), new("501", "a", n=2), new("502", "b")]
    assert add(store, *batch) == [True, True, False, False]
    with store.write() as tx:
        lanes = {lane.lead_id: lane for lane in tx.inbox.claim(PORTAL, now=20, limit=10)}
    assert [row.event.data for row in lanes["501"].events] == [{"n": 1}]


def test_among_many_events_those_known_are_told_apart(store: Store) -> None:
    add(store, new("501", 7), new("501", 140))
    batch = [new(str(n % 9), n) for n in range(160)]
    assert [n for n, taken in enumerate(add(store, *batch)) if not taken] == [7, 140]
    with store.write() as tx:
        lanes = tx.inbox.claim(PORTAL, now=20, limit=1_000)
    ids = {lane.lead_id: [row.event.id for row in lane.events] for lane in lanes}
    assert ids.pop("501") == ["7", "140"]
    assert ids == {
        str(lead): [str(n) for n in range(160) if n % 9 == lead and n not in (7, 140)]
        for lead in range(9)
    }


def test_the_same_id_in_another_portal_is_another_event(store: Store) -> None:
    other = new("501", 1)
    other = type(other)("globex", other.crm_id, other.event)
    assert add(store, new("501", 1), other) == [True, True]
    assert decide(store, portal="globex") == [("501", "1")]
    with store.read() as tx:
        assert tx.inbox.due_portals(20) == [PORTAL]


def test_a_decided_event_stays_known(store: Store) -> None:
    add(store, new("501", 1, "assigned"))
    decide(store)
    assert add(store, new("501", 1, "assigned")) == [False]
    assert decide(store) == []


def test_adding_nothing_is_nothing(store: Store) -> None:
    assert add(store) == []


def test_data_come_back_as_they_were(store: Store) -> None:
    data = {"text": "naïve 🦆 \0 %s %(x)s ?", "nested": {"a": [1, 2.5, None, True]}, "": ""}
    add(store, new("501", 1, "assigned", **data))
    with store.write() as tx:
        (lane,) = tx.inbox.claim(PORTAL, now=20, limit=10)
    assert lane.events[0].event == worlds.event(1, "assigned", **data)


# ---------------------------------------------------------------------- order


def test_a_lead_has_its_events_in_order_of_acceptance(store: Store) -> None:
    add(store, new("501", 1, "assigned"), new("502", 2, "assigned"), new("501", 3), now=10)
    add(store, new("501", 5), new("502", 4), now=10)
    assert decide(store) == [("501", "1"), ("501", "3"), ("501", "5"), ("502", "2"), ("502", "4")]
    assert events_of(store, "501") == ["1", "3", "5"]


def test_the_limit_counts_events_and_keeps_the_order(store: Store) -> None:
    add(store, *(new("501", n, "assigned" if n == 0 else "x") for n in range(10)))
    seen = []
    while step := decide(store, limit=3):
        assert len(step) <= 3
        seen += [number for _, number in step]
    assert seen == [str(n) for n in range(10)]


def test_a_claim_of_some_leads_takes_no_other_ones_events(store: Store) -> None:
    """Theirs in order, as far as the limit goes; a backlog of others is none of it."""
    backlog = [new(f"9{n}", n, "assigned") for n in range(50)]
    mine = [new(crm_id, f"{crm_id}-{n}") for n in range(3) for crm_id in ("501", "502")]
    add(store, *backlog, *mine, new("503", "not mine"))
    with store.write() as tx:
        for limit, expected in ((100, 6), (4, 4), (1, 1)):
            taken = tx.inbox.take(PORTAL, now=20, limit=limit, of=["502", "501", "nobody"])
            assert [row[8] for row in taken][:expected] == [one.event.id for one in mine][:expected]
            assert {row[0] for row in taken} <= {"501", "502"}
        assert not tx.inbox.take(PORTAL, now=20, limit=9, of=[])


def test_what_is_not_committed_stays(store: Store) -> None:
    add(store, new("501", 1, "assigned"), new("501", 2))
    with store.write() as tx:
        (lane,) = tx.inbox.claim(PORTAL, now=20, limit=10)
        made = decision(lead("501"))
        tx.inbox.commit(PORTAL, [Decided(lane.events[0], None, made)], now=20, rules_version="v1")
    assert decide(store) == [("501", "2")]


def _commit_and_die(store: Store) -> None:
    with store.write() as tx:
        (lane,) = tx.inbox.claim(PORTAL, now=20, limit=10)
        made = decision(lead("501"), worlds.note("n"))
        tx.inbox.commit(PORTAL, [Decided(lane.events[0], None, made)], now=20, rules_version="v1")
        raise RuntimeError("worker dies")


def test_an_exception_takes_everything_back(store: Store) -> None:
    add(store, new("501", 1, "assigned"))
    with pytest.raises(RuntimeError, match="worker dies"):
        _commit_and_die(store)
    with store.read() as tx:
        assert tx.leads.list() == []
        assert tx.queue.status(20).pending == 0
    assert decide(store) == [("501", "1")]


def test_the_portal_that_waits_longest_comes_first(store: Store) -> None:
    other = new("501", 1)
    add(store, type(other)("globex", "501", other.event), now=20)
    add(store, new("501", 1), now=30)
    with store.read() as tx:
        assert tx.inbox.due_portals(40) == ["globex", PORTAL]


# ---------------------------------------------------------------------- no lead yet


def test_events_before_the_assignment_are_held_and_then_come_first(store: Store) -> None:
    add(store, new("501", "early 1"), new("501", "early 2"), now=10)
    decide(store, now=11)
    with store.read() as tx:
        assert [h.event_id for h in tx.inbox.held()] == ["early 1", "early 2"]
        assert tx.queue.status(20).due == 0
        assert tx.queue.status(20).waiting == 2
    add(store, new("501", "assigned", "assigned"), new("501", "late"), now=12)
    assert decide(store, now=13) == [("501", "assigned")]
    decide(store, now=14)
    assert events_of(store, "501") == ["assigned", "early 1", "early 2", "late"]
    with store.read() as tx:
        assert tx.inbox.held() == []


def test_an_event_held_in_the_claim_that_makes_the_lead_comes_first_too(store: Store) -> None:
    add(store, new("501", "early"), new("501", "a", "assigned"), new("501", "late"))
    decide(store)
    decide(store)
    assert events_of(store, "501") == ["a", "early", "late"]


def test_held_events_of_others_stay_held(store: Store) -> None:
    add(store, new("501", 1), new("502", 2))
    decide(store)
    add(store, new("501", 3, "assigned"))
    decide(store)
    with store.read() as tx:
        assert [h.lead_id for h in tx.inbox.held()] == ["502"]


# ---------------------------------------------------------------------- facts needed


def test_an_event_that_needs_facts_holds_up_those_behind_it(store: Store) -> None:
    add(store, new("501", 1, "assigned", needs="contact"), new("501", 2), new("502", 3))
    with store.read() as tx:
        assert tx.inbox.lookup_portals(20) == [PORTAL]
    assert decide(store) == [("502", "3")]
    with store.read() as tx:
        assert tx.inbox.due_portals(20) == []
    with store.write() as tx:
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=20, lease=100, limit=10)
        assert (asked.crm_id, asked.event.id, asked.attempts) == ("501", "1", 1)
        tx.inbox.fill_facts(PORTAL, {asked.seq: {"email": "x@y.example"}})
    assert decide(store) == [("501", "1"), ("501", "2")]


def test_what_came_before_the_look_up_is_not_held_up(store: Store) -> None:
    add(store, new("501", 1, "assigned"), new("501", 2, needs="contact"), new("501", 3))
    assert decide(store) == [("501", "1")]


def test_filled_facts_are_the_event_from_then_on(store: Store) -> None:
    add(store, new("501", 1, "assigned", needs="contact", a=1))
    with store.write() as tx:
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=20, lease=100, limit=10)
    with store.write() as tx:
        tx.inbox.fill_facts(PORTAL, {asked.seq: {"a": 2}})
    with store.write() as tx:
        tx.inbox.fill_facts(PORTAL, {asked.seq: {"a": 3}})  # a slower worker: too late
        (lane,) = tx.inbox.claim(PORTAL, now=20, limit=10)
    assert lane.events[0].event.data == {"a": 2}


def test_a_look_up_is_leased_and_comes_back_when_its_worker_died(store: Store) -> None:
    add(store, new("501", 1, "assigned", needs="contact"))
    with store.write() as tx:
        assert tx.inbox.claim_lookups(PORTAL, now=20, lease=100, limit=10)
    with store.write() as tx:
        assert tx.inbox.claim_lookups(PORTAL, now=119, lease=100, limit=10) == []
        (again,) = tx.inbox.claim_lookups(PORTAL, now=120, lease=100, limit=10)
    assert again.attempts == 2


def test_a_postponed_look_up_waits_and_keeps_its_place(store: Store) -> None:
    add(store, new("501", 1, "assigned", needs="contact"))
    with store.write() as tx:
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=20, lease=100, limit=10)
        tx.inbox.postpone(PORTAL, [asked.seq], until=5_000)
    add(store, new("501", 2), now=30)
    with store.write() as tx:
        assert tx.inbox.lookup_portals(4_999) == []
        assert tx.queue.next_due(30) == 5_000
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=5_000, lease=100, limit=10)
        tx.inbox.fill_facts(PORTAL, {asked.seq: {}})
    assert decide(store, now=5_000) == [("501", "1"), ("501", "2")]


def test_nothing_is_asked_of_a_paused_portal(store: Store) -> None:
    add(store, new("501", 1, needs="contact"))
    with store.write() as tx:
        tx.portals.pause(PORTAL, until=100, reason="rate limit")
        assert tx.inbox.lookup_portals(99) == []
        assert tx.queue.next_due(50) == 100
        assert tx.inbox.lookup_portals(100) == [PORTAL]


# ---------------------------------------------------------------------- refused


@pytest.mark.parametrize("needs", ["", "contact"])
def test_a_refused_event_goes_to_quarantine_and_the_lead_goes_on(store: Store, needs: str) -> None:
    add(store, new("501", 1, "assigned"), new("501", 2, "odd", needs=needs, a=1), new("501", 3))
    with store.write() as tx:
        found = {
            row.event.id: row.seq
            for lane in tx.inbox.claim(PORTAL, now=20, limit=10)
            for row in lane.events
        }
        found |= {
            row.event.id: row.seq
            for row in tx.inbox.claim_lookups(PORTAL, now=20, lease=1, limit=10)
        }
        tx.inbox.refuse(PORTAL, [(found["2"], "nobody knows why")], now=20)
    assert decide(store) == [("501", "1"), ("501", "3")]
    with store.read() as tx:
        (item,) = tx.quarantine.list()
        assert tx.quarantine.count() == 1
    assert (item.portal, item.reason) == (PORTAL, "nobody knows why")
    assert '"subject":"acme/501"' in item.raw
    assert '"data":{"a":1}' in item.raw
    assert add(store, new("501", 2)) == [True]  # mended, it may come again


# ---------------------------------------------------------------------- timers


def arm(timers: list[TimerSet], **given: object) -> worlds.Decide:
    def how(lane: Lane, row: InboxEvent, known: Lead | None) -> Decision:
        return decision(lead(lane.lead_id), timers=timers, **given)

    return how


def test_a_timer_fires_when_it_is_due_and_once(store: Store) -> None:
    add(store, new("501", 1, "assigned"))
    decide(store, arm([TimerSet("reminder", MINUTE, 3)]))
    with store.read() as tx:
        assert tx.queue.status(MINUTE - 1).waiting == 1
        assert tx.inbox.due_portals(MINUTE - 1) == []
        assert tx.inbox.due_portals(MINUTE) == [PORTAL]
    with store.write() as tx:
        (lane,) = tx.inbox.claim(PORTAL, now=MINUTE, limit=10)
    (fired,) = lane.events
    assert fired.timer == "reminder"
    assert (fired.event.type, fired.event.at) == ("timer.reminder", MINUTE)
    assert fired.event.data == {"number": 3}
    assert len(decide(store, now=MINUTE)) == 1
    assert decide(store, now=10 * MINUTE) == []


def test_a_fired_timer_can_be_replayed(store: Store) -> None:
    add(store, new("501", 1, "assigned"))
    decide(store, arm([TimerSet("reminder", MINUTE, 3)]))
    decide(store, now=MINUTE)
    with store.read() as tx:
        recorded = tx.history.events(PORTAL)
    assert [r.event.type for r in recorded] == ["assigned", "timer.reminder"]
    assert recorded[1].event.data == {"number": 3}


def test_a_timer_takes_its_place_among_the_events_by_the_time_it_was_due(store: Store) -> None:
    add(store, new("501", 1, "assigned"))
    decide(store, arm([TimerSet("t", 100)]))
    add(store, new("501", 2), now=99)
    add(store, new("501", 3), now=101)
    assert [row[1].partition("/")[0] for row in decide(store, now=200)] == ["2", "501", "3"]


def test_leaving_the_state_cancels_the_timers_of_that_lead_only(store: Store) -> None:
    add(store, new("501", 1, "assigned"), new("502", 2, "assigned"))
    decide(store, arm([TimerSet("old", MINUTE)]))
    add(store, new("501", 3), now=30)
    decide(store, arm([TimerSet("new", 2 * MINUTE)], clears_timers=True), now=30)
    with store.write() as tx:
        lanes = tx.inbox.claim(PORTAL, now=9 * MINUTE, limit=10)
    assert {lane.lead_id: [row.timer for row in lane.events] for lane in lanes} == {
        "502": ["old"],
        "501": ["new"],
    }


def test_of_one_claim_only_the_last_decisions_timers_are_armed(store: Store) -> None:
    add(store, new("501", 1, "assigned"), new("501", 2))
    first = decision(lead("501"), timers=[TimerSet("first", MINUTE)])
    second = decision(lead("501"), timers=[TimerSet("second", MINUTE)], clears_timers=True)
    decide(store, {"1": first, "2": second})
    with store.write() as tx:
        (lane,) = tx.inbox.claim(PORTAL, now=MINUTE, limit=10)
    assert [row.timer for row in lane.events] == ["second"]


def test_a_timer_longer_than_any_lease_fires_once(store: Store) -> None:
    """Failure 9 of other engines: a delay beyond the visibility timeout came N times."""
    year = 365 * 24 * 60 * MINUTE
    add(store, new("501", 1, "assigned"))
    decide(store, arm([TimerSet("yearly", year)]))
    fired = sum(len(decide(store, now=now)) for now in range(0, year + 1, year // 50))
    assert fired == 1


# ---------------------------------------------------------------------- status


def test_the_status_counts_what_is_due_and_what_waits(store: Store) -> None:
    add(store, new("501", 1, "assigned"), new("502", 2, needs="contact"), now=10_000)
    with store.read() as tx:
        status = tx.queue.status(12_500)
    assert (status.due, status.waiting) == (2, 0)
    assert status.oldest_due_seconds == 2.5
    with store.read() as tx:
        assert tx.queue.status(9_999).due == 2  # neither waits for a clock that was set back


# ---------------------------------------------------------------------- the clock jumps


def test_failure_15_order_is_kept_when_the_clock_steps_back(
    store: Store, opened: Callable[[], Store]
) -> None:
    """An hour back between two acceptances, here or on another machine: neither swaps nor waits."""
    add(store, new("501", 1, "assigned"), new("501", 2), now=60 * MINUTE)
    other = opened()
    add(other, new("501", 3), now=10)
    add(store, new("501", 4), now=20)
    with store.read() as tx:
        assert tx.inbox.due_portals(30) == [PORTAL]
        assert tx.queue.status(30).due == 4
        assert tx.queue.status(30).oldest_due_seconds == 0
    assert decide(other, now=30) == [("501", "1"), ("501", "2"), ("501", "3"), ("501", "4")]
    assert events_of(store, "501") == ["1", "2", "3", "4"]


def test_failure_15_a_timer_is_due_by_the_clock_that_was_set_back(store: Store) -> None:
    """An event that was accepted in a wrong future lets no timer fire before its time."""
    add(store, new("501", 1, "assigned"), now=60 * MINUTE)
    armed = decision(lead("501"), timers=[TimerSet("t", 30 * MINUTE)])
    decide(store, {"1": armed}, now=10)
    add(store, new("501", 2), now=20)
    assert decide(store, now=30) == [("501", "2")]
    with store.read() as tx:
        assert tx.inbox.due_portals(30 * MINUTE - 1) == []
        assert tx.queue.status(30 * MINUTE - 1).due == 0
    assert [lead_id for lead_id, _ in decide(store, now=30 * MINUTE)] == ["501"]


# ------------------------------------------------------------------ contacts that are no lead


def test_events_follow_a_contact_that_became_part_of_another(store: Store) -> None:
    add(store, new("501", 1), now=10)
    decide(store, now=11)  # held: 501 is no lead
    add(store, new("900", 2, "assigned"), now=12)
    decide(store, now=13)
    with store.write() as tx:
        assert tx.inbox.follow(PORTAL, "501", "900")
    add(store, new("501", 3), now=14)
    decide(store, now=15)
    assert sorted(events_of(store, "900")) == ["1", "2", "3"]
    assert events_of(store, "501") == []


def test_an_erased_contact_that_never_was_a_lead_leaves_nothing(store: Store) -> None:
    add(store, new("501", 1, body="secret"), now=10)
    decide(store, now=11)  # held
    add(store, new("501", 2, "assigned", email="ann@example.org"), new("502", 3, body="kept"))
    with store.write() as tx:
        assert tx.inbox.erase_waiting(PORTAL, "501")
    decide(store, now=12)
    with store.read() as tx:
        assert tx.leads.get(PORTAL, "501") is None
        assert [held.lead_id for held in tx.inbox.held()] == ["502"]
    assert add(store, new("501", 1, body="secret")) == [False], "it is known for ever"
