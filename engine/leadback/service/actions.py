"""What a person can do to a lead by hand, as the rules say it: their events with `manual: true`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadback.base.errors import InputError
from leadback.lead.machine import LeadMachine
from leadback.rules.model import OTHER, Event, Work
from leadback.rules.shapes import known_names, nearest
from leadback.rules.unsaid import CALLED


@dataclass(frozen=True, slots=True)
class Action:
    """name: for the command line. label: for a button. final: the state that it may bring a lead to
    and that nothing leaves, "" for none."""

    name: str
    label: str
    trigger: str
    event: str
    data: Mapping[str, Any]
    final: str = ""


def actions_of(rules: LeadMachine) -> tuple[Action, ...]:
    """All of them, in the rules' order. An event with `by` is one action for each value that has
    rules of its own."""
    found = [
        _action(rules, event, variant)
        for event in rules.rules.events.values()
        if event.manual and event.contact is None
        for variant in _variants(rules, event)
    ]
    found = [one for one in found if not rules.required_data(one.trigger)]
    short = Counter(_key(one.name) for one in found)
    return tuple(
        one if short[_key(one.name)] == 1 else Action(one.trigger, *_rest(one)) for one in found
    )


def action_named(rules: LeadMachine, name: str) -> Action:
    """By its name or as EVENT.VALUE, `-` or `_`, in any case. Raises InputError."""
    known = actions_of(rules)
    exact = [one for one in known if name == one.trigger]
    alike = [one for one in known if _key(name) in (_key(one.name), _key(one.trigger))]
    for one in (*exact, *alike):
        return one
    names = [one.name for one in known]
    near = nearest(name, names)
    fix = f"did you mean {near}?" if near else f"use one of {known_names(names) or 'none'}"
    raise InputError(f"the rules have no action {name[:64]!r}", fix=fix)


def _variants(rules: LeadMachine, event: Event) -> Sequence[str]:
    if event.by is None:
        return ("",)
    parts = (rule.trigger.partition(".") for rule in rules.rules.rules)
    found = dict.fromkeys(variant for name, _, variant in parts if name == event.name)
    return [variant for variant in found if variant != OTHER]


def _action(rules: LeadMachine, event: Event, variant: str) -> Action:
    short, says = CALLED.get(event.name, ("", ""))
    label = says or _words(event.name).capitalize()
    if variant:
        label = f"{label} {_words(variant)}" if says else f"{label}: {_words(variant)}"
    trigger = f"{event.name}.{variant}" if variant else event.name
    return Action(
        name=(variant or short or event.name).replace("_", "-"),
        label=label,
        trigger=trigger,
        event=event.name,
        data={event.by: variant} if event.by else {},
        final=next(_final(rules, trigger), ""),
    )


def _final(rules: LeadMachine, trigger: str) -> Iterator[str]:
    states = rules.rules.states
    for rule in rules.rules.rules:
        state = states.get(rule.to or "") if rule.trigger == trigger else None
        if state is not None and state.work is Work.FINAL:
            yield state.name


def _rest(one: Action) -> tuple[str, str, str, Mapping[str, Any], str]:
    return one.label, one.trigger, one.event, one.data, one.final


def _words(name: str) -> str:
    return name.replace("_", " ")


def _key(name: str) -> str:
    return name.strip().lower().replace("-", "_")
