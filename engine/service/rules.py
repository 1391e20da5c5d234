"""Rules files seen from other sides: pictures, words, differences, examples. Writes nothing.

Everything here works on files; what a database adds (leads, traffic) is handed in.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from engine.base.clock import Millis
from engine.base.errors import ConfigurationError, InputError
from engine.hooks.manager import Plugins
from engine.lead.change import GONE
from engine.lead.decide import decide
from engine.lead.machine import LeadMachine, facts_of
from engine.lead.records import Event, Lead
from engine.rules.decides import matrix
from engine.rules.diff import Difference, diff
from engine.rules.durations import parse_duration
from engine.rules.example_runner import run_examples
from engine.rules.examples import Result, load_examples
from engine.rules.explain import explain
from engine.rules.findings import Finding, RulesError
from engine.rules.model import Rules
from engine.rules.options import check_options
from engine.rules.shapes import known_names, nearest
from engine.rules.why import coverage
from engine.store import LeadFilter, Tx

PAGE = 5_000
"""Leads read at a time."""

Document = dict[str, Any]


def explained(rules: Rules, state: str | None = None) -> str:
    """The rules in plain English. Raises InputError for a state that is not theirs."""
    if state is not None and state not in rules.states:
        near = nearest(state, rules.states)
        fix = f"did you mean {near}?" if near else f"use one of {known_names(rules.states)}"
        raise InputError(f"the rules have no state {state}", fix=fix)
    return explain(rules, state=state)


def completeness(rules: Rules) -> list[Document]:
    """One row for each event and timer: `event`, and for each state what it may come to."""
    found = matrix(rules)
    triggers = dict.fromkeys(trigger for _, trigger in found)
    return [
        {"event": t, "states": {s: list(found[s, t]) for s in rules.states if (s, t) in found}}
        for t in triggers
    ]


def unasked(rules: Rules, plugins: Plugins) -> tuple[Finding, ...]:
    """Mapped values against what an account of each CRM starts with: no portal is asked."""
    found: list[Finding] = []
    for crm in rules.crm:
        try:
            options = plugins.for_crm(crm).crm_starting_options()
        except ConfigurationError:
            continue  # a file may map a CRM whose plugin is not installed here
        found += check_options(rules, crm, options, can_add=options)
    return tuple(found)


# ---------------------------------------------------------------------- examples


def examples_beside(rules: Path) -> list[Path]:
    """The example files that belong to a rules file: `examples/*.yaml` beside it."""
    found = sorted((rules.parent / "examples").glob("*.yaml"))
    if not found:
        raise ConfigurationError(
            "there are no examples",
            where=str(rules.parent / "examples"),
            fix="write some there, or name a file: handback rules test FILE",
        )
    return found


def tested(rules: Rules, files: Iterable[Path]) -> tuple[Result, ...]:
    """Every example played by the engine's own `decide`. Raises RulesError for broken files."""
    results: list[Result] = []
    machine = LeadMachine(rules)
    for file in files:
        examples, findings = load_examples(file, rules)
        if findings:
            raise RulesError(findings)
        results += run_examples(
            examples, rules, decide=partial(decide, machine), make_lead=Lead, make_event=Event
        )
    return tuple(results)


# ---------------------------------------------------------------------- differences


def differences(old: Rules, new: Rules, tx: Tx | None = None) -> list[Document]:
    """What the new rules do differently. With a database: how many running leads each is about.

    leads: None where a difference is about no lead in particular (an event, a text).
    """
    found = diff(old, new)
    affected = [None] * len(found) if tx is None else _affected(found, new, tx)
    return [
        {
            "what": one.what,
            "state": one.state,
            "event": one.event,
            "when": one.region,
            "old": one.old,
            "new": one.new,
            "text": str(one),
            "leads": leads,
        }
        for one, leads in zip(found, affected, strict=True)
    ]


def _affected(found: Sequence[Difference], new: Rules, tx: Tx) -> list[int | None]:
    by_state: dict[str, list[int]] = {}
    counts: list[int | None] = []
    for number, one in enumerate(found):
        timer = new.timers.get(one.event) if one.what == "timer" else None
        for state in timer.states if timer is not None else [one.state] if one.state else []:
            by_state.setdefault(state, []).append(number)
        counts.append(0 if one.state or timer is not None else None)
    for state, numbers in by_state.items():
        for lead in _running(tx, state):
            for number in numbers:
                if found[number].what != "decision" or _meets(found[number], lead, new):
                    counts[number] = (counts[number] or 0) + 1
    return counts


def _running(tx: Tx, state: str) -> Iterable[Lead]:
    """Leads of a state whose contact is still there."""
    for portal in tx.portals.list():
        wanted, last = LeadFilter(portal=portal.name, state=state), None
        while page := tx.leads.list(wanted, limit=PAGE, after=last):
            last = page[-1]
            yield from (lead for lead in page if lead.ended not in GONE)


def _meets(one: Difference, lead: Lead, rules: Rules) -> bool:
    """Whether the next event of this kind goes another way for this lead."""
    return one.fits(facts_of(lead, _counted(lead.counters, rules, one.event)))


def _counted(counters: Mapping[str, int], rules: Rules, trigger: str) -> dict[str, int]:
    event = rules.events.get(trigger.partition(".")[0])
    found = dict(counters)
    if event is not None:
        found.update(dict.fromkeys(event.resets, 0))
        if event.counts is not None:
            found[event.counts] = found.get(event.counts, 0) + 1
    return found


# ---------------------------------------------------------------------- coverage


def covered(rules: Rules, tx: Tx, *, since: Millis) -> Document:
    """What never happened since then: `rules` {rule, at}, `states`, `events`."""
    used = [tx.history.used(portal.name, since=since) for portal in tx.portals.list()]
    found = coverage(
        rules,
        fired=chain.from_iterable(one.rules for one in used),
        entered=chain.from_iterable(one.states for one in used),
        seen=chain.from_iterable(one.events for one in used),
    )
    return {
        "rules": [{"rule": rule.name, "at": str(rule.at)} for rule in found.rules],
        "states": list(found.states),
        "events": list(found.events),
    }


def since(text: str, now: Millis) -> Millis:
    """`30d` as the instant that long before now. Raises InputError."""
    length = parse_duration(text)
    if length is None:
        raise InputError(f"--since {text!r} is no length of time", fix="write e.g. 30d or 12h")
    return now - length
