"""Whatever a broker hands over is events or a reason, never an exception."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.reading import PACKED, as_bytes
from leadback.brokers import messages
from leadback.brokers.messages import Message, from_rabbitmq, from_redis

EVENT = {"specversion": "1.0", "id": "1", "source": "m", "type": "t", "subject": "acme/1"}
BODY = json.dumps(EVENT).encode()


def read(message: Message) -> list[object]:
    assert message.refused is None
    return list(message.events)


@pytest.mark.parametrize("kind", ["application/cloudevents+json", "application/json", "", None])
def test_structured_mode_is_the_body_whatever_it_is_called(kind: str | None) -> None:
    assert read(from_rabbitmq({}, kind, BODY)) == [EVENT]
    assert read(from_redis({b"event": BODY})) == [EVENT]


def test_batch_mode() -> None:
    body = json.dumps([EVENT, {**EVENT, "id": "2"}]).encode()
    found = read(from_rabbitmq({}, "application/cloudevents-batch+json; charset=utf-8", body))
    assert found == [EVENT, {**EVENT, "id": "2"}]


@pytest.mark.parametrize("prefix", ["cloudEvents:", "cloudEvents_", "ce-", "ce_", "CE-"])
def test_binary_mode_of_rabbitmq_in_every_spelling(prefix: str) -> None:
    """AMQP's values are not escaped as HTTP's are, and may be timestamps."""
    at = datetime(2026, 11, 2, 9, tzinfo=UTC)
    headers = {f"{prefix}{k}": v for k, v in EVENT.items()} | {f"{prefix}time": at, "x-death": []}
    headers[f"{prefix}subject"] = "acme/a%40b"
    (found,) = read(from_rabbitmq(headers, "application/json", b'{"n": 1}'))
    assert found == {
        **EVENT,
        "subject": "acme/a%40b",
        "time": "2026-11-02T09:00:00+00:00",
        "data": {"n": 1},
    }


def test_binary_mode_of_redis_with_and_without_data() -> None:
    fields = {f"ce-{k}".encode(): v.encode() for k, v in EVENT.items()}
    assert read(from_redis(fields)) == [EVENT]
    assert read(from_redis({**fields, b"data": b'{"n": 1}'})) == [{**EVENT, "data": {"n": 1}}]


def test_data_of_another_kind_are_refused_with_what_they_were() -> None:
    message = from_rabbitmq({f"ce-{k}": v for k, v in EVENT.items()}, "text/xml", b"<a/>")
    assert message.events == ()
    assert message.refused is not None
    raw, why = message.refused
    assert json.loads(raw) == {**EVENT, "data": "<a/>"}
    assert "text/xml" in why


NAMES = st.sampled_from([f"ce-{name}" for name in (*EVENT, "time", "datacontenttype", "data")])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.datetimes()
    | st.binary()
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
"""Whatever an AMQP header table holds."""
DEEP = st.integers(1, 3_000).map(lambda levels: b"[" * levels + b"1" + b"]" * levels)
BODIES = (
    st.binary()
    | DEEP
    | DEEP.map(lambda deep: b'{"specversion": "1.0", "data": %b}' % deep)
    | st.binary().map(lambda rest: BODY + rest)
    | st.binary().map(gzip.compress)
)
KINDS = st.sampled_from(
    [None, "application/json", "application/cloudevents+json", "application/cloudevents-batch+json"]
)


@given(
    st.dictionaries(NAMES | st.text(max_size=20), VALUES, max_size=8),
    KINDS | st.text(max_size=40),
    BODIES,
    st.none() | st.sampled_from(["gzip", "x-gzip", "br"]) | st.text(max_size=9),
)
def test_nothing_of_rabbitmq_raises(
    headers: dict[str, object], kind: str | None, body: bytes, encoding: str | None
) -> None:
    found = from_rabbitmq(headers, kind, body, encoding)
    assert bool(found.events) != bool(found.refused) or b"[" in body or encoding in PACKED
    for one in found.events:
        as_bytes(one)


@pytest.mark.parametrize("name", ["unpacked", "binary_event", "read_events", "_attributes", "_raw"])
@pytest.mark.parametrize("error", [TypeError, RecursionError, MemoryError, KeyError, OverflowError])
def test_what_the_program_itself_fails_on_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    """Whichever step fails, and with what."""

    def fails(*_: object, **__: object) -> None:
        raise error("planted")

    monkeypatch.setattr(messages, name, fails)
    headers = {f"ce-{k}": v for k, v in EVENT.items()}
    fields = {name.encode(): value.encode() for name, value in headers.items()}
    tried = [
        from_rabbitmq(headers, None, BODY),
        from_rabbitmq({}, None, BODY),
        from_redis({**fields, b"data": BODY}),
        from_redis({b"event": BODY}),
    ]
    refused = [one.refused for one in tried if one.refused is not None]
    assert refused
    assert all(error.__name__ in why and BODY in raw for raw, why in refused)
    assert all(one.events for one in tried if one.refused is None)


@given(
    st.dictionaries(
        st.sampled_from([b"event", b"data", b"ce-specversion", b"ce-id", b"\xff", b""]),
        BODIES,
    )
)
def test_nothing_of_redis_raises(fields: dict[bytes, bytes]) -> None:
    found = from_redis(fields)
    assert bool(found.events) != bool(found.refused)
    for one in found.events:
        as_bytes(one)
