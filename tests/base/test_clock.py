"""Instants as text: every number can be shown, and what a calendar has can be read back."""

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from leadback.base.clock import EARLIEST, LATEST, format_time, parse_time

IN_64_BITS = st.integers(-(2**63), 2**63 - 1)


def test_the_range_is_what_it_says() -> None:
    assert format_time(EARLIEST) == "1990-01-01T00:00:00Z"
    assert format_time(LATEST) == "2100-01-01T00:00:00Z"


@given(IN_64_BITS)
@example(2**62)
@example(-62_135_596_800_000)
@example(-62_135_596_800_001)
@example(253_402_300_799_999)
@example(253_402_300_800_000)
def test_every_number_that_a_column_holds_can_be_shown(at: int) -> None:
    shown = format_time(at)
    if shown.startswith("time"):
        assert shown == f"time out of range ({at})"
        years = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        assert not years[0].timestamp() * 1000 <= at <= years[1].timestamp() * 1000 - 1
    else:
        year, rest = shown.split("-", 1)
        assert len(year) == 4
        assert rest.endswith("Z")


@given(st.integers(EARLIEST, LATEST - 1))
@example(EARLIEST + 1)
@example(EARLIEST)
@example(LATEST - 1)
def test_a_time_is_read_back_as_it_was(at: int) -> None:
    assert parse_time(format_time(at)) == at
