"""Effects as a decision orders them: what they carry, and in which order they follow each other."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from engine.lead.records import Effect, EffectKind, Event, Lead

_WORD = re.compile(r"\{([a-z_]+)\}")
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


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace {word} by its value; a word without a value stays as it is."""
    return _WORD.sub(lambda match: values.get(match.group(1), match.group(0)), text)


def reference(lead: Lead, event: Event, number: int) -> str:
    """`hb-` and 16 hexadecimal digits that name one effect for ever.

    Two events that are equal but for `internal` have different effects.
    """
    text = f"{lead.portal}\x1f{lead.lead_id}\x1f{event.source}\x1f{event.id}\x1f{number}"
    if event.internal:
        text = f"\x1f{text}"  # no portal's name begins so
    return "hb-" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def fields_effect(lead: Lead, reference: str) -> Effect:
    """The CRM is to show the lead's state."""
    payload = {
        "state": lead.state,
        "sub_state": lead.sub_state,
        "assistant_email": lead.assistant,
    }
    return Effect(EffectKind.FIELDS, payload, reference)


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
