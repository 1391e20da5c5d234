"""Checks of where leads can get to: unreachable states, dead ends, loops, no handback."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from leadback.rules.check_rows import place_of
from leadback.rules.draft import Draft
from leadback.rules.findings import Finding, finding
from leadback.rules.model import FLAGS, PREVIOUS, Comparison, Rule, Work
from leadback.rules.regions import Budget, TooComplexError, cells, fitting, guard_of
from leadback.rules.shapes import is_name, known_names

Graph = Mapping[str, frozenset[str]]
_MOST_POINTS = 4096


def arrows(rules: Iterable[Rule]) -> Graph:
    """For each state the states that a rule leads to; `previous` leads back to all it came from."""
    direct: dict[str, set[str]] = {}
    back: set[str] = set()
    for rule in rules:
        for source in rule.sources:
            if rule.to == PREVIOUS:
                back.add(source)
            elif rule.to is not None:
                direct.setdefault(source, set()).add(rule.to)
    result = {source: set(targets) for source, targets in direct.items()}
    for source, targets in direct.items():
        for target in targets & back:
            if target != source:
                result.setdefault(target, set()).add(source)
    return {source: frozenset(targets) for source, targets in result.items()}


def reached_from(graph: Graph, start: Iterable[str]) -> set[str]:
    """All states on any path from these, themselves included."""
    found = set(start)
    todo = list(found)
    while todo:
        for target in graph.get(todo.pop(), ()):
            if target not in found:
                found.add(target)
                todo.append(target)
    return found


def _reached(draft: Draft) -> set[str]:
    start = draft.start.to if draft.start is not None and draft.start.to else None
    return reached_from(arrows(draft.rules), [start] if start else [])


def unreached(draft: Draft) -> Iterator[Finding]:
    """R030: no path from the start."""
    reached = _reached(draft)
    for state in draft.states.values():
        if state.name not in reached and is_name(state.name):
            message = f"no lead can ever get to {state.name}"
            fix = f"add a rule with to: {state.name}, or remove the state"
            yield finding("R030", state.at, message, fix=fix)


def dead_ends(draft: Draft) -> Iterator[Finding]:
    """R031 and R040: the assistant is not done, and cannot get to where it would be."""
    graph = arrows(draft.rules)
    reached = _reached(draft)
    ends = {name for name, state in draft.states.items() if state.work.is_done}
    ends |= {source for rule in draft.rules if _is_end(rule) for source in rule.sources}
    towards: dict[str, set[str]] = {}
    for source, targets in graph.items():
        for target in targets:
            towards.setdefault(target, set()).add(source)
    unknown = {name for targets in graph.values() for name in targets} - set(draft.states)
    with_end = reached_from({k: frozenset(v) for k, v in towards.items()}, ends | unknown)
    for state in draft.states.values():
        if state.name in with_end or state.name not in reached:
            continue
        if graph.get(state.name, frozenset()) <= {state.name}:
            message = f"nothing ever leaves {state.name}, and the assistant is not done there"
            fix = f"add a rule or timer from {state.name}, or make its work done"
            yield finding("R031", state.at, message, fix=fix)
        else:
            message = f"from {state.name} no path leads to a state where the assistant is done"
            fix = "add a rule that leads to a done state, or done: true to one of its rules"
            yield finding("R040", state.at, message, fix=fix)


def _is_end(rule: Rule) -> bool:
    if any(part.fact == "finished" and part.value == 1 for part in rule.guard):
        return False  # it is over already
    return rule.done or any(action.kind == "handback" for action in rule.actions)


def final_left(draft: Draft) -> Iterator[Finding]:
    """R033: final means never left."""
    finals = {name for name, state in draft.states.items() if state.work is Work.FINAL}
    for rule in draft.rules:
        left = [s for s in rule.sources if s in finals and rule.to not in (None, s)]
        if left:
            message = f"{rule.name}: {known_names(left)} is final and never left"
            fix = f"take {known_names(left)} out of from (`any` leaves final states out)"
            yield finding("R033", rule.at, message, fix=fix)


def never_handed_back(draft: Draft) -> Iterator[Finding]:
    """R039: a finished lead that is assigned again starts anew or is handed back at once."""
    triggers = dict.fromkeys(
        rule.trigger
        for rule in draft.rules
        if rule.trigger.partition(".")[0] == draft.start_event
        and rule.trigger not in draft.report.opaque
    )
    seen: set[int] = set()
    for trigger in triggers:
        rules = [rule for rule in draft.rules if rule.trigger == trigger]
        for state in draft.states:
            for rule in _deciding_when_finished(draft, state, trigger, rules):
                if id(rule) not in seen and not _starts_or_hands_back(draft, rule):
                    seen.add(id(rule))
                    message = (
                        f"{rule.name}: a finished lead in {state} that is assigned again "
                        "stays with the assistant for ever"
                    )
                    fix = "let it move to a state that is not done, or add do: [handback]"
                    yield finding("R039", rule.at, message, fix=fix)


def _deciding_when_finished(
    draft: Draft, state: str, trigger: str, rules: list[Rule]
) -> list[Rule]:
    place = place_of(draft, state, trigger)
    here = [rule for rule in rules if state in rule.sources]
    guards = [guard_of(rule, maybe_new=place.maybe_new) for rule in here]
    box = {**place.domain(guards, also=["finished"]), "finished": (1,)}
    try:
        found = cells(box, here, Budget(), maybe_new=place.maybe_new)
    except TooComplexError:  # reported as R044 for the trigger
        return []
    return [rule for _, rule in found if rule is not None]


def _starts_or_hands_back(draft: Draft, rule: Rule) -> bool:
    if any(action.kind in ("handback", "start_anew") for action in rule.actions):
        return True
    target = draft.states.get(rule.to or "")
    return rule.to is not None and not rule.done and (target is None or not target.work.is_done)


def timer_loops(draft: Draft) -> Iterator[Finding]:
    """R038: a circle of moves that only timers make, for a lead whose counters allow them all."""
    timed = [rule for rule in draft.rules if rule.trigger.startswith("timer.")]
    read = {part.fact for rule in timed for part in rule.guard}
    moves = [rule for rule in timed if _moves_on(rule, read)]
    for point in _points(moves):
        graph: dict[str, set[str]] = {}
        by_edge: dict[tuple[str, str], Rule] = {}
        for rule in moves:
            if fitting({f: (v,) for f, v in point.items()}, _counting(rule, point)) is None:
                continue
            for source in rule.sources:
                graph.setdefault(source, set()).add(str(rule.to))
                by_edge[source, str(rule.to)] = rule
        _send_back(moves, graph, by_edge)
        circle = _circle(graph)
        if circle:
            rule = by_edge[circle[0], circle[1]]
            facts = " and ".join(f"{fact} = {value}" for fact, value in point.items())
            message = f"timers move a lead {' → '.join(circle)} for ever" + (
                f" when {facts}" if facts else ""
            )
            fix = "end the circle with an event, a guard, or every/times and stay"
            yield finding("R038", rule.at, message, fix=fix)
            return


def _moves_on(rule: Rule, read: set[str]) -> bool:
    """A timer's move that changes nothing that the timers ask for: the next time is the same."""
    return rule.to is not None and not any(a.counter in read for a in rule.actions)


