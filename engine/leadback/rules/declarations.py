"""Loading what a file declares: states, sub-states, groups, counters, events and texts."""

from typing import get_args

from leadback.rules.draft import Draft
from leadback.rules.grammar import EVENT, MAX_STATES, STATE
from leadback.rules.model import ANY, EVERYWHERE, ContactFact, Event, Log, Position, State, Work
from leadback.rules.reader import Items, Node, Scalar, Table
from leadback.rules.shapes import (
    GRAPH_CODES,
    braces,
    declared_name,
    fields,
    flag,
    is_name,
    items,
    name_of,
    pairs,
    text,
    word,
    wrong_kind,
)
from leadback.rules.unsaid import MANUAL, with_facts
from leadback.rules.wording import FACTS

LOGS: tuple[Log, ...] = get_args(Log)
CONTACT: tuple[ContactFact, ...] = get_args(ContactFact)


def load_states(draft: Draft, node: Node) -> None:
    found = pairs(draft.report, node, "states")
    if len(found) > MAX_STATES:
        message = f"there are {len(found)} states"
        draft.report.add("R002", node.at, message, fix=f"use at most {MAX_STATES}")
        found = found[:MAX_STATES]
    for key, value in found:
        name = declared_name(draft.report, key, "a state")
        if name not in draft.states:
            draft.states[name] = _state(draft, name, key.at, value)
    if not draft.states:
        if isinstance(node, Table) and not node.pairs:
            draft.report.add("R008", node.at, "there are no states", fix="declare at least one")
        draft.report.doubt("R011")  # every name would be unknown


def _state(draft: Draft, name: str, at: Position, node: Node) -> State:
    found = fields(draft.report, node, STATE, f"state {name}") or {}
    work = None
    if "work" in found:
        work = word(draft.report, found["work"], f"work of {name}", [w.value for w in Work])
    if work is None:  # whether it ends here, and what `any` means, is not known
        draft.report.doubt(*GRAPH_CODES, "R032", "R033", "R035", "R036", "R037")
    means = text(draft.report, found["means"], f"means of {name}") if "means" in found else None
    return State(name, Work(work) if work else Work.GOES_ON, means or "", at=at)


def load_sub_states(draft: Draft, node: Node) -> None:
    for key, value in pairs(draft.report, node, "sub_states"):
        name = draft.known(name_of(key), draft.states, key.at, "sub_states")
        allowed = _sub_states(draft, name, value)
        state = draft.states.get(name)
        if state is not None and state.sub_states is None:
            draft.states[name] = State(state.name, state.work, state.means, allowed, state.at)


def _sub_states(draft: Draft, state: str, node: Node) -> tuple[str, ...]:
    if isinstance(node, Scalar):
        if node.value != ANY:
            what = f"sub-states of {state}"
            wrong_kind(draft.report, node, what, expected="a list of names, or any")
        return ()
    what = f"sub-states of {state}"
    found: dict[str, Position] = {}
    for item in items(draft.report, node, what):
        if not isinstance(item, Scalar):
            wrong_kind(draft.report, item, what, expected="a name")
            continue
        name = declared_name(draft.report, item, "a sub-state")
        if name in found:
            fix = "keep one of the two"
            draft.report.add("R019", item.at, f"{what} name {name} twice", fix=fix)
        found[name] = item.at
    if isinstance(node, Items) and not node.items:
        wrong_kind(draft.report, node, what, expected="names; leave the line out for none")
    return tuple(found)


def load_groups(draft: Draft, node: Node) -> None:
    """Groups may contain states and other groups; resolved to states here."""
    members: dict[str, tuple[Node, ...]] = {}
    for key, value in pairs(draft.report, node, "groups"):
        name = declared_name(draft.report, key, "a group")
        if name in draft.states:
            message = f"{name} is a state and a group"
            draft.report.add("R019", key.at, message, fix="rename the group")
            continue
        if is_name(name):
            draft.group_at.setdefault(name, key.at)
        members.setdefault(name, items(draft.report, value, f"group {name}"))
    for name in members:
        draft.groups[name] = tuple(dict.fromkeys(_members(draft, name, members, ())))


