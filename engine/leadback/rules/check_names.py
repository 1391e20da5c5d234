"""Checks of names that belong together: sub-states and states, variants, things unused."""

from collections.abc import Iterator

from leadback.rules.draft import Draft, other_of
from leadback.rules.findings import Finding, finding
from leadback.rules.model import KEEP, OTHER, SUB_STATE, Event, Rule, State
from leadback.rules.shapes import is_name, known_names, nearest


def sub_states(draft: Draft) -> Iterator[Finding]:
    """Every sub-state that a rule sets or asks for is one that the state can have."""
    for rule in draft.rules:
        yield from _set_by(draft, rule)
        yield from _asked_by(draft, rule)


def _set_by(draft: Draft, rule: Rule) -> Iterator[Finding]:
    target = draft.states.get(rule.to or "")
    if target is None:
        return
    if rule.sub_state == KEEP:
        yield from _kept(draft, rule, target)
        return
    event_name, _, variant = rule.trigger.partition(".")
    event = draft.events.get(event_name)
    value, because = rule.sub_state, ""
    if value is None and event is not None and event.keeps_sub_state and variant:
        value, because = variant, f" ({event_name} keeps it)"
    if value is None or target.sub_states == ():
        return
    if value == OTHER and rule.sub_state is None:
        yield _any_value(rule, event_name, target)
    elif value not in (target.sub_states or ()):
        message = f"{rule.name}: {target.name} has no sub-state {value}{because}"
        yield finding("R016", rule.at, message, fix=_fix(target, value))


def _any_value(rule: Rule, event: str, target: State) -> Finding:
    message = f"{rule.name}: any value of {event} becomes the sub-state of {target.name}"
    fix = f"allow any sub-state of {target.name}, or give this rule a sub_state"
    return finding("R016", rule.at, message, fix=fix)


def _fix(state: State, value: str) -> str:
    allowed = state.sub_states or ()
    near = nearest(value, allowed)
    if near:
        return f"did you mean {near}?"
    listed = f"use one of {known_names(allowed)}, or " if allowed else ""
    return f"{listed}add it to the sub_states of {state.name}"


def _kept(draft: Draft, rule: Rule, target: State) -> Iterator[Finding]:
    """`keep` carries the sub-state over, so the new state must allow what the old one does."""
    if target.sub_states == ():
        return
    for name in rule.sources:
        source = draft.states.get(name)
        carried = source.sub_states if source is not None else None
        if source is None or carried is None or source is target:
            continue
        strange = [value for value in carried if value not in (target.sub_states or ())]
        if strange or carried == ():
            what = strange[0] if strange else "any sub-state"
            message = f"{rule.name}: {name} can have {what}, which {target.name} does not allow"
            fix = f"allow it in the sub_states of {target.name}, or do not keep it"
            yield finding("R016", rule.at, message, fix=fix)
            return


def _asked_by(draft: Draft, rule: Rule) -> Iterator[Finding]:
    sources = [draft.states[name] for name in rule.sources if name in draft.states]
    if not sources or any(state.sub_states == () for state in sources):
        return
    possible = dict.fromkeys(name for state in sources for name in state.sub_states or ())
    for part in rule.guard:
        if part.fact != SUB_STATE or not isinstance(part.value, tuple):
            continue
        for name in part.value:
            if name not in possible:
                near = nearest(name, possible)
                fix = f"did you mean {near}?" if near else _where(list(possible))
                message = f"{rule.name}: none of its states can have the sub-state {name}"
                draft.report.opaque.add(rule.trigger)
                yield finding("R016", rule.at, message, fix=fix)


def _where(possible: list[str]) -> str:
    if not possible:
        return "remove the comparison: they have no sub-states"
    return f"use {known_names(possible)}"


def variants(draft: Draft) -> Iterator[Finding]:
    """An event with `by` that has rules has some for all other values too."""
    for event in draft.events.values():
        if event.by is None:
            continue
        found = draft.variants(event.name)
        if found and OTHER not in found:
            message = f"{event.name} has rules for {known_names(found)}, and none for other values"
            fix = f"add {other_of(event.name)}, if only to refuse them"
            yield finding("R026", event.at, message, fix=fix)
        for value in event.automatic:
            if value == OTHER or value not in found:
                near = nearest(value, [name for name in found if name != OTHER])
                fix = "name the values themselves" if value == OTHER else "give it rules of its own"
                fix = f"did you mean {near}?" if near else fix
                message = f"automatic of {event.name} names {value}, which has no rules of its own"
                yield finding("R027", event.at, message, fix=fix)


def unused(draft: Draft) -> Iterator[Finding]:
    """Declared, and nothing ever does anything with it."""
    triggers = {rule.trigger.partition(".")[0] for rule in draft.rules} | {
        trigger.partition(".")[0] for trigger in draft.report.opaque
    }
    for event in draft.events.values():
        if event.name not in triggers and is_name(event.name):
            yield _without_rules(event)
    counted = {event.counts for event in draft.events.values()}
    counted |= {action.counter for rule in draft.rules for action in rule.actions}
    for name, at in draft.counter_at.items():
        if name not in counted:
            message = f"no event counts {name}"
            yield finding("R041", at, message, fix=f"add counts: {name} to an event, or remove it")
    for name, at in draft.text_at.items():
        if f"text {name}" not in draft.used:
            fix = f"add {{note: {name}}} or {{task: {name}}} to a rule, or remove it"
            yield finding("R042", at, f"no rule uses the text {name}", fix=fix)
    for name, at in draft.group_at.items():
        if f"group {name}" not in draft.used:
            yield finding("R043", at, f"no rule uses the group {name}", fix="use it, or remove it")


def _without_rules(event: Event) -> Finding:
    trigger = other_of(event.name) if event.by else event.name
    fix = f'add rules for {trigger}, if only {{from: everywhere, stay: "why"}}'
    return finding("R034", event.at, f"the event {event.name} has no rules", fix=fix)