def _counting(rule: Rule, point: Mapping[str, int]) -> list[Comparison]:
    return [part for part in rule.guard if part.fact in point]


def _points(moves: list[Rule]) -> Iterator[dict[str, int]]:
    """Every kind of lead that the timers' guards tell apart by counters."""
    values: dict[str, set[int]] = {}
    for rule in moves:
        for part in rule.guard:
            if isinstance(part.value, int) and part.fact not in FLAGS:
                values.setdefault(part.fact, {0}).update((part.value, part.value + 1))
    facts = sorted(values)
    combinations = product(*(sorted(values[fact]) for fact in facts))
    for number, combination in enumerate(combinations):
        if number >= _MOST_POINTS:
            return
        yield dict(zip(facts, combination, strict=True))


def _send_back(
    moves: list[Rule], graph: dict[str, set[str]], by_edge: dict[tuple[str, str], Rule]
) -> None:
    """`previous` closes a circle only back to a state from which a timer led here."""
    for rule in moves:
        if rule.to != PREVIOUS:
            continue
        for source in rule.sources:
            graph.get(source, set()).discard(PREVIOUS)
            by_edge.pop((source, PREVIOUS), None)
            for other in [s for s, targets in graph.items() if source in targets and s != source]:
                graph.setdefault(source, set()).add(other)
                by_edge[source, other] = rule


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    """A shortest circle, first state repeated at the end; [] when there is none."""
    best: list[str] = []
    for start in graph:
        paths = {start: [start]}
        todo = [start]
        while todo:
            here = todo.pop(0)
            for target in sorted(graph.get(here, ())):
                if target == start and (not best or len(paths[here]) + 1 < len(best)):
                    best = [*paths[here], start]
                if target not in paths:
                    paths[target] = [*paths[here], target]
                    todo.append(target)
    return best
