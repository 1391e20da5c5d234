"""Effects as a decision orders them: what they carry, and in which order they follow each other."""

import hashlib
from collections.abc import Iterable

from leadback.lead.records import Decision, Effect, EffectKind, Event, Lead
from leadback.rules.model import CrmMapping
from leadback.rules.values import fill, values_for

_ORDER = {
    EffectKind.EMAIL: 0,
    EffectKind.FIELDS: 1,
    EffectKind.NOTE: 2,
    EffectKind.TASK: 3,
    EffectKind.HANDBACK: 4,
}


def order(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """What happened first, what it means next, and the contact changes hands last."""
    return tuple(sorted(effects, key=_place))


def _place(effect: Effect) -> int:
    return _ORDER[effect.kind]


def words(lead: Lead) -> dict[str, str]:
    """Values for the words in braces that texts and mapped values may have."""
    return {
        "assistant": lead.assistant_name or lead.assistant or "The assistant",
        "assistant_email": lead.assistant or "",
        "context": lead.context or "none",
        "lead": lead.name or lead.email or lead.crm_id,
        "state": lead.state,
        "sub_state": lead.sub_state or lead.state,
    }


def reference(lead: Lead, event: Event, number: int) -> str:
    """`lb-` and 16 hexadecimal digits that name one effect for ever.

    Two events that are equal but for `internal` have different effects.
    """
    text = f"{lead.portal}\x1f{lead.lead_id}\x1f{event.source}\x1f{event.id}\x1f{number}"
    if event.internal:
        text = f"\x1f{text}"  # no portal's name begins so
    return "lb-" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def fields_effect(lead: Lead, reference: str) -> Effect:
    """The CRM is to show the lead's state; with_values() says how."""
    return Effect(EffectKind.FIELDS, {"state": lead.state, "words": words(lead)}, reference)


def with_values(decision: Decision, mapping: CrmMapping | None) -> Decision:
    """The decision with the values that its `fields` effects write by this mapping.

    Where nothing is shown for a state, or there is no mapping, there is no such effect.
    """
    if not any(effect.kind is EffectKind.FIELDS for effect in decision.effects):
        return decision
    shown = (_with_values(effect, mapping) for effect in decision.effects)
    return decision.ordering(tuple(effect for effect in shown if effect is not None))


def _with_values(effect: Effect, mapping: CrmMapping | None) -> Effect | None:
    if effect.kind is not EffectKind.FIELDS:
        return effect
    values = values_for(mapping, effect.payload["state"], effect.payload["words"])
    return Effect(effect.kind, values, effect.reference) if values else None


def handback_effect(lead: Lead, reference: str) -> Effect:
    """The contact is to go back, if the assistant has it from this assignment still."""
    payload = {
        "assistant": lead.assistant,
        "previous_owner": lead.previous_owner,
        "assigned_at": lead.assigned_at,
    }
    return Effect(EffectKind.HANDBACK, payload, reference)


def text_effect(kind: str, text: str, lead: Lead, event: Event, reference: str) -> Effect:
    """A note or a task with its words filled in."""
    filled = fill(text, words(lead))
    if kind == EffectKind.NOTE:
        return Effect(EffectKind.NOTE, {"text": filled, "at": event.at}, reference)
    payload = {"subject": filled, "at": event.at, "owner": lead.previous_owner}
    return Effect(EffectKind.TASK, payload, reference)
