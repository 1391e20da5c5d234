"""Loading what the authors promise (`invariants`) and where old leads go (`migrate`)."""

from leadback.rules.draft import Draft
from leadback.rules.grammar import INVARIANT_FORMS, WORDS_TAKEN, Key
from leadback.rules.guards import GuardProblem, parse_guard
from leadback.rules.model import FLAGS, SUB_STATE, TEXT_ACTIONS, Comparison, Invariant, Position
from leadback.rules.reader import Node, Scalar, Table
from leadback.rules.shapes import (
    declared_name,
    duration,
    fields,
    items,
    kind_of,
    name_of,
    nearest,
    pairs,
    text,
)

THEN = ("handback", *TEXT_ACTIONS)


def load_invariants(draft: Draft, node: Node) -> None:
    for key, value in pairs(draft.report, node, "invariants"):
        name = declared_name(draft.report, key, "an invariant")
        before = len(draft.report.findings)
        invariant = _invariant(draft, name, key.at, value)
        if invariant is not None and len(draft.report.findings) == before:
            draft.invariants.setdefault(name, invariant)


def _invariant(draft: Draft, name: str, at: Position, node: Node) -> Invariant | None:
    what = f"invariant {name}"
    form = _form(node)
    if form is None:
        forms = ", or ".join(_shown(form) for form in INVARIANT_FORMS)
        message = f"{what} is {kind_of(node)} of no known form"
        draft.report.add("R060", node.at, message, fix=f"use {forms}")
        return None
    found = fields(draft.report, node, form, what)
    if found is None or any(key.required and key.name not in found for key in form):
        return None
    return _FORMS[form[1].name](draft, name, at, found)


def _shown(form: tuple[Key, ...]) -> str:
    return " + ".join(key.name if key.required else f"({key.name})" for key in form)


def _form(node: Node) -> tuple[Key, ...] | None:
    """The form whose first key is there, else the one whose keys come closest."""
    if not isinstance(node, Table):
        return None
    names = [name_of(key) for key, _ in node.pairs]
    for form in INVARIANT_FORMS:
        if any(key.name in names for key in form if key.name != "within"):
            return form
    near = (nearest(name, (form[0].name for form in INVARIANT_FORMS)) for name in names)
    first = next((name for name in near if name), None)
    return next((form for form in INVARIANT_FORMS if form[0].name == first), None)


def _left_only_by(draft: Draft, name: str, at: Position, found: dict[str, Node]) -> Invariant:
    what = f"invariant {name}"
    states = draft.sources(found["state"], what)
    events = _triggers(draft, found["left_only_by"], what)
    return Invariant(name, "left_only_by", states, events=events, at=at)


def _then(draft: Draft, name: str, at: Position, found: dict[str, Node]) -> Invariant:
    what = f"invariant {name}"
    states = draft.sources(found["entering"], what)
    within = 0
    if "within" in found:
        within = duration(draft.report, found["within"], f"within of {what}") or 0
    then = draft.name(found["then"], what) or ""
    if then and then not in THEN:
        then = draft.known(then, draft.states, found["then"].at, what)
    return Invariant(name, "then", states, then=then, within=within, at=at)


def _never(draft: Draft, name: str, at: Position, found: dict[str, Node]) -> Invariant:
    what = f"invariant {name}"
    parts = items(draft.report, found["never"], what)
    if len(parts) != 2:
        message = f"{what} names {len(parts)} places"
        draft.report.add("R060", found["never"].at, message, fix="write never: [FROM, TO]")
        return Invariant(name, "never", (), at=at)
    states, targets = (draft.sources(part, what) for part in parts)
    events = _triggers(draft, found["except_by"], what) if "except_by" in found else ()
    return Invariant(name, "never", states, targets, events, at=at)


def _always(draft: Draft, name: str, at: Position, found: dict[str, Node]) -> Invariant:
    what = f"invariant {name}"
    states = draft.sources(found["in"], what)
    says = text(draft.report, found["always"], f"always of {what}")
    parsed = parse_guard(says) if says is not None else ()
    if isinstance(parsed, GuardProblem):
        message = f"always of {what}: {parsed.message}"
        draft.report.add("R021", found["always"].at, message, fix=parsed.fix)
        parsed = ()
    guard = tuple(_fact(draft, part, found["always"].at, what) for part in parsed)
    return Invariant(name, "always", states, guard=guard, at=at)


def _fact(draft: Draft, part: Comparison, at: Position, what: str) -> Comparison:
    if part.fact in (*FLAGS, SUB_STATE):
        return part
    return Comparison(draft.known_counter(part.fact, at, what), part.op, part.value)


def _triggers(draft: Draft, node: Node, what: str) -> tuple[str, ...]:
    """Events, variants or timers; an event with variants stands for all of them."""
    found: dict[str, None] = {}
    for item in items(draft.report, node, what):
        name = draft.name(item, what)
        if name is None:
            continue
        kind, _, rest = name.partition(".")
        if kind == "timer":
            _timer(draft, rest, item.at, what)
            found[name] = None
            continue
        trigger = draft.trigger(name, item.at, what)
        variants = () if "." in trigger else draft.variants(trigger)
        found.update(dict.fromkeys([f"{trigger}.{v}" for v in variants] or [trigger]))
    return tuple(found)


def _timer(draft: Draft, name: str, at: Position, what: str) -> None:
    if name not in draft.timers:
        near = nearest(name, draft.timers)
        fix = f"did you mean timer.{near}?" if near else f"timers: {', '.join(draft.timers)}"
        draft.report.add("R012", at, f"{what}: there is no timer {name[:64]}", fix=fix)


_FORMS = {
    "left_only_by": _left_only_by,
    "then": _then,
    "except_by": _never,
    "always": _always,
}


def load_migrate(draft: Draft, node: Node) -> None:
    for key, value in pairs(draft.report, node, "migrate"):
        old = name_of(key)
        if not isinstance(key, Scalar) or not isinstance(key.value, str) or old in WORDS_TAKEN:
            declared_name(draft.report, key, "a state")
            continue
        if old in draft.states:
            message = f"{old} migrates, but is still a state"
            draft.report.add("R070", key.at, message, fix="remove this line, or the state")
        target = draft.state(value, f"migrate {old}")
        if target is not None:
            draft.migrate.setdefault(old, target)
