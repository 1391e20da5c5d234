"""The store against a model of dicts: whatever is done in whatever order, both say the same."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from leadback.lead.records import TimerSet
from leadback.store import Claim, Decided, Settlement, Store, open_store
from tests.databases import database_in
from tests.store.model import Effect, Model, Row
from tests.store.worlds import PORTAL, add, connect, decision, lead, new, note

pytestmark = pytest.mark.long

LEADS = st.sampled_from(["501", "502", "503"])
VERDICTS = st.sampled_from(["done", "retry", "uncertain", "failed", "unsent"])


class Machine(RuleBasedStateMachine):
    make: Callable[[], Store]

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).make()
        connect(self.store)
        self.model, self.now, self.names = Model(), 10, 0
        self.claims: list[Claim] = []

    def teardown(self) -> None:
        self.store.close()

    # ------------------------------------------------------------------ events

    @rule(lead_id=LEADS, kind=st.sampled_from(["assigned", "x", "x"]), needs=st.booleans())
    def arrives(self, lead_id: str, kind: str, needs: bool) -> None:
        self.names += 1
        name = f"{kind}-{self.names}"
        event = new(lead_id, name, kind, needs="contact" if needs else "")
        expected = self.model.add(lead_id, name, needs=needs, now=self.now)
        assert add(self.store, event, now=self.now) == [expected]

    @precondition(lambda self: self.model.known)
    @rule(data=st.data())
    def arrives_again(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.known)))
        assert add(self.store, new("501", name), now=self.now) == [False]

    @rule(by=st.integers(1, 40))
    def time_passes(self, by: int) -> None:
        self.now += by

    @rule(lease=st.integers(1, 30), fill=st.booleans())
    def facts_are_read(self, lease: int, fill: bool) -> None:
        with self.store.write() as tx:
            rows = tx.inbox.claim_lookups(PORTAL, now=self.now, lease=lease, limit=2)
            if fill:
                tx.inbox.fill_facts(PORTAL, {row.seq: {"filled": True} for row in rows})
        wanted = [r for r in self.model.waiting if r.needs and r.leased_until <= self.now]
        assert len(rows) == min(2, len(wanted))
        by_name = {r.name: r for r in self.model.waiting}
        for asked in rows:
            row = by_name[asked.event.id]
            assert row in wanted
            row.leased_until = self.now + lease
            row.needs = not fill

    @rule(
        limit=st.integers(1, 6),
        take=st.integers(0, 6),
        timer=st.sampled_from([None, None, 5, 50]),
        clears=st.booleans(),
        effects=st.integers(0, 2),
    )
    def events_are_decided(
        self, limit: int, take: int, timer: int | None, clears: bool, effects: int
    ) -> None:
        """The worker folds the first `take` of the events that it claimed."""
        wanted = self.model.claimable(self.now)[:limit]
        with self.store.write() as tx:
            lanes = tx.inbox.claim(PORTAL, now=self.now, limit=limit)
            got = sorted((r.due_at, r.seq, lane.lead_id) for lane in lanes for r in lane.events)
            assert [x[2] for x in got] == [row.lead for row in wanted]
            decided: list[Decided] = []
            left = take
            for lane in lanes:
                left -= self._fold(lane, decided, left, timer, clears, effects)
            tx.inbox.commit(PORTAL, decided, now=self.now, rules_version="v")

    def _fold(
        self,
        lane: Any,
        decided: list[Decided],
        left: int,
        timer: int | None,
        clears: bool,
        effects: int,
    ) -> int:
        known, held, count = lane.lead, lane.held, 0
        assert (known is not None) == (lane.lead_id in self.model.leads)
        cleared = False
        for row in lane.events:
            if count >= left:
                break
            count += 1
            if row.timer is not None and cleared:
                continue
            mine = next(r for r in self.model.waiting if r.name == self._name(row))
            is_lead = self.model.decide(mine, makes_lead=row.event.type == "assigned")
            if not is_lead:
                decided.append(Decided(row, None, None))
                held = True
                continue
            after = known or lead(lane.lead_id)
            after = replace(after, revision=after.revision + 1)
            ordered = self._order(lane.lead_id, effects)
            timers = self._arm(lane.lead_id, timer, clears)
            cleared = cleared or clears
            made = decision(after, *map(note, ordered), timers=timers, clears_timers=clears)
            decided.append(Decided(row, known, made))
            if known is None and held:
                break
            known = after
        return count

    def _name(self, row: Any) -> str:
        """Timers are named by when they fire: the store gives them ids of its own."""
        return f"timer-{row.event.data['number']}" if row.timer else row.event.id

    def _arm(self, lead_id: str, after: int | None, clears: bool) -> list[TimerSet]:
        if clears:
            self.model.clear_timers(lead_id)
        if after is None:
            return []
        self.names += 1
        self.model.arrivals += 1
        place = (self.now + after, self.model.arrivals)
        self.model.waiting.append(Row(lead_id, place, f"timer-{self.names}", timer="t"))
        return [TimerSet("t", self.now + after, self.names)]

    def _order(self, lead_id: str, count: int) -> list[str]:
        found = []
        for _ in range(count):
            self.names += 1
            found.append(f"effect-{self.names}")
            self.model.effects.append(Effect(found[-1], lead_id, due=self.now))
        return found

    # ------------------------------------------------------------------ effects

    @rule(lease=st.integers(1, 60))
    def effects_are_claimed(self, lease: int) -> None:
        wanted = self.model.deliverable(self.now)
        with self.store.write() as tx:
            claimed = tx.outbox.claim(PORTAL, now=self.now, lease=lease, limit=1_000)
        self.model.lease(wanted, claimed.fence, self.now + lease)
        assert [(e.reference, e.attempts, e.maybe_sent) for e in claimed.effects] == [
            (e.reference, e.attempts, e.maybe_sent) for e in wanted
        ]
        if claimed.effects:
            self.claims.append(claimed)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def a_claim_is_settled(self, data: st.DataObject) -> None:
        """In time or too late; a part of it or all."""
        claimed = data.draw(st.sampled_from(self.claims))
        some = data.draw(st.lists(st.sampled_from(claimed.effects), unique_by=lambda e: e.id))
        due = self.now + data.draw(st.integers(0, 40))
        settlements = [Settlement(e.id, data.draw(VERDICTS), due) for e in some]
        with self.store.write() as tx:
            refused = tx.outbox.settle(PORTAL, claimed.fence, settlements, now=self.now)
        by_reference = {e.reference: e for e in self.model.effects}
        expected = []
        good = []
        for effect, one in zip(some, settlements, strict=True):
            mine = by_reference[effect.reference]
            if mine.status == "leased" and mine.fence == claimed.fence:
                good.append((mine, one))
            else:
                expected.append(effect.id)
        for mine, one in good:
            self.model.settle(mine, one.verdict, due)
        for mine, one in good:
            if one.verdict in ("retry", "uncertain"):
                self.model.settle(mine, one.verdict, due)  # what it pushes back is settled by now
        assert refused == expected

    # ------------------------------------------------------------------ always

    @invariant()
    def both_say_the_same(self) -> None:
        with self.store.read() as tx:
            status = tx.queue.status(self.now)
            due = tx.inbox.due_portals(self.now)
            found = {one.lead_id: one.revision for one in tx.leads.list()}
            past = {
                lead_id: [
                    e.event_id if e.source == "mailer" else "timer"
                    for e in reversed(tx.history.of_lead(PORTAL, lead_id))
                ]
                for lead_id in found
            }
            effects = {
                row.reference: (row.status, row.attempts, row.maybe_sent)
                for lead_id in found
                for row in tx.outbox.of_lead(PORTAL, lead_id)
            }
            deliverable = tx.outbox.due_portals(self.now)
        assert found == self.model.leads
        assert past == {
            lead_id: [name.partition("-")[0] if "timer" in name else name for name in names]
            for lead_id, names in self.model.history.items()
        }
        assert effects == {
            e.reference: (e.status, e.attempts, e.maybe_sent) for e in self.model.effects
        }
        assert bool(due) == bool(self.model.claimable(self.now))
        assert bool(deliverable) == bool(self.model.deliverable(self.now))
        asked = [r for r in self.model.waiting if r.needs and r.leased_until <= self.now]
        assert status.due == len(self.model.claimable(self.now)) + len(asked)
        assert status.due + status.waiting == len(self.model.waiting)


def test_sqlite_is_the_model() -> None:
    with tempfile.TemporaryDirectory(prefix="lb-model-") as folder:
        numbers = iter(range(10**9))
        _run(lambda: open_store(database_in(Path(folder), f"{next(numbers)}.db")), examples=40)


@pytest.mark.postgres
def test_postgresql_is_the_model(emptied: Callable[[], str]) -> None:
    _run(lambda: open_store(emptied()), examples=12)


def _run(make: Callable[[], Store], *, examples: int) -> None:
    machine = type("Machine", (Machine,), {"make": staticmethod(make)})
    scale = max(1, settings().max_examples // 25)
    run(
        machine,
        settings=settings(
            max_examples=examples * scale,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
