"""Rules → a running state machine. The only importer of `transitions`: the file to distrust.

One machine per rules version; it is triggered on a throw-away slot. Its conditions are the guards,
its callbacks only note down which rule fired: all of them are callables, and none does I/O, as a
decision has to be one that could be replayed on paper. `RulesEvent` runs a trigger; a test compares
it with the library's own event.
"""

from collections.abc import Callable, Mapping
from typing import Any

from transitions import Event as TransitionsEvent
from transitions import Machine as TransitionsMachine

from leadback.lead.records import Data, Lead
from leadback.lead.records import Event as LeadEvent
from leadback.lead.variants import Variants
from leadback.rules.model import (
    OTHER,
    PREVIOUS,
    SUB_STATE,
    Comparison,
    ContactFact,
    Event,
    Rule,
    Rules,
    Timer,
)

Fact = int | str | None
TIMER_PREFIX = "timer."


class Slot:
    """What one trigger sees and leaves behind: the lead's facts in, the rule that fired out."""

    __slots__ = ("came_from", "facts", "reads", "rule", "state")

    def __init__(self, state: str, came_from: str | None, facts: Mapping[str, Fact]) -> None:
        self.state = state
        self.came_from = came_from
        self.facts = facts
        self.reads: dict[str, Fact] = {}
        self.rule: Rule | None = None


class UnknownTriggerError(ValueError):
    """The rules have no event of this name, or none of its variants fits the event's data."""


class LeadMachine:
    """A rules file made ready to decide with. Safe to share between threads: it keeps no state."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.version = rules.version
        self._candidates: dict[tuple[str, str], tuple[Rule, ...]] = {}
        for rule in rules.rules:
            for state in rule.sources:
                key = (rule.trigger, state)
                self._candidates[key] = (*self._candidates.get(key, ()), rule)
        self.variants = Variants(rules)
        self.timers_in: dict[str, tuple[Timer, ...]] = {
            state: tuple(t for t in rules.timers.values() if state in t.states)
            for state in rules.states
        }
        self.tells: Mapping[ContactFact, str] = {
            event.contact: event.name for event in rules.events.values() if event.contact
        }
        """The event by which each fact about a contact is told, where the rules have one."""
        self._required = _required(rules)
        self._always_refused = {r.trigger for r in rules.rules} - {
            r.trigger for r in rules.rules if r.refuse is None
        }
        self._events = build(rules).events
        self._asking = {
            (trigger, str(state))
            for trigger, event in self._events.items()
            for state, tried in event.transitions.items()
            if any(transition.conditions for transition in tried)
        }

    def trigger_for(self, event_type: str, data: Data) -> str:
        """The trigger an event pulls: its type, or `type.variant` by its data.

        Raises UnknownTriggerError, whose text says what would have been known.
        """
        if event_type.startswith(TIMER_PREFIX):
            if event_type[len(TIMER_PREFIX) :] in self.rules.timers:
                return event_type
            raise UnknownTriggerError(f"the rules have no timer {event_type!r}")
        event = self.rules.events.get(event_type)
        if event is None:
            raise UnknownTriggerError(f"unknown event type {event_type!r}")
        if event.by is None:
            return event_type
        variants = self.variants.of(event_type)
        value = data.get(event.by)
        if isinstance(value, str):
            if value in variants and value != OTHER:
                return f"{event_type}.{value}"
            meant = self.variants.meant(event_type, value)
            if meant is not None:
                return f"{event_type}.{meant}"
        other = f"{event_type}.{OTHER}"
        if OTHER in variants and other not in self._always_refused:
            return other
        known = ", ".join(variant for variant in variants if variant != OTHER)
        raise UnknownTriggerError(f"{event_type} has {event.by} {value!r}; known are {known}")

    def required_data(self, trigger: str) -> tuple[str, ...]:
        """The data fields without which an event with this trigger means nothing."""
        return self._required.get(trigger, ())

    def event(self, event_type: str) -> Event | None:
        """The event's line in the rules; None for timers."""
        return self.rules.events.get(event_type)

    def tells_of(self, event: LeadEvent, fact: ContactFact) -> bool:
        """Whether the event is the one by which this fact about the contact is told."""
        return self.tells.get(fact) == event.type

    def fire(self, trigger: str, slot: Slot) -> Rule | None:
        """Pull a trigger: slot.state moves; the rule that fired comes back, None = none fits."""
        event = self._events.get(trigger)
        return slot.rule if event is not None and event.trigger(slot) else None

    def asks(self, trigger: str, state: str) -> bool:
        """Whether any rule that this trigger tries in this state looks at facts of the lead."""
        return (trigger, state) in self._asking

    def candidates(self, trigger: str, state: str) -> tuple[Rule, ...]:
        """The rules that this trigger tries in this state, in order: for `why not`."""
        return self._candidates.get((trigger, state), ())


