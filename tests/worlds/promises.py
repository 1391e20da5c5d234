"""What is promised, looked up in the tables and in the portal's own dump when a world has settled.

Plain SQL and the dump: nothing of the engine is asked, so that its mistakes show.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.worlds.databases import Tables
from tests.worlds.life import World, secret
from tests.worlds.portal import TARA

CONTRACT = Path(__file__).resolve().parents[1] / "data" / "state-mapping.csv"
OWNER = "hubspot_owner_id"
RECORDS = {"note": "notes", "email": "emails", "task": "tasks"}
_REFERENCE = re.compile(r"lb-[0-9a-f]{16}")
SETTLED = {"done", "superseded", "cancelled"}


def broken(tables: Tables, world: World, dump: Any) -> list[str]:
    """One sentence for every promise that is broken; [] = none. dump: the portal's."""
    return [
        *_events(tables, world),
        *_settled(tables),
        *_effects(tables, world),
        *_erased(tables, world),
        *_records(tables, dump),
        *_fields(tables, dump),
        *_owners(dump, frozenset(world.merged.values())),
        *_leads(tables, dump),
    ]


def _events(read: Tables, world: World) -> Iterator[str]:
    """Every accepted event took effect once, in order, each state following the last."""
    decided: dict[str, list[str]] = {}
    last: dict[str, str] = {}
    rows = read.execute(
        "SELECT lead_id, source, event_id, from_state, to_state FROM history ORDER BY seq"
    )
    for lead, source, event_id, before, after in rows:
        if source == "world":
            decided.setdefault(lead, []).append(event_id)
        if before != last.get(lead):
            yield f"{lead}: {event_id} was decided on {before}, after {last.get(lead)}"
        last[lead] = after
    held: dict[str, list[str]] = {}
    for lead, event_id in read.execute(
        "SELECT w.lead_id, i.event_id FROM waiting w JOIN inbox i USING (portal, seq) "
        "WHERE w.status = 'held' AND i.source = 'world' ORDER BY w.placed_at, w.seq"
    ):
        held.setdefault(lead, []).append(event_id)
    for group in _groups(world):
        if group & world.erased:
            continue
        told = [e for c in group for e in world.told.get(c, [])]
        found = [e for c in group for e in (*decided.get(c, []), *held.get(c, []))]
        # Among contacts that became one the order is that of their lanes; and what was parked comes
        # when it is tried again.
        ordered = len(group) == 1 and not group & world.cursed
        if found != told if ordered else sorted(found) != sorted(told):
            yield f"{sorted(group)}: {found} took effect, accepted were {told}"


def _settled(read: Tables) -> Iterator[str]:
    """Nothing is left that could still be decided, and nothing sound was refused."""
    for status, count in read.execute(
        "SELECT w.status, count(*) FROM waiting w LEFT JOIN inbox i USING (portal, seq) "
        "WHERE w.status NOT IN ('timer', 'held') AND coalesce(i.source, '') != 'odd' GROUP BY 1"
    ):
        yield f"{count} events are still {status}"
    for raw, reason in read.execute("SELECT raw, reason FROM quarantine"):
        if '"source":"world"' in raw:
            yield f"in quarantine: {reason}"


def _groups(world: World) -> list[set[str]]:
    """Contacts that became one, together."""
    ends: dict[str, set[str]] = {}
    for contact in world.contacts:
        end = contact
        while end in world.merged:
            end = world.merged[end]
        ends.setdefault(end, set()).add(contact)
    return list(ends.values())


def _erased(read: Tables, world: World) -> Iterator[str]:
    """Of an erased contact, and of leads that were part of it, no word is left."""
    if not world.erased:
        return
    known = "SELECT lead_id FROM leads UNION SELECT crm_id FROM contact_aliases"
    leads = {crm_id for (crm_id,) in read.execute(known)}
    left = {
        name: str(read.execute(f'SELECT * FROM "{name}"').fetchall())  # noqa: S608 — a table
        for name in read.names()
    }
    for group in _groups(world):
        if not group & world.erased:
            continue
        for contact in group:
            if contact not in world.erased and contact not in leads:
                continue  # no lead, and nobody told the engine: its events wait for a person
            words = filter(None, (secret(contact), world.addresses.get(contact)))
            for word in words:
                for name, rows in left.items():
                    if word in rows:
                        yield f"{contact} was erased, and {name} has {word!r}"


