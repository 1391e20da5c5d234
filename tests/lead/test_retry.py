"""Waits grow, spread, respect what the CRM asks, and end."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from leadback.base.clock import HOUR
from leadback.lead.retry import HORIZON, LONGEST, next_attempt

attempts = st.integers(1, 200)
instants = st.integers(0, 10**13)


@given(attempts, instants, st.integers(0, HOUR))
def test_never_before_the_crm_asks_and_never_after_the_horizon(
    number: int, now: int, after: int
) -> None:
    due = next_attempt(attempts=number, created_at=now, now=now, after=after, reference="lb-a")
    assert due is not None
    assert now + after <= due <= now + max(after, LONGEST) + LONGEST // 4


@given(attempts, instants)
@example(7, 0)
@example(8, 0)
def test_after_three_days_it_is_parked_if_it_was_tried_at_all(number: int, now: int) -> None:
    late = now + HORIZON
    due = next_attempt(attempts=number, created_at=now, now=late, after=0, reference="lb-a")
    assert (due is None) == (number >= 8), "the changelog promises eight"


def test_the_waits_double() -> None:
    waits = [
        next_attempt(attempts=n, created_at=0, now=0, after=0, reference="lb-a") or 0
        for n in range(1, 8)
    ]
    assert all(later > earlier * 1.5 for earlier, later in pairwise(waits))


def test_a_crowd_spreads() -> None:
    dues = {
        next_attempt(attempts=9, created_at=0, now=0, after=0, reference=f"lb-{n}")
        for n in range(100)
    }
    assert len(dues) > 50
