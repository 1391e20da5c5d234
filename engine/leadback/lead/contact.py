"""What it means for a lead that its contact has another address, name or context: it follows.

The event CONTACT_CHANGED comes from the engine alone, when a contact that was read shows otherwise
than the lead; its data are the facts as they are now, so that the decision can be replayed.
"""

from dataclasses import replace

from leadback.base.clock import Millis
from leadback.lead.change import GONE
from leadback.lead.effects import fields_effect, reference
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Decision, Event, Lead

CONTACT_CHANGED = "contact.changed"
"""No file can declare an event of this name: names have no dots."""

FACTS = ("email", "name", "context")
_WORDS = ("{lead}", "{context}")
"""What of them a mapped value can show."""


def change_contact(rules: LeadMachine, lead: Lead, event: Event, now: Millis) -> Decision:
    """event.data: {fact: its value now, None = the contact has none}. No rule is asked."""
    names = [name for name in FACTS if name in event.data and lead.ended not in GONE]
    facts = {name: event.data[name] for name in names if event.data[name] != getattr(lead, name)}
    after = replace(lead, **facts, updated_at=now, revision=lead.revision + 1)
    if not facts:
        why = "known already" if names else f"the contact is {lead.ended}"
        return Decision(lead=after, result="ignored", because=why)
    shows = not lead.finished and _shows_facts(rules, lead)
    return Decision(
        lead=after,
        result="stayed",
        because=f"the CRM shows another {' and '.join(facts)} of the contact",
        effects=(fields_effect(after, reference(lead, event, 0)),) if shows else (),
    )


def _shows_facts(rules: LeadMachine, lead: Lead) -> bool:
    return any(
        word in value
        for table in rules.rules.crm.values()
        for value in table.of(lead.portal).states.get(lead.state, ())
        if value
        for word in _WORDS
    )
