"""A unique property on notes, emails and tasks, where the account lets an app have one.

With it HubSpot itself refuses the same record twice, and a lost one is found by its key. It goes
into the ordinary batch/create: batch/upsert could not associate the record in the same call.
"""

import threading
from collections.abc import Mapping, Sequence

from leadback.api import Millis
from leadback_hubspot.answers import Answer, Refusal
from leadback_hubspot.client import Api
from leadback_hubspot.fields import definition_from

KEY = "leadback_ref"
LABEL = "Leadback reference"
FRESH_FOR: Millis = 600_000
PER_CALL = 100


class KeyBook:
    """Which object types have the property, asked now and then. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[bool, Millis]] = {}

    def has_key(self, api: Api, objects: str, now: Millis) -> bool:
        """False also when it cannot be told: then records are found by their reference line."""
        with self._lock:
            known = self._known.get(objects)
            if known is not None and abs(now - known[1]) < FRESH_FOR:
                return known[0]
            has = read_key(api, objects)
            if has is not None:
                self._known[objects] = (has, now)
            return bool(has)

    def forget(self, objects: str) -> None:
        with self._lock:
            self._known.pop(objects, None)


def read_key(api: Api, objects: str) -> bool | None:
    """Whether the unique property is there; None when HubSpot does not say."""
    answer = api.get(api.paths.properties(objects, KEY))
    if answer.ok:
        return definition_from(answer.body).unique
    return False if answer.status == 404 and answer.body else None


def is_taken(refusal: Refusal) -> bool:
    """Refused because a record with this key exists."""
    if any(
        fault.property == KEY and fault.code != "PROPERTY_DOESNT_EXIST" for fault in refusal.faults
    ):
        return True
    return refusal.category == "CONFLICT" or KEY in refusal.message


def find_by_key(api: Api, objects: str, references: Sequence[str]) -> dict[str, str] | Answer:
    """Reference → record id, for those that exist."""
    found: dict[str, str] = {}
    path = api.paths.objects(objects, "batch", "read")
    for start in range(0, len(references), PER_CALL):
        inputs = [{"id": reference} for reference in references[start : start + PER_CALL]]
        answer = api.read(path, {"properties": [KEY], "idProperty": KEY, "inputs": inputs})
        if not answer.ok:
            return answer
        for record in answer.results:
            properties = record.get("properties")
            if isinstance(properties, Mapping) and properties.get(KEY):
                found[str(properties[KEY])] = str(record.get("id"))
    return found


def try_to_create(api: Api, objects: str, group: Mapping[str, object]) -> bool:
    """Ask HubSpot for the property; False when the account does not allow it."""
    groups = api.write(api.paths.properties(objects, "groups"), group)
    if not groups.ok and groups.status != 409:
        return False
    definition = {
        "name": KEY,
        "label": LABEL,
        "groupName": group["name"],
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": True,
        "hidden": True,
    }
    answer = api.write(api.paths.properties(objects), definition)
    return answer.ok or answer.status == 409
