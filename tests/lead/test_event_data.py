"""Every field that the engine reads has a type, a limit, a normal form; odd values are reasons."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.clock import format_time
from leadback.lead.decide import decide
from leadback.lead.event_data import FIELDS, MAX_CHOICE, UnfitError, fact, typed
from leadback.lead.machine import LeadMachine, UnknownTriggerError
from leadback.lead.records import Event as LeadEvent
from leadback.lead.records import Lead
from tests.lead.lives import machine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rules() -> LeadMachine:
    return machine()


@pytest.mark.parametrize(
    ("field", "given", "normal"),
    [
        ("previous_owner", 71500012, "71500012"),
        ("previous_owner", 2**63 - 1, str(2**63 - 1)),
        ("previous_owner", " ann@example.org ", "ann@example.org"),
        ("into", 501, "501"),
        ("assistant", " Tara@Example.com", "tara@example.com"),
        ("number", "3", 3),
        ("reason", 550, "550"),
        ("reason", "a\x00b", "a b"),
        ("name", "Ann\nLee\x1b[2J", "Ann Lee [2J"),
        ("body", "a\x00\nb", "a\x00\nb"),
        ("return_date", "2026-12-10", "2026-12-10"),
        ("return_date", "2026-12-10T09:00:00", "2026-12-10T09:00:00Z"),
        ("return_date", "2026-12-10 09:00", "2026-12-10T09:00:00Z"),
        ("return_date", "2026-12-10t09:00:00+01:00", "2026-12-10T08:00:00Z"),
        ("from", "ann@example.org", [{"email": "ann@example.org"}]),
    ],
)
def test_a_value_gets_its_normal_form(field: str, given: Any, normal: Any) -> None:
    found = typed({field: given}, FIELDS)
    assert found == {field: normal}
    assert typed(found, FIELDS) == found


@pytest.mark.parametrize(
    ("field", "given", "says"),
    [
        ("previous_owner", True, "previous_owner is the boolean true"),
        ("previous_owner", 71500012.5, "a fraction"),
        ("previous_owner", 1.5e300, "a fraction"),
        ("previous_owner", -1, "a negative number"),
        ("previous_owner", [1], "is an array"),
        ("previous_owner", "undefined", "its sender had none"),
        ("previous_owner", "[object Object]", "its sender had none"),
        ("previous_owner", "Ann Lee", "send an owner id or an email address"),
        ("assistant", 7, "assistant is a number; send an email address"),
        ("email", {"a": 1}, "email is an object"),
        ("email", "Ann <ann@example.org>", "send an email address"),
        ("name", ["Ann"], "name is an array; send a text"),
        ("name", 1.5, "name is a number"),
        ("name", "x" * 2001, "name has 2,001 characters; send at most 2,000"),
        ("intent", "x" * 257, "intent has 257 characters"),
        ("number", -1, "send a whole number"),
        ("number", "9" * 30, "send a whole number"),
        ("number", True, "send a whole number"),
        ("return_date", 1_790_000_000_000, "is a number; send a date"),
        ("return_date", "next Monday", "cannot be read"),
        ("return_date", "2326-12-10", "a time from 1990 to 2099 is expected"),
        ("return_date", "2026-02-30", "cannot be read"),
        ("from", "MAILER-DAEMON", "names nobody by an email address"),
        ("to", [7], "neither a text nor an object"),
        ("to", {"name": "Ann"}, "without an email address"),
        ("crm_assigned_at", 2**63, "is what the engine finds out itself"),
        ("observed", True, "is what the engine finds out itself"),
    ],
)
def test_what_does_not_fit_says_which_field_and_why(field: str, given: Any, says: str) -> None:
    with pytest.raises(UnfitError, match=f"^{field} ") as refused:
        typed({field: given}, FIELDS)
    assert says in str(refused.value)


@pytest.mark.parametrize("field", FIELDS)
def test_nothing_is_as_good_as_left_out(field: str) -> None:
    assert typed({field: None, "other": None}, FIELDS) == {"other": None}
    assert typed({field: ""}, FIELDS) == {}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(data=st.dictionaries(st.sampled_from(sorted(FIELDS)), ODD))
def test_whatever_a_field_holds_it_is_typed_or_a_reason(
    rules: LeadMachine, data: dict[str, Any]
) -> None:
    """What is typed is what the engine's columns and its plugins take; it stays as it is."""
    for event in rules.rules.events:
        reason = ""
        found: Mapping[str, Any] = {}
        try:
            found = rules.variants.typed(event, data)
        except UnfitError as error:
            reason = str(error)
        assert not reason or reason.partition(" ")[0] in data
        assert set(found) <= set(data)
        assert rules.variants.typed(event, orjson.loads(orjson.dumps(found))) == found
        for name, value in found.items():
            kind = {"number": int, "from": list, "to": list}.get(name, str)
            assert type(value) is kind
            if kind is str and name not in ("subject", "body", "context"):
                assert "\0" not in value


