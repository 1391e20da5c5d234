"""Reads the portal back over HTTP and compares every contact with what the rules demand.

What they demand is found by replaying the recorded events through the pure `decide`, not by
asking the engine what it did.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from leadback.lead.change import GONE
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import ContactReading, EffectKind, Event, Lead
from leadback.wiring import App

PAGE = 5_000
OWNER = "hubspot_owner_id"
_TIMELINE = {EffectKind.NOTE: "notes", EffectKind.EMAIL: "emails", EffectKind.TASK: "tasks"}


@dataclass(slots=True)
class Demanded:
    """What one lead's life demands of the portal."""

    lead: Lead
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Comparison:
    """compared: contacts; differences: one sentence each."""

    compared: int
    differences: tuple[str, ...]


def demanded(app: App, portal: str) -> dict[str, Demanded]:
    """Replay all decided events of a portal; by lead id."""
    leads: dict[str, Demanded] = {}
    rules = app.rules.now()
    after = None
    while True:
        with app.store.read() as tx:
            events = tx.history.events(portal, limit=PAGE, after=after)
        for record in events:
            known = leads.get(record.lead_id)
            event = _with_winner(rules, leads, record.lead_id, record.event)
            decision = decide(rules, known.lead if known else None, event, record.decided_at)
            if decision is None:
                continue
            if known is None:
                known = leads[record.lead_id] = Demanded(decision.lead)
            known.lead = decision.lead
            known.counts.update(_TIMELINE[e.kind] for e in decision.effects if e.kind in _TIMELINE)
        if len(events) < PAGE:
            return leads
        after = events[-1].seq


def _with_winner(
    rules: LeadMachine, leads: Mapping[str, Demanded], lead_id: str, event: Event
) -> Event:
    into = event.data.get("into")
    if not rules.tells_of(event, "merged") or into is None:
        return event
    others = (d.lead.crm_id for key, d in leads.items() if key != lead_id)
    return replace(event, data={**event.data, "winner_is_lead": str(into) in others})


def compare(app: App, portal: str, dump: Mapping[str, Any]) -> Comparison:
    """Every lead's contact as the portal shows it against what the rules demand."""
    leads = demanded(app, portal)
    access, hooks = app.accesses.of(portal)
    crm_ids = [each.lead.crm_id for each in leads.values()]
    readings = {r.asked: r for r in hooks.crm_read_contacts(access=access, crm_ids=crm_ids)}
    counts: dict[str, Counter[str]] = {}
    for each in leads.values():
        home = dump["merged"].get(each.lead.crm_id, each.lead.crm_id)
        counts.setdefault(home, Counter()).update(each.counts)
    differences: list[str] = []
    for each in leads.values():
        lead, where = each.lead, f"{portal}/{each.lead.crm_id} ({each.lead.state})"
        reading = readings[lead.crm_id]
        if lead.ended in GONE:
            if reading.status == "found" and reading.crm_id == lead.crm_id:
                differences.append(f"{where}: should be gone")
            continue
        contact = dump["contacts"][lead.crm_id]
        differences += _field_differences(app, access.portal.crm, lead, reading, where)
        differences += [
            f"{where}: {len(contact[name])} {name}, not {counts[lead.crm_id][name]}"
            for name in _TIMELINE.values()
            if len(contact[name]) != counts[lead.crm_id][name]
        ]
        differences += _owner_differences(app, lead, where, contact["properties"].get(OWNER))
    return Comparison(len(leads), tuple(differences))


def _field_differences(
    app: App, crm: str, lead: Lead, reading: ContactReading, where: str
) -> list[str]:
    mapping = app.rules.now().rules.crm[crm].of(lead.portal)
    wanted = zip(mapping.columns, mapping.states[lead.state], strict=True)
    return [
        f"{where}: {name} is {reading.fields.get(name)}, not {value}"
        for name, value in wanted
        if value is not None and not _same(reading.fields.get(name), value)
    ]


def _same(shown: str | None, wanted: str | None) -> bool:
    """The portal may spell an option in another case (In_Progress, IN_PROGRESS)."""
    return (shown or "").lower() == (wanted or "").lower()


def _owner_differences(app: App, lead: Lead, where: str, owner: str | None) -> list[str]:
    with app.store.read() as tx:
        ledger = tx.ledger.of_lead(lead.portal, lead.lead_id)
        assistants = {a.owner_id: a.email for a in tx.portals.assistants(lead.portal) if a.owner_id}
    holds = assistants.get(owner or "") == lead.assistant
    last = ledger[-1].what if ledger else ""
    if last == "assigned" and not lead.finished and not holds:
        return [f"{where}: the assistant works on it, but {owner or 'nobody'} owns it"]
    if lead.done and holds and last != "kept":
        return [f"{where}: the assistant is done, but still owns it"]
    if last in ("handed_back", "fallback") and ledger[-1].owner_after != owner and holds:
        return [f"{where}: it was handed back to {ledger[-1].owner_after}, not to {owner}"]
    return []
