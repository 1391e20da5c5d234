"""The pace at the doors, on a clock that stands still."""

import pytest

from engine.base.clock import SECOND, ManualClock
from engine.web.limits import REMEMBERED, RateLimit


def test_a_burst_comes_in_and_then_the_pace_holds() -> None:
    clock = ManualClock(0)
    limit = RateLimit(clock, per_second=2, burst=3)
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 0]
    assert limit.wait("a") == pytest.approx(0.5)
    clock.advance(SECOND // 2)
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0


def test_nobody_pays_for_somebody_else() -> None:
    limit = RateLimit(ManualClock(0), per_second=1, burst=1)
    assert limit.wait("a") == 0
    assert limit.wait("b") == 0
    assert limit.wait("a") > 0


def test_a_pause_fills_the_bucket_no_higher_than_its_brim() -> None:
    clock = ManualClock(0)
    limit = RateLimit(clock, per_second=100, burst=2)
    limit.wait("a")
    clock.advance(3600 * SECOND)
    assert [limit.wait("a") == 0 for _ in range(3)] == [True, True, False]


def test_a_clock_that_goes_back_locks_nobody_out_for_longer() -> None:
    clock = ManualClock(1000 * SECOND)
    limit = RateLimit(clock, per_second=1, burst=1)
    assert limit.wait("a") == 0
    clock.set(0)
    assert limit.wait("a") == pytest.approx(1)
    clock.advance(SECOND)
    assert limit.wait("a") == 0


def test_only_the_latest_are_remembered() -> None:
    limit = RateLimit(ManualClock(0), per_second=1, burst=1)
    limit.wait("first")
    for number in range(REMEMBERED):
        limit.wait(str(number))
    assert limit.wait("first") == 0
