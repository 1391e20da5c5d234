"""Small days on paper: handback, waiting, doubles, merges, timers against the step clock."""

import json
from typing import Any

import pytest

from tests.oracle.expectation import Expected, play
from tests.oracle.recorded import steps

AT = steps.millis("2026-11-02T09:00:00Z")
MINUTE, HOUR, DAY = 60_000, steps.HOUR, steps.DAY
OWNERS = {
    "olivia": "101",
    "peter": "102",
    "alan": "103",
    "fran": "104",
    "tara": "105",
    "ben": "106",
}


def portal(fallback: str | None = None, **owners: str) -> dict[str, Any]:
    """Contacts 1, 2, … of these owners (a name, or "" for nobody); alan was deactivated."""

    def contact(id_: str, owner: str) -> dict[str, Any]:
        properties = {"email": f"{id_}@x.example"}
        return {
            "id": id_,
            "properties": properties | ({"hubspot_owner_id": OWNERS[owner]} if owner else {}),
        }

    return {
        "portals": [
            {
                "name": "acme",
                "owners": [
                    {"id": id_, "email": f"{name}@acme.example", "archived": name == "alan"}
                    for name, id_ in OWNERS.items()
                ],
                "assistants": [
                    {
                        "email": f"{name}@acme.example",
                        "context": name.upper(),
                        "fallback_owner": fallback and f"{fallback}@acme.example",
                    }
                    for name in ("tara", "ben")
                ],
                "contacts": [
                    contact(id_.removeprefix("c"), owner) for id_, owner in owners.items()
                ],
            }
        ]
    }


