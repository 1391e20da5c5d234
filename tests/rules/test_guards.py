"""Guards and durations: what is one, what is none, and that writing them loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.rules.durations import format_duration, parse_duration
from leadback.rules.guards import GuardProblem, parse_guard
from leadback.rules.model import Comparison

_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda n: n not in ("and", "or", "not", "in", "finished", "stopped", "sub_state")
)
COMPARISONS = st.one_of(
    st.builds(
        Comparison,
        _NAMES,
        st.sampled_from(["==", "!=", ">=", "<=", ">", "<"]),
        st.integers(0, 999_999),
    ),
    st.builds(
        Comparison, st.sampled_from(["finished", "stopped"]), st.just("=="), st.integers(0, 1)
    ),
    st.builds(
        Comparison,
        st.just("sub_state"),
        st.sampled_from(["in", "not in"]),
        st.lists(st.from_regex(r"[A-Z][a-z]{0,5}", fullmatch=True), min_size=1, max_size=3).map(
            tuple
        ),
    ),
)


@given(st.lists(COMPARISONS, min_size=1, max_size=8))
def test_a_guard_that_is_written_is_read_back(parts: list[Comparison]) -> None:
    assert parse_guard(" and ".join(map(str, parts))) == tuple(parts)
    assert parse_guard("  and  ".join(map(str, parts)) + " ") == tuple(parts)


def test_the_highest_number_that_a_counter_is_compared_with() -> None:
    assert parse_guard("opens >= 1000000") == (Comparison("opens", ">=", 1_000_000),)
    assert isinstance(parse_guard("opens >= 1000001"), GuardProblem)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends too early"),
        ("opens", "compared with nothing"),
        ("finnished and opens > 1", "compared with nothing"),
        ("opens = 3", "'=' does not belong"),
        ("opens => 3", "'=' does not belong"),
        ("opens >= x", "whole number"),
        ("opens >= 3.5", "'.' does not belong"),
        ("opens >= -1", "'-' does not belong"),
        ("opens >= 99999999", "ever reach"),
        ("3 <= opens", "expected a counter"),
        ("opens >= 3 or finished", "no `or`"),
        ("opens >= 3 finished", "expected `and`"),
        ("opens >= 3 and", "ends too early"),
        ("not opens", "goes with finished or stopped"),
        ("finished == 1", "expected `and`"),
        ("sub_state == Retired", "expected `in`"),
        ("sub_state in Retired", "square brackets"),
        ("sub_state in []", "expected a sub-state"),
        ("sub_state in [A B]", "comma or ]"),
        ("__import__('os')", "does not belong"),
        (" and ".join(["opens > 1"] * 9), "at most 8"),
    ],
)
def test_what_is_no_guard_says_why(text: str, message: str) -> None:
    problem = parse_guard(text)
    assert isinstance(problem, GuardProblem)
    assert message in problem.message
    assert problem.fix


@given(st.text(max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    result = parse_guard(text)
    if isinstance(result, tuple):
        assert parse_guard(" and ".join(map(str, result))) == result


@given(st.integers(1, 999), st.sampled_from("smhd"))
def test_durations_there_and_back(count: int, unit: str) -> None:
    duration = parse_duration(f"{count}{unit}")
    assert duration is not None
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    "text", ["", "1", "h", "0h", "-1h", "1.5h", "1w", "24 h", "1H", "9999999d"]
)
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


def test_units() -> None:
    assert parse_duration("30s") == 30_000
    assert parse_duration("15m") == 900_000
    assert parse_duration("24h") == parse_duration("1d") == 86_400_000
    assert format_duration(86_400_000) == "1d"
    assert format_duration(90_000) == "90s"
    with pytest.raises(ValueError, match="whole number of seconds"):
        format_duration(1)
    with pytest.raises(ValueError, match="whole number of seconds"):
        format_duration(0)
