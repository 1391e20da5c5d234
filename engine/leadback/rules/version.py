"""The version of a rules file: a hash of what it means, not of how it is written."""

import hashlib
import json
from typing import Any

from leadback.rules.model import Comparison, CrmMapping, Event, Rule, Rules
from leadback.rules.unsaid import action_of_version, fact_of_version, manual_of_version
from leadback.rules.values import own_cells


def version_of(rules: Rules) -> str:
    """12 hex digits. Comments, layout, groups and the order of tables do not matter;
    the order of the rules of one trigger, of columns and of actions does.
    """
    text = json.dumps(_meaning(rules), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _meaning(rules: Rules) -> dict[str, Any]:
    by_trigger: dict[str, list[Any]] = {}
    for rule in rules.rules:
        by_trigger.setdefault(rule.trigger, []).append(_rule(rule))
    return {
        "start": [rules.start_event, _rule(rules.start)],
        "states": {s.name: [s.work, s.means, _sorted(s.sub_states)] for s in rules.states.values()},
        "counters": dict(rules.counters),
        "events": {
            e.name: [
                e.means, e.by, e.keeps_sub_state, e.counts, sorted(e.resets), e.logs, *_said(e),
                *([sorted(e.automatic)] if e.automatic else []),
            ]
            for e in rules.events.values()
        },
        "rules": by_trigger,
        "timers": {
            t.name: [sorted(t.states), t.after, t.at_field, t.default, t.every, t.times, t.missed]
            for t in rules.timers.values()
        },
        "texts": dict(rules.texts),
        "crm": {m.crm: [m.columns, dict(m.states), *_portals(m)] for m in rules.crm.values()},
        "invariants": {
            i.name: [
                i.form, sorted(i.states), sorted(i.targets), sorted(i.events), i.then, i.within,
                _guard(i.guard),
            ]
            for i in rules.invariants.values()
        },
        "migrate": dict(rules.migrate),
    }  # fmt: skip


def _portals(mapping: CrmMapping) -> list[Any]:
    if not mapping.portals:
        return []
    return [{portal: own_cells(mapping, portal) for portal in mapping.portals}]


def _rule(rule: Rule) -> list[Any]:
    actions = [action_of_version(action) for action in rule.actions]
    outcome = [rule.to, rule.stay, rule.refuse, rule.sub_state, rule.done]
    return [sorted(rule.sources), outcome, _guard(rule.guard), actions]


def _said(event: Event) -> list[str]:
    fact, manual = fact_of_version(event), manual_of_version(event)
    said: list[str] = [] if fact is None else [fact]
    return said if manual is None else [*said, f"manual: {manual}"]


def _guard(guard: tuple[Comparison, ...]) -> list[str]:
    return sorted(str(part) for part in guard)


def _sorted(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else sorted(names)