def _members(
    draft: Draft, group: str, members: dict[str, tuple[Node, ...]], path: tuple[str, ...]
) -> list[str]:
    if group in draft.groups:
        return list(draft.groups[group])
    what = f"group {group}"
    found: list[str] = []
    for node in members[group]:
        name = draft.name(node, what)
        if name in (ANY, EVERYWHERE):
            fix = f"use {name} in the rule itself"
            draft.report.add("R011", node.at, f"{what} contains {name}", fix=fix)
        elif name in (*path, group):
            message = f"{what} contains itself, by way of {name}"
            draft.report.add("R015", node.at, message, fix="list the states")
            draft.used.update((f"group {name}", f"group {group}"))
        elif name in members:
            draft.used.add(f"group {name}")
            found += _members(draft, name, members, (*path, group))
        elif name is not None:
            known = draft.known(name, (*draft.states, *members), node.at, what)
            found += [known] if known not in members else []
    return found


def load_counters(draft: Draft, node: Node) -> None:
    for key, value in pairs(draft.report, node, "counters"):
        name = declared_name(draft.report, key, "a counter")
        means = text(draft.report, value, f"counter {name}")
        draft.counters.setdefault(name, means or "")
        draft.counter_at.setdefault(name, key.at)


def load_events(draft: Draft, node: Node) -> None:
    for key, value in pairs(draft.report, node, "events"):
        name = declared_name(draft.report, key, "an event")
        if name not in draft.events:
            draft.events[name] = _event(draft, name, key.at, value)
    draft.events = with_facts(draft.events.values())
    if not draft.events:
        if isinstance(node, Table) and not node.pairs:
            draft.report.add("R008", node.at, "there are no events", fix="declare at least one")
        draft.report.doubt("R012")


def _event(draft: Draft, name: str, at: Position, node: Node) -> Event:
    report = draft.report
    found = fields(report, node, EVENT, f"event {name}") or {}
    by = draft.name(found["by"], f"by of {name}") if "by" in found else None
    automatic = _automatic(draft, name, found) if "automatic" in found else ()
    counts = draft.counter(found["counts"], f"counts of {name}") if "counts" in found else None
    resets = _resets(draft, name, found["resets"]) if "resets" in found else ()
    means = text(report, found["means"], f"means of {name}") if "means" in found else None
    keeps = "keeps_sub_state" in found and flag(
        report, found["keeps_sub_state"], f"keeps_sub_state of {name}"
    )
    if keeps and "by" not in found:
        message = f"event {name} keeps the sub-state of a field, but has no `by`"
        fix = "add by: FIELD, or remove keeps_sub_state"
        report.add("R027", found["keeps_sub_state"].at, message, fix=fix)
    logs = _logs(draft, name, found["logs"]) if "logs" in found else None
    contact = _contact(draft, name, found["contact"]) if "contact" in found else None
    manual = name in MANUAL
    if "manual" in found:
        manual = flag(report, found["manual"], f"manual of {name}")
    return Event(name, means or "", by, keeps, counts, resets, logs, contact, automatic, manual, at)


def _contact(draft: Draft, name: str, node: Node) -> ContactFact | None:
    value = word(draft.report, node, f"contact of {name}", CONTACT)
    fact = next((fact for fact in CONTACT if fact == value), None)
    twin = next((event for event in draft.events.values() if event.contact == fact), None)
    if fact is None or twin is None:
        return fact
    message = f"{twin.name} and {name} both tell that {FACTS[fact]}"
    draft.report.add("R028", node.at, message, fix=f"keep contact: {fact} in one of the two")
    return None


def _logs(draft: Draft, name: str, node: Node) -> Log | None:
    value = word(draft.report, node, f"logs of {name}", LOGS)
    return next((log for log in LOGS if log == value), None)


def _automatic(draft: Draft, name: str, found: dict[str, Node]) -> tuple[str, ...]:
    report, node, what = draft.report, found["automatic"], f"automatic of {name}"
    if "by" not in found:
        message = f"{what} names values of a field, but the event has no `by`"
        report.add("R027", node.at, message, fix="add by: FIELD, or remove automatic")
    values = [draft.name(item, what) for item in items(report, node, what)]
    return tuple(dict.fromkeys(value for value in values if value is not None))


def _resets(draft: Draft, name: str, node: Node) -> tuple[str, ...]:
    what = f"resets of {name}"
    found = [draft.counter(item, what) for item in items(draft.report, node, what)]
    return tuple(dict.fromkeys(counter for counter in found if counter is not None))


def load_texts(draft: Draft, node: Node) -> None:
    for key, value in pairs(draft.report, node, "texts"):
        name = declared_name(draft.report, key, "a text")
        says = text(draft.report, value, f"text {name}")
        if says is not None:
            braces(draft.report, says, value.at, f"text {name}")
        draft.texts.setdefault(name, says or "")
        draft.text_at.setdefault(name, key.at)
