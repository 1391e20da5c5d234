"""Others who change a contact's owner around our write: people, and the portal's automation."""

from __future__ import annotations

from collections.abc import Sequence

from leadback_hubspot_sandbox import writing
from leadback_hubspot_sandbox.call import Call
from leadback_hubspot_sandbox.faults import Fault, Race
from leadback_hubspot_sandbox.history import Source, from_automation, from_user
from leadback_hubspot_sandbox.portal import Owner, Portal
from leadback_hubspot_sandbox.records import Record

OWNER = "hubspot_owner_id"
WORKFLOW_ID = 6_100_417


def write(drafts: Sequence[writing.Draft], call: Call) -> None:
    """Commit updates as the API's caller, with whoever interferes before and after each."""
    portal = call.portal
    for draft in drafts:
        record, wanted = draft.record, draft.values.get(OWNER)
        if record is None or wanted is None or draft.kind.name != "contacts":
            writing.commit(portal, draft, call.source)
            continue
        race = portal.faults.race(call.route)
        when = _when(portal, race)
        if race is not None and when == "before":
            _race(portal, record, race, wanted=wanted, when=when)
        held = record.properties.get(OWNER, "")
        writing.commit(portal, draft, call.source)
        if race is not None and when == "after":
            _race(portal, record, race, wanted=wanted, when=when)
        if held != wanted:
            _automate(portal, record)


def set_owner(
    portal: Portal, record: Record, owner_id: str, source: Source, *, at_ms: int | None = None
) -> None:
    at = portal.clock.now_ms() if at_ms is None else at_ms
    writing.change(portal, record, {OWNER: owner_id}, source, at_ms=at)


def people(portal: Portal) -> list[Owner]:
    """Active owners that are persons."""
    return [
        owner for owner in portal.owners.values() if owner.type == "PERSON" and not owner.archived
    ]


def _when(portal: Portal, race: Fault | None) -> str:
    if race is None:
        return ""
    if race.when != "random":
        return race.when
    return "before" if portal.faults.rng.random() < 0.5 else "after"


def _race(portal: Portal, record: Record, race: Fault, *, wanted: str, when: str) -> None:
    held = record.properties.get(OWNER, "")
    owner = portal.owner_by(race.owner) if race.owner else None
    if owner is None:
        others = [one for one in people(portal) if one.id not in (held, wanted)]
        if not others:
            return
        owner = portal.faults.rng.choice(others)
    set_owner(portal, record, owner.id, from_user(owner.user_id))
    portal.faults.races.append(Race(record.id, owner.id, when))


def _automate(portal: Portal, record: Record) -> None:
    """The portal's own automation, which answers an API write of the owner at once."""
    owner_id = portal.switches.workflow_owner
    if owner_id in portal.owners:
        set_owner(portal, record, owner_id, workflow(portal))


def workflow(portal: Portal) -> Source:
    """The portal's workflow, as histories name it."""
    return from_automation(portal.switches.workflow_source, WORKFLOW_ID)
