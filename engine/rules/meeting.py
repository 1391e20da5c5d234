"""Does any lead ever meet a difference between two rules files, and does it then fare differently?

Both files are walked from the start; a region that neither reaches, or where both come to the same
in the end, is no difference to anyone.
"""

from collections.abc import Mapping
from dataclasses import replace

from engine.rules.decides import Deciding
from engine.rules.explore import all_kinds
from engine.rules.kinds import Kind, Step
from engine.rules.model import KEEP, PREVIOUS, SUB_STATE, Rule, Rules
from engine.rules.regions import CAME_FROM, ELSE, Box, Value
from engine.rules.sight import Sight
from engine.rules.walk import Walker


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
        sight = replace(Sight.of(old.rules, new.rules), stopped=True)
        self._deciding = (old, new)
        self._named = sight.sub_states
        self._events = {**old.rules.events, **new.rules.events}
        self._walkers = tuple(Walker(one.rules, sight) for one in self._deciding)
        self._found: dict[str, dict[Kind, dict[str, Value]]] = {}
        self._complete = True
        for one in self._deciding:
            walker = Walker(one.rules, sight, told_apart=frozenset())
            explored = all_kinds(walker)
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
        event = self._events.get(trigger.partition(".")[0])
        counted = dict(facts)
        for name in event.resets if event else ():
            counted[name] = 0
        if event is not None and event.counts is not None:
            value = counted.get(event.counts, 0)
            counted[event.counts] = (value if isinstance(value, int) else 0) + 1
        if CAME_FROM in box and int(kind.back is not None) not in box[CAME_FROM]:
            return False
        if counted[SUB_STATE] is not None or SUB_STATE not in box:
            return in_box(box, domain, counted)
        others = [value for value in domain[SUB_STATE] if value not in self._named]
        return any(in_box(box, domain, {**counted, SUB_STATE: value}) for value in others)

    def _differs(self, kind: Kind, trigger: str) -> bool:
        one, two = (
            {
                _visible(step, kind, walker)
                for step in walker.outcomes(kind, known.trigger_of(trigger))
            }
            for walker, known in zip(self._walkers, self._deciding, strict=True)
        )
        return one != two


def _visible(step: Step, kind: Kind, walker: Walker) -> object:
    """What anyone could see of a step: the lead after it, what was ordered, and timers anew."""
    rule = step.rule
    if rule is None:
        return (step.after, step.ordered, (), False, (), False)
    texts = tuple(action.text for action in rule.actions if action.text)
    sub_state = _sub_state(rule, kind, walker)
    anew = rule.to is not None and runs_timers(walker.rules, step.after.state)
    return (step.after, step.ordered, texts, rule.refuse is not None, sub_state, anew)


def runs_timers(rules: Rules, state: str) -> bool:
    return any(state in timer.states for timer in rules.timers.values())


def _sub_state(rule: Rule, kind: Kind, walker: Walker) -> tuple[str | None, ...]:
    """The sub-state that a move leaves, where it is not told apart in the lead itself."""
    if rule.to is None or any(action.kind == "start_anew" for action in rule.actions):
        return ()
    had = walker.rules.states[kind.state].sub_states
    event = walker.rules.events.get(rule.trigger.partition(".")[0])
    gives = event is not None and event.keeps_sub_state
    if rule.to == kind.state and had is None and rule.sub_state in (None, KEEP) and not gives:
        return ()  # a move to where it is, with no sub-state before or after
    if rule.sub_state == KEEP and had is None and rule.to != PREVIOUS:
        return (None,)
    return (rule.sub_state,)
