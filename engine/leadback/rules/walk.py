"""What a rules file does to a lead, step by step: an interpreter of the model of its own.

No machine library, no clock, no effects: what proofs, diffs and doubts about the machine need.
Counters stop counting where no guard can tell the difference any more, so kinds are finite.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from leadback.rules.kinds import DELETED, GONE, HELD, TAKEN_BACK, Kind, Step, after_action
from leadback.rules.model import (
    COUNT,
    KEEP,
    OTHER,
    PREVIOUS,
    SUB_STATE,
    TEXT_ACTIONS,
    Event,
    Rule,
    Rules,
    event_of,
)
from leadback.rules.regions import Value, holds
from leadback.rules.sight import Sight


@dataclass(frozen=True, slots=True)
class _Choice:
    """A trigger as one state sees it."""

    trigger: str
    event: Event | None
    rules: tuple[Rule, ...]
    sub_states: tuple[str | None, ...]
    """What the event itself may leave as the sub-state of a move."""


_NOTHING: frozenset[str] = frozenset()


Counters = tuple[int, ...]


class Walker:
    """Takes leads from kind to kind by one file's rules.

    told_apart: triggers that matter by name; others that do the same are tried only once.
    """

    def __init__(
        self, rules: Rules, sight: Sight, *, told_apart: frozenset[str] | None = None
    ) -> None:
        self.rules = rules
        self.sight = sight
        self.names = tuple(sight.caps)
        self._index = {name: number for number, name in enumerate(self.names)}
        self._choices = {state: self._choices_in(state) for state in rules.states}
        self._tried = {
            state: tuple(self._different(found, told_apart))
            for state, found in self._choices.items()
        }
        self._done = {name: state.work.is_done for name, state in rules.states.items()}

    def start(self) -> Step:
        """The step that makes a contact a lead."""
        rule = self.rules.start
        zero = (0,) * len(self.names)
        kind = Kind(str(rule.to), None, None, zero, False, False, HELD)
        ordered = {action.kind for action in rule.actions}
        for after, _ in self._act(rule, kind, ordered):
            kind = after
        return Step(None, self.rules.start_event, rule, kind, frozenset(ordered))

    def triggers(self, state: str) -> tuple[str, ...]:
        return tuple(self._choices[state])

    def steps(self, kind: Kind) -> Iterator[Step]:
        """Everything that can happen to this kind of lead next."""
        if kind.ended == GONE:
            return
        for choice in self._tried[kind.state]:
            yield from self._take(kind, choice)

    def step(self, kind: Kind, trigger: str, *, value: str | None = None) -> Step:
        """What this trigger does. value: what chose the variant, and may stay as sub-state."""
        choice = self._choices[kind.state].get(trigger)
        if choice is None or kind.ended == GONE:
            return Step(kind, trigger, None, kind)
        keeps = choice.event is not None and choice.event.keeps_sub_state
        subs = (value if keeps else None,)
        exact = _Choice(choice.trigger, choice.event, choice.rules, subs)
        return next(self._take(kind, exact))

    def outcomes(self, kind: Kind, trigger: str) -> Iterator[Step]:
        """Everything that this trigger can do, whatever its data say."""
        choice = self._choices[kind.state].get(trigger)
        if choice is not None and kind.ended != GONE:
            yield from self._take(kind, choice)

    def facts(self, kind: Kind) -> dict[str, Value]:
        """The values that guards ask for."""
        return self._facts(kind, kind.counters)

    def _facts(self, kind: Kind, counters: tuple[int, ...]) -> dict[str, Value]:
        return {
            **dict(zip(self.names, counters, strict=True)),
            "finished": int(kind.done or kind.ended != HELD),
            "stopped": int(kind.stopped),
            SUB_STATE: kind.sub_state,
        }

    def _choices_in(self, state: str) -> dict[str, _Choice]:
        found: dict[str, list[Rule]] = {}
        variants: dict[str, set[str]] = {}
        for rule in self.rules.rules:
            kind, _, variant = rule.trigger.partition(".")
            variants.setdefault(kind, set()).add(variant)
            rows = found.setdefault(rule.trigger, [])
            if state in rule.sources:
                rows.append(rule)
        choices = {}
        for trigger, rows in found.items():
            name, _, variant = trigger.partition(".")
            event = event_of(self.rules.events, trigger)
            if event is None and not rows:
                continue  # a timer that does not run in this state
            subs = self._event_subs(event, variant, variants[name])
            choices[trigger] = _Choice(trigger, event, tuple(rows), subs)
        for other in self.rules.events.values():
            if other.name not in variants:
                choices[other.name] = _Choice(other.name, other, (), (None,))
        return choices

    def _different(
        self, choices: Mapping[str, "_Choice"], told_apart: frozenset[str] | None
    ) -> Iterable["_Choice"]:
        """One of each that does something; all of them when every trigger is told apart."""
        if told_apart is None:
            return choices.values()
        found: dict[object, _Choice] = {}
        for trigger, choice in choices.items():
            does = self._does(choice)
            if does is not None:
                revives = self._revives(choice)
                name = trigger if trigger in told_apart else ""
                found.setdefault((name, revives, does), choice)
        return found.values()

    def _does(self, choice: "_Choice") -> object | None:
        """What can come of it, as something to compare; None when nothing ever can."""
        event = choice.event
        counting = (event.counts, *event.resets) if event is not None else ()
        tracked = tuple(name if name in self._index else None for name in counting)
        rows = []
        for rule in choice.rules:
            kinds = tuple((action.kind, action.counter) for action in rule.actions)
            rows.append((rule.to, rule.guard, rule.sub_state, rule.done, kinds))
            if not rule.guard and rule.to != PREVIOUS:
                break  # nothing after it is ever tried
        if not any(tracked) and not any(row[0] or row[4] for row in rows):
            return None
        return (tracked, tuple(rows), choice.sub_states)

    def _event_subs(
        self, event: Event | None, variant: str, variants: set[str]
    ) -> tuple[str | None, ...]:
        if event is None or not event.keeps_sub_state:
            return (None,)
        if variant != OTHER:
            return (variant,)
        return (None, *sorted(self.sight.sub_states - variants))

    def _take(self, kind: Kind, choice: _Choice) -> Iterator[Step]:
        event = choice.event
        if kind.ended == DELETED and not self._revives(choice):
            yield Step(kind, choice.trigger, None, kind)
            return
        for counters in self._count(kind.counters, event):
            yield from self._decide(kind, choice, counters)

    def _decide(self, kind: Kind, choice: _Choice, counters: Counters) -> Iterator[Step]:
        rule = self._first(kind, counters, choice.rules)
        counted = kind if counters is kind.counters else kind._replace(counters=counters)
        if rule is None:
            yield Step(kind, choice.trigger, None, counted)
            return
        moving = rule.to is not None
        own = (KEEP,) if rule.sub_state == KEEP or rule.to == PREVIOUS else (rule.sub_state,)
        subs = choice.sub_states if moving and rule.sub_state is None and own != (KEEP,) else own
        if len(subs) > 1 and rule.to not in self.sight.reading and not self.sight.unlimited:
            subs = (None,)
        for sub in subs:
            ordered: set[str] = set()
            moved = self._move(counted, rule, sub) if moving else counted
            for after, again in self._act(rule, moved, ordered):
                orders = self._orders(kind, after, ordered, again)
                yield Step(kind, choice.trigger, rule, after, orders)

    def _revives(self, choice: _Choice) -> bool:
        event = choice.event
        if event is None:
            return False
        return event.contact in ("erased", "restored") or event.name == self.rules.start_event

    def _orders(self, before: Kind, after: Kind, ordered: set[str], again: bool) -> frozenset[str]:
        if after.ended in (DELETED, GONE):
            return frozenset()
        if not ordered and not again and (before.done or not after.done):
            return _NOTHING
        if again or (after.done and not before.done and before.ended in (HELD, TAKEN_BACK)):
            return frozenset(ordered | {"handback"})
        return frozenset(ordered)

    def _count(self, counters: Counters, event: Event | None) -> tuple[Counters, ...]:
        if event is None or not (event.counts or event.resets):
            return (counters,)
        for name in event.resets:
            if name in self._index:
                index = self._index[name]
                counters = (*counters[:index], 0, *counters[index + 1 :])
        return self._add(counters, event.counts)

    def _add(self, counters: Counters, name: str | None) -> tuple[Counters, ...]:
        index = self._index.get(name or "")
        if index is None:
            return (counters,)
        values = self.sight.counted(self.names[index], counters[index])
        return tuple((*counters[:index], value, *counters[index + 1 :]) for value in values)

    def _first(self, kind: Kind, counters: tuple[int, ...], rules: tuple[Rule, ...]) -> Rule | None:
        facts: dict[str, Value] | None = None
        for rule in rules:
            if rule.guard:
                facts = facts or self._facts(kind, counters)
                if not all(holds(part, facts.get(part.fact, 0)) for part in rule.guard):
                    continue
            if rule.to == PREVIOUS and (
                kind.back is None or kind.back[0] == kind.state or kind.back[0] not in self._done
            ):
                continue
            return rule
        return None

    def _move(self, kind: Kind, rule: Rule, sub_state: str | None) -> Kind:
        goal = str(rule.to)
        sub = sub_state
        if rule.sub_state == KEEP:
            sub = kind.sub_state
        elif goal == PREVIOUS and kind.back is not None:
            sub = kind.back[1]
        if goal == PREVIOUS and kind.back is not None:
            goal = kind.back[0]
        back = kind.back
        if goal != kind.state:
            known = self.sight.unlimited or goal in self.sight.backs
            back = (kind.state, kind.sub_state) if known else None
        sub = self.sight.sub(sub, goal)
        done = rule.done or self._done[goal]
        return Kind(goal, sub, back, kind.counters, done, kind.stopped, kind.ended)

    def _act(self, rule: Rule, kind: Kind, ordered: set[str]) -> Iterator[tuple[Kind, bool]]:
        """The kind after the rule's actions; two of them when it depends on another contact."""
        if not rule.actions:
            yield kind, False
            return
        kinds = [kind]
        for action in rule.actions:
            if action.kind in TEXT_ACTIONS:
                ordered.add(action.kind)
            elif action.kind == COUNT:
                kinds = [
                    one._replace(counters=counters)
                    for one in kinds
                    for counters in self._add(one.counters, action.counter)
                ]
            elif action.kind in ("stop", "resume"):
                if self.sight.stopped or self.sight.unlimited:
                    kinds = [one._replace(stopped=action.kind == "stop") for one in kinds]
            else:
                kinds = [after_action(one, action.kind) for one in kinds]
        actions = [action.kind for action in rule.actions]
        for one in kinds:
            yield one, "handback" in actions
            if "follow_merge" in actions:
                yield one._replace(ended=GONE), False