class Script:
    """A day in the making: every call is a step of its own, a minute after the one before."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.at = AT
        self.number = 0

    def act(self, action: str, **details: Any) -> None:
        self.at += MINUTE
        entry = {"portal": "acme", "action": action} | details
        self.steps.append(steps.Step(self.at, actions=(entry,)))

    def assign(self, owner: str = "tara", contact: str = "1") -> None:
        self.act("assign", contact=contact, owner=owner and f"{owner}@acme.example")

    def event(self, kind: str, contact: str = "1", **data: Any) -> bytes:
        self.number += 1
        line = json.dumps(
            {
                "specversion": "1.0",
                "id": str(self.number),
                "source": "mailer",
                "type": kind,
                "subject": f"acme/{contact}",
                "time": "2026-11-02T09:00:00Z",
                "data": data,
            }
        ).encode()
        self.lines(line)
        return line

    def lines(self, *lines: bytes) -> None:
        self.at += MINUTE
        self.steps.append(steps.Step(self.at, raw_lines=lines))

    def tick(self, after: int) -> None:
        self.at += after
        self.steps.append(steps.Step(self.at))

    def end(self, portals: dict[str, Any]) -> Expected:
        return play(portals, self.steps)


def owner_of(end: Expected, contact: str = "1") -> str:
    return end.contacts["acme", contact].owner


# ---------------------------------------------------------------- handback


@pytest.mark.parametrize(
    ("first_owner", "fallback", "verdict", "owner", "tasks"),
    [
        ("olivia", None, "handed_back", "olivia", 0),
        ("olivia", "fran", "handed_back", "olivia", 0),
        ("alan", "fran", "fallback", "fran", 0),
        ("alan", None, "kept", "tara", 1),
        ("", "fran", "fallback", "fran", 0),
        ("", None, "cleared", "", 0),
        ("ben", None, "cleared", "", 0),
    ],
)
def test_to_whom_a_contact_goes_back(
    first_owner: str, fallback: str | None, verdict: str, owner: str, tasks: int
) -> None:
    script = Script()
    script.assign()
    script.event("replied", intent="AgreedToMeet")
    end = script.end(portal(fallback, c1=first_owner))
    assert end.leads["acme", "1"].verdicts == (verdict,)
    assert owner_of(end) == OWNERS.get(owner, "")
    assert end.contacts["acme", "1"].tasks == tasks


def test_an_owner_who_leaves_meanwhile_gets_nothing_back() -> None:
    script = Script()
    script.assign()
    script.act("deactivate_owner", owner="olivia@acme.example")
    script.event("replied", intent="AgreedToMeet")
    assert owner_of(script.end(portal("fran", c1="olivia"))) == OWNERS["fran"]


def test_a_fallback_owner_who_was_deactivated_is_none() -> None:
    script = Script()
    script.assign()
    script.event("unsubscribed")
    end = script.end(portal("alan", c1=""))
    assert end.leads["acme", "1"].verdicts == ("cleared",)
    assert end.doubts == ("acme/1: the fallback owner was deactivated",)


def test_the_portals_own_fallback_owner_is_the_second_choice() -> None:
    portals = portal(None, c1="")
    portals["portals"][0]["fallback_owner"] = "fran@acme.example"
    script = Script()
    script.assign()
    script.event("unsubscribed")
    assert owner_of(script.end(portals)) == OWNERS["fran"]


def test_a_person_who_was_faster_keeps_the_contact() -> None:
    script = Script()
    script.assign()
    script.assign("peter")
    script.event("replied", intent="AgreedToMeet")
    end = script.end(portal(c1="olivia"))
    assert end.leads["acme", "1"].verdicts == ("human_owner",)
    assert owner_of(end) == OWNERS["peter"]
    assert end.contacts["acme", "1"].hs_lead_status == "CONNECTED"


def test_the_previous_owner_is_the_last_person_before_the_assistant() -> None:
    script = Script()
    for owner in ("peter", "", "ben"):
        script.assign(owner)
    script.event("replied", intent="Retired")  # goes back to peter
    script.assign("")
    script.assign("tara")
    end = script.end(portal(c1="olivia"))
    lead = end.leads["acme", "1"]
    assert (lead.previous_owner, lead.assistant, lead.context) == (
        "102",
        "tara@acme.example",
        "TARA",
    )
    assert end.contacts["acme", "1"].notes == 2


def test_an_unsubscribed_lead_that_is_assigned_again_goes_straight_back() -> None:
    script = Script()
    script.assign()
    script.event("unsubscribed")
    script.assign()
    end = script.end(portal(c1="olivia"))
    assert end.leads["acme", "1"].verdicts == ("handed_back", "handed_back")
    assert end.contacts["acme", "1"].notes == 1


# ---------------------------------------------------------------- intake


def test_events_wait_for_the_assignment_and_keep_their_order() -> None:
    script = Script()
    script.event("email_verified")
    script.event("email_opened")
    script.event("email_opened", contact="2")
    before = script.end(portal(c1="olivia", c2="peter"))
    assert (before.leads, before.totals["waiting"]) == ({}, 3)
    assert before.contacts["acme", "1"].lead_connection_status == ""
    script.assign()
    end = script.end(portal(c1="olivia", c2="peter"))
    assert end.leads["acme", "1"].state == "Engaged"
    assert end.totals == {"accepted": 3, "duplicate": 0, "rejected": 0, "waiting": 1}


def test_doubles_take_effect_once_whatever_they_contain() -> None:
    script = Script()
    script.assign()
    line = script.event("email_opened")
    script.lines(line, line.replace(b"email_opened", b"unsubscribed"))
    script.lines(line.replace(b"mailer", b"pages"))
    end = script.end(portal(c1="olivia"))
    assert end.totals == {"accepted": 2, "duplicate": 2, "rejected": 0, "waiting": 0}
    assert (end.leads["acme", "1"].opens, end.leads["acme", "1"].state) == (2, "Engaged")


def test_a_rejected_line_uses_up_no_id() -> None:
    script = Script()
    script.assign()
    line = script.event("email_sent")
    script.steps.pop()
    script.lines(line.replace(b"2026-11-02T09:00:00Z", b"noon"), line)
    end = script.end(portal(c1="olivia"))
    assert end.totals == {"accepted": 1, "duplicate": 0, "rejected": 1, "waiting": 0}
    assert end.contacts["acme", "1"].emails_outgoing == 1


def test_a_contact_can_be_named_by_its_address_in_any_case() -> None:
    script = Script()
    script.assign()
    script.event("email_opened", contact="1@X.example")
    assert script.end(portal(c1="olivia")).leads["acme", "1"].opens == 1


@pytest.mark.parametrize(
    ("kind", "data", "state"),
    [
        ("marked", {"action": "HOT"}, "Hot"),
        ("marked", {"action": "moved out"}, "DeActivated"),
        ("replied", {"intent": "asked_to-stop"}, "DeActivated"),
    ],
)
def test_a_word_may_be_spelt_otherwise(kind: str, data: dict[str, str], state: str) -> None:
    script = Script()
    script.assign()
    script.event(kind, **data)
    assert script.end(portal(c1="olivia")).leads["acme", "1"].state == state


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"specversion": "0.3"}, "wrong_specversion"),
        ({"id": ""}, "no_id"),
        ({"source": None}, "no_source"),
        ({"type": "email_exploded"}, "unknown_type"),
        ({"type": "timer.owner_silent"}, "unknown_type"),
        ({"type": "contact_erased"}, "unknown_type"),
        ({"subject": "acme"}, "bad_subject"),
        ({"subject": "initech/1"}, "unknown_portal"),
        ({"time": "2026-11-02T09:00:00"}, "bad_time"),
        ({"type": "marked", "data": {"action": "boost"}}, "unknown_mark"),
        ({"type": "marked", "data": {"action": "hottest"}}, "unknown_mark"),
        ({"data": {"body": "x" * (1 << 20)}}, "too_long"),
    ],
)
def test_what_is_rejected(change: dict[str, Any], kind: str) -> None:
    script = Script()
    line = json.loads(script.event("unsubscribed")) | change
    script.steps.pop()
    script.lines(json.dumps(line).encode())
    end = script.end(portal(c1="olivia"))
    assert dict(end.seen.rejected) == {kind: 1}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"{", "bad_json"),
        (b"[" * 9_999, "bad_json"),
        (b"[]", "not_an_object"),
        (b"\xff", "not_utf8"),
    ],
)
def test_what_is_no_json_object(line: bytes, kind: str) -> None:
    script = Script()
    script.lines(line)
    assert dict(script.end(portal()).seen.rejected) == {kind: 1}


# ---------------------------------------------------------------- contacts that go


def test_a_lead_follows_a_merge() -> None:
    script = Script()
    script.assign()
    script.event("email_verified")
    script.act("merge", primary="2", merged="1")
    script.event("email_sent", contact="1")
    script.event("replied", contact="2", intent="AgreedToMeet")
    end = script.end(portal(c1="olivia", c2=""))
    lead, contact = end.leads["acme", "1"], end.contacts["acme", "2"]
    assert (lead.crm_id, lead.state, lead.verdicts) == ("2", "Hot", ("handed_back",))
    assert (contact.owner, contact.notes, contact.emails) == (OWNERS["olivia"], 1, 2)
    assert end.contacts["acme", "1"].gone == "merged"
    assert end.doubts == ()


def test_a_lead_follows_the_context_that_its_contact_got_by_a_merge() -> None:
    script = Script()
    script.assign(contact="2")
    script.act("set", contact="1", properties={"context": "a trial"})
    script.act("merge", primary="2", merged="1")
    assert script.end(portal(c1="", c2="olivia")).leads["acme", "2"].context == "a trial"


def test_a_lead_that_is_merged_into_a_lead_ends() -> None:
    script = Script()
    script.assign(contact="1")
    script.assign(contact="2")
    script.event("replied", contact="1", intent="AgreedToMeet")
    script.act("merge", primary="2", merged="1")
    script.tick(2 * DAY)
    end = script.end(portal(c1="olivia", c2="olivia"))
    assert (end.leads["acme", "1"].state, end.leads["acme", "1"].ended) == ("Hot", "merged")
    assert end.leads["acme", "2"].state == "New"
    assert (end.contacts["acme", "2"].notes, end.contacts["acme", "2"].emails) == (2, 1)


@pytest.mark.parametrize(("action", "gone"), [("delete", "deleted"), ("erase", "erased")])
def test_a_contact_that_is_gone_stays_untouched(action: str, gone: str) -> None:
    script = Script()
    script.assign()
    script.event("replied", intent="AgreedToMeet")
    script.act(action, contact="1")
    script.event("email_sent")
    script.tick(10 * DAY)
    end = script.end(portal(c1="olivia"))
    lead, contact = end.leads["acme", "1"], end.contacts["acme", "1"]
    assert (lead.state, lead.finished, contact.gone) == ("Hot", True, gone)
    assert (contact.emails, contact.tasks) == (1, 0)
    assert (lead.email == "", lead.context == "") == (gone == "erased", gone == "erased")


def test_a_restored_contact_can_be_assigned_anew() -> None:
    script = Script()
    script.assign()
    script.event("unsubscribed")
    script.assign(contact="2")
    script.event("sequence_completed", contact="2")
    script.event("email_verified", contact="2")
    script.event("sequence_completed", contact="2")
    script.act("delete", contact="2")
    script.act("restore", contact="2")
    script.assign(contact="2")
    end = script.end(portal(c1="olivia", c2="peter"))
    assert (end.leads["acme", "2"].state, end.contacts["acme", "2"].notes) == ("New", 2)


# ---------------------------------------------------------------- the step clock


def test_timers_fire_before_the_events_of_the_first_step_that_is_late_enough() -> None:
    script = Script()
    script.assign()
    script.event("replied", intent="AgreedToMeet")
    script.at += DAY - MINUTE
    script.event("owner_replied")  # just as the 24 hours are over
    end = script.end(portal(c1="olivia"))
    assert end.seen.timers == {"timer.owner_silent": 1}
    assert (end.leads["acme", "1"].state, end.leads["acme", "1"].owner_replies) == ("Hot", 1)
    assert ("Hot", "timer.owner_silent", "LeadAtRisk") in end.seen.moves


def test_an_answer_in_time_keeps_the_lead_hot() -> None:
    script = Script()
    script.assign()
    script.event("replied", intent="AgreedToMeet")
    script.at += DAY - 2 * MINUTE
    script.event("owner_replied")
    script.tick(DAY)
    end = script.end(portal(c1="olivia"))
    assert ("Hot", "timer.owner_silent", "LeadAtRisk") not in end.seen.moves


def test_reminders_make_up_for_a_clock_that_jumps() -> None:
    script = Script()
    script.assign()
    script.event("replied", intent="AgreedToMeet")
    script.tick(2 * DAY)  # at risk from here on
    script.tick(3 * DAY - 1)
    assert script.end(portal(c1="olivia")).contacts["acme", "1"].tasks == 0
    script.tick(1 + 6 * DAY)
    assert script.end(portal(c1="olivia")).contacts["acme", "1"].tasks == 3
    script.tick(30 * DAY)
    assert script.end(portal(c1="olivia")).contacts["acme", "1"].tasks == 5


def test_a_return_date_in_the_past_is_over_with_the_step() -> None:
    script = Script()
    script.assign()
    script.event("email_verified")
    script.event("replied", intent="OutOfOffice", return_date="2026-10-30")
    end = script.end(portal(c1="olivia"))
    assert (end.leads["acme", "1"].state, end.doubts) == ("Cold", ())


# ---------------------------------------------------------------- doubts are noticed


def test_a_day_that_can_be_read_in_two_ways_says_so() -> None:
    script = Script()
    script.assign("tara")
    script.assign("ben")
    end = script.end(portal(c1="olivia"))
    assert end.doubts == ("acme/1: given to another assistant while in progress",)
