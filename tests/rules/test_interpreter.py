"""The engine decides as the pages say: against an interpreter that was written from them alone."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine, UnknownTriggerError
from leadback.lead.records import Decision, Ended, Event, Lead
from leadback.rules.dump import dump
from leadback.rules.loader import load, parse
from leadback.rules.model import Rules
from tests.lead.lives import SHIPPED
from tests.rules.interpreter import GONE, UNITS, Book, Life
from tests.rules.sound import rules_models

pytestmark = pytest.mark.long

NOW = 1_800_000_000_000
CONTACT = {"portal": "acme", "crm_id": "501"}
HOLDERS = {None: "assistant", Ended.TAKEN_BACK: "person"}
SHOWN = ("handback", "note", "task", "email")
DATES = ("2027-01-20", "2027-03-01T12:00:00+02:00", "soon", "2020-01-01")


class Twins:
    """One lead, once by the engine and once by the interpreter."""

    def __init__(self, machine: LeadMachine, book: Book, chance: random.Random) -> None:
        self.machine, self.book, self.chance = machine, book, chance
        self.now, self.number, self.path = NOW, 0, [machine.rules.start_event]
        self.life = Life(book)
        self.life.begin({}, self.now)
        self.timers: dict[str, tuple[int, int]] = {}
        self.lead: Lead | None = None
        self._decided(self._event(machine.rules.start_event, self.now, dict(CONTACT)))

    def _event(self, kind: str, at: int, data: dict[str, Any]) -> Event:
        self.number += 1
        return Event(kind, at, "test", str(self.number), data)

    def go_on(self) -> None:
        """Something happens, or time passes until a timer is due, or long after."""
        self.now += self.chance.choice((0, 1_000, 3_600_000))
        overdue = [name for name, (due, _) in self.timers.items() if due <= self.now]
        if overdue or (self.timers and self.chance.random() < 0.3):
            self._fire(min(self.timers, key=lambda name: (self.timers[name], name)))
        else:
            self._happen(self.chance.choice(list(self.machine.rules.events)))

    def _fire(self, name: str) -> None:
        due, number = self.timers.pop(name)
        self.now = max(self.now, due + self.chance.choice((0, 60_000, 3_600_000, 9 * UNITS["d"])))
        self.path.append(f"timer {name} at {due}, {self.now - due} late")
        self.life.fires(name, self.now)
        self._decided(self._event(f"timer.{name}", due, {"number": number}))

    def _happen(self, kind: str) -> None:
        data: dict[str, Any] = {**CONTACT, "into": "502"}
        if self.chance.random() < 0.3:
            data["winner_is_lead"] = True
        for timer in self.book.timers.values():
            if "at" in timer and self.chance.random() < 0.5:
                data[timer["at"]] = self.chance.choice(DATES)
        by = self.book.events[kind].get("by")
        if by is not None:
            values = [t.partition(".")[2] for t in self.book.rows if t.startswith(f"{kind}.")]
            data[by] = self.chance.choice([*values, "Unheard", "other"])
        self.path.append(f"{kind} {data}")
        if self.book.trigger(kind, data) is None:
            with pytest.raises(UnknownTriggerError):
                self.machine.trigger_for(kind, data)
            return
        self.life.happens(kind, data, self.now)
        self._decided(self._event(kind, self.now, data))

    def _decided(self, event: Event) -> None:
        decision = decide(self.machine, self.lead, event, self.now)
        assert decision is not None
        if decision.clears_timers:
            self.timers.clear()
        self.timers.update({t.name: (t.due, t.number) for t in decision.timers})
        self.lead = decision.lead
        assert engine_says(decision, self.timers) == pages_say(self.life), self.path


def engine_says(decision: Decision, timers: dict[str, tuple[int, int]]) -> object:
    lead = decision.lead
    return (
        lead.state, lead.sub_state, lead.came_from, +Counter(lead.counters), lead.done,
        lead.stopped, lead.finished, HOLDERS.get(lead.ended, lead.ended and lead.ended.value),
        decision.result, Counter(e.kind.value for e in decision.effects if e.kind.value in SHOWN),
        timers,
    )  # fmt: skip


def pages_say(life: Life) -> object:
    return (
        life.state, life.sub_state, life.before, +life.counters, life.done,
        life.stopped, life.finished, life.holder,
        life.result, life.orders, life.timers,
    )  # fmt: skip


def lives(rules: Rules, text: str, *, seed: int, count: int, length: int) -> None:
    chance = random.Random(seed)
    machine, book = LeadMachine(rules), Book(text)
    for _ in range(count):
        twins = Twins(machine, book, chance)
        for _ in range(chance.randint(1, length)):
            twins.go_on()
            if twins.life.holder in GONE and chance.random() < 0.5:
                break


def test_the_shipped_rules_decide_as_the_pages_say() -> None:
    lives(load(SHIPPED), SHIPPED.read_text(), seed=20261124, count=5_000, length=25)


FILES = settings.default.max_examples


@settings(max_examples=FILES)
@given(rules_models(), st.integers(0, 2**32))
def test_any_sound_rules_decide_as_the_pages_say(model: Rules, seed: int) -> None:
    """10,000 lives in all, by as many files as the profile makes."""
    text = dump(model)
    rules, _ = parse(text, file="f")
    assert rules is not None
    lives(rules, text, seed=seed, count=-(-10_000 // FILES), length=20)
