"""Our event runs a trigger as the library's own event does, which is the judge."""

import random
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transitions import Machine

from leadback.lead.machine import LeadMachine, RulesMachine, Slot, build, holds
from leadback.rules.model import SUB_STATE, Comparison, Operator, Rules
from tests.rules.sound import rules_models

pytestmark = pytest.mark.long


def slots(rules: Rules, state: str, dice: random.Random) -> tuple[Slot, Slot]:
    """The same lead twice: any counters, any sub-state, from anywhere."""
    subs: list[str | None] = [None]
    subs += [name for rule in rules.rules if (name := rule.sub_state) is not None]
    facts = {name: dice.choice((0, 1, 2, 3, 9)) for name in rules.counters}
    more = {"finished": dice.randrange(2), "stopped": dice.randrange(2)}
    came_from = dice.choice([None, *rules.states])
    seen = {**facts, **more, SUB_STATE: dice.choice(subs)}
    return Slot(state, came_from, dict(seen)), Slot(state, came_from, dict(seen))


def agree(rules: Rules, dice: random.Random) -> int:
    """Every trigger in every state; how many of them fired."""
    ours, library, fired = LeadMachine(rules), build(rules, Machine), 0
    for trigger, event in library.events.items():
        for state in event.transitions:
            one, other = slots(rules, str(state), dice)
            rule = ours.fire(trigger, one)
            assert event.trigger(other, other) == (rule is not None)
            assert (one.state, one.rule, one.reads) == (other.state, other.rule, other.reads)
            fired += rule is not None
    return fired


@given(st.randoms(use_true_random=False))
def test_the_shipped_rules_fire_as_the_library_fires_them(
    rules: LeadMachine, dice: random.Random
) -> None:
    assert agree(rules.rules, dice) > 100


@given(rules_models(), st.randoms(use_true_random=False))
def test_any_rules_fire_as_the_library_fires_them(rules: Rules, dice: random.Random) -> None:
    agree(rules, dice)


def test_a_state_without_an_arrow_stays(rules: LeadMachine) -> None:
    slot = Slot("no such state", None, {})
    assert rules.fire("email_opened", slot) is None
    assert (slot.state, slot.rule) == ("no such state", None)


def test_nothing_is_looked_up_by_name() -> None:
    machine = RulesMachine(model=None, states=["A", "B"], initial="A", auto_transitions=False)
    machine.add_transition("go", "A", "B", conditions="os.abort")
    with pytest.raises(TypeError, match="'str' object is not callable"):
        machine.events["go"].trigger(Slot("A", None, {}))


@pytest.mark.parametrize(
    ("sign", "compare"),
    [("==", eq), ("!=", ne), (">=", ge), ("<=", le), (">", gt), ("<", lt)],
)
def test_a_counter_is_compared_as_its_sign_says(
    sign: Operator, compare: Callable[[int, int], bool]
) -> None:
    for count in range(5):
        assert holds(Comparison("opens", sign, 2), count) is compare(count, 2)
    assert holds(Comparison("opens", sign, 2), None) is compare(0, 2)
