"""Pacing: never above the limit in any window, adapting to what HubSpot reports. No real time."""

from collections import deque
from heapq import heappop, heappush

from hypothesis import given
from hypothesis import strategies as st

from leadback.api import LeadbackError, LocalPace
from leadback_hubspot.budget import HOUR, Budget, Lane


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def clock(self) -> int:
        return self.now

    def sleep(self, millis: int) -> None:
        assert millis > 0
        self.now += millis


def budget(share: float = 0.9, *, day_left: int | None = None) -> tuple[Budget, Time]:
    time = Time()
    made = Budget(share, clock=time.clock, sleep=time.sleep, day_left=lambda: day_left)
    return made, time


def limits(maximum: int, remaining: int, **daily: int) -> dict[str, str]:
    headers = {
        "x-hubspot-ratelimit-max": str(maximum),
        "x-hubspot-ratelimit-remaining": str(remaining),
    }
    if daily:
        headers["x-hubspot-ratelimit-daily"] = str(daily["most"])
        headers["x-hubspot-ratelimit-daily-remaining"] = str(daily["left"])
    return headers


@given(
    maximum=st.integers(20, 400),
    share=st.floats(0.2, 1.0),
    lags=st.lists(st.integers(0, 150), min_size=1, max_size=50),
)
def test_no_window_of_ten_seconds_holds_more_than_the_share(
    maximum: int, share: float, lags: list[int]
) -> None:
    """Also as HubSpot counts: each call arrives up to 150 ms after it left."""
    made, time = budget(share)
    made.observe(Lane.BURST, limits(maximum, maximum))
    window: deque[int] = deque()
    for number in range(3 * maximum):
        assert made.spend(Lane.BURST, patience=100_000) == 0
        arrives = time.now + lags[number % len(lags)]
        window.append(arrives)
        while window[0] <= arrives - 10_000:
            window.popleft()
        assert len(window) <= maximum * share or len(window) <= 2


@given(maximum=st.integers(20, 400), share=st.floats(0.2, 1.0))
def test_with_so_many_calls_in_flight_half_a_second_each_the_limit_is_used(
    maximum: int, share: float
) -> None:
    made, time = budget(share)
    made.observe(Lane.BURST, limits(maximum, maximum))
    most, start = made.figures()["burst"], time.now
    callers = [start] * made.calls_in_flight()
    left: list[int] = []
    while (now := heappop(callers)) < start + 60_000:
        time.now = now
        assert made.spend(Lane.BURST, patience=100_000) == 0
        left.append(time.now)
        heappush(callers, time.now + 500)
    windows = 60_000 / 10_300
    assert len(left) >= most * (windows - 1), "and one caller less would not do"
    assert (made.calls_in_flight() - 1) * 60_000 / 500 < most * windows


def test_most_of_the_share_is_used() -> None:
    made, time = budget(0.95)
    made.observe(Lane.BURST, limits(190, 190))
    start = time.now
    for _ in range(5_000):
        made.spend(Lane.BURST, patience=100_000)
    assert 5_000 / (time.now - start) * 1000 >= 0.92 * 19


def test_a_call_that_would_wait_too_long_is_told_when_to_come_back() -> None:
    made, time = budget()
    made.pause(Lane.BURST, 20_000)
    assert made.spend(Lane.BURST, patience=5_000) == 20_000
    assert time.now == 1_000_000
    assert made.spend(Lane.BURST, patience=60_000) == 0
    assert time.now == 1_020_000


def test_what_others_of_the_same_app_use_is_left_to_them() -> None:
    made, _ = budget(1.0)
    made.spend(Lane.BURST, patience=0)
    made.observe(Lane.BURST, limits(190, 189))
    assert made.figures()["burst"] == 190
    made.observe(Lane.BURST, limits(190, 89))
    assert made.figures()["burst"] == 90
    for _ in range(20):
        made.observe(Lane.BURST, limits(190, 189))
    assert made.figures()["burst"] >= 189


def test_searches_have_a_limit_of_their_own() -> None:
    made, time = budget(1.0)
    for _ in range(200):
        made.spend(Lane.SEARCH, patience=1_000_000)
    assert 38_000 <= time.now - 1_000_000 <= 46_000
    assert made.spend(Lane.BURST, patience=0) == 0


def test_the_others_part_of_the_day_is_not_touched() -> None:
    made, _ = budget(0.9, day_left=10 * 60_000)
    made.observe(Lane.BURST, limits(190, 190, most=1_000, left=103))
    spent = 0
    while made.spend(Lane.BURST, patience=60_000) == 0:
        spent += 1
    assert spent == 3
    assert made.spend(Lane.BURST, patience=0) == 10 * 60_000 + 30_000, "half a minute past midnight"


