"""Every refusal says what is wrong and what to do; everything else is taken as it is."""

import contextlib
import json
from base64 import b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.clock import EARLIEST, LATEST
from leadback.base.reading import written
from leadback.lead.machine import LeadMachine
from leadback.work.cloudevents import (
    MAX_EVENT_BYTES,
    NotUnderstoodError,
    parse_event,
    understand,
)
from leadback_hubspot.contacts import CONTACT_IDS
from tests.lead.lives import machine

PORTALS = {"acme": CONTACT_IDS}
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
        ({"subject": "acme/a b"}, "neither a CRM id"),
        ({"subject": "acme/5;1"}, "HubSpot's contact ids have digits only"),
        ({"subject": "acme/lead-5"}, "HubSpot's contact ids have digits only"),
        ({"subject": "acme/007"}, "HubSpot's contact ids have digits only"),
        ({"subject": "acme/a@b/c"}, "is no email address"),
        ({"subject": "ACME/1"}, "did you mean 'acme'?); write acme/1"),
        ({"subject": "initech/1"}, "connect it with: leadback portal connect initech"),
        ({"subject": "acme/undefined"}, "its sender had no id, and wrote 'undefined' for it"),
        ({"subject": "acme/null"}, "its sender had no id"),
        ({"subject": "acme/NaN"}, "its sender had no id"),
        ({"subject": "acme/[object Object]"}, "its sender had no id"),
        ({"subject": "acme/"}, "names no contact"),
        ({"subject": "acme/5\n"}, "subject 'acme/5\\n' has a control character"),
        ({"id": "a\0"}, "id 'a\\x00' has a control character"),
        ({"source": "a\x1b[2J"}, "source 'a\\x1b[2J' has a control character"),
        ({"type": "email_opened\x85"}, "has a control character"),
        ({"time": "9999-12-31T23:59:59.9999999+00:00"}, "a time from 1990 to 2099 is expected"),
        ({"time": "1989-12-31T23:59:59Z"}, "a time from 1990 to 2099 is expected"),
        ({"time": "2100-01-01T00:00:00Z"}, "a time from 1990 to 2099 is expected"),
        ({"time": "0001-01-01T00:00:00+23:59"}, "a time from 1990 to 2099 is expected"),
        ({"time": "2026-11-02T09:00:00+24:00"}, "send ISO 8601"),
        ({"data": None, "data_base64": 7}, "data_base64 is no base64"),
        ({"data": None, "data_base64": "?"}, "data_base64 is no base64"),
        ({"data": None, "data_base64": "Ww=="}, "data_base64 is not JSON"),
        ({"data": None, "data_base64": "W10="}, "data is an array; send a JSON object"),
        ({"data": {}, "data_base64": "e30="}, "there are data and data_base64"),
        ({"data": None, "data_base64": "e30=", "datacontenttype": "image/png"}, "send JSON"),
        ({"type": "contact_merged", "data": {"into": "undefined"}}, "its sender had none"),
        ({"type": "contact_merged", "data": {"into": "a1"}}, "contact ids have digits only"),
        ({"type": "contact_merged", "data": {"into": ""}}, "contact_merged has no into"),
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


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("2026-11-02t09:00:00z", 1_793_610_000_000),
        ("2026-11-02t10:00:00+01:00", 1_793_610_000_000),
        ("1990-01-01T00:00:00Z", EARLIEST),
        ("2100-01-01T00:00:00+00:01", LATEST - 60_000),
        ("2099-12-31T23:59:59.999Z", LATEST - 1),
    ],
)
def test_a_time_is_read_as_rfc_3339_says(rules: LeadMachine, time: str, at: int) -> None:
    assert parsed(rules, time=time).event.at == at


def test_data_in_base64_are_data(rules: LeadMachine) -> None:
    packed = b64encode(b'\xef\xbb\xbf{"intent":"AskedToStop","body":"no \\ud83d"}').decode()
    taken = parsed(rules, type="replied", data=None, data_base64=packed)
    assert taken.event.data == {"intent": "AskedToStop", "body": "no \ufffd"}


@pytest.mark.parametrize("where", ["data", "extension"])
@pytest.mark.parametrize("levels", [33, 200, 300, 1000])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_what_is_nested_too_deeply_is_refused(
    rules: LeadMachine, where: str, levels: int, as_bytes: bool
) -> None:
    """Deeper than the JSON library writes (254), and than Python recurses (1,000)."""
    value: Any = 1
    for _ in range(levels - 2):
        value = [value]
    event = {**GOOD, where: {"a": value} if where == "data" else [value]}
    raw = json.dumps(GOOD)[:-1] + f', "{where}": ' + "[" * levels + "]" * levels + "}"
    with pytest.raises(NotUnderstoodError, match="nested more than 32 levels"):
        understand(raw.encode() if as_bytes else event, rules, PORTALS, NOW)
    assert len(written(event)) < 1000


def test_thirty_two_levels_are_not_too_deep(rules: LeadMachine) -> None:
    value: Any = 1
    for _ in range(30):
        value = [value]
    assert parsed(rules, data={"a": value}).event.data == {"a": value}


def test_what_the_program_itself_fails_on_is_a_reason(rules: LeadMachine) -> None:
    class Broken(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise RecursionError

    with pytest.raises(NotUnderstoodError, match="the program failed on it"):
        understand(Broken(GOOD), rules, PORTALS, NOW)


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
