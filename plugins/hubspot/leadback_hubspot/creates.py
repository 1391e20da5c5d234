"""Creates notes, emails and tasks exactly once: what may have been created is looked for first.

batch/create has no idempotency key (https://developers.hubspot.com/docs/api-reference/error-handling
knows trace ids for errors only), so a lost answer is an uncertain outcome until a read-back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadback.api import Delivery, Done, EffectKind, GiveUp, Outcome, TryLater, Uncertain
from leadback_hubspot.answers import Answer, Refusal, Verdict
from leadback_hubspot.engagements import KINDS, creation, has_reference, properties_of
from leadback_hubspot.isolate import End, send_isolating
from leadback_hubspot.keys import KEY, find_by_key, is_taken
from leadback_hubspot.owners import Directory
from leadback_hubspot.portals import Desk
from leadback_hubspot.readback import look_up
from leadback_hubspot.records import read_record
from leadback_hubspot.verdicts import outcome_of

MOST_CHARACTERS = 4_000_000
SLOW_FACTOR = 8
"""A call that ran into a time limit can be carried out much later than one that broke off."""


@dataclass(frozen=True, slots=True)
class Creation:
    """One record to create: the delivery, its properties, and the contact it belongs to."""

    delivery: Delivery
    properties: Mapping[str, str]
    contact: str


def deliver_engagements(desk: Desk, deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """One outcome for every delivery; all have the same kind."""
    keyed = desk.memory.keys.has_key(desk.api, KINDS[deliveries[0].kind].objects, desk.now())
    found = look_up(desk.api, [d for d in deliveries if d.maybe_sent], keyed=keyed)
    outcomes: dict[int, Outcome] = {}
    fresh: list[Delivery] = []
    for delivery in deliveries:
        if delivery.id in found.records:
            outcomes[delivery.id] = Done({"id": found.records[delivery.id], "found": True})
        elif delivery.maybe_sent and delivery.id not in found.absent:
            reason = f"it may exist already, and could not be looked for: {found.why}"
            outcomes[delivery.id] = Uncertain(reason, after=desk.settings.settle)
        else:
            fresh.append(delivery)
    prepared = _prepare(desk, fresh, outcomes, keyed=keyed)
    if isinstance(prepared, Answer):
        return {**outcomes, **{d.id: outcome_of(prepared) for d in fresh}}
    for chunk in _chunks(prepared):
        outcomes.update(_create(desk, chunk, follow_merges=True))
    return outcomes


def _prepare(
    desk: Desk, deliveries: Sequence[Delivery], outcomes: dict[int, Outcome], *, keyed: bool
) -> list[Creation] | Answer:
    directory = Directory({})
    if any(d.kind is EffectKind.TASK and d.payload.get("owner") for d in deliveries):
        read = desk.directory()
        if isinstance(read, Answer):
            return read
        directory = read
    creations: list[Creation] = []
    for delivery in deliveries:
        try:
            properties = properties_of(delivery, owner_id=_assignee(directory, delivery))
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            outcomes[delivery.id] = GiveUp(f"its time is none that HubSpot can show: {error!r}")
            continue
        if keyed:
            properties[KEY] = delivery.reference
        creations.append(Creation(delivery, properties, delivery.crm_id))
    return creations


def _assignee(directory: Directory, delivery: Delivery) -> str | None:
    """A task for somebody who left would be refused; without an owner it is still seen."""
    wanted = delivery.payload.get("owner")
    owner = directory.find(str(wanted)) if wanted else None
    return owner.id if owner is not None and owner.usable else None


def _chunks(creations: Sequence[Creation]) -> list[list[Creation]]:
    """Calls of bounded size: 100 long emails do not go into one."""
    chunks: list[list[Creation]] = []
    room = 0
    for one in creations:
        size = sum(len(value) for value in one.properties.values())
        if not chunks or size > room:
            chunks.append([])
            room = MOST_CHARACTERS
        chunks[-1].append(one)
        room -= size
    return chunks


def _create(
    desk: Desk, creations: Sequence[Creation], *, follow_merges: bool
) -> dict[int, Outcome]:
    kind = KINDS[creations[0].delivery.kind]
    path = desk.api.paths.objects(kind.objects, "batch", "create")

    def send(group: Sequence[Creation]) -> Answer:
        inputs = [creation(one.delivery, one.properties, one.contact) for one in group]
        return desk.api.create(path, {"inputs": inputs})

    outcomes: dict[int, Outcome] = {}
    refused: list[tuple[Creation, Refusal]] = []
    for end in send_isolating(creations, send, _blame):
        outcomes.update(_read_end(desk, end, refused))
    moved: list[Creation] = []
    for one, refusal in refused:
        mended = _mend(desk, one, refusal, follow_merges=follow_merges)
        if isinstance(mended, Creation):
            moved.append(mended)
        else:
            outcomes[one.delivery.id] = mended
    if moved:
        outcomes.update(_create(desk, moved, follow_merges=False))
    return outcomes


def _blame(group: Sequence[Creation], refusal: Refusal) -> list[Creation]:
    """The creations that a refusal is about, as far as it says."""
    named = [
        one
        for one in group
        if one.delivery.reference in refusal.traces or one.contact in refusal.dead_targets
    ]
    lacking = [f.property for f in refusal.faults if f.code == "PROPERTY_DOESNT_EXIST"]
    return named or [one for one in group if any(name in one.properties for name in lacking)]


def _read_end(
    desk: Desk, end: End[Creation], refused: list[tuple[Creation, Refusal]]
) -> dict[int, Outcome]:
    answer = end.answer
    if answer.verdict is Verdict.LOST:
        slow = answer.timed_out or answer.status in (504, 524)
        after = desk.settings.settle * (SLOW_FACTOR if slow else 1)
        lost = Uncertain(f"{answer.reason}; it may have been created", after=after)
        return {one.delivery.id: lost for one in end.inputs}
    if answer.about_records and answer.refusal:
        refused += [(one, answer.refusal) for one in end.inputs]
        return {}
    if not answer.ok:
        return {one.delivery.id: outcome_of(answer) for one in end.inputs}
    return _read_results(desk, end, refused)


def _read_results(
    desk: Desk, end: End[Creation], refused: list[tuple[Creation, Refusal]]
) -> dict[int, Outcome]:
    """Results come in any order: the reference in their text tells which is which."""
    answer, outcomes = end.answer, dict[int, Outcome]()
    open_: dict[int, Creation] = {one.delivery.id: one for one in end.inputs}
    spare: list[str] = []
    for record in answer.results:
        made = _named(open_.values(), record)
        if made is None:
            spare.append(str(record.get("id")))
        else:
            outcomes[made.delivery.id] = Done({"id": str(record.get("id"))})
            del open_[made.delivery.id]
    for error in answer.errors:
        for one in _blame(list(open_.values()), error):
            refused.append((one, error))
            del open_[one.delivery.id]
    if len(spare) == len(open_):
        # As many records as inputs are left: all were created, only their texts were not shown.
        outcomes.update({key: Done({"shown": False}) for key in open_})
        return outcomes
    silent = Uncertain(
        f"HubSpot answered {answer.status} without naming the record", after=desk.settings.settle
    )
    outcomes.update(dict.fromkeys(open_, silent))
    return outcomes


def _named(creations: Iterable[Creation], record: Mapping[str, Any]) -> Creation | None:
    properties = record.get("properties")
    shown = properties if isinstance(properties, Mapping) else {}
    for one in creations:
        text = shown.get(KINDS[one.delivery.kind].text)
        if has_reference(text, one.delivery.reference):
            return one
    return None


def _existing(desk: Desk, one: Creation, refusal: Refusal) -> Outcome:
    """HubSpot says that the key is taken: by the record of an earlier attempt."""
    objects, reference = KINDS[one.delivery.kind].objects, one.delivery.reference
    found = find_by_key(desk.api, objects, [reference])
    if isinstance(found, Answer):
        return Uncertain(f"it exists, but was not read: {found.reason}", after=found.after)
    if reference in found:
        return Done({"id": found[reference], "found": True})
    return GiveUp(f"HubSpot refused it: {refusal.message or refusal.category}")


def _mend(
    desk: Desk, one: Creation, refusal: Refusal, *, follow_merges: bool
) -> Creation | Outcome:
    """A refused record: the contact may live on under another id; anything else is for a person."""
    if KEY in one.properties:
        if any(f.property == KEY and f.code == "PROPERTY_DOESNT_EXIST" for f in refusal.faults):
            desk.memory.keys.forget(KINDS[one.delivery.kind].objects)
            return TryLater(f"the property {KEY} is not there any more", after=1_000)
        if is_taken(refusal):
            return _existing(desk, one, refusal)
    bad_owner = any(fault.code == "INVALID_OWNER_ID" for fault in refusal.faults)
    if bad_owner and "hubspot_owner_id" in one.properties:
        desk.directory(fresh=True)
        return TryLater("the task's owner was deactivated just now", after=1_000)
    about_contact = (
        one.contact in refusal.dead_targets
        or refusal.category == "OBJECT_NOT_FOUND"
        or "association" in refusal.message.lower()
    )
    if about_contact and follow_merges:
        answer = read_record(desk.api, "contacts", one.contact)
        if answer is None:
            reason = f"the contact {one.contact} was deleted in HubSpot"
            return TryLater(reason, after=2_000, reread=True)
        if not answer.ok:
            return outcome_of(answer)
        found = str(answer.body.get("id") or one.contact)
        if found != one.contact:
            return replace(one, contact=found)
    return GiveUp(f"HubSpot refused it: {refusal.message or refusal.category or 'no reason'}")
