"""Compares every lead with its contact in the CRM, and repairs what drifted: plan first.

Safe beside a running worker: leads with effects on their way are left alone, owners and vanished
contacts are only looked up again, and repairs are effects like any other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.base.clock import Clock
from engine.hooks.outcomes import Access, Delivery
from engine.hooks.specs import CrmSpecs
from engine.lead.change import GONE
from engine.lead.effects import reference, words
from engine.lead.records import ContactReading, Effect, EffectKind, Event, Lead
from engine.rules.model import CrmMapping
from engine.store import LeadFilter, NewHint, OutboxRow, Store
from engine.work.access import Accesses
from engine.work.rules_in_use import RulesInUse

BATCH = 500
MAX_LEADS = 10_000_000
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
        """{portal, compared, applied, steps: [{contact, what, repair}]}. Raises HandbackError."""
        access, hooks = self._accesses.of(name)
        with self._store.read() as tx:
            leads = tx.leads.list(LeadFilter(portal=name), limit=MAX_LEADS)
        leads = [lead for lead in leads if lead.ended not in GONE]
        repairs = list(self._strangers(access, hooks, leads))
        for first in range(0, len(leads), BATCH):
            repairs += self._compare(access, hooks, leads[first : first + BATCH])
        if apply and repairs:
            self._apply(name, repairs)
        return {
            "portal": name,
            "compared": len(leads),
            "applied": apply,
            "steps": [
                {
                    "contact": f"{name}/{repair.crm_id}",
                    "what": repair.what,
                    "repair": repair.effect.kind.value if repair.effect else "look up",
                }
                for repair in repairs
            ],
        }

    def _strangers(
        self, access: Access, hooks: CrmSpecs, leads: Sequence[Lead]
    ) -> Iterator[Repair]:
        """Contacts that an assistant owns and that are no leads at work, and the other way."""
        if not any(assistant.owner_id for assistant in access.assistants):
            return
        owned = {hint.crm_id for hint in hooks.crm_assigned_contacts(access=access)}
        known = {lead.crm_id for lead in leads}
        for crm_id in sorted(owned - known):
            yield Repair(crm_id, "an assistant owns it, but it is no lead")

    def _compare(self, access: Access, hooks: CrmSpecs, leads: Sequence[Lead]) -> Iterator[Repair]:
        mapping = self._rules.now().rules.crm[access.portal.crm]
        readings = {
            reading.asked: reading
            for reading in hooks.crm_read_contacts(
                access=access, crm_ids=[lead.crm_id for lead in leads]
            )
        }
        noted: list[tuple[Lead, OutboxRow]] = []
        for lead in leads:
            with self._store.read() as tx:
                effects = tx.outbox.of_lead(lead.portal, lead.lead_id)
            if any(row.status in OPEN for row in effects):
                continue
            gone = _gone(lead, readings[lead.crm_id])
            if gone:
                yield Repair(lead.crm_id, gone)
                continue
            yield from self._fields(access, hooks, mapping, lead, readings[lead.crm_id])
            noted += [
                (lead, row)
                for row in effects
                if row.kind is EffectKind.NOTE and row.status == "done"
            ]
        yield from _missing_notes(access, hooks, noted)

    def _fields(
        self,
        access: Access,
        hooks: CrmSpecs,
        mapping: CrmMapping,
        lead: Lead,
        reading: ContactReading,
    ) -> Iterator[Repair]:
        wanted = hooks.crm_resolve_fields(
            access=access, mapping=mapping, state=lead.state, words=words(lead)
        )
        for field, value in wanted.items():
            shown = reading.fields.get(field)
            if (shown or "") != value:
                payload = hooks.crm_plan_fields(
                    mapping=mapping, state=lead.state, words=words(lead)
                )
                now = self._clock.now()
                asked = Event("reconcile", now, "reconcile", str(now), internal=True)
                effect = Effect(EffectKind.FIELDS, payload, reference(lead, asked, 0))
                what = f"{field} is {shown or 'empty'}, the lead is {lead.state}"
                yield Repair(lead.crm_id, what, lead, effect)
                return

    def _apply(self, name: str, repairs: Sequence[Repair]) -> None:
        now = self._clock.now()
        effects = [(r.lead, r.effect) for r in repairs if r.lead and r.effect]
        hints = [NewHint(r.crm_id, now) for r in repairs if r.effect is None]
        with self._store.write() as tx:
            tx.outbox.add(name, effects, now=now)
            tx.hints.add(name, hints, now=now)


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
