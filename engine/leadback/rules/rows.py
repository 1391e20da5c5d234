"""Loading what happens: the start, and the rows of each event (timers share their reading)."""

from dataclasses import dataclass

from leadback.rules.draft import Draft, other_of
from leadback.rules.grammar import MAX_ROWS, ROW, START, WORDS_TAKEN, Key
from leadback.rules.guards import GuardProblem, parse_guard
from leadback.rules.model import (
    ACTIONS,
    COUNT,
    FLAGS,
    KEEP,
    OTHER,
    PREVIOUS,
    SUB_STATE,
    TEXT_ACTIONS,
    Action,
    Comparison,
    Position,
    Rule,
)
from leadback.rules.reader import Items, Node, Scalar, Table
from leadback.rules.shapes import (
    GRAPH_CODES,
    fields,
    flag,
    items,
    known_names,
    name_of,
    nearest,
    pairs,
    text,
    wrong_kind,
)
from leadback.rules.unsaid import COUNTING

OUTCOMES = ("to", "stay", "refuse")


def load_start(draft: Draft, node: Node) -> None:
    found = fields(draft.report, node, START, "start") or {}
    state = draft.state(found["state"], "start") if "state" in found else None
    event = draft.event(found["on"], "start") if "on" in found else None
    if state not in draft.states:
        draft.report.doubt(*GRAPH_CODES)
    if event is None:
        draft.report.doubt("R034", "R039")
    actions = _actions(draft, found["do"], "start") if "do" in found else ()
    draft.start_event = event or ""
    draft.start = Rule("start", (), to=state, actions=actions, at=node.at)


def load_rules(draft: Draft, node: Node) -> None:
    rows = 0
    for key, value in pairs(draft.report, node, "rules"):
        trigger = _trigger(draft, key)
        if isinstance(value, Table):
            fix = "put a dash before it: - {from: …}"
            wrong_kind(draft.report, value, f"rules of {trigger}", expected="a list", fix=fix)
        listed = (value,) if isinstance(value, Table) else _rows(draft, value, trigger)
        for row in listed:
            rows += 1
            if rows > MAX_ROWS:
                draft.report.add("R002", row.at, f"more than {MAX_ROWS} rules", fix="use fewer")
                return
            _row(draft, trigger, row)


def _rows(draft: Draft, node: Node, trigger: str) -> tuple[Node, ...]:
    what = f"rules of {trigger}"
    found = items(draft.report, node, what)
    if isinstance(node, Items) and not found:
        wrong_kind(draft.report, node, what, expected="at least one row")
    return found


def _trigger(draft: Draft, key: Scalar) -> str:
    name = name_of(key)
    trigger = draft.trigger(name, key.at, "rules")
    event, dot, variant = trigger.partition(".")
    kind = draft.events.get(event)
    if dot and ((variant in WORDS_TAKEN and variant != OTHER) or "." in variant or not variant):
        fix = "use the value of the field, or other"
        draft.report.add("R010", key.at, f"{variant!r} cannot be a variant of {event}", fix=fix)
        draft.report.opaque.add(trigger)
    if not dot and kind is not None and kind.by is not None:
        fix = f"write {other_of(event)} for all values of {kind.by} without rules of their own"
        draft.report.add("R025", key.at, f"{event} has variants, and this is none of them", fix=fix)
        trigger = other_of(event)
        draft.report.opaque.add(trigger)
    return trigger


def _row(draft: Draft, trigger: str, node: Node) -> None:
    what = f"a rule of {trigger}"
    found = fields(draft.report, node, ROW, what)
    if found is None:
        in_doubt(draft, trigger)
        return
    sources = draft.sources(found["from"], what) if "from" in found else ()
    if not sources:
        in_doubt(draft, trigger)
    draft.rules.append(load_rule(draft, Line(trigger, sources, found, node, ROW)))


