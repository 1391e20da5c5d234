"""Every refusal says what is wrong and what to do; everything else is taken as it is."""

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lead.machine import LeadMachine
from engine.work.cloudevents import MAX_EVENT_BYTES, NotUnderstoodError, parse_event
from tests.lead.lives import machine

PORTALS = frozenset({"acme"})
NOW = 1_800_000_000_000
GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "m-17",
    "source": "mailer",
    "type": "email_opened",
    "subject": "acme/501",
    "time": "2026-11-02T09:00:00Z",
    "data": {},
}


@pytest.fixture(scope="module")
def rules() -> LeadMachine:
    return machine()


def parsed(rules: LeadMachine, **changes: Any) -> Any:
    return parse_event(orjson.dumps({**GOOD, **changes}), rules, PORTALS, NOW)


def test_a_good_event_is_taken(rules: LeadMachine) -> None:
    taken = parsed(rules)
    assert (taken.portal, taken.who, taken.event.type) == ("acme", "501", "email_opened")
    assert taken.event.at == 1_793_610_000_000
    assert "@" not in taken.who


def test_a_subject_may_be_an_address_in_any_case(rules: LeadMachine) -> None:
    taken = parsed(rules, subject="acme/Ann@Example.org")
    assert "@" in taken.who
    assert taken.who == "ann@example.org"


def test_an_event_without_time_or_data_happened_now(rules: LeadMachine) -> None:
    taken = parsed(rules, time=None, data=None)
    assert (taken.event.at, taken.event.data) == (NOW, {})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "email_opend"}, "did you mean 'email_opened'"),
        ({"type": "timer.reminder"}, "timers cannot be sent"),
        ({"type": None}, "type is missing"),
        ({"subject": None}, "subject is missing; send a non-empty text such as"),
        ({"subject": "acme"}, "write PORTAL/CRM-ID"),
        ({"subject": "acmee/1"}, "did you mean 'acme'"),
        ({"subject": "acme/a b"}, "names no contact"),
        ({"subject": "acme/5;1"}, "neither a CRM id nor an email address"),
        ({"id": ""}, "id is ''"),
        ({"id": "x" * 300}, "at most 256"),
        ({"source": 7}, "source is 7"),
        ({"time": "yesterday"}, "send ISO 8601 with a time zone"),
        ({"time": "2026-11-02T09:00:00"}, "has no time zone"),
        ({"time": 5}, "send ISO 8601"),
        ({"specversion": "0.3"}, "specversion is '0.3'"),
        ({"data": [1]}, "data is an array"),
        ({"type": "marked", "data": {"action": "boiling"}}, "known are hot, cold"),
        ({"type": "assigned"}, "assigned has no assistant"),
        ({"type": "contact_merged"}, "contact_merged has no into"),
        ({"type": "contact_merged", "data": {"into": "../1"}}, "is no CRM id"),
    ],
)
def test_a_refusal_says_why(rules: LeadMachine, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(NotUnderstoodError, match=r"\w") as refused:
        parsed(rules, **changes)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "this is not JSON"),
        (b"[]", "a CloudEvent is a JSON object, this is an array"),
        (b"null", "this is null"),
        (b"\x00\xff", "this is not JSON"),
        (b'"' + b"x" * (MAX_EVENT_BYTES + 1) + b'"', "more than 1,000,000 bytes"),
    ],
)
def test_what_is_no_event_is_refused(rules: LeadMachine, raw: bytes, says: str) -> None:
    with pytest.raises(NotUnderstoodError, match=r"\w") as refused:
        parse_event(raw, rules, PORTALS, NOW)
    assert says in str(refused.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), json_values))
def test_nothing_crashes_the_reader(rules: LeadMachine, changes: dict[str, Any]) -> None:
    with contextlib.suppress(NotUnderstoodError):
        assert parsed(rules, **changes).portal == "acme"


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(rules: LeadMachine, raw: bytes) -> None:
    with pytest.raises(NotUnderstoodError):
        parse_event(raw, rules, PORTALS, NOW)
