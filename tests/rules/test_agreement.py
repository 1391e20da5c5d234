"""The machine and an interpreter of its own agree on any life, by the shipped rules and by any."""

import random
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Decision, Ended, Event, Lead
from leadback.rules.kinds import DELETED, GONE, HELD, TAKEN_BACK, Kind, Step
from leadback.rules.loader import load
from leadback.rules.model import OTHER, Rules
from leadback.rules.sight import Sight
from leadback.rules.walk import Walker
from tests.rules.sound import rules_models

pytestmark = pytest.mark.long

NOW = 1_700_000_000_000
CONTACT = {"portal": "p", "crm_id": "1", "into": "2"}
ENDED = {
    None: HELD, Ended.TAKEN_BACK: TAKEN_BACK, Ended.DELETED: DELETED,
    Ended.MERGED: GONE, Ended.ERASED: GONE,
}  # fmt: skip


@cache
def shipped() -> Rules:
    return load(Path("rules/lead_states.yaml"))


def everything(rules: Rules) -> Sight:
    """Nothing left out: counters count on, every sub-state is told apart."""
    everywhere = frozenset(rules.states)
    return Sight(dict.fromkeys(rules.counters, 0), frozenset(), everywhere, everywhere, True, True)


def event(rules: Rules, trigger: str, number: int) -> tuple[Event, str | None]:
    """An event that pulls this trigger, and the value that chose its variant."""
    name, _, variant = trigger.partition(".")
    data: dict[str, object] = dict(CONTACT)
    value = None
    kind = rules.events.get(name)
    if kind is not None and kind.by is not None:
        value = "Unheard" if variant == OTHER else variant
        data[kind.by] = value
    type_ = trigger if name == "timer" else name
    return Event(type_, NOW, "test", str(number), data), value


def seen(rules: Rules, lead: Lead) -> Kind:
    counters = tuple(lead.counters.get(name, 0) for name in rules.counters)
    back = lead.came_from
    return Kind(
        lead.state, lead.sub_state, back, counters, lead.done, lead.stopped, ENDED[lead.ended]
    )


def ordered(decision: Decision) -> frozenset[str]:
    kinds = {effect.kind.value for effect in decision.effects}
    return frozenset(kinds & {"handback", "note", "task"})


def agree(rules: Rules, machine: LeadMachine, walker: Walker, triggers: list[str]) -> None:
    """Both live the same life, event by event; a refused event touches neither."""
    first = decide(machine, None, event(rules, rules.start_event, 0)[0], NOW)
    assert first is not None
    lead, step = first.lead, walker.start()
    check(rules, first, step, [])
    for number, trigger in enumerate(triggers):
        made, value = event(rules, trigger, number + 1)
        try:
            decision = decide(machine, lead, made, NOW)
        except ValueError:  # a variant that can only be refused never comes in
            continue
        assert decision is not None
        step = walker.step(step.after, trigger, value=value)
        check(rules, decision, step, triggers[: number + 1])
        lead = decision.lead


def check(rules: Rules, decision: Decision, step: Step, path: list[str]) -> None:
    assert seen(rules, decision.lead) == step.after, path
    assert ordered(decision) == step.ordered, path
    if step.before is not None and step.rule is not None:
        assert (decision.rule, decision.rule_at) == (step.rule.name, str(step.rule.at)), path
        assert (decision.result == "refused") == (step.rule.refuse is not None), path
        assert (decision.result == "moved") == (step.rule.to is not None), path


def lives(rules: Rules, seed: int, count: int, length: int) -> None:
    chance = random.Random(seed)
    machine, walker = LeadMachine(rules), Walker(rules, everything(rules))
    triggers = [rule.trigger for rule in rules.rules]
    for _ in range(count):
        agree(rules, machine, walker, chance.choices(triggers, k=chance.randint(1, length)))


def test_ten_thousand_lives_by_the_shipped_rules() -> None:
    lives(shipped(), seed=20261123, count=10_000, length=10)


@given(rules_models(), st.integers(0, 2**32))
def test_lives_by_any_rules(model: Rules, seed: int) -> None:
    lives(model, seed, count=60, length=20)


@pytest.mark.slow
@settings(max_examples=6)
@given(rules_models(), st.integers(0, 2**32))
def test_ten_thousand_lives_by_any_rules(model: Rules, seed: int) -> None:
    lives(model, seed, count=10_000, length=10)
