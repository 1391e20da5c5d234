"""What new rules would mean for the leads that there are; what portals offer to be mapped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadback.base.clock import Millis
from leadback.base.errors import LeadbackError
from leadback.lead.change import change_rules
from leadback.lead.effects import words
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Decision, EffectKind, Lead, Portal
from leadback.rules.findings import Finding
from leadback.rules.migration import Change, changes, plan_migration
from leadback.rules.model import Rules
from leadback.rules.values import differs_by_lead, values_for
from leadback.service.replay import BATCH, CALLS_PER_MINUTE
from leadback.service.rules import mapping_for
from leadback.store import RulesEntry, Store, Tx
from leadback.work.access import Accesses
from leadback.work.rules_in_use import told_event

PAGE = 5_000
"""Leads read at a time."""

Document = dict[str, Any]


def meant(tx: Tx, old: Rules, new: Rules, moves: Mapping[str, str], *, at: Millis) -> Document:
    """What the change means for running leads, counted; `lost`: findings about states; `gone`:
    states that are not there any more and whose leads go nowhere yet, with how many there are.

    at: when the new rules take over, as far as anybody knows now.
    """
    machine, at_once = LeadMachine(new), {"timers": 0, "handbacks": 0}
    lost: tuple[Finding, ...] = ()
    migrate: dict[tuple[str, str], int] = {}
    gone: dict[str, int] = {}
    told = fields = timers = calls = 0
    for portal in tx.portals.list():
        held = tx.leads.count_by_state(portal.name)
        plan = plan_migration(held, new, also=moves, portal=portal.name)
        lost += plan.findings
        for state in (s for s, n in held.items() if n and s not in {*new.states, *plan.moves}):
            gone[state] = gone.get(state, 0) + held[state]
        staying = {s: n for s, n in held.items() if s in new.states or s in plan.moves}
        changed = changes(
            old, new, held=staying, moves=plan.moves, crm=portal.crm, portal=portal.name
        )
        asked = _Asked(tx, portal, old, machine, changed, plan.moves, at)
        for what, count in asked.at_once().items():
            at_once[what] += count
        written = asked.written()
        fields, calls = fields + written, calls + -(-written // BATCH)
        for state, change in changed.items():
            told += held[state]
            timers += held[state] * change.timers
            if change.to != state:
                key = (state, change.to)
                migrate[key] = migrate.get(key, 0) + held[state]
    return {
        "lost": lost,
        "gone": [{"state": state, "leads": leads} for state, leads in gone.items()],
        "migrate": [{"state": s, "to": to, "leads": n} for (s, to), n in migrate.items()],
        "told": told,
        "rewrites": {
            "contacts": fields,
            "api_calls": calls,
            "minutes": round(calls / CALLS_PER_MINUTE, 2),
        },
        "timers": timers,
        "at_once": at_once,
    }


@dataclass(frozen=True, slots=True)
class _Asked:
    """The leads of one portal, asked what they would decide; none is told."""

    tx: Tx
    portal: Portal
    old: Rules
    new: LeadMachine
    changed: Mapping[str, Change]
    moves: Mapping[str, str]
    at: Millis

    def written(self) -> int:
        """How many contacts are written again: those that are there, and do not show it already."""
        before = self.old.mapping(self.portal.crm, self.portal.name)
        after = self.new.rules.mapping(self.portal.crm, self.portal.name)
        there = self.tx.leads.count_there(self.portal.name)
        count = 0
        by_lead: dict[str, Change] = {}
        for state, change in self.changed.items():
            by_words = differs_by_lead(before, state) or differs_by_lead(after, change.to)
            if change.fields and by_words:
                by_lead[state] = change
            elif change.fields:
                count += there.get(state, 0)
        for lead, decision in self._decided(by_lead):
            if any(effect.kind is EffectKind.FIELDS for effect in decision.effects):
                shown = values_for(before, lead.state, words(lead))
                then = values_for(after, decision.lead.state, words(decision.lead))
                count += any(shown.get(name) != value for name, value in then.items())
        return count

    def at_once(self) -> dict[str, int]:
        """What happens the moment the rules change."""
        counted = {s: c for s, c in self.changed.items() if c.timers or c.to != s}
        timers = handbacks = 0
        for _, decision in self._decided(counted):
            timers += sum(timer.due <= self.at for timer in decision.timers)
            handbacks += sum(e.kind is EffectKind.HANDBACK for e in decision.effects)
        return {"timers": timers, "handbacks": handbacks}

    def _decided(self, changed: Mapping[str, Change]) -> Iterator[tuple[Lead, Decision]]:
        """What each lead of these states would decide."""
        portal, new, after = self.portal.name, self.new, ""
        entry = RulesEntry(
            0, self.at, "", "", "applied", new.version, None, new.version, "", self.moves
        )
        states = sorted(changed)
        while told := self.tx.rules.met(portal, states=states, gone=(), after=after, limit=PAGE):
            after = told[-1].lead_id
            leads = self.tx.leads.get_many(portal, [one.lead_id for one in told])
            for one in told:
                event = told_event(one, entry, self.old.version, changed[one.state], self.moves)
                lead = leads[one.lead_id]
                yield lead, change_rules(new, lead, event, self.at)


def field_options(store: Store, accesses: Accesses, rules: Rules) -> Document:
    """What portals offer: options {crm: {column: values of all its portals}}, own {portal: {column:
    values}}, asked and unreachable: portals that answered, and {portal, why} of those that did not.
    """
    with store.read() as tx:
        portals = [portal for portal in tx.portals.list() if portal.crm in rules.crm]
    options: dict[str, dict[str, list[str]]] = {}
    own: Document = {}
    asked: list[str] = []
    unreachable: list[Document] = []
    for portal in portals:
        try:
            access, hooks = accesses.of(portal.name)
            mapping = mapping_for(rules, portal)
            found = hooks.crm_field_options(access=access, mapping=mapping)
        except LeadbackError as error:
            unreachable.append({"portal": portal.name, "why": str(error)})
            continue
        asked.append(portal.name)
        own[portal.name] = {column: list(values) for column, values in found.items()}
        known = options.setdefault(portal.crm, {})
        for column, values in found.items():
            known[column] = list(dict.fromkeys([*known.get(column, ()), *values]))
    return {"options": options, "own": own, "asked": asked, "unreachable": unreachable}
