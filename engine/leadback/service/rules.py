"""Rules files seen from other sides: words, differences, examples. Writes nothing.

Everything here works on files and imports no database: affected.py and coverage.py do.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from leadback.base.errors import ConfigurationError, InputError
from leadback.base.settings import load_settings
from leadback.hooks.manager import Plugins
from leadback.lead.decide import decide
from leadback.lead.effects import words
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Event, Lead, Portal
from leadback.rules.decides import matrix
from leadback.rules.diff import Difference, diff_loaded
from leadback.rules.example_runner import run_examples
from leadback.rules.examples import Result, load_examples
from leadback.rules.explain import explain
from leadback.rules.findings import Finding, RulesError, finding, has_errors, in_order
from leadback.rules.loader import parse_file as read_file
from leadback.rules.model import CrmMapping, Rules
from leadback.rules.options import check_facts, check_options
from leadback.rules.shapes import known_names, nearest
from leadback.service.sound import parse_file

Document = dict[str, Any]


def read_rules(
    file: Path | None, config: Path | None, *, unasked: bool = False
) -> tuple[Path, Rules | None, tuple[Finding, ...]]:
    """The rules file with everything there is to say about it; raises nothing for its contents.

    unasked: also about mapped values, by what an account of the CRM starts with.
    """
    path = rules_file(file, config)
    if not unasked:
        return path, *parse_file(path)
    rules, findings = read_file(path)
    findings = with_unasked(rules, findings)
    return path, None if has_errors(findings) else rules, findings


def rules_file(file: Path | None, config: Path | None) -> Path:
    """The rules file that is meant: the one given, or the one of the settings."""
    return load_settings(config, rules=file).rules_file


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


def with_unasked(rules: Rules | None, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What was found in a file, and, if it can be used: what it shows a CRM against what an
    account of it starts with, and what it wants to hear of contacts. No portal is asked."""
    if rules is None:
        return findings
    found, plugins = list(findings), Plugins()
    for crm, mapping in rules.crm.items():
        try:
            options = plugins.for_crm(crm).crm_starting_options()
        except ConfigurationError as error:
            found.append(finding("R059", mapping.at, error.what, fix=error.fix))
            continue
        found += check_options(rules, crm, options, can_add=options)
    return in_order((*check_facts(rules), *found))


def mapping_for(rules: Rules, portal: Portal) -> CrmMapping:
    """What the portal is shown. Raises ConfigurationError: the rules have no table for its CRM."""
    mapping = rules.mapping(portal.crm, portal.name)
    if mapping is None:
        raise ConfigurationError(
            f"the rules do not say what {portal.crm} shows: they have no table crm.{portal.crm}",
            where=f"portal {portal.name}",
            fix="add one: leadback rules apply",
        )
    return mapping


# ---------------------------------------------------------------------- examples


def examples_beside(rules: Path) -> list[Path]:
    """The example files that belong to a rules file: `examples/*.yaml` beside it."""
    found = sorted((rules.parent / "examples").glob("*.yaml"))
    if not found:
        raise ConfigurationError(
            "there are no examples",
            where=str(rules.parent / "examples"),
            fix="write some there, or name a file: leadback rules test FILE",
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
            examples,
            rules,
            decide=partial(decide, machine),
            make_lead=Lead,
            make_event=Event,
            words=words,
        )
    return tuple(results)


# ---------------------------------------------------------------------- differences


def differences(old: Rules, new: Rules) -> list[Document]:
    """What the new rules do differently; for leads there are: affected.differences_now."""
    found = diff_loaded(old, new)
    return told(found, [None] * len(found))


def told(found: Sequence[Difference], leads: Sequence[int | None]) -> list[Document]:
    """Differences as documents. leads: how many running ones each is about, None: not counted, or
    about no lead in particular (an event, a text)."""
    return [
        {
            "what": one.what,
            "state": one.state,
            "event": one.event,
            "when": one.region,
            "old": one.old,
            "new": one.new,
            "text": str(one),
            "leads": count,
        }
        for one, count in zip(found, leads, strict=True)
    ]
