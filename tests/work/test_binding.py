"""CloudEvents over HTTP: the three modes, and a clear refusal for everything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.reading import UnreadableError
from leadback.work.binding import BATCH, MAX_BATCH, STRUCTURED, Incoming, read_events

EVENT = {"specversion": "1.0", "id": "1", "source": "m", "type": "t", "subject": "acme/1"}


def _read(kind: str, body: bytes, **more: str) -> list[Incoming]:
    return read_events(
        {"content-type": kind, **{k.replace("_", "-"): v for k, v in more.items()}}, body
    )


def test_structured_mode_is_the_body() -> None:
    assert _read(f"{STRUCTURED}; charset=UTF-8", json.dumps(EVENT).encode()) == [EVENT]


def test_batch_mode_is_every_element_in_order() -> None:
    two = {**EVENT, "id": "2"}
    assert _read(BATCH, json.dumps([EVENT, two]).encode()) == [EVENT, two]
    assert _read(BATCH, b"[]") == []


def test_binary_mode_takes_attributes_from_headers_and_data_from_the_body() -> None:
    found = _read(
        "application/json",
        b'{"number": 1}',
        ce_specversion="1.0",
        ce_id="1",
        ce_source="m%20%E2%82%AC",
        ce_type="t",
        ce_subject="acme/1",
    )
    assert found == [{**EVENT, "source": "m €", "data": {"number": 1}}]


def test_binary_mode_without_a_body_has_no_data() -> None:
    assert _read("", b"", ce_specversion="1.0", ce_id="1") == [{"specversion": "1.0", "id": "1"}]


@pytest.mark.parametrize(
    ("kind", "body", "status", "says"),
    [
        ("text/plain", b"hello", 415, "no CloudEvent"),
        ("application/json", b"{}", 415, "no CloudEvent"),
        (STRUCTURED, b"{", 400, "not JSON"),
        (STRUCTURED, b"\xff\xfe", 400, "not JSON"),
        (BATCH, b"{}", 400, "array"),
        (BATCH, b"[" + b"{}," * MAX_BATCH + b"{}]", 413, "at most"),
    ],
)
def test_what_is_no_cloudevent_is_refused_with_the_reason(
    kind: str, body: bytes, status: int, says: str
) -> None:
    with pytest.raises(UnreadableError, match=says) as caught:
        read_events({"content-type": kind}, body)
    assert caught.value.status == status


def test_binary_data_that_is_no_json_is_refused() -> None:
    with pytest.raises(UnreadableError, match="send JSON"):
        read_events({"content-type": "image/png", "ce-specversion": "1.0"}, b"\x89PNG")


@given(
    kind=st.sampled_from([STRUCTURED, BATCH, "application/json", "text/plain", ""]),
    body=st.binary(max_size=200),
    binary=st.booleans(),
)
def test_any_request_is_read_or_refused(kind: str, body: bytes, binary: bool) -> None:
    headers = {"content-type": kind, **({"ce-specversion": "1.0"} if binary else {})}
    refused: UnreadableError | None = None
    found: list[Incoming] = []
    try:
        found = read_events(headers, body)
    except UnreadableError as error:
        refused = error
    assert refused is None or (str(refused) and refused.status in (400, 413, 415))
    assert bool(found) or refused is not None or kind == BATCH