def _effects(read: Tables, world: World) -> Iterator[str]:
    """Everything ordered was settled; what was given up concerns a contact that is gone."""
    over = world.gone | world.erased | set(world.merged)
    for (reference,) in read.execute(
        "SELECT reference FROM outbox GROUP BY reference, kind HAVING count(*) > 1"
    ):
        yield f"{reference} was ordered twice"
    rows = read.execute("SELECT crm_id, kind, status, reason FROM outbox ORDER BY id")
    for contact, kind, status, reason in rows:
        if status not in SETTLED and not (status == "failed" and contact in over):
            yield f"{contact}: {kind} is {status}: {reason}"


def _records(read: Tables, dump: Any) -> Iterator[str]:
    """A note, an email or a task that was sent is in the portal once, and never twice; what was
    cancelled on its way may be there or not, and what never left is not."""
    for kind, store in RECORDS.items():
        shown: Counter[str] = Counter()
        for record in dump[store].values():
            shown.update(set(_REFERENCE.findall(str(record["properties"]))))
        rows = read.execute(
            "SELECT reference, status, attempts FROM outbox WHERE kind = ?", (kind,)
        )
        for reference, status, attempts in rows:
            count = shown.pop(reference, 0)
            if count > min(attempts, 1) or (status == "done" and count == 0):
                yield f"{kind} {reference} is {status}, and {count} times in the portal"
        for reference in shown:
            yield f"{kind} {reference} is in the portal, and nobody ordered it"


def _fields(read: Tables, dump: Any) -> Iterator[str]:
    with CONTRACT.open(newline="") as file:
        contract = {
            row["lead_state"]: (
                row["hubspot_contact_status"].upper(), row["lead_connection_status"],
            )
            for row in csv.DictReader(file)
        }  # fmt: skip
    rows = read.execute(
        "SELECT crm_id, state FROM leads WHERE ended IS NULL OR (ended = 'taken_back' AND "
        "NOT EXISTS (SELECT 1 FROM leads o WHERE o.crm_id = leads.crm_id AND o.ended IS NULL))"
    )
    for contact, state in rows:
        shown = dump["contacts"].get(contact, {"archived": True})
        if shown["archived"]:
            continue
        properties = shown["properties"]
        fields = properties.get("hs_lead_status"), properties.get("lead_connection_status")
        if fields != contract[state]:
            yield f"{contact}: is {state}, and the portal shows {fields}"


def _owners(dump: Any, winners: frozenset[str]) -> Iterator[str]:
    """Of contacts that took in no other one, whose history is mixed:

    The last word of a person or of the portal's own automation stands, unless it gave the
    contact to the assistant: then the assistant has it, or whoever had it before does."""
    for contact, shown in dump["contacts"].items():
        if contact in winners:
            continue
        entries = [e for e in reversed(shown["history"].get(OWNER, [])) if e is not None]
        owner = shown["properties"].get(OWNER) or ""
        others = [n for n, e in enumerate(entries) if e["sourceType"] != "INTEGRATION"]
        if not others:
            continue
        word = entries[others[-1]]["value"]
        if word != TARA:
            if owner != word:
                yield f"{contact}: {word} was made its owner, and {owner} is"
            continue
        if owner not in (TARA, _before(entries)):
            yield f"{contact}: belongs to {owner}, and was {_before(entries)}'s before"


def _leads(read: Tables, dump: Any) -> Iterator[str]:
    """Whoever was given to the assistant is a lead."""
    known = {row[0] for row in read.execute("SELECT crm_id FROM leads")}
    for contact, shown in dump["contacts"].items():
        owner = shown["properties"].get(OWNER)
        if owner == TARA and not shown["archived"] and contact not in known:
            yield f"{contact} was given to the assistant, and is no lead"


def _before(entries: list[Any]) -> str:
    """The last person whose the contact was before it became the assistant's the last time."""
    place = max(n for n, entry in enumerate(entries) if entry["value"] == TARA)
    earlier = [str(e["value"]) for e in entries[:place] if e["value"] not in (TARA, "", None)]
    return earlier[-1] if earlier else ""
