"""What must be true when everything has settled, read from the tables and the portal alone.

Plain SQL and the portal's own dump: nothing of the engine is asked, so that its mistakes show.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

SOURCE = "chaos"
Read = Callable[[str], Iterable[Sequence[Any]]]


@dataclass(frozen=True)
class Sent:
    """An event that was accepted. subject: of the email that the portal must show, "" = none."""

    crm_id: str
    event_id: str
    subject: str


def problems(read: Read, dump: Any, sent: list[Sent]) -> list[str]:
    """One sentence for every promise that is broken; [] = none."""
    leads: dict[str, list[Sent]] = {}
    for one in sent:
        leads.setdefault(one.crm_id, []).append(one)
    return [
        *_events(read, leads),
        *_states(read, dump, leads),
        *_effects(read, leads),
        *_portal(dump, leads),
    ]


def _events(read: Read, leads: dict[str, list[Sent]]) -> Iterable[str]:
    """Every event took effect once, in the order of its lead, each state following the last."""
    found: dict[str, list[str]] = {}
    last: dict[str, tuple[str, int]] = {}
    rows = read(
        "SELECT lead_id, source, event_id, from_state, to_state, at FROM history"
        " ORDER BY lead_id, seq"
    )
    for lead, source, event_id, before, after, at in rows:
        if source == SOURCE:
            found.setdefault(lead, []).append(event_id)
        if lead in last and (before != last[lead][0] or at < last[lead][1]):
            yield f"{lead}: {event_id} was decided on {before}, after {last[lead]}"
        last[lead] = (after, at)
    for lead, events in leads.items():
        expected = [one.event_id for one in events]
        if found.get(lead, []) != expected:
            yield f"{lead}: {_difference(expected, found.get(lead, []))}"
    [[open_]] = read("SELECT count(*) FROM waiting WHERE status <> 'timer'")
    if open_:
        yield f"{open_} events still wait"


def _states(read: Read, dump: Any, leads: dict[str, list[Sent]]) -> Iterable[str]:
    rows = list(read("SELECT lead_id, state, counters FROM leads"))
    if len(rows) != len(leads):
        yield f"{len(rows)} leads instead of {len(leads)}"
    for lead, state, counters in rows:
        followups = sum(bool(one.subject) for one in leads.get(lead, ()))
        if json.loads(counters).get("followups", 0) != followups:
            yield f"{lead}: counts {counters}, and {followups} follow-ups were sent"
        shown = dump["contacts"][lead]["properties"].get("lead_connection_status")
        if shown != state:
            yield f"{lead}: is {state}, and the portal shows {shown}"


def _effects(read: Read, leads: dict[str, list[Sent]]) -> Iterable[str]:
    logged: dict[str, list[str]] = {}
    references: set[str] = set()
    rows = read("SELECT lead_id, kind, status, reference, payload FROM outbox ORDER BY id")
    for lead, kind, status, reference, payload in rows:
        if status not in ("done", "superseded"):
            yield f"{lead}: {kind} is {status}"
        if reference in references:
            yield f"{lead}: the {kind} {reference} was ordered twice"
        references.add(reference)
        if kind == "email":
            logged.setdefault(lead, []).append(json.loads(payload)["subject"])
    for lead, events in leads.items():
        expected = [one.subject for one in events if one.subject]
        if logged.get(lead, []) != expected:
            yield f"{lead}: emails ordered: {_difference(expected, logged.get(lead, []))}"


def _portal(dump: Any, leads: dict[str, list[Sent]]) -> Iterable[str]:
    for lead, events in leads.items():
        contact = dump["contacts"][lead]
        if len(contact["notes"]) != 1:
            yield f"{lead}: {len(contact['notes'])} notes in the portal instead of 1"
        shown = sorted(
            dump["emails"][number]["properties"]["hs_email_subject"] for number in contact["emails"]
        )
        expected = sorted(one.subject for one in events if one.subject)
        if shown != expected:
            yield f"{lead}: emails in the portal: {_difference(expected, shown)}"


def _difference(expected: list[str], found: list[str]) -> str:
    missing = sorted(set(expected) - set(found))[:5]
    more = sorted(one for one in set(found) if found.count(one) > expected.count(one))[:5]
    if missing or more:
        return f"missing {missing}, too often {more}"
    return "out of order"