def facts_of(lead: Lead, counters: Mapping[str, int]) -> dict[str, Fact]:
    """The values that guards may ask for."""
    return {
        **counters,
        "finished": int(lead.finished),
        "stopped": int(lead.stopped),
        SUB_STATE: lead.sub_state,
    }


def holds(comparison: Comparison, value: Fact) -> bool:
    """One comparison against one value. A counter that was never counted is 0."""
    return _OPERATORS[comparison.op](_plain(value, comparison), comparison.value)


def _plain(value: Fact, comparison: Comparison) -> Fact:
    return 0 if value is None and comparison.fact != SUB_STATE else value


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


def _required(rules: Rules) -> dict[str, tuple[str, ...]]:
    required: dict[str, tuple[str, ...]] = {
        rule.trigger: ("into",)
        for rule in rules.rules
        if any(action.kind == "follow_merge" for action in rule.actions)
    }
    required[rules.start_event] = ("assistant",)
    return required


class RulesEvent(TransitionsEvent):
    """A trigger that tries its transitions in the library's order, on the slot itself.

    The library's own event would also queue, enter and leave states, walk five empty lists of
    callbacks and write six lines for a debugger: half of what a decision cost. Callbacks that are
    names, which the library would import, raise TypeError.
    """

    def trigger(self, model: Any, *args: Any, **kwargs: Any) -> bool:
        for transition in self.transitions.get(model.state, ()):
            for condition in transition.conditions:
                if not condition.func(model):  # type: ignore[operator]  # or a name: see above
                    break
            else:
                if transition.dest is not None:
                    model.state = transition.dest
                for note in transition.after:
                    note(model)  # type: ignore[operator]
                return True
        return False


class RulesMachine(TransitionsMachine):
    event_cls = RulesEvent


def build(rules: Rules, machine_cls: type[TransitionsMachine] = RulesMachine) -> TransitionsMachine:
    """The rules as the library knows them; its callbacks get the slot."""
    machine = machine_cls(
        model=None,
        states=list(rules.states),
        initial=rules.start.to,
        auto_transitions=False,
        send_event=False,
    )
    for rule in rules.rules:
        guard = [_condition(c) for c in rule.guard]
        after = _collect(rule)
        for source in rule.sources:
            for dest, came_from in _destinations(rules, rule, source):
                machine.add_transition(
                    rule.trigger,
                    source,
                    dest,
                    conditions=[*guard, *came_from],
                    after=after,
                )
    return machine


def _destinations(
    rules: Rules, rule: Rule, source: str
) -> list[tuple[str | None, list[Callable[[Slot], bool]]]]:
    """`previous` is one arrow per state that the lead can have come from."""
    if rule.to != PREVIOUS:
        return [(rule.to, [])]
    return [(state, [_came_from(state)]) for state in rules.states if state != source]


def _condition(comparison: Comparison) -> Callable[[Slot], bool]:
    fact, wanted = comparison.fact, comparison.value
    compare = _OPERATORS[comparison.op]

    def check(slot: Slot) -> bool:
        value = _plain(slot.facts.get(fact), comparison)
        slot.reads[fact] = value
        return compare(value, wanted)

    return check


def _came_from(state: str) -> Callable[[Slot], bool]:
    def check(slot: Slot) -> bool:
        slot.reads["came_from"] = slot.came_from
        return slot.came_from == state

    return check


def _collect(rule: Rule) -> Callable[[Slot], None]:
    def note(slot: Slot) -> None:
        slot.rule = rule

    return note
