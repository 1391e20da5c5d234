"""Finding the bad ones in a batch that was refused as a whole."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from leadback_hubspot.answers import Answer, Refusal, Verdict
from leadback_hubspot.isolate import send_isolating


def send_to(bad: set[int], calls: list[int], *, stops_after: int = 10**9):
    def send(group: Sequence[int]) -> Answer:
        calls.append(len(group))
        if len(calls) > stops_after:
            return Answer(Verdict.WAIT, 429, "slow down")
        if bad & set(group):
            return Answer(Verdict.REFUSED, 400, "no", refusal=Refusal("VALIDATION_ERROR", "no"))
        return Answer(Verdict.OK, 200)

    return send


def blind(group: Sequence[int], refusal: Refusal) -> list[int]:
    return []


@given(size=st.integers(1, 100), bad=st.sets(st.integers(0, 99), max_size=4))
def test_exactly_the_bad_ones_are_refused(size: int, bad: set[int]) -> None:
    bad = {number for number in bad if number < size}
    calls: list[int] = []
    ends = send_isolating(range(size), send_to(bad, calls), blind)
    refused = [end.inputs for end in ends if not end.answer.ok]
    assert sorted(refused) == [(number,) for number in sorted(bad)]
    assert sorted(i for end in ends for i in end.inputs) == list(range(size))


@given(bad=st.integers(0, 99))
def test_one_bad_of_a_hundred_costs_at_most_14_more_calls(bad: int) -> None:
    calls: list[int] = []
    send_isolating(range(100), send_to({bad}, calls), blind)
    assert len(calls) - 1 <= 14


def test_a_half_that_must_hold_the_bad_one_is_not_asked() -> None:
    """The other half went through."""
    calls: list[int] = []
    send_isolating(range(100), send_to({99}, calls), blind)
    assert calls == [100, 50, 25, 13, 6, 3, 2, 1]


def test_named_ones_cost_one_more_call() -> None:
    calls: list[int] = []
    ends = send_isolating(range(100), send_to({3, 7}, calls), lambda g, r: [3, 7])
    assert calls == [100, 98]
    assert [end.inputs for end in ends if not end.answer.ok] == [(3, 7)]


@given(bad=st.integers(0, 99), stops_after=st.integers(1, 10))
def test_a_rate_limit_ends_the_search_and_loses_nobody(bad: int, stops_after: int) -> None:
    calls: list[int] = []
    ends = send_isolating(range(100), send_to({bad}, calls, stops_after=stops_after), blind)
    assert len(calls) <= stops_after + 1
    assert sorted(i for end in ends for i in end.inputs) == list(range(100))
