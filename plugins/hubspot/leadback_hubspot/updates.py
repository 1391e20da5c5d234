"""Writes contact properties by batch/update and finds out what became of every single contact.

A 2xx is believed only for the records it names (merged-away ids are dropped in silence), so what
is in neither results nor errors is read again. Used for field values and for owners.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadback_hubspot.answers import Answer, Refusal
from leadback_hubspot.client import Api
from leadback_hubspot.isolate import End, send_isolating
from leadback_hubspot.records import read_record

NAMES_A_PROPERTY = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})
"""Faults of the property itself: every input that has it is refused."""


@dataclass(frozen=True, slots=True)
class Update:
    """New values for one contact. key: the caller's; trace: how HubSpot's errors may name it."""

    key: int
    id: str
    properties: Mapping[str, str]
    trace: str


@dataclass(frozen=True, slots=True)
class Written:
    """HubSpot named the record. kept: values that it answered differently than they were sent."""

    kept: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Rejected:
    """HubSpot will not take it as it is."""

    refusal: Refusal
    answer: Answer


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such contact (any more)."""


@dataclass(frozen=True, slots=True)
class MergedInto:
    """The contact became part of another one; nothing was written."""

    id: str


@dataclass(frozen=True, slots=True)
class NoEffect:
    """HubSpot said yes, and the contact is as it was."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The call as a whole did not work; it may be made again."""

    answer: Answer


UpdateEnd = Written | Rejected | Missing | MergedInto | NoEffect | Failed


def update_contacts(api: Api, updates: Sequence[Update]) -> dict[int, UpdateEnd]:
    """Write up to 100 contacts with distinct ids; an end for every key."""
    path = api.paths.objects("contacts", "batch", "update")

    def send(group: Sequence[Update]) -> Answer:
        return api.write(path, {"inputs": [_input(update) for update in group]})

    ends: dict[int, UpdateEnd] = {}
    for end in send_isolating(updates, send, blame):
        ends.update(_read_end(api, end))
    return ends


def blame(group: Sequence[Update], refusal: Refusal) -> list[Update]:
    """The updates that a refusal is about, as far as it says."""
    named = [u for u in group if u.id in refusal.ids or u.trace in refusal.traces]
    if named:
        return named
    return [u for u in group if any(_carries(u, fault) for fault in refusal.faults)]


def _carries(update: Update, fault: Any) -> bool:
    if fault.property not in update.properties:
        return False
    if fault.code in NAMES_A_PROPERTY:
        return True
    return fault.value is not None and update.properties[fault.property] == fault.value


def _input(update: Update) -> dict[str, Any]:
    return {
        "id": update.id,
        "properties": dict(update.properties),
        "objectWriteTraceId": update.trace,
    }


def _read_end(api: Api, end: End[Update]) -> dict[int, UpdateEnd]:
    answer = end.answer
    if answer.about_records and answer.refusal is not None:
        gone = answer.refusal.category == "OBJECT_NOT_FOUND"
        refused = Missing() if gone else Rejected(answer.refusal, answer)
        return {u.key: refused for u in end.inputs}
    if not answer.ok:
        return {u.key: Failed(answer) for u in end.inputs}
    ends: dict[int, UpdateEnd] = {}
    records = {str(record.get("id")): record for record in answer.results}
    for update in end.inputs:
        if update.id in records:
            ends[update.key] = Written(_kept(update, records[update.id]))
    _read_errors(answer, end.inputs, ends)
    unnamed = [u for u in end.inputs if u.key not in ends]
    ends.update(settle(api, unnamed))
    return ends


def _read_errors(answer: Answer, inputs: Iterable[Update], ends: dict[int, UpdateEnd]) -> None:
    for refusal in answer.errors:
        for update in inputs:
            if update.key in ends:
                continue
            if update.id in refusal.ids or update.trace in refusal.traces:
                gone = refusal.category == "OBJECT_NOT_FOUND"
                ends[update.key] = Missing() if gone else Rejected(refusal, answer)


def settle(api: Api, updates: Sequence[Update]) -> dict[int, UpdateEnd]:
    """Read single contacts that an answer did not mention: merged, gone, done, or untouched."""
    return {update.key: _look(api, update) for update in updates}


def _look(api: Api, update: Update) -> UpdateEnd:
    names = ",".join(update.properties)
    answer = read_record(api, "contacts", update.id, {"properties": names})
    if answer is None:
        return Missing()
    if not answer.ok:
        return Failed(answer)
    found = str(answer.body.get("id") or update.id)
    if found != update.id:
        return MergedInto(found)
    kept = _kept(update, answer.body)
    return NoEffect() if kept else Written({})


def _kept(update: Update, record: Mapping[str, Any]) -> dict[str, str | None]:
    """Sent values that the record shows differently; what it does not show is believed."""
    shown = record.get("properties")
    if not isinstance(shown, Mapping):
        return {}
    return {
        name: None if shown[name] is None else str(shown[name])
        for name, sent in update.properties.items()
        if name in shown and (shown[name] or "") != sent
    }
