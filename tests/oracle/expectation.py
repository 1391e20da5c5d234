"""What must be true at the end of the recorded day, and how an actual end differs from it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracle.crm import CONNECTION, OWNER, STATUS, Contact, read_portal
from tests.oracle.lead import Lead
from tests.oracle.recorded import steps
from tests.oracle.replay import Key, Seen, World


@dataclass(frozen=True, slots=True)
class ContactEnd:
    """A contact as the portal must show it. owner "" is nobody, a field "" is empty.

    gone: deleted, erased or merged; such a contact must not be found, nothing else is compared.
    """

    hs_lead_status: str
    lead_connection_status: str
    owner: str
    notes: int
    emails_outgoing: int
    emails_incoming: int
    tasks: int
    gone: str | None = None

    @property
    def emails(self) -> int:
        return self.emails_outgoing + self.emails_incoming


@dataclass(frozen=True, slots=True)
class LeadEnd:
    """A lead as the engine must show it. previous_owner is an owner id; ended as in lead.Lead."""

    crm_id: str
    email: str
    assistant: str
    state: str
    sub_state: str | None
    opens: int
    clicks: int
    followups: int
    owner_replies: int
    finished: bool
    stopped: bool
    previous_owner: str | None
    context: str
    ended: str | None
    verdicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """contacts: by (portal, contact id), all of them. leads: by (portal, lead id).

    totals: accepted, duplicate, rejected (lines), waiting (accepted, but for a contact that is no
    lead). seen: what occurred on the way. doubts: where the day can be read in two ways.
    """

    contacts: Mapping[Key, ContactEnd]
    leads: Mapping[Key, LeadEnd]
    totals: Mapping[str, int]
    leads_by_state: Mapping[str, int]
    verdicts: Mapping[str, int]
    seen: Seen
    doubts: tuple[str, ...]


def expected(day_folder: Path) -> Expected:
    """Play the day that lies in this folder on paper."""
    return play(json.loads((day_folder / "portal.json").read_bytes()), steps.read_steps(day_folder))


def play(portals: Mapping[str, Any], day: Iterable[Any]) -> Expected:
    """As expected(), from the content of portal.json and the steps."""
    world = World([read_portal(document) for document in portals["portals"]])
    for step in day:
        world.play(step)
    return Expected(
        contacts={
            (portal.name, contact.id): _contact_end(contact)
            for portal in world.portals.values()
            for contact in portal.contacts.values()
        },
        leads={(lead.portal, lead.lead_id): _lead_end(world, lead) for lead in world.all_leads},
        totals={**world.totals, "waiting": sum(map(len, world.waiting.values()))},
        leads_by_state=Counter(lead.state for lead in world.all_leads),
        verdicts=world.seen.verdicts,
        seen=world.seen,
        doubts=tuple(world.doubts),
    )


def _contact_end(contact: Contact) -> ContactEnd:
    return ContactEnd(
        hs_lead_status=contact.properties.get(STATUS, ""),
        lead_connection_status=contact.properties.get(CONNECTION, ""),
        owner=contact.owner,
        notes=contact.timeline["note"],
        emails_outgoing=contact.timeline["outgoing"],
        emails_incoming=contact.timeline["incoming"],
        tasks=contact.timeline["task"],
        gone=contact.gone,
    )


def _lead_end(world: World, lead: Lead) -> LeadEnd:
    erased = lead.ended == "erased"
    contact = world.portals[lead.portal].contacts[lead.contact]
    return LeadEnd(
        crm_id=lead.contact,
        email="" if erased else contact.properties["email"],
        assistant=lead.assistant,
        state=lead.state,
        sub_state=lead.sub_state,
        opens=lead.counters["opens"],
        clicks=lead.counters["clicks"],
        followups=lead.counters["followups"],
        owner_replies=lead.counters["owner_replies"],
        finished=lead.finished,
        stopped=lead.stopped,
        previous_owner=lead.previous_owner,
        context="" if erased else lead.context,
        ended=lead.ended,
        verdicts=tuple(lead.verdicts),
    )


# -------------------------------------------------------------------- comparing

COUNTS = ("notes", "emails", "emails_outgoing", "emails_incoming", "tasks")
LEAD_FIELDS = (
    "crm_id", "email", "assistant", "state", "sub_state", "opens", "clicks", "followups",
    "context",
)  # fmt: skip


def diff(expected: Expected, actual: Mapping[str, Any]) -> list[str]:
    """One line per difference; [] when all agree.

    actual: {"portals": {portal: {contact id: {"hs_lead_status", "lead_connection_status",
    "hubspot_owner_id", "notes", "emails", "tasks"[, "emails_outgoing", "emails_incoming"]}}},
    and where wanted "leads": what `lead list --json` prints, "totals": {"accepted", …}}.
    A contact that cannot be found (any more) is left out of its portal. null and "" are alike.
    """
    lines = list(_diff_contacts(expected, actual["portals"]))
    if "leads" in actual:
        lines += _diff_leads(expected, actual["leads"])
    for name, value in actual.get("totals", {}).items():
        lines += _differs("totals", name, expected.totals[name], value)
    return lines


def _diff_contacts(
    expected: Expected, portals: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[str]:
    found = {
        (portal, id_): entry for portal, all_ in portals.items() for id_, entry in all_.items()
    }
    for portal, id_ in sorted(found.keys() - expected.contacts.keys()):
        yield f"{portal}/{id_}: nobody knows this contact"
    for key, end in expected.contacts.items():
        where, entry = "/".join(key), found.get(key)
        if end.gone is not None:
            if entry is not None:
                yield f"{where}: should be {end.gone}, but is there"
        elif entry is None:
            yield f"{where}: is missing"
        else:
            yield from _differs(where, STATUS, end.hs_lead_status, entry[STATUS])
            yield from _differs(where, CONNECTION, end.lead_connection_status, entry[CONNECTION])
            yield from _differs(where, OWNER, end.owner, entry[OWNER])
            for name in COUNTS:
                if name in entry:
                    yield from _differs(where, name, getattr(end, name), entry[name])


def _diff_leads(expected: Expected, leads: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    missing = dict(expected.leads)
    for lead in leads:
        id_ = str(lead["id"]).rpartition("/")[2]
        where = f"lead {lead['portal']}/{id_}"
        end = missing.pop((lead["portal"], id_), None)
        if end is None:
            yield f"{where}: should be no lead, or is there twice"
            continue
        for name in LEAD_FIELDS:
            if name in lead and not _left_open(name, id_, end):
                yield from _differs(where, name, getattr(end, name), lead[name])
        owner = str(lead.get("previous_owner") or "")
        if "previous_owner" in lead and "@" not in owner:
            yield from _differs(where, "previous_owner", end.previous_owner, owner)
    for portal, id_ in missing:
        yield f"lead {portal}/{id_}: is missing"


def _left_open(name: str, lead_id: str, end: LeadEnd) -> bool:
    """Whose address a merged lead keeps; whether an erased lead's sub-state is personal."""
    return (name == "email" and end.crm_id != lead_id) or (
        name == "sub_state" and end.ended == "erased"
    )


def _differs(where: str, name: str, wanted: object, actual: object) -> Iterator[str]:
    if (wanted or "") != (actual or "") and wanted != actual:
        yield f"{where}: {name} should be {wanted!r}, is {actual!r}"
