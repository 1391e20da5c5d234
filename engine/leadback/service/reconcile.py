"""Compares every lead with its contact in the CRM, and repairs what drifted: plan first.

Safe beside a running worker: leads with effects on their way are left alone, owners and vanished
contacts are only looked up again, and repairs are effects like any other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from leadback.base.clock import Clock
from leadback.hooks.outcomes import Access, Delivery
from leadback.hooks.specs import CrmSpecs
from leadback.lead.change import GONE
from leadback.lead.effects import reference, words
from leadback.lead.ownership import changed_facts
from leadback.lead.records import ContactReading, Effect, EffectKind, Ended, Event, Lead
from leadback.rules.model import CrmMapping
from leadback.rules.values import values_for
from leadback.service.rules import mapping_for
from leadback.store import NewHint, OutboxRow, Store
from leadback.work.access import Accesses
from leadback.work.rules_in_use import RulesInUse

BATCH = 500
STEPS = 10_000
"""Differences that a report lists; it counts all of them."""
OPEN = ("pending", "leased", "uncertain")


@dataclass(frozen=True, slots=True)
class Repair:
    """One difference and what mends it: another look at the contact, or an effect."""

    crm_id: str
    what: str
    lead: Lead | None = None
    effect: Effect | None = None


class Reconcile:
    """One per process."""

    def __init__(self, store: Store, clock: Clock, accesses: Accesses, rules: RulesInUse) -> None:
        self._store, self._clock = store, clock
        self._accesses, self._rules = accesses, rules

    def run(self, name: str, *, apply: bool) -> dict[str, Any]:
        """{portal, compared, applied, differences, steps: [{contact, what, repair}]}: the first
        STEPS of the differences. A page of leads at a time is compared, and repaired.

        Raises LeadbackError; ConfigurationError when the rules have no table for the portal's CRM.
        """
        access, hooks = self._accesses.of(name)
        mapping = mapping_for(self._rules.now().rules, access.portal)
        comparison = _Comparison(self._store, self._clock, access, hooks, mapping)
        compared = differences = 0
        steps: list[dict[str, Any]] = []
        for count, repairs in comparison.pages():
            compared, differences = compared + count, differences + len(repairs)
            steps += [_step(name, repair) for repair in repairs[: STEPS - len(steps)]]
            if apply and repairs:
                self._apply(name, repairs)
        return {
            "portal": name,
            "compared": compared,
            "applied": apply,
            "differences": differences,
            "steps": steps,
        }

    def _apply(self, name: str, repairs: Sequence[Repair]) -> None:
        now = self._clock.now()
        effects = [(r.lead, r.effect) for r in repairs if r.lead and r.effect]
        hints = [NewHint(r.crm_id, now) for r in repairs if r.effect is None]
        with self._store.write() as tx:
            tx.outbox.add(name, effects, now=now)
            tx.hints.add(name, hints, now=now)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Of one portal: what is in the CRM, page by page, against what is here."""

    store: Store
    clock: Clock
    access: Access
    hooks: CrmSpecs
    mapping: CrmMapping

    def pages(self) -> Iterator[tuple[int, list[Repair]]]:
        """(leads compared, what to repair), so that no more than a page is in memory."""
        for some in self._owned():
            yield 0, list(self._strangers(some))
        after = ""
        while leads := self._leads(after):
            after = leads[-1].lead_id
            there = [lead for lead in leads if lead.ended not in GONE]
            deleted = [lead for lead in leads if lead.ended is Ended.DELETED]
            if there or deleted:
                yield len(there), [*self._compare(there), *self._deleted(deleted)]

    def _leads(self, after: str) -> list[Lead]:
        with self.store.read() as tx:
            return tx.leads.page(self.access.portal.name, after=after, limit=BATCH)

    def _owned(self) -> Iterator[list[str]]:
        """CRM ids of the contacts that an assistant owns."""
        if not any(assistant.owner_ids for assistant in self.access.assistants):
            return
        hints = self.hooks.crm_assigned_contacts(access=self.access)
        owned = sorted({hint.crm_id for hint in hints})
        for first in range(0, len(owned), BATCH):
            yield owned[first : first + BATCH]

    def _strangers(self, owned: Sequence[str]) -> Iterator[Repair]:
        portal = self.access.portal.name
        with self.store.read() as tx:
            lanes = tx.leads.lane_of(portal, owned)
            leads = tx.leads.get_many(portal, list(lanes.values()))
        for crm_id in owned:
            lead = leads.get(lanes[crm_id])
            if lead is None or lead.ended in GONE:
                yield Repair(crm_id, "an assistant owns it, but it is no lead")

    def _readings(self, leads: Sequence[Lead]) -> dict[str, ContactReading]:
        crm_ids = [lead.crm_id for lead in leads]
        read = self.hooks.crm_read_contacts(access=self.access, crm_ids=crm_ids)
        return {reading.asked: reading for reading in read}

    def _deleted(self, leads: Sequence[Lead]) -> Iterator[Repair]:
        """Leads whose contact was deleted: it may be back, or gone for good."""
        readings = self._readings(leads)
        for lead in leads:
            status = readings[lead.crm_id].status
            if status != "deleted":
                yield Repair(lead.crm_id, f"the contact was deleted, and is {status} now")

    def _compare(self, leads: Sequence[Lead]) -> Iterator[Repair]:
        readings = self._readings(leads)
        with self.store.read() as tx:
            ordered = {lead.lead_id: tx.outbox.of_lead(lead.portal, lead.lead_id) for lead in leads}
        noted: list[tuple[Lead, OutboxRow]] = []
        for lead in leads:
            gone = _gone(lead, readings[lead.crm_id])
            others = changed_facts(lead, readings[lead.crm_id], self.access.assistants)
            if others and not gone:
                yield Repair(lead.crm_id, f"its {' and '.join(others)} changed in the CRM")
            effects = ordered[lead.lead_id]
            if any(row.status in OPEN for row in effects):
                continue
            if gone:
                yield Repair(lead.crm_id, gone)
                continue
            yield from self._fields(lead, readings[lead.crm_id])
            noted += [
                (lead, row)
                for row in effects
                if row.kind is EffectKind.NOTE and row.status == "done"
            ]
        yield from _missing_notes(self.access, self.hooks, noted)

    def _fields(self, lead: Lead, reading: ContactReading) -> Iterator[Repair]:
        values = values_for(self.mapping, lead.state, words(lead))
        wanted = self.hooks.crm_resolve_fields(access=self.access, values=values)
        for field, value in wanted.items():
            shown = reading.fields.get(field)
            if (shown or "") != value:
                now = self.clock.now()
                asked = Event("reconcile", now, "reconcile", str(now), internal=True)
                effect = Effect(EffectKind.FIELDS, values, reference(lead, asked, 0))
                what = f"{field} is {shown or 'empty'}, the lead is {lead.state}"
                yield Repair(lead.crm_id, what, lead, effect)
                return


def _step(portal: str, repair: Repair) -> dict[str, Any]:
    return {
        "contact": f"{portal}/{repair.crm_id}",
        "what": repair.what,
        "repair": repair.effect.kind.value if repair.effect else "look up",
    }


def _gone(lead: Lead, reading: ContactReading) -> str:
    if reading.status != "found":
        return f"the contact was {reading.status}"
    return f"the contact was merged into {reading.crm_id}" if reading.crm_id != lead.crm_id else ""


def _missing_notes(
    access: Access, hooks: CrmSpecs, noted: Sequence[tuple[Lead, OutboxRow]]
) -> Iterator[Repair]:
    if not noted:
        return
    deliveries = [
        Delivery(row.id, row.kind, lead.crm_id, row.payload, row.reference, row.attempts, True)
        for lead, row in noted
    ]
    found = hooks.crm_find_records(access=access, kind=EffectKind.NOTE, deliveries=deliveries)
    for lead, row in noted:
        if row.id in found and found[row.id] is None:
            effect = Effect(EffectKind.NOTE, row.payload, row.reference)
            yield Repair(lead.crm_id, "its note is not there any more", lead, effect)
