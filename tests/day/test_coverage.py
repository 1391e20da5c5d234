"""What the recorded day must contain, asked of the oracle that plays it."""

import json
from collections import Counter

import pytest

from tests.oracle import life
from tests.oracle.expectation import Expected, expected
from tests.oracle.lead import STATES
from tests.oracle.recorded import DAY_FOLDER, steps


@pytest.fixture(scope="module")
def end() -> Expected:
    return expected(DAY_FOLDER)


def assert_each(counts: Counter[str], names: set[str], at_least: int) -> None:
    rare = {name: counts[name] for name in names if counts[name] < at_least}
    assert rare == {}


def test_nothing_in_it_can_be_read_in_two_ways(end: Expected) -> None:
    assert end.doubts == ()


def test_enough_of_everything(end: Expected) -> None:
    assert end.totals["accepted"] >= 8_000
    assert end.totals["duplicate"] >= 200
    assert end.totals["rejected"] >= 40
    assert end.totals["waiting"] >= 50
    assert len(end.leads) >= 600


def test_every_state_is_some_leads_last(end: Expected) -> None:
    assert end.leads_by_state.keys() == STATES
    assert min(end.leads_by_state.values()) >= 3
    assert_each(end.seen.states, set(STATES), 100)


def test_every_intent_comes_often(end: Expected) -> None:
    intents = {f"replied.{intent}" for intent in life.INTENTS}
    assert_each(end.seen.events, intents | {"replied", "replied.AskedForDiscount"}, 10)


def test_every_event_comes_often(end: Expected) -> None:
    plain = set(life.FROM_OUTSIDE) - {"marked"}
    marks = {f"marked.{action}" for action in (*life.MARKS, "not_at_risk")}
    contacts = {"contact_deleted", "contact_restored", "contact_merged", "contact_erased"}
    assert_each(end.seen.events, plain | marks | contacts | {"assigned", "unassigned"}, 5)
    assert_each(end.seen.refused, {"marked.hot", "marked.not_at_risk"}, 5)
    assert_each(end.seen.refused, {"followup_continued", "followup_restarted"}, 5)


def test_every_sub_state_of_a_bad_end_occurs(end: Expected) -> None:
    last = Counter(str(lead.sub_state) for lead in end.leads.values())
    assert_each(last, set(life.UNUSABLE) | {"AskedToStop", "MovedOut", "Retired"}, 2)


def test_every_verdict_is_reached(end: Expected) -> None:
    verdicts = {"handed_back", "fallback", "cleared", "kept", "human_owner"}
    assert end.verdicts.keys() == verdicts
    assert_each(end.seen.verdicts, verdicts, 10)
    for name in verdicts:
        portals = {portal for (portal, _), lead in end.leads.items() if name in lead.verdicts}
        assert portals == {"acme", "globex"}, name


def test_every_timer_fires_and_reminders_to_the_last(end: Expected) -> None:
    assert_each(end.seen.timers, {"timer.owner_silent", "timer.returned", "timer.reminder"}, 50)
    assert sum(contact.tasks >= 5 for contact in end.contacts.values()) >= 10
    assert end.seen.moves["LeadAtRisk", "owner_replied", "Hot"] >= 5
    assert end.seen.moves["LeadAtRisk", "owner_replied", "Responded"] >= 5
    assert end.seen.moves["LeadAtRisk", "marked.not_at_risk", "Hot"] >= 3
    for state in ("New", "Cold", "Engaged", "Warm"):
        assert end.seen.moves["OutOfOffice", "timer.returned", state] >= 1


def test_every_way_to_be_rejected(end: Expected) -> None:
    kinds = {f"no_{name}" for name in ("specversion", "id", "source", "type", "subject")} | {
        "bad_json", "not_utf8", "not_an_object", "wrong_specversion", "bad_time", "bad_subject",
        "unknown_portal", "unknown_type", "unknown_mark",
    }  # fmt: skip
    assert_each(end.seen.rejected, kinds, 2)
    assert end.seen.rejected["too_long"] == 1
    assert end.seen.rejected.keys() == kinds | {"too_long"}


def test_every_situation(end: Expected) -> None:
    wanted = {
        "double with the same": 200,
        "double with other content": 30,
        "waited": 50,
        "named by email": 50,
        "assigned again, anew": 40,
        "assigned again, in progress": 4,
        "assigned again, unsubscribed": 5,
        "merged into a contact": 5,
        "merged into a lead": 5,
        "event after the contact was gone": 10,
    }
    for name, at_least in wanted.items():
        assert end.seen.situations[name] >= at_least, name
    actions = ("assign", "set", "merge", "delete", "restore", "erase", "deactivate_owner")
    assert_each(end.seen.events, {f"portal.{action}" for action in actions}, 2)
    ends = Counter(str(lead.ended) for lead in end.leads.values())
    assert_each(ends, {"taken_back", "deleted", "erased", "merged", "restored"}, 3)
    assert sum(lead.stopped for lead in end.leads.values()) >= 5


def test_contacts_without_an_owner_and_with_their_own_context(end: Expected) -> None:
    portals = json.loads((DAY_FOLDER / "portal.json").read_bytes())["portals"]
    usual = {a["email"]: a["context"] for portal in portals for a in portal["assistants"]}
    assert sum(lead.previous_owner is None for lead in end.leads.values()) >= 10
    own = [lead for lead in end.leads.values() if lead.context not in ("", usual[lead.assistant])]
    assert len(own) >= 50


def test_events_come_late_and_out_of_order() -> None:
    late = backwards = 0
    newest: dict[str, int] = {}
    for line in steps.read_lines(DAY_FOLDER / "events.jsonl.gz"):
        try:
            event = json.loads(line)
            at, arrived = steps.millis(event["time"]), steps.millis(event["arrived"])
            subject = event["subject"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        late += arrived - at > 30 * 60_000
        backwards += at < newest.get(subject, 0)
        newest[subject] = max(at, newest.get(subject, 0))
    assert late >= 300
    assert backwards >= 300
