"""Delivers one batch of one kind: an outcome for every id, and never an exception."""

from collections.abc import Mapping, Sequence

from leadback.api import Delivery, Done, EffectKind, GiveUp, Millis, Outcome, TryLater
from leadback_hubspot.answers import Answer
from leadback_hubspot.creates import deliver_engagements
from leadback_hubspot.fields import Definition, Unresolved, resolve_all
from leadback_hubspot.handback import hand_back
from leadback_hubspot.portals import Desk
from leadback_hubspot.updates import (
    Failed,
    MergedInto,
    Missing,
    NoEffect,
    Rejected,
    Update,
    UpdateEnd,
    Written,
    update_contacts,
)
from leadback_hubspot.verdicts import outcome_of

BATCH_LIMITS = {EffectKind.HANDBACK: 50}
BATCH_LIMIT = 100
SOON: Millis = 2_000
STALE_DEFINITION = frozenset({"INVALID_OPTION", "PROPERTY_DOESNT_EXIST"})
PATIENT_ATTEMPTS = 4
"""How often a value is tried that the portal should take by its own definitions."""


def batch_limit(kind: EffectKind) -> int:
    return BATCH_LIMITS.get(kind, BATCH_LIMIT)


def deliver(desk: Desk, kind: EffectKind, deliveries: Sequence[Delivery]) -> Mapping[int, Outcome]:
    """Any number of deliveries of one kind, sent in calls of the size that HubSpot takes."""
    send = {EffectKind.FIELDS: _fields, EffectKind.HANDBACK: hand_back}.get(
        kind, deliver_engagements
    )
    desk = desk.with_one_token()
    limit = batch_limit(kind)
    outcomes: dict[int, Outcome] = {}
    for start in range(0, len(deliveries), limit):
        part = deliveries[start : start + limit]
        waits = next((o for o in outcomes.values() if _stops(o)), None)
        outcomes.update(send(desk, part) if waits is None else {d.id: waits for d in part})
    return outcomes


def _stops(outcome: Outcome) -> bool:
    return isinstance(outcome, TryLater) and outcome.whole_portal


def _fields(desk: Desk, deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Field values. Twice at most: after a refusal the portal's definitions are read again."""
    outcomes: dict[int, Outcome] = {}
    first: dict[str, Delivery] = {}
    for delivery in deliveries:
        first.setdefault(delivery.crm_id, delivery)
    again = TryLater("other values of the same contact go first", after=SOON)
    outcomes.update({d.id: again for d in deliveries if first[d.crm_id] is not d})
    left = list(first.values())
    for last_round in (False, True):
        version = desk.memory.properties.version
        definitions = desk.memory.properties.get(desk.api, desk.now())
        if isinstance(definitions, Answer):
            outcomes.update(dict.fromkeys((d.id for d in left), outcome_of(definitions)))
            return outcomes
        stale = _write(desk, left, definitions, outcomes, last_round=last_round)
        if not stale:
            break
        desk.memory.properties.get(desk.api, desk.now(), newer_than=version)
        left = stale
    return outcomes


def _write(
    desk: Desk,
    deliveries: Sequence[Delivery],
    definitions: Mapping[str, Definition],
    outcomes: dict[int, Outcome],
    *,
    last_round: bool,
) -> list[Delivery]:
    """Fills in outcomes; the deliveries for which the definitions may be out of date."""
    updates: list[Update] = []
    stale: list[Delivery] = []
    for delivery in deliveries:
        values = resolve_all(definitions, delivery.payload)
        if not isinstance(values, Unresolved):
            updates.append(Update(delivery.id, delivery.crm_id, values, delivery.reference))
        elif last_round:
            outcomes[delivery.id] = GiveUp(f"{values.message} — {values.fix}")
        else:
            stale.append(delivery)
    ends = update_contacts(desk.api, [u for u in updates if u.properties]) if updates else {}
    sent = {update.key: update for update in updates}
    for delivery in deliveries:
        if delivery.id not in sent:
            continue
        end = ends.get(delivery.id, Written({}))
        if isinstance(end, Rejected) and _is_stale(end) and not last_round:
            stale.append(delivery)
        else:
            outcomes[delivery.id] = _outcome(delivery, sent[delivery.id], end)
    return stale


def _is_stale(end: Rejected) -> bool:
    return any(fault.code in STALE_DEFINITION for fault in end.refusal.faults)


def _outcome(delivery: Delivery, update: Update, end: UpdateEnd) -> Outcome:
    match end:
        case Written(kept):
            if not kept:
                return Done({"fields": dict(update.properties)})
            shown = ", ".join(f"{name} = {value!r}" for name, value in kept.items())
            return GiveUp(f"HubSpot accepted the values but kept {shown}")
        case Missing():
            reason = f"the contact {delivery.crm_id} was deleted in HubSpot"
            return TryLater(reason, after=SOON, reread=True)
        case MergedInto(winner):
            reason = f"the contact became part of contact {winner}; the lead has to follow first"
            return TryLater(reason, after=SOON, reread=True)
        case NoEffect():
            return TryLater("HubSpot answered, but the contact did not change", after=SOON)
        case Rejected():
            return _rejected(delivery, end)
        case Failed(answer):
            return outcome_of(answer)


def _rejected(delivery: Delivery, end: Rejected) -> Outcome:
    """By now the definitions were read again: what they allow and HubSpot refuses may be too new
    (a property is seen some hundred ms after it was made), otherwise a person has to look."""
    refusal = end.refusal
    if _is_stale(end) and delivery.attempts < PATIENT_ATTEMPTS:
        return TryLater(f"HubSpot does not take the value yet: {refusal.message}", after=SOON)
    if refusal.category in ("INTERNAL_ERROR", "RATE_LIMITS"):
        return TryLater(f"HubSpot failed for this contact: {refusal.message}", after=SOON)
    return GiveUp(f"HubSpot refused the values: {refusal.message or refusal.category}")
