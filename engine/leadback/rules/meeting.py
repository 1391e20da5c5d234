"""Does any lead ever meet a difference between two rules files, and does it then fare differently?

Both files are walked from the start; a region that neither reaches, or where both come to the same
in the end, is no difference to anyone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from leadback.rules.decides import Deciding
from leadback.rules.explore import MOST_STEPS, all_kinds
from leadback.rules.kinds import Kind, Step
from leadback.rules.model import KEEP, OTHER, Rules, event_of
from leadback.rules.regions import CAME_FROM, ELSE, Box, Value
from leadback.rules.sight import Sight
from leadback.rules.walk import Walker


def in_box(box: Box, domain: Box, facts: Mapping[str, Value]) -> bool:
    """Whether a lead with these facts is in the box; where it came from is not asked."""
    return all(
        _kind_of(facts.get(fact, 0), domain[fact]) in values
        for fact, values in box.items()
        if fact != CAME_FROM
    )


def _kind_of(value: Value, domain: tuple[Value, ...]) -> Value:
    """The representative in the domain that stands for a value."""
    if value in domain:
        return value
    if isinstance(value, int):
        return max((one for one in domain if isinstance(one, int) and one <= value), default=None)
    return ELSE if ELSE in domain else next((one for one in domain if one is not None), None)


class Meeting:
    """Two files, and every kind of lead that either of them makes."""

    def __init__(self, old: Deciding, new: Deciding) -> None:
        sight = finest(old.rules, new.rules)
        self._deciding = (old, new)
        self._events = {**old.rules.events, **new.rules.events}
        self._walkers = tuple(Walker(one.rules, sight) for one in self._deciding)
        self._found: dict[str, dict[Kind, dict[str, Value]]] = {}
        self._complete = True
        for one in self._deciding:
            walker = Walker(one.rules, sight, told_apart=frozenset())
            explored = all_kinds(walker, most_steps=4 * MOST_STEPS)
            self._complete = self._complete and explored.complete
            for kind in explored.came_by:
                self._found.setdefault(kind.state, {})[kind] = walker.facts(kind)

    def tells_apart(self, state: str, trigger: str, box: Box, domain: Box) -> bool:
        """Whether a lead of this state and box fares differently. True when in doubt."""
        if not self._complete:
            return True
        found = self._found.get(state, {})
        return any(
            self._is_in(kind, facts, trigger, box, domain) and self._differs(kind, trigger)
            for kind, facts in found.items()
        )

    def _is_in(
        self, kind: Kind, facts: Mapping[str, Value], trigger: str, box: Box, domain: Box
    ) -> bool:
        event = event_of(self._events, trigger)
        counted = dict(facts)
        for name in event.resets if event else ():
            counted[name] = 0
        if event is not None and event.counts is not None:
            value = counted.get(event.counts, 0)
            counted[event.counts] = (value if isinstance(value, int) else 0) + 1
        if CAME_FROM in box and int(kind.back is not None) not in box[CAME_FROM]:
            return False
        return in_box(box, domain, counted)

    def _differs(self, kind: Kind, trigger: str) -> bool:
        one, two = (
            {_visible(step, walker) for step in walker.outcomes(kind, known.trigger_of(trigger))}
            for walker, known in zip(self._walkers, self._deciding, strict=True)
        )
        return one != two


def finest(*several: Rules) -> Sight:
    """Enough to tell apart all that anyone could see of a lead."""
    names = {name for one in several for name in _sub_states(one)}
    states = frozenset(state for one in several for state in one.states)
    sight = Sight.of(*several)
    return replace(sight, sub_states=sight.sub_states | names, reading=states, stopped=True)


def _sub_states(rules: Rules) -> Iterator[str]:
    """All that a lead can have; ELSE stands for what an event brings and no rule names."""
    for state in rules.states.values():
        yield from state.sub_states or ()
    for rule in rules.rules:
        name, _, value = rule.trigger.partition(".")
        event = rules.events.get(name)
        if event is not None and event.keeps_sub_state:
            yield ELSE if value == OTHER else value
        if rule.sub_state not in (None, KEEP):
            yield rule.sub_state


def _visible(step: Step, walker: Walker) -> object:
    """What anyone could see of a step: the lead after it, what was ordered, and timers anew."""
    rule = step.rule
    texts = tuple(action.text for action in rule.actions if action.text) if rule else ()
    refused = rule is not None and rule.refuse is not None
    moved = rule is not None and rule.to is not None
    anew = moved and runs_timers(walker.rules, step.after.state)
    return (step.after, step.ordered, texts, refused, anew)


def runs_timers(rules: Rules, state: str) -> bool:
    return any(state in timer.states for timer in rules.timers.values())
