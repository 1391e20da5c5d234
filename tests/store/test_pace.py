"""Turns that all workers share: no window holds more than the limit, whoever asks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.pace import FURTHEST, Limit, LocalPace, Turns
from leadback.store import Store
from leadback.store.pace import PaceLog
from leadback.work.pace import AHEAD, LATE, SharedPace

LIMITS = (Limit(5, 1_000), Limit(20, 10_000))
NOON = 1_793_707_200_000


def most_in(turns: list[int], window: int) -> int:
    """The fullest window."""
    return max(sum(start <= turn < start + window for turn in turns) for start in turns)


@given(
    asked=st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 4)), min_size=1, max_size=60),
    limits=st.lists(
        st.builds(Limit, st.integers(1, 30), st.integers(1, 5_000)), min_size=1, max_size=3
    ),
)
def test_no_window_ever_holds_more_than_its_limit(
    asked: list[tuple[int, int]], limits: list[Limit]
) -> None:
    now, log, turns = NOON, Turns(), list[int]()
    for pause, calls in asked:
        now += pause
        log = log.recent(limits, now)
        given_out = log.next(limits, now=now, calls=calls)
        if given_out[-1] > now + FURTHEST // 2:
            continue  # nobody is that patient
        assert given_out[0] >= now
        log = Turns((*log.taken, *given_out))
        turns += given_out
    assert turns == sorted(turns)
    for limit in limits:
        assert not turns or most_in(turns, limit.window) <= limit.most


def test_turns_from_before_the_clock_was_set_back_are_forgotten() -> None:
    log = Turns((NOON + 86_400_000,), held_until=NOON + 86_400_000).recent(LIMITS, NOON)
    assert log.next(LIMITS, now=NOON, calls=1) == [NOON]


class Time:
    def __init__(self) -> None:
        self.now = 5_000

    def clock(self) -> int:
        return self.now


def test_whoever_is_not_patient_takes_nothing() -> None:
    time = Time()
    pace = LocalPace(time.clock)
    for _ in range(5):
        assert pace.take("burst", LIMITS, calls=1, patience=0) == 0
    assert pace.take("burst", LIMITS, calls=1, patience=999) == 1_000
    assert pace.used("burst", 1_000) == 5
    assert pace.take("burst", LIMITS, calls=1, patience=1_000) == 1_000
    pace.hold("burst", 3_000)
    assert pace.take("burst", LIMITS, calls=1, patience=0) == 3_000
    assert pace.take("other", LIMITS, calls=1, patience=0) == 0


def test_the_log_is_kept(store: Store) -> None:
    with store.write() as tx:
        asked = {"calls": 3, "ahead": 4, "patience": 0, "reach": 500}
        first = tx.pace.take("acme", "burst", LIMITS, now=NOON, **asked)
        assert first == [NOON] * 5, "the turns ahead would be a second later"
        refused = tx.pace.take("acme", "burst", LIMITS, now=NOON + 10, **asked)
        assert refused[0] == NOON + 1_000
    with store.read() as tx:
        assert tx.pace.used("acme", "burst", window=10_000, now=NOON) == 5
        assert tx.pace.used("other", "burst", window=10_000, now=NOON) == 0
        spent = tx.pace.spent("acme", now=NOON + 9_999)
        assert {lane: (s.used, s.most, s.window) for lane, s in spent.items()} == {
            "burst": (5, 20, 10_000)
        }
    with store.write() as tx:
        tx.pace.hold("acme", "burst", until=NOON + 4_000)
        tx.pace.hold("nobody", "burst", until=NOON)
        late = tx.pace.take(
            "acme", "burst", LIMITS, now=NOON + 2_000, **asked | {"patience": 9_000}
        )
        assert late[:3] == [NOON + 4_000] * 3


def test_workers_take_turns_together(opened: Callable[[], Store]) -> None:
    """Two processes' worth of stores, threads in each; by the database's clock."""
    limits = (Limit(40, 1_000),)
    with opened().read() as tx:
        started = tx.pace.now()
    paces = [SharedPace(opened(), "acme") for _ in range(2)]

    def worker(number: int) -> None:
        for _ in range(20):
            assert paces[number % 2].take("burst", limits, calls=1, patience=60_000) >= 0

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(worker, range(4)))
    with opened().write() as tx:
        # The log forgets what no limit looks at; a limit that looks far back shows all of it.
        log = tx.pace._locked("acme", "burst").taken
    assert len(log) >= 40
    assert most_in(list(log), 1_000) <= 40
    assert log[-1] - started >= 1_000, "80 turns do not fit into one second"
    assert log[-1] - started <= 2_500 + AHEAD * LATE, "and no more than a few were wasted"


def test_a_turn_taken_ahead_is_lost_when_it_is_late(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    monkeypatch.setattr(PaceLog, "now", lambda _: time.now)
    pace = SharedPace(store, "acme", clock=time.clock)
    limits = (Limit(10, 60_000),)

    def take() -> int:
        return pace.take("burst", limits, calls=1, patience=90_000)

    assert pace.take("burst", limits, calls=10, patience=0) == 0
    assert pace.used("burst", 60_000) == 10
    assert take() == 60_000
    time.now += 60_000
    assert take() == 0
    assert pace.used("burst", 60_000) == 2 + AHEAD, "the limit was met, so more were taken"
    time.now += LATE
    assert take() == 0
    assert pace.used("burst", 60_000) == 2 + AHEAD
    time.now += 1
    assert take() == 0
    assert pace.used("burst", 60_000) == 3 + AHEAD, "the others were lost"


def test_a_hold_reaches_the_other_workers(opened: Callable[[], Store]) -> None:
    one, other = SharedPace(opened(), "acme"), SharedPace(opened(), "acme")
    assert one.take("burst", LIMITS, calls=1, patience=0) == 0
    one.hold("burst", 10_000)
    assert 9_000 < other.take("burst", LIMITS, calls=1, patience=0) <= 10_000
    assert one.used("burst", 10_000) == other.used("burst", 10_000) == 1