@pytest.mark.parametrize(
    ("event", "field", "value", "meant"),
    [
        ("replied", "intent", "unsubscribe", "Unsubscribe"),
        ("replied", "intent", "asked_to_stop", "AskedToStop"),
        ("replied", "intent", "ASKED TO-STOP", "AskedToStop"),
        ("email_invalid", "reason", "spam trap", "SpamTrap"),
        ("marked", "action", "Hot", "hot"),
        ("marked", "action", "moved-out", "moved_out"),
        ("marked", "action", "Not At Risk", "not_at_risk"),
        ("replied", "intent", "AskedToStops", "AskedToStops"),
    ],
)
def test_what_chooses_a_rule_may_be_spelt_otherwise(
    rules: LeadMachine, event: str, field: str, value: str, meant: str
) -> None:
    data = rules.variants.typed(event, {field: value})
    assert data == {field: meant}
    chosen = meant in rules.variants.of(event)
    assert rules.trigger_for(event, data) == f"{event}.{meant if chosen else 'other'}"
    assert rules.trigger_for(event, {field: value}) == rules.trigger_for(event, data)
    assert rules.variants.unruled(event, data) == (None if chosen else (field, value))


def test_a_mark_that_no_rule_knows_is_refused(rules: LeadMachine) -> None:
    with pytest.raises(UnknownTriggerError, match="known are hot, cold"):
        rules.trigger_for("marked", rules.variants.typed("marked", {"action": "hottest"}))


@pytest.mark.parametrize("event", machine().rules.events)
def test_every_variant_of_every_event_is_known_in_any_spelling(
    rules: LeadMachine, event: str
) -> None:
    by = rules.rules.events[event].by
    known = {v: re.sub("[_ -]", "", v).lower() for v in rules.variants.of(event) if v != "other"}
    assert by is not None or not known
    for variant, letters in known.items():
        for spelt in (letters, letters.upper(), "-".join(letters), "_".join(letters)):
            assert rules.variants.typed(event, {by: spelt}) == {by: variant}


def test_the_word_other_and_silence_are_no_unknown_values(rules: LeadMachine) -> None:
    for data in ({}, {"intent": "other"}, {"intent": "Other"}):
        assert rules.variants.unruled("replied", data) is None
    assert rules.variants.unruled("email_opened", {"intent": "x"}) is None


def test_facts_of_the_crm_fit_or_are_left_out() -> None:
    assert fact("name", "Ann\0" + "x" * 3000) == ("Ann " + "x" * 3000)[:2000]
    assert fact("email", "no address") is None
    assert fact("previous_owner", "71") == "71"
    assert fact("context", None) is None
    assert len(fact("context", "x" * 70_000) or "") == 65_536


def test_every_field_that_the_engine_reads_is_in_the_table() -> None:
    """Wherever the engine or a plugin reads a field of an event's data by name."""
    read = re.compile(r'\bdata(?:\.get\(|\[)"(\w+)"')
    internal = {"moves", "fields", "timers", "was", "is"}  # of rules.changed, which nobody can send
    found = {
        name
        for folder in ("lead", "work", "service")
        for file in (ROOT / "engine" / "leadback" / folder).glob("*.py")
        for name in read.findall(file.read_text())
    }
    assert {"into", "crm_assigned_at", "body", "by"} <= found
    assert found - internal <= set(FIELDS)


def test_the_reference_names_every_field() -> None:
    page = (ROOT / "docs" / "reference" / "events.md").read_text()
    table = page[page.index("## What data may hold") :].partition("\n## ")[0]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert named == set(FIELDS)
    assert f"{MAX_CHOICE} characters" in table


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (
            {"return_date": "2026-12-10T09:00:00"},
            "waits until 2026-12-10T09:00:00Z, as return_date",
        ),
        ({"return_date": "2026-12-10"}, "waits until 2026-12-10T00:00:00Z, as return_date says"),
        ({"return_date": "2026-10-10"}, "does not wait: return_date 2026-10-10T00:00:00Z is over"),
        ({}, "waits until 2026-11-09T09:00:00Z: no return_date was given"),
    ],
)
def test_a_lead_that_waits_says_until_when_and_why(
    rules: LeadMachine, data: dict[str, Any], because: str
) -> None:
    now = 1_793_610_000_000
    lead = Lead("acme", "1", "1", "Cold", entered_at=now, updated_at=now)
    away = rules.variants.typed("replied", {"intent": "OutOfOffice", **data})
    decided = decide(rules, lead, LeadEvent("replied", now, "m", "1", away), now)
    assert decided is not None
    assert decided.lead.state == "OutOfOffice"
    assert decided.because.startswith(because)
    assert format_time(decided.timers[0].due) in decided.because or "over" in decided.because
