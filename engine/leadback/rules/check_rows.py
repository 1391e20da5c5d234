"""Checks of the rows of each event: shadows, holes, gaps and overlaps, each proved, not guessed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from leadback.rules.draft import Draft
from leadback.rules.findings import Finding, finding
from leadback.rules.model import Rule, event_of
from leadback.rules.regions import (
    Box,
    Budget,
    Place,
    TooComplexError,
    cells,
    example,
    failing,
    fitting,
    guard_of,
)
from leadback.rules.shapes import known_names

Cells = list[tuple[Box, Rule | None]]


@dataclass(slots=True)
class _Event:
    """What is found about one trigger, over all states."""

    trigger: str
    rules: list[Rule]
    fires: set[int] = field(default_factory=set)
    holes: list[str] = field(default_factory=list)
    gap: tuple[str, Box, Rule] | None = None
    gaps: list[str] = field(default_factory=list)
    overlaps: dict[tuple[int, int], tuple[str, Box, Rule, Rule]] = field(default_factory=dict)


def rows(draft: Draft) -> Iterator[Finding]:
    """R032, R035, R036, R037 and R044 for every trigger whose rows were all understood."""
    by_trigger: dict[str, list[Rule]] = {}
    for rule in draft.rules:
        by_trigger.setdefault(rule.trigger, []).append(rule)
    for trigger, found in by_trigger.items():
        if trigger not in draft.report.opaque:
            yield from _trigger(draft, _Event(trigger, found))


def place_of(draft: Draft, state: str, trigger: str) -> Place:
    """What is known about a lead of this state when this trigger is pulled."""
    event = event_of(draft.events, trigger)
    is_start = draft.start is not None and draft.start.to == state
    return Place(
        draft.states[state],
        event,
        maybe_new=is_start,
        maybe_unfinished=is_start or state in _started_anew_in_place(draft),
    )


def _started_anew_in_place(draft: Draft) -> frozenset[str]:
    return frozenset(
        state
        for rule in draft.rules
        if rule.stay is not None and any(action.kind == "start_anew" for action in rule.actions)
        for state in rule.sources
    )


def _trigger(draft: Draft, event: _Event) -> Iterator[Finding]:
    budget = Budget()
    by_state: dict[str, list[Rule]] = {}
    for rule in event.rules:
        for state in rule.sources:
            by_state.setdefault(state, []).append(rule)
    try:
        for state in draft.states:
            _state(draft, event, state, by_state.get(state, []), budget)
    except TooComplexError:
        message = f"the guards of {event.trigger} combine in too many ways to check them"
        fix = "use fewer different numbers and counters in one event"
        yield finding("R044", event.rules[0].at, message, fix=fix)
        return
    for states in by_state:
        if states not in draft.states:  # an unknown state: nothing can be said about its rows
            event.fires.update(id(rule) for rule in by_state[states])
    yield from _shadowed(event)
    if not event.trigger.startswith("timer."):
        yield from _holes(event)
        yield from _gaps(event)
    yield from _overlapping(event)


def _state(draft: Draft, event: _Event, state: str, rules: list[Rule], budget: Budget) -> None:
    if not rules:
        event.holes.append(state)
        return
    if not rules[0].guard and rules[0].to != "previous":  # the usual case, without any algebra
        event.fires.add(id(rules[0]))
        return
    place = place_of(draft, state, event.trigger)
    guards = [guard_of(rule, maybe_new=place.maybe_new) for rule in rules]
    found = cells(place.domain(guards), rules, budget, maybe_new=place.maybe_new)
    event.fires.update(id(rule) for _, rule in found if rule is not None)
    for box, rule in found:
        if rule is None:
            event.gaps.append(state)
            event.gap = event.gap or (state, box, rules[-1])
            break
    _overlaps(event, state, rules, found, budget)


def _overlaps(event: _Event, state: str, rules: list[Rule], found: Cells, budget: Budget) -> None:
    """Pairs of moves to different places that share leads, though neither is a special case."""
    boxes: dict[int, list[Box]] = {}
    for box, rule in found:
        if rule is not None:
            boxes.setdefault(id(rule), []).append(box)
    for index, first in enumerate(rules):
        if first.to is None or id(first) not in boxes:
            continue
        for second in rules[index + 1 :]:
            if id(second) not in boxes or _same_outcome(first, second):
                continue
            budget.spend(len(boxes[id(first)]))
            pieces = (fitting(box, second.guard) for box in boxes[id(first)])
            shared = [piece for piece in pieces if piece is not None]
            if shared and not _special_case(rules, first, second, boxes[id(first)], budget):
                key = (id(first), id(second))
                event.overlaps.setdefault(key, (state, shared[0], first, second))


def _special_case(
    rules: list[Rule], first: Rule, second: Rule, boxes: list[Box], budget: Budget
) -> bool:
    """Whether all that `first` decides is an exception to `second`, put before it as it should be.

    What it decides besides does not count where another rule would decide the same.
    """
    others = [rule for rule in rules if rule is not first]
    return all(
        rule is not None and _same_outcome(rule, first)
        for box in boxes
        for alone in failing(box, second.guard)
        for _, rule in cells(alone, others, budget)
    )


def _same_outcome(first: Rule, second: Rule) -> bool:
    return (first.to, first.sub_state, first.done) == (second.to, second.sub_state, second.done)


def _shadowed(event: _Event) -> Iterator[Finding]:
    for rule in event.rules:
        if id(rule) not in event.fires:
            earlier = [r for r in event.rules if r is not rule and _before(r, rule, event.rules)]
            lines = known_names(
                str(r.at.line) for r in earlier if set(r.sources) & set(rule.sources)
            )
            if event.trigger.startswith("timer.") or not lines:
                because = "its guard never holds in its states"
            else:
                because = f"earlier rules win in all its states (line {lines})"
            message = f"{rule.name} never fires: {because}"
            fix = "move it up, change its guard or its states, or remove it"
            yield finding("R032", rule.at, message, fix=fix)


def _before(first: Rule, second: Rule, rules: list[Rule]) -> bool:
    order = [id(rule) for rule in rules]
    return order.index(id(first)) < order.index(id(second))


def _holes(event: _Event) -> Iterator[Finding]:
    if event.holes:
        message = f"{event.trigger} has no rule for {known_names(event.holes)}"
        fix = 'add a row, if only {from: everywhere, stay: "why"} at the end'
        yield finding("R035", event.rules[0].at, message, fix=fix)


def _gaps(event: _Event) -> Iterator[Finding]:
    if event.gap is not None:
        state, box, rule = event.gap
        others = f" (also in {known_names(event.gaps[1:])})" if event.gaps[1:] else ""
        message = f"{event.trigger}: no rule fits a lead in {state} with {example(box)}{others}"
        fix = 'add a row without `when` at the end, if only {from: everywhere, stay: "why"}'
        yield finding("R036", rule.at, message, fix=fix)


def _overlapping(event: _Event) -> Iterator[Finding]:
    for state, box, first, second in event.overlaps.values():
        message = (
            f"{second.name} also fits a lead in {state} with {example(box)}, "
            f"which line {first.at.line} moves to {first.to}"
        )
        fix = "make the two guards exclude each other, or put the special case first"
        yield finding("R037", second.at, message, fix=fix)
