"""Leads as they are kept, listed, merged and erased."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from leadback.lead.records import Ended, Lead, TimerSet
from leadback.store import (
    Disagreement,
    LeadFilter,
    LedgerEntry,
    NewEvent,
    Quarantined,
    Settlement,
    Store,
)
from leadback.store.account_records import AuditEntry
from tests.store.worlds import (
    PORTAL,
    add,
    connect,
    decide,
    decision,
    fields,
    lead,
    make_lead,
    new,
    note,
    order,
)


@pytest.fixture(autouse=True)
def _portals(store: Store) -> None:
    connect(store, PORTAL, "globex")


FULL = Lead(
    portal=PORTAL,
    lead_id="501",
    crm_id="777",
    state="OutOfOffice",
    sub_state="Holiday 🏖",
    came_from=("Warm", None),
    email="ann@example.org",
    name="Änn O'Neil",
    assistant="tara@example.com",
    assistant_name="Tara",
    context="trains",
    previous_owner="41",
    counters={"opens": 3},
    done=True,
    stopped=True,
    ended=Ended.TAKEN_BACK,
    assigned_at=1,
    entered_at=2,
    updated_at=3,
    revision=4,
)


def get(store: Store, lead_id: str) -> Lead:
    with store.read() as tx:
        found = tx.leads.get(PORTAL, lead_id)
    assert found is not None
    return found


def save(store: Store, after: Lead, number: object, now: int = 20) -> None:
    add(store, new(after.lead_id, number, "assigned"), now=now)
    decide(store, lambda lane, row, known: decision(after), now=now)


# ---------------------------------------------------------------------- kept as they are


def test_every_field_comes_back(store: Store) -> None:
    save(store, FULL, 1)
    assert get(store, "501") == FULL


def test_every_field_can_change(store: Store) -> None:
    save(store, FULL, 1)
    other = Lead(PORTAL, "501", "501", "New")
    save(store, other, 2)
    assert get(store, "501") == other
    counted = replace(other, counters={"opens": 1}, done=True, stopped=True, revision=9)
    save(store, counted, 3)
    assert get(store, "501") == counted


@pytest.mark.parametrize(
    "changes",
    [
        {"counters": {"opens": 9}},
        {"done": False},
        {"stopped": False},
        {"ended": None},
        {"ended": Ended.DELETED},
        {"entered_at": 9},
        {"updated_at": 9},
        {"revision": 9},
        {"crm_id": "9"},
        {"state": "Hot"},
        {"sub_state": "x"},
        {"came_from": ("Cold", "x")},
        {"email": "x"},
        {"name": "x"},
        {"assistant": "x"},
        {"assistant_name": "x"},
        {"context": "x"},
        {"previous_owner": None},
        {"assigned_at": 9},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_each_field_can_change_alone(store: Store, changes: dict[str, object]) -> None:
    save(store, FULL, 1)
    after = replace(FULL, **changes)  # type: ignore[arg-type]  # any field
    save(store, after, 2)
    assert get(store, "501") == after


@pytest.mark.parametrize(
    "text", ["a\x1fb", 'a"b', "a\\", "\\x", "{a,b}", "NULL", "", "a\nb\tc", "%s %", "'", "🦆"]
)
def test_every_text_comes_back(store: Store, text: str) -> None:
    made = [lead(str(n), name=name, email=text) for n, name in enumerate([text, None, "x"])]
    add(store, *(new(one.lead_id, one.lead_id, "assigned") for one in made))
    decide(store, {one.lead_id: decision(one) for one in made})
    assert [get(store, one.lead_id) for one in made] == made
    with store.read() as tx:
        assert len(tx.leads.by_email(PORTAL, text)) == 3
        assert set(tx.leads.get_many(PORTAL, [text, "1"])) == {"1"}


def test_a_zero_byte_in_a_name_does_not_stop_a_lead(store: Store) -> None:
    save(store, replace(FULL, name="A\0nn", context="\0"), 1)
    assert get(store, "501").name == "Ann"


# ---------------------------------------------------------------------- found


def test_leads_are_found_by_crm_id_and_address(store: Store) -> None:
    save(store, FULL, 1)
    gone = replace(FULL, lead_id="502", ended=Ended.MERGED, updated_at=99)
    going = replace(FULL, lead_id="503", ended=None)
    save(store, gone, 2)
    save(store, going, 3)
    with store.read() as tx:
        assert tx.leads.by_crm_id(PORTAL, "777") == going
        assert tx.leads.by_email(PORTAL, "ann@example.org") == [going, gone, FULL]
        assert tx.leads.by_crm_id("globex", "777") is None
        assert tx.leads.by_email(PORTAL, "bob@example.org") == []
        assert tx.leads.get(PORTAL, "nobody") is None


def test_the_list_is_changed_last_first_and_paged(store: Store) -> None:
    for number in range(7):
        save(store, lead(str(number), updated_at=number // 2), number)
    found: list[Lead] = []
    with store.read() as tx:
        while page := tx.leads.list(limit=3, after=found[-1] if found else None):
            assert len(page) <= 3
            found += page
    assert [x.lead_id for x in found] == ["6", "4", "5", "2", "3", "0", "1"]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (LeadFilter(), {"1", "2", "3"}),
        (LeadFilter(portal="globex"), set()),
        (LeadFilter(state="Hot"), {"2"}),
        (LeadFilter(assistant="tara"), {"1", "2"}),
        (LeadFilter(finished=True), {"2", "3"}),
        (LeadFilter(finished=False), {"1"}),
        (LeadFilter(search="ann"), {"1", "3"}),
        (LeadFilter(search="NEIL"), {"1"}),
        (LeadFilter(search="%"), set()),
        (LeadFilter(search="c2"), {"2"}),
        (LeadFilter(state="Cold", assistant="tara"), {"1"}),
    ],
)
def test_the_list_can_be_filtered(store: Store, wanted: LeadFilter, ids: set[str]) -> None:
    save(store, lead("1", name="O'Neil", email="Ann@x", assistant="tara"), 1)
    save(store, lead("2", state="Hot", done=True, crm_id="c2", assistant="tara"), 2)
    save(store, lead("3", ended=Ended.DELETED, name="Joann"), 3)
    with store.read() as tx:
        assert {x.lead_id for x in tx.leads.list(wanted)} == ids


def test_states_are_counted(store: Store) -> None:
    save(store, lead("1"), 1)
    save(store, lead("2"), 2)
    save(store, lead("3", state="Hot", done=True), 3)
    with store.read() as tx:
        assert tx.leads.count_by_state() == {"Cold": 2, "Hot": 1}
        assert tx.leads.count_by_state(PORTAL) == {"Cold": 2, "Hot": 1}
        assert tx.leads.count_by_state("globex") == {}
    for number, ended in enumerate(Ended, 4):
        save(store, lead(str(number), ended=ended), number)
    with store.read() as tx:
        assert tx.leads.count_by_state(PORTAL) == {"Cold": 6, "Hot": 1}
        assert tx.leads.count_there(PORTAL) == {"Cold": 3, "Hot": 1}, "taken back is still there"
        assert tx.leads.count_there("globex") == {}
    with store.read() as tx:
        assert tx.leads.working(PORTAL) == {"1", "2"}


# ---------------------------------------------------------------------- history


def test_history_says_what_why_and_by_which_rule(store: Store) -> None:
    save(store, lead("501"), 1)
    add(store, new("501", 2), now=30)
    hot = replace(
        decision(lead("501", state="Hot", sub_state="x")),
        result="moved",
        reads={"opens": 3, "sub_state": None},
        because="the author says so",
    )
    decide(store, {"2": hot}, now=31)
    with store.read() as tx:
        newest, oldest = tx.history.of_lead(PORTAL, "501")
        assert tx.history.of_lead(PORTAL, "501", limit=1) == [newest]
        assert tx.history.of_lead(PORTAL, "501", before=newest.seq) == [oldest]
        assert tx.history.of_lead(PORTAL, "502") == []
    assert (oldest.from_state, oldest.to_state) == (None, "Cold")
    assert (newest.from_state, newest.to_state, newest.sub_state) == ("Cold", "Hot", "x")
    assert (newest.source, newest.event_id, newest.event_at) == ("mailer", "2", 1_000)
    assert (newest.at, newest.rules_version) == (31, "v1")
    assert (newest.rule, newest.rule_at, newest.because) == ("rule", "f:1:1", "the author says so")
    assert newest.reads == {"opens": 3, "sub_state": None}


def test_decided_events_can_be_read_again_in_order(store: Store) -> None:
    add(store, new("501", 1, "assigned", a=1), new("502", 2), new("501", 3, "x", b=2))
    decide(store)
    with store.read() as tx:
        recorded = tx.history.events(PORTAL, limit=1)
        assert [r.event.data for r in recorded] == [{"a": 1}]
        rest = tx.history.events(PORTAL, after=recorded[-1].seq)
        assert [(r.lead_id, r.event.id) for r in rest] == [("501", "3")]
        assert tx.history.events(PORTAL, after=rest[-1].seq) == []


# ---------------------------------------------------------------------- merged


def merge(store: Store, loser: Lead, into: str, *, winner_is_lead: bool, now: int) -> None:
    add(store, new(loser.crm_id, f"merge-{now}", "contact_merged", into=into), now=now)
    after = replace(loser, crm_id=into)
    if winner_is_lead:
        after = replace(loser, ended=Ended.MERGED)
    made = decision(
        after, merged_into=into, clears_timers=winner_is_lead, drops_effects=winner_is_lead
    )
    known = {f"merge-{now}": made}
    decide(store, lambda lane, row, before: known.get(row.event.id) or decision(after), now=now)


def lane_of(store: Store, *crm_ids: str) -> dict[str, str]:
    with store.read() as tx:
        return tx.leads.lane_of(PORTAL, crm_ids)


def test_a_lead_follows_its_contact_into_one_that_is_no_lead(store: Store) -> None:
    loser = make_lead(store, "501", note("n"))
    add(store, new("900", "early"), now=21)
    decide(store, now=21)  # held: 900 is no lead
    merge(store, loser, "900", winner_is_lead=False, now=30)
    assert lane_of(store, "501", "900", "1") == {"501": "501", "900": "501", "1": "1"}
    add(store, new("900", "late"), new("501", "later"), now=31)
    assert decide(store, now=40) == [("501", "early"), ("501", "late"), ("501", "later")]
    with store.write() as tx:
        (effect,) = tx.outbox.claim(PORTAL, now=50, lease=1, limit=9).effects
        assert tx.leads.by_crm_id(PORTAL, "900") is not None
    assert (effect.lead_id, effect.crm_id) == ("501", "900")


def test_the_events_of_a_merged_lead_go_to_the_winner(store: Store) -> None:
    loser, winner = make_lead(store, "501"), make_lead(store, "900")
    add(store, new("501", "merge-28", "contact_merged", into="900"), now=28)
    add(store, new("501", "waits", needs="contact"), now=29)
    after = replace(loser, ended=Ended.MERGED)
    made = decision(after, merged_into="900", clears_timers=True, drops_effects=True)
    decide(store, {"merge-28": made}, now=28)
    assert lane_of(store, "501", "900") == {"501": "900", "900": "900"}
    with store.write() as tx:
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=40, lease=1, limit=9)
        tx.inbox.fill_facts(PORTAL, {asked.seq: {}})
    add(store, new("501", "late"), now=31)
    assert decide(store, now=40) == [("900", "waits"), ("900", "late")]
    assert get(store, "501").ended is Ended.MERGED
    assert get(store, "900").counters == {"waits": 0, "late": 1}
    assert winner.counters == {}


def test_merges_can_follow_each_other(store: Store) -> None:
    a, b = make_lead(store, "a"), make_lead(store, "b")
    make_lead(store, "c")
    merge(store, a, "b", winner_is_lead=True, now=30)
    merge(store, b, "c", winner_is_lead=True, now=31)
    assert lane_of(store, "a", "b", "c") == {"a": "c", "b": "c", "c": "c"}


# ---------------------------------------------------------------------- erased


SECRET = "Zarathustra"


def _erase(store: Store, known: Lead, now: int, *behind: NewEvent) -> None:
    add(store, new(known.crm_id, f"erase-{now}", "contact_erased"), *behind, now=now)
    gone = replace(
        known,
        email=None,
        name=None,
        context=None,
        sub_state=None,
        came_from=None,
        ended=Ended.ERASED,
    )
    made = decision(gone, erased=True, drops_effects=True, clears_timers=True)
    decide(store, lambda lane, row, before: made, now=now)


def _personal_life(store: Store) -> Lead:
    known = make_lead(
        store,
        "501",
        note("n1", f"{SECRET} was assigned"),
        fields("f1", name=SECRET),
        email=f"{SECRET.lower()}@example.org",
        name=SECRET,
        context=f"knows {SECRET}",
        sub_state=SECRET,
        came_from=("Cold", SECRET),
    )
    with store.write() as tx:
        claimed = tx.outbox.claim(PORTAL, now=21, lease=1, limit=9)
        done = Settlement(claimed.effects[0].id, "done", result={"who": SECRET})
        late = Settlement(claimed.effects[1].id, "uncertain", 99, f"{SECRET}: timeout")
        tx.outbox.settle(PORTAL, claimed.fence, [done, late], now=22)
        tx.quarantine.add(
            [
                Quarantined("", "file", f'{{"subject":"acme/501","x":"{SECRET}"}}', "bad", 1),
                Quarantined(PORTAL, "file", f"To: {SECRET}@Example.org", "bad", 1),
                Quarantined("globex", "file", "somebody else", "bad", 1),
            ]
        )
        tx.ledger.append(
            [
                LedgerEntry(
                    PORTAL, "501", "501", 1, "kept", "a", "b", by="leadback", why=f"for {SECRET}"
                )
            ]
        )
        address = f"{SECRET}@example.org"
        tx.accounts.note(AuditEntry(1, "ann", "page", "mark hot", f"acme/{address}", "moved"))
        tx.accounts.note(AuditEntry(1, "ann", "page", "retry", "all", f"failed: no {address}"))
        tx.unruled.note({(PORTAL, "replied", "intent", f"Ask_{address}"): 1}, now=22)
        tx.shadow.add(
            PORTAL, [Disagreement(PORTAL, 1, 1, "501", "replied", "v1", "Hot", f"Hot ({SECRET})")]
        )
    add(store, new("501", 1, "replied", body=f"I am {SECRET}"), now=23)
    reply = replace(
        decision(known, note("n2", SECRET), timers=[TimerSet("t", 10**9)]),
        reads={"sub_state": SECRET},
    )
    decide(store, {"1": reply}, now=23)
    add(store, new("501", 2, "later", needs="contact", body=SECRET), now=24)
    return known


def test_an_erased_lead_leaves_nothing_personal(store: Store, dump: Callable[[], str]) -> None:
    known = _personal_life(store)
    assert dump().lower().count(SECRET.lower()) > 10
    add(store, new("501", "in the same claim", "x", body=SECRET), now=24)
    _erase_before_lookup(store, known)
    assert SECRET.lower() not in dump().lower()
    with store.read() as tx:
        assert tx.history.of_lead(PORTAL, "501")[0].type == "contact_erased"
        assert tx.history.events(PORTAL) == []
        assert tx.quarantine.count() == 1
        assert {row.status for row in tx.outbox.of_lead(PORTAL, "501")} <= {"done", "cancelled"}
        assert tx.queue.status(10**10).due == 1  # the look-up; the timer is gone


NOT_PERSONAL = {
    "ids", "compatible", "lanes", "contact_aliases", "hints",  # numbers, and ids of the CRM
    "portals", "tokens", "consents", "assistants", "listening", "pace", "levels", "spending",
    "rules_versions", "rules_log", "shadow",  # of the portal and its rules
    "waiting",  # addresses that are to be looked up: test_addresses.py erases those
    "shown",  # field values as a hash; a state's, not a person's
    "users", "sessions", "sign_ins", "browsers", "log_ins", "api_keys",  # of who logs in
}  # fmt: skip
"""Tables in which nothing of a contact stands but its id."""


def test_every_table_is_thought_of_at_an_erasure(
    store: Store, rows: Callable[[], dict[str, str]]
) -> None:
    """A new table either says here that it holds nothing personal, or is filled in by the life
    that the test above erases."""
    _personal_life(store)
    holding = {name for name, text in rows().items() if SECRET.lower() in text.lower()}
    assert holding | NOT_PERSONAL == set(rows())
    assert not holding & NOT_PERSONAL


def _erase_before_lookup(store: Store, known: Lead) -> None:
    """The erasure is decided although an event behind it waits for facts that never come."""
    with store.write() as tx:
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=24, lease=1, limit=9)
        tx.inbox.fill_facts(PORTAL, {asked.seq: {"body": SECRET}})
    decide(store, lambda lane, row, before: decision(known), now=24)
    _erase(store, known, 25, new("501", 3, "later", needs="contact", body=SECRET))


def test_late_events_of_an_erased_lead_leave_nothing_either(
    store: Store, dump: Callable[[], str]
) -> None:
    known = _personal_life(store)
    with store.write() as tx:
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=24, lease=1, limit=9)
        tx.inbox.refuse(PORTAL, [(asked.seq, "gone")], now=24)
    _erase(store, known, 25)
    add(store, new("501", "late", "replied", body=SECRET), now=40)
    ignored = replace(decision(get(store, "501")), result="ignored")
    decide(store, {"late": ignored}, now=40)
    assert SECRET.lower() not in dump().lower()


def test_leads_that_were_merged_into_an_erased_one_are_erased_too(
    store: Store, dump: Callable[[], str]
) -> None:
    loser = make_lead(store, "501", note("n", SECRET), name=SECRET)
    winner = make_lead(store, "900", name=SECRET)
    merge(store, loser, "900", winner_is_lead=True, now=30)
    _erase(store, winner, 31)
    assert SECRET.lower() not in dump().lower()


def test_others_keep_what_is_theirs(store: Store, dump: Callable[[], str]) -> None:
    known = make_lead(store, "501", name=SECRET)
    make_lead(store, "502", note("n", "stays"), name="Stays")
    order(store, get(store, "502"), now=22)
    _erase(store, known, 25)
    assert get(store, "502").name == "Stays"
    assert "stays" in dump()


def test_nothing_personal_is_left_in_the_file_either(tmp_path: Path, migrated_file: Path) -> None:
    """SQLite keeps deleted text in free pages and in its log unless it is told not to."""
    from leadback.store import open_store

    store = open_store(f"sqlite:///{migrated_file}")
    connect(store)
    known = _personal_life(store)
    with store.write() as tx:
        (asked,) = tx.inbox.claim_lookups(PORTAL, now=24, lease=1, limit=9)
        tx.inbox.refuse(PORTAL, [(asked.seq, "gone")], now=24)
    written = b"".join(part.read_bytes() for part in tmp_path.glob("leadback.db*"))
    assert SECRET.encode() in written
    _erase(store, known, 25)
    written = b"".join(part.read_bytes() for part in tmp_path.glob("leadback.db*"))
    store.close()
    assert SECRET.lower().encode() not in written.lower()
    assert sqlite3.connect(migrated_file).execute("PRAGMA integrity_check").fetchone() == ("ok",)
