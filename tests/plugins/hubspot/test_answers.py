"""What an answer means, from recorded shapes and from anything at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback_hubspot.answers import Verdict, read_answer, read_refusal

INVALID_OPTION = {
    "status": "error",
    "message": 'Property values were not valid: [{"isValid":false,"message":"QUALIFIED was not one'
    ' of the allowed options: [label: \\"New\\"\\nvalue: \\"NEW\\"\\n]",'
    '"error":"INVALID_OPTION","name":"hs_lead_status"}]',
    "correlationId": "9c5760c4-2c71-4059-897d-cf20a1ce1523",
    "category": "VALIDATION_ERROR",
}


def answer(status: int, body: Any = None, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return read_answer(status, headers, raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["message", "category", "errors", "context", "ids", "results", "paging",
                         "code", "propertyName", "next", "after", "policyName",
                         "INVALID_OBJECT_IDS",
                         "requiredGranularScopes", "objectWriteTraceId"]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(status=st.integers(100, 599), body=JSON)
def test_no_shape_of_json_can_break_it(status: int, body: Any) -> None:
    read = answer(status, body)
    nothing_to_say = status == 204 and body is None
    assert read.ok == (nothing_to_say or (200 <= status < 300 and isinstance(body, dict)))
    assert isinstance(read.results, list)
    assert all(isinstance(error.ids, tuple) for error in read.errors)
    assert read.next_page is None or isinstance(read.next_page, str)
    assert len(read.reason) < 600


@given(status=st.integers(200, 599), body=st.binary(max_size=200))
def test_no_bytes_can_break_it(status: int, body: bytes) -> None:
    read = read_answer(status, {"retry-after": "soon"}, body)
    assert read.reason or read.ok
    if len(body) > 8:
        assert body.decode("latin-1") not in read.reason


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, Verdict.OK), (207, Verdict.OK), (400, Verdict.REFUSED), (401, Verdict.WAIT),
     (403, Verdict.REFUSED), (404, Verdict.REFUSED), (408, Verdict.LOST), (409, Verdict.REFUSED),
     (423, Verdict.WAIT), (429, Verdict.WAIT), (477, Verdict.WAIT), (500, Verdict.LOST),
     (502, Verdict.LOST), (503, Verdict.LOST), (504, Verdict.LOST), (521, Verdict.LOST),
     (524, Verdict.LOST)],
)  # fmt: skip
def test_every_status_has_its_verdict(status: int, verdict: Verdict) -> None:
    assert answer(status, {"message": "m"}).verdict is verdict


def test_a_2xx_without_json_may_have_happened() -> None:
    for body in (b"", b"<html></html>", b'{"results": [', b"[]"):
        assert answer(200, body).verdict is Verdict.LOST
    assert answer(204).ok


@pytest.mark.parametrize(
    ("body", "after", "daily"),
    [
        ({"policyName": "TEN_SECONDLY_ROLLING", "message": "x"}, 10_000, False),
        ({"policyName": "SECONDLY", "message": "x"}, 1_000, False),
        ({"policyName": "DAILY", "message": "x"}, 3_600_000, True),
        ({"message": "You have reached your ten_secondly_rolling limit."}, 10_000, False),
        ({"message": "You have reached your secondly limit."}, 1_000, False),
        ({"message": "You have reached your daily limit."}, 3_600_000, True),
        (None, 10_000, False),
    ],
)
def test_how_long_a_rate_limit_lasts(body: Any, after: int, daily: bool) -> None:
    read = answer(429, body)
    assert (read.after, read.daily, read.whole_portal) == (after, daily, True)
    asked = read_answer(429, {"retry-after": "17"}, json.dumps(body).encode())
    assert (asked.after, asked.daily) == (17_000, False)


def test_waits_that_are_no_rate_limits() -> None:
    assert (answer(423).after, answer(423).whole_portal) == (2_000, False)
    moving = read_answer(477, {"retry-after": "7200"}, b"")
    assert (moving.after, moving.whole_portal) == (7_200_000, True)
    assert read_answer(477, {"retry-after": "9999999"}, b"").after == 86_400_000


def test_the_offending_value_is_found_in_the_text_alone() -> None:
    (fault,) = read_refusal(INVALID_OPTION).faults
    assert (fault.code, fault.property, fault.value) == (
        "INVALID_OPTION", "hs_lead_status", "QUALIFIED",
    )  # fmt: skip


def test_the_offending_value_is_found_in_the_errors_alone() -> None:
    entry = {"message": "910901 was not a valid owner ID", "code": "INVALID_OWNER_ID",
             "context": {"propertyName": ["hubspot_owner_id"]}}  # fmt: skip
    (fault,) = read_refusal({"message": "m", "errors": [entry]}).faults
    assert (fault.property, fault.value) == ("hubspot_owner_id", "910901")


def test_scopes_are_found_wherever_they_are() -> None:
    scopes = {"requiredGranularScopes": ["a.read"]}
    for body in ({"context": scopes}, {"errors": [{"context": scopes}]},
                 {"errors": [{"context": {"requiredScopes": ["a.read"]}}]}):  # fmt: skip
        assert read_refusal(body).scopes == ("a.read",)


def test_dead_targets_of_an_association() -> None:
    body = {"context": {"INVALID_OBJECT_IDS": ["CONTACT=838442890479 is not valid"]}}
    assert read_refusal(body).dead_targets == ("838442890479",)
    old = {"message": "One or more associations are invalid: CONTACT=17 is not valid"}
    assert read_refusal(old).dead_targets == ("17",)