def test_a_portal_that_is_only_searched_keeps_the_others_part_of_the_day_too() -> None:
    """Answers to searches say what is left of the day, and nothing of the ten seconds."""
    made, _ = budget(0.9)
    day = {"x-hubspot-ratelimit-daily": "1000", "x-hubspot-ratelimit-daily-remaining": "101"}
    made.observe(Lane.SEARCH, day)
    assert made.nearly_spent()
    assert made.spend(Lane.SEARCH, patience=60_000) == 0
    assert made.spend(Lane.SEARCH, patience=0) == HOUR
    other, _ = budget(0.9)
    other.observe(Lane.ASSOCIATIONS, day)
    assert not other.nearly_spent(), "associations have a day of their own"


def test_without_a_time_zone_the_day_is_asked_about_every_hour() -> None:
    made, _ = budget(0.9)
    made.observe(Lane.BURST, limits(190, 190, most=1_000, left=50))
    assert made.spend(Lane.BURST, patience=0) == HOUR


def test_headers_of_any_kind_do_no_harm() -> None:
    made, _ = budget()
    for value in ("", "x", "-5", "9" * 50, "1e3", "0"):
        made.observe(Lane.BURST, {"x-hubspot-ratelimit-max": value,
                                  "x-hubspot-ratelimit-remaining": value,
                                  "x-hubspot-ratelimit-daily": value,
                                  "x-hubspot-ratelimit-daily-remaining": value})  # fmt: skip
    assert made.figures()["burst"] == 90


@given(maximum=st.integers(20, 400), weights=st.lists(st.integers(1, 3), min_size=1, max_size=200))
def test_calls_paid_for_together_count_one_by_one(maximum: int, weights: list[int]) -> None:
    made, time = budget(0.9)
    made.observe(Lane.BURST, limits(maximum, maximum))
    window: deque[int] = deque()
    for calls in weights:
        assert made.spend(Lane.BURST, patience=100_000, calls=calls) == 0
        window.extend([time.now] * calls)
        while window[0] <= time.now - 10_000:
            window.popleft()
        assert len(window) <= maximum * 0.9


class HubSpot:
    """One app's window as HubSpot counts it, whoever calls."""

    def __init__(self, time: Time, maximum: int) -> None:
        self.time, self.maximum = time, maximum
        self.window: deque[int] = deque()

    def call(self) -> dict[str, str]:
        while self.window and self.window[0] <= self.time.now - 10_000:
            self.window.popleft()
        assert len(self.window) < self.maximum, "429"
        self.window.append(self.time.now)
        return limits(self.maximum, self.maximum - len(self.window))


@given(processes=st.integers(2, 5), order=st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_processes_that_know_nothing_of_each_other_stay_below_the_limit(
    processes: int, order: list[int]
) -> None:
    """Each sees in the headers what the others use."""
    time = Time()
    server = HubSpot(time, 190)
    budgets = [Budget(0.9, clock=time.clock, sleep=time.sleep) for _ in range(processes)]
    start = time.now
    for number in range(1_500):
        one = budgets[order[number % len(order)] % processes]
        assert one.spend(Lane.BURST, patience=100_000) == 0
        one.observe(Lane.BURST, server.call())
        time.now += 5
    assert time.now - start < 1_500 / 19 * 1000 * 1.6, "and most of it is used"


def test_processes_that_share_a_pace_use_all_of_it_together() -> None:
    time = Time()
    server = HubSpot(time, 190)
    pace = LocalPace(time.clock)
    budgets = [
        Budget(0.95, pace=pace, clock=time.clock, sleep=time.sleep, day_left=lambda: None)
        for _ in range(4)
    ]
    start = time.now
    for number in range(2_000):
        one = budgets[number % 4]
        assert one.spend(Lane.BURST, patience=100_000) == 0
        one.observe(Lane.BURST, server.call())
    assert 2_000 / (time.now - start) * 1000 >= 0.92 * 19


def test_a_refusal_in_one_process_holds_the_others() -> None:
    time = Time()
    pace = LocalPace(time.clock)
    one, other = (Budget(0.9, pace=pace, clock=time.clock, sleep=time.sleep) for _ in range(2))
    one.pause(Lane.BURST, 10_000)
    assert other.spend(Lane.BURST, patience=5_000) == 10_000
    assert other.spend(Lane.SEARCH, patience=0) == 0
    assert other.spend(Lane.BURST, patience=20_000) == 0
    assert time.now == 1_010_000


class NoPace(LocalPace):
    """A pace whose database is away."""

    def used(self, lane: str, window: int) -> int:
        raise LeadbackError("the database is away")

    def hold(self, lane: str, duration: int) -> None:
        raise LeadbackError("the database is away")


def test_what_cannot_be_shared_is_kept_alone() -> None:
    time = Time()
    made = Budget(0.9, pace=NoPace(time.clock), clock=time.clock, sleep=time.sleep)
    made.observe(Lane.BURST, limits(190, 100))
    assert made.figures()["burst"] == 171
    made.pause(Lane.BURST, 5_000)
    assert made.spend(Lane.BURST, patience=0) == 5_000
