"""What senders' programs write is read where its meaning is plain; anything else has a reason."""

import gzip
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.reading import UnreadableError, read_array, read_json, unpacked, written

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (rb'"a\ud83d"', "a\ufffd"),
        (rb'"\ude00 a"', "\ufffd a"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (rb'"\uD83D\uDE00\uD83D"', "😀\ufffd"),
        (rb'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        (rb'{"\ud83d": "\"\ud83d\""}', {"\ufffd": '"\ufffd"'}),
        (BOM + b"{}", {}),
        (BOM + rb'"\ud83d"', "\ufffd"),
    ],
)
def test_half_a_pair_and_a_byte_order_mark_are_no_reason(raw: bytes, found: Any) -> None:
    assert read_json(raw) == found


@pytest.mark.parametrize("raw", [b"", b"NaN", b"[1e400]", rb'"\ud8"', rb'"\ud83d', BOM, b"\xff{}"])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableError, match="is not JSON"):
        read_json(raw)


@given(st.text(alphabet=st.characters(categories=["Cs", "Lu", "Po", "Sm", "So"])))
def test_every_text_that_javascript_writes_is_read(text: str) -> None:
    found = read_json(json.dumps({text: [text]}).encode())
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    ((key, value),) = found.items()
    assert value == [key]
    assert key.replace("\ufffd", "") == whole.replace("\ufffd", "")
    assert orjson.loads(written(found)) == found


@pytest.mark.parametrize(
    "bad", [b"NaN", b"{", b'{"a": }', b"[" * 2000 + b"]" * 2000, b'{"a": "\xff"}', b"nul", b"'x'"]
)
def test_one_bad_element_leaves_the_others(bad: bytes) -> None:
    if bad == b"{":
        with pytest.raises(UnreadableError):  # where would it end?
            read_array(b'[{"a": "],}"}, ' + bad + b', {"b": 2}]')
        return
    found = read_array(BOM + b' [{"a": "],}\\""}, ' + bad + b', {"b": 2}]\n')
    assert found == [b'{"a": "],}\\""}', bad, b'{"b": 2}']


@pytest.mark.parametrize("raw", [b"[{}", b"[}", b"[NaN]]", b"[NaN] x", b'["a]', b"NaN", b"[[1],"])
def test_an_array_whose_brackets_do_not_match_is_none(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_array(raw)


def test_what_is_no_array_says_so() -> None:
    assert read_array(b"{}") is None


def test_a_packed_body_is_unpacked_and_never_grows_beyond_the_limit() -> None:
    packed = gzip.compress(b"x" * 1000)
    assert unpacked(packed, "gzip", 1000) == b"x" * 1000
    assert unpacked(packed + packed, " X-GZIP", 2000) == b"x" * 2000
    assert unpacked(b"as it is", "identity", 1) == b"as it is"
    bomb = gzip.compress(b"\0" * 50_000_000)
    for body, encoding, status in (
        (packed, "gzip", 413),
        (bomb, "gzip", 413),
        (packed[:-4], "gzip", 400),
        (b"no gzip", "gzip", 400),
        (packed, "br", 415),
        (packed, "gzip, gzip", 415),
    ):
        with pytest.raises(UnreadableError) as refused:
            unpacked(body, encoding, 999 if status == 413 else 1000)
        assert refused.value.status == status
