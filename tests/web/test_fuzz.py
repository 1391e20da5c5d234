"""The event API against its own OpenAPI document: whatever is sent, the answer is declared."""

import asyncio
import gzip
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from starlette.requests import Request

from leadback.web.login import _form
from leadback.work.binding import BATCH, STRUCTURED
from tests.web.conftest import House

schemathesis = pytest.importorskip(
    "schemathesis", reason="Schemathesis is missing: pip install schemathesis"
)

pytestmark = pytest.mark.slow

SCOPES = {
    "POST /events": "events:write",
    "GET /leads": "leads:read",
    "GET /leads/{portal}/{lead}": "leads:read",
    "GET /assistants": "assistants:read",
    "PUT /assistants/{portal}/{assistant}/off-days": "assistants:write",
}


@pytest.mark.parametrize("operation", SCOPES)
def test_every_answer_is_a_declared_one(house: House, operation: str) -> None:
    method, path = operation.split(" ")
    api = schemathesis.openapi.from_url(f"{house.url}/openapi.json")
    checks = schemathesis.checks
    seen: set[int] = set()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=api[path][method].as_strategy())
    def try_it(case: Any) -> None:
        answer = case.call(headers=house.bearer(SCOPES[operation]))
        seen.add(answer.status_code)
        if answer.status_code != 429:
            case.validate_response(
                answer,
                checks=[
                    checks.not_a_server_error,
                    checks.status_code_conformance,
                    checks.content_type_conformance,
                    checks.response_schema_conformance,
                ],
            )

    try_it()
    assert seen


def test_all_operations_are_tried(house: House) -> None:
    document = house.get("/openapi.json").json()
    found = {f"{m.upper()} {p}" for p, item in document["paths"].items() for m in item}
    assert found == set(SCOPES)


def _nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


ODD: Mapping[str, bytes] = {
    "deep": b'{"a":' + _nested(33) + b"}",
    "deeper than is written": b'{"a":' + _nested(300) + b"}",
    "deeper than is read": b'{"a":' + _nested(3000) + b"}",
    "zero": b'{"subject":"\\u0000","previous_owner":"\\u0000","intent":"\\u0000"}',
    "raw zero": b'{"body":"\0"}',
    "half a pair": b'{"body":"\\ud83d","intent":"\\udc00"}',
    "a number for everything": b'{"assistant":7,"from":7,"intent":7,"return_date":7,"into":7}',
    "huge numbers": b'{"previous_owner":1e300,"number":99999999999999999999,"into":-1}',
    "a list for everything": b'{"assistant":[],"from":[[]],"email":{},"body":[{}],"to":{}}',
    "infinity": b'{"number":1e999}',
    "not a number": b'{"number":NaN}',
    "large": b'{"body":"' + b"x" * 1_900_000 + b'"}',
    "no object": b"[]",
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00",
    "a mark": b"\xef\xbb\xbf{}",
    "nothing": b"",
}
"""Data of an event, as programs send it that nobody foresaw."""
KINDS = ("replied", "email_sent", "assigned", "contact_merged", "marked", "nonsense")
SUBJECTS = (
    b"acme/501",
    b"acme/a\\u0000@x.example",
    b"acme/\\ud83d",
    b"\\u0000",
    b"acme/" + b"9" * 90,
)


@pytest.mark.parametrize("odd", ODD)
def test_no_event_makes_the_service_fail(house: House, odd: str) -> None:
    """In every mode of HTTP; the house's log is looked at for tracebacks when it closes."""
    session = requests.Session()
    session.headers.update(house.bearer("events:write", "contacts:write", "actions:write"))
    answers: list[tuple[str, int]] = []

    def send(mode: str, body: bytes, **headers: str) -> None:
        answer = session.post(f"{house.url}/events", data=body, headers=headers, timeout=60)
        answers.append((f"{mode} {answer.text[:200]}", answer.status_code))

    for kind in KINDS:
        whole = [
            b'{"specversion":"1.0","id":"f","source":"fuzz","type":"%s","subject":"%s","data":%s}'
            % (kind.encode(), subject, ODD[odd])
            for subject in SUBJECTS[: 5 if len(ODD[odd]) < 9999 else 1]
        ]
        send("structured", whole[0], **{"Content-Type": STRUCTURED})
        send("batch", b"[" + b",".join(whole) + b"]", **{"Content-Type": BATCH})
        send(
            "packed",
            gzip.compress(whole[0]),
            **{"Content-Type": STRUCTURED, "Content-Encoding": "gzip"},
        )
        attributes = {
            "ce-specversion": "1.0",
            "ce-id": "%00",
            "ce-source": '"fu\\"zz"',
            "ce-type": kind,
        }
        for subject in ("acme/501", "acme/%00@x.example", "acme/%ED%A0%BD", "%"):
            headers = {**attributes, "ce-subject": subject, "Content-Type": "application/json"}
            send("binary", ODD[odd], **headers)
    assert {said: status for said, status in answers if status >= 500} == {}
    assert {status for _, status in answers} & {202, 207, 400, 413, 422}


@pytest.mark.parametrize(
    "path", ["/leads/acme/a%00b", "/leads/acme%00/1", "/leads?portal=%00&state=%00"]
)
def test_a_zero_byte_in_a_path_is_no_failure(house: House, path: str) -> None:
    assert house.get(path, headers=house.bearer("leads:read")).status_code < 500


def test_a_zero_byte_in_a_login_is_a_wrong_one(house: House) -> None:
    assert house.log_in("a\0b").status_code in (401, 429)


def test_no_field_of_a_form_has_a_zero_byte() -> None:
    """PostgreSQL fails on one, SQLite does not."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"name=a%00b&password=%00"}

    form = asyncio.run(_form(Request({"type": "http", "method": "POST"}, receive)))
    assert form == {"name": "a\ufffdb", "password": "\ufffd"}