def in_doubt(draft: Draft, trigger: str) -> None:
    """Nothing can be said about this trigger, nor about which states are reached."""
    draft.report.opaque.add(trigger)
    draft.report.doubt(*GRAPH_CODES)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the rules or timers table, its keys looked up but not yet understood."""

    trigger: str
    sources: tuple[str, ...]
    found: dict[str, Node]
    node: Node
    keys: tuple[Key, ...]

    @property
    def what(self) -> str:
        kind, _, name = self.trigger.partition(".")
        return f"timer {name}" if kind == "timer" else f"a rule of {self.trigger}"


def load_rule(draft: Draft, line: Line) -> Rule:
    """The rule of a row. What could not be understood is reported, and leaves a gap in it."""
    report, found, what, trigger = draft.report, line.found, line.what, line.trigger
    _one_outcome(draft, line)
    outcome = next((key for key in OUTCOMES if key in found), "")
    to = stay = refuse = None
    if outcome == "to":
        to = _target(draft, found["to"], what)
        if to is None:
            in_doubt(draft, trigger)
    elif outcome == "refuse":
        refuse = text(report, found["refuse"], f"refuse of {what}") or "?"
    else:
        stay = (text(report, found["stay"], f"stay of {what}") if outcome else None) or "?"
    _no_effect(draft, found, outcome, what)
    guard = _guard(draft, found["when"], trigger, what) if "when" in found else ()
    sub_state = draft.name(found["sub_state"], what) if "sub_state" in found else None
    done = "done" in found and flag(report, found["done"], f"done of {what}")
    actions = _actions(draft, found["do"], what) if "do" in found else ()
    at = line.node.at
    return Rule(trigger, line.sources, to, stay, refuse, guard, sub_state, done, actions, at)


def _one_outcome(draft: Draft, line: Line) -> None:
    allowed = [key.name for key in line.keys]
    outcomes = [name for name in OUTCOMES if name in allowed]
    given = [name for name in outcomes if name in line.found]
    if len(given) == 1:
        return
    in_doubt(draft, line.trigger)
    node = line.node
    misspelt = isinstance(node, Table) and any(name_of(k) not in allowed for k, _ in node.pairs)
    if not given and misspelt:
        return  # the unknown key is reported, and is probably the outcome
    says = "says both " + " and ".join(given) if given else "does not say what happens"
    fix = f"give exactly one of {', '.join(outcomes)}"
    at = line.found[given[1]].at if given else node.at
    draft.report.add("R022", at, f"{line.what} {says}", fix=fix)


def _no_effect(draft: Draft, found: dict[str, Node], outcome: str, what: str) -> None:
    """Options that only a move, or only a named target, gives a meaning to."""
    starts_anew = "start_anew" in _words(found.get("do"))
    for key in ("sub_state", "done"):
        if key not in found or not outcome:
            continue
        if outcome != "to":
            why, fix = "for the lead does not move", f"remove {key}, or use to"
        elif starts_anew:
            why, fix = "for start_anew clears it", f"remove {key}"
        elif key == "sub_state" and PREVIOUS in _words(found["to"]) and not _keeps(found[key]):
            why, fix = f"for {PREVIOUS} brings the sub-state of then back", "remove sub_state"
        else:
            continue
        message = f"{what}: {key} has no effect, {why}"
        draft.report.add("R027", found[key].at, message, fix=fix)
    if "do" in found and outcome == "refuse":
        message = f"{what}: nothing is done when the event is refused"
        draft.report.add("R027", found["do"].at, message, fix="remove do, or use stay")


def _words(node: Node | None) -> list[object]:
    """The values of a scalar or of a list of them."""
    parts = node.items if isinstance(node, Items) else (node,)
    return [part.value for part in parts if isinstance(part, Scalar)]


def _keeps(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value in (KEEP, None)


def _target(draft: Draft, node: Node, what: str) -> str | None:
    name = draft.name(node, what)
    if name is None or name == PREVIOUS:
        return name
    known = draft.known(name, draft.states, node.at, what, words=(PREVIOUS,))
    if known not in draft.states and known != PREVIOUS:
        draft.report.doubt(*GRAPH_CODES)
    return known


def _guard(draft: Draft, node: Node, trigger: str, what: str) -> tuple[Comparison, ...]:
    says = text(draft.report, node, f"when of {what}")
    parsed = parse_guard(says) if says is not None else ()
    if isinstance(parsed, GuardProblem):
        message = f"when of {what}: {parsed.message}"
        draft.report.add("R021", node.at, message, fix=parsed.fix)
        parsed = ()
    if not parsed:
        draft.report.opaque.add(trigger)
    return tuple(_known_fact(draft, part, node.at, trigger, what) for part in parsed)


def _known_fact(
    draft: Draft, part: Comparison, at: Position, trigger: str, what: str
) -> Comparison:
    if part.fact in FLAGS or part.fact == SUB_STATE or part.fact in draft.counters:
        return part
    near_flag = nearest(part.fact, FLAGS)
    if near_flag is not None and nearest(part.fact, draft.counters) is None:
        message = f"when of {what}: there is no counter {part.fact}"
        draft.report.add("R013", at, message, fix=f"did you mean {near_flag}?")
        draft.report.opaque.add(trigger)
        return part
    known = draft.known_counter(part.fact, at, f"when of {what}")
    if known not in draft.counters:
        draft.report.opaque.add(trigger)
    return Comparison(known, part.op, part.value)


def _actions(draft: Draft, node: Node, what: str) -> tuple[Action, ...]:
    found = [_action(draft, item, what) for item in items(draft.report, node, f"do of {what}")]
    if None in found or not isinstance(node, Items):
        draft.report.doubt("R042")  # it may have been meant to use a text
    return tuple(action for action in found if action is not None)


def _action(draft: Draft, node: Node, what: str) -> Action | None:
    if isinstance(node, Table) and len(node.pairs) == 1:
        key, value = node.pairs[0]
        if key.value in TEXT_ACTIONS:
            name = draft.text(value, f"{key.value} of {what}")
            return Action(str(key.value), name) if name is not None else None
        if key.value == COUNT:
            name = draft.counter(value, f"count of {what}")
            return Action(COUNT, counter=name) if name is not None else None
        _unknown_action(draft, name_of(key), key.at, what)
        return None
    name = draft.name(node, f"do of {what}")
    if name in TEXT_ACTIONS:
        fix = f"write {{{name}: NAME}}, with a name of texts"
        draft.report.add("R014", node.at, f"{what}: {name} needs a text", fix=fix)
    elif name == COUNT:
        fix = f"write {{{COUNT}: NAME}}, with a name of counters"
        draft.report.add("R013", node.at, f"{what}: {COUNT} needs a counter", fix=fix)
    elif name in COUNTING:
        counting = COUNTING[name]
        draft.known_counter(str(counting.counter), node.at, f"{name} in {what}")
        return counting
    elif name is not None and name not in ACTIONS:
        _unknown_action(draft, name, node.at, what)
    elif name is not None:
        return Action(name)
    return None


def _unknown_action(draft: Draft, name: str, at: Position, what: str) -> None:
    choices = (*ACTIONS, *TEXT_ACTIONS, COUNT)
    near = nearest(name, choices)
    fix = f"did you mean {near}?" if near else f"use one of {known_names(choices)}"
    draft.report.add("R017", at, f"{what}: there is no action {name[:64]}", fix=fix)
    draft.report.doubt("R039", "R061", "R062")
