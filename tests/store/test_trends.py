"""Levels and calls over time, against an independent count of the history, on both databases."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from leadback.base.clock import DAY, HOUR, MINUTE
from leadback.base.pace import Limit
from leadback.store import Store, trends
from leadback.store.trends import EVERY
from leadback.work.trends import sample
from tests.store.worlds import PORTAL, connect, make_lead, order

BEGAN = 1_800_000_000_000 - 1_800_000_000_000 % DAY
STATES = ("Cold", "Warm", "Hot")


@pytest.fixture(autouse=True)
def _world(store: Store) -> None:
    connect(store, PORTAL, "zeta")


def live(store: Store, *, first: int, last: int, seed: int) -> None:
    """Leads come and move at any instants between two."""
    dice = random.Random(seed)
    leads: list[Any] = []
    for number, now in enumerate(sorted(dice.randrange(first, last) for _ in range(60))):
        if not leads or dice.random() < 0.3:
            name = f"{seed}-{number}"
            leads.append(make_lead(store, name, now=now, state="Cold", updated_at=now))
        else:
            which = dice.randrange(len(leads))
            state = dice.choice(STATES)
            leads[which] = order(store, leads[which], now=now, state=state, updated_at=now)


def counted(store: Store, at: int) -> dict[str, int]:
    """Leads by state at an instant, from every lead's own history."""
    found: Counter[str] = Counter()
    with store.read() as tx:
        for lead in tx.leads.list(limit=10_000):
            before = tx.history.of_lead(lead.portal, lead.lead_id, limit=1_000)
            past = [one for one in before if one.at < at]
            if past:
                found[past[0].to_state] += 1
    return dict(found)


def levels(store: Store, *, step: int = EVERY) -> dict[int, dict[str, int]]:
    with store.read() as tx:
        return tx.trends.levels(since=0, step=step)


def test_the_first_sample_takes_everything_back_from_the_history(store: Store) -> None:
    live(store, first=BEGAN, last=BEGAN + 5 * HOUR, seed=1)
    now = BEGAN + 5 * HOUR + 7 * MINUTE
    assert sample(store, now) == 2
    found = levels(store)
    assert len(found) > 20
    assert found == {at: counted(store, at) for at in found}
    assert max(found) == BEGAN + 5 * HOUR
    assert sample(store, now) == 1  # zeta has nothing to keep, and is looked at again
    assert levels(store) == found


def test_a_portal_that_cannot_be_sampled_keeps_no_other_from_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(store, first=BEGAN, last=BEGAN + HOUR, seed=1)
    with store.read() as tx:
        first = tx.trends.portals()[0]
    real = trends.Trends.keep

    def fails(self: trends.Trends, samples: Sequence[trends.Sample]) -> None:
        if {one.portal for one in samples} & {first}:
            raise RuntimeError("planted")
        real(self, samples)

    monkeypatch.setattr(trends.Trends, "keep", fails)
    assert sample(store, BEGAN + HOUR) == 1
    with store.read() as tx:
        assert {one.portal for one in tx.trends.take(BEGAN + HOUR)} >= {first}
    monkeypatch.undo()
    assert sample(store, BEGAN + HOUR) >= 1


def test_after_downtime_every_missed_instant_is_right(store: Store) -> None:
    live(store, first=BEGAN, last=BEGAN + HOUR, seed=1)
    sample(store, BEGAN + HOUR)
    live(store, first=BEGAN + HOUR, last=BEGAN + 2 * HOUR, seed=2)  # and nobody takes samples
    live(store, first=BEGAN + 6 * HOUR, last=BEGAN + 7 * HOUR, seed=3)
    sample(store, BEGAN + 7 * HOUR + 1)
    found = levels(store)
    assert [at for at in found if at > BEGAN + HOUR] == [
        BEGAN + HOUR + n * EVERY for n in range(1, 37)
    ]
    assert found == {at: counted(store, at) for at in found}


def test_what_is_too_much_to_take_back_keeps_the_sample_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(store, first=BEGAN, last=BEGAN + HOUR, seed=1)
    sample(store, BEGAN + HOUR)
    before = levels(store)[BEGAN + HOUR]
    live(store, first=BEGAN + 2 * HOUR, last=BEGAN + 4 * HOUR, seed=2)
    monkeypatch.setattr(trends, "BACK", 15)
    now = BEGAN + 4 * HOUR
    sample(store, now)
    found = {at: states for at, states in levels(store).items() if at > BEGAN + HOUR}
    assert len(found) == 3 * HOUR // EVERY
    with store.read() as tx:
        decided = sorted(
            (one.at for lead in tx.leads.list(limit=99)
             for one in tx.history.of_lead(lead.portal, lead.lead_id, limit=99)),
            reverse=True,
        )  # fmt: skip
    known = [at for at in found if at >= decided[14]]
    assert 0 < len(known) < len(found)
    assert all(found[at] == counted(store, at) for at in known)
    assert all(found[at] == before for at in found if at < decided[14])


def test_two_workers_keep_one_sample_and_old_ones_are_thinned_out(store: Store) -> None:
    live(store, first=BEGAN, last=BEGAN + HOUR, seed=1)
    with store.read() as tx:
        taken = tx.trends.take(BEGAN + HOUR)
    for _ in range(2):
        with store.write() as tx:
            tx.trends.keep(taken)
    fine = levels(store)
    later = BEGAN + 3 * DAY
    sample(store, later)
    kept = levels(store)
    assert kept[BEGAN + HOUR] == fine[BEGAN + HOUR]
    assert [at for at in kept if at <= BEGAN + HOUR] == [BEGAN + HOUR]
    assert levels(store, step=HOUR) == {at: n for at, n in kept.items() if at % HOUR == 0}
    sample(store, later + 500 * DAY)
    assert min(levels(store)) >= later + 500 * DAY - trends.KEPT


def test_calls_are_summed_over_time(store: Store) -> None:
    limits = [Limit(100, 10_000)]

    def take(calls: int) -> None:
        with store.write() as tx:
            tx.pace.take(
                PORTAL, "burst", limits, now=BEGAN, calls=calls, ahead=0, patience=9**9, reach=0
            )
            tx.pace.hold(PORTAL, "burst", until=0)

    make_lead(store, "501", now=BEGAN)
    for at, calls in ((0, 30), (EVERY, 12), (2 * EVERY, 0)):
        if calls:
            take(calls)
        sample(store, BEGAN + at)
    with store.read() as tx:
        found = tx.trends.calls(since=BEGAN, step=EVERY)
    assert list(found) == [(PORTAL, "burst")]
    assert [(one.at - BEGAN, one.calls) for one in found[PORTAL, "burst"]] == [
        (0, 30), (EVERY, 42), (2 * EVERY, 42),
    ]  # fmt: skip
    assert {(one.most, one.span) for one in found[PORTAL, "burst"]} == {(100, 10_000)}
