"""The work that every peer is given, written as a user of that peer would: accept the event for
good, then in one transaction read the lead, decide, write state, history and outbox.

The decision is Leadback's own, so that only the machinery around it differs. Timers are left out,
to the peers' advantage. The events are checked afterwards: all there, once, each lead's in order.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from bench.events import lines
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import ANY_IDS, Event, Lead
from leadback.rules.loader import load
from leadback.work.cloudevents import parse_event

LEADS = 2_000
RULES = Path(__file__).resolve().parents[2] / "rules" / "lead_states.yaml"
PORTAL = "acme"
NOW = 1_800_000_000_000
TABLES = (
    "CREATE TABLE peer_leads (lead_id text PRIMARY KEY, lead text NOT NULL)",
    "CREATE TABLE peer_history (source text NOT NULL, event_id text NOT NULL,"
    " lead_id text NOT NULL, revision bigint NOT NULL, what text NOT NULL,"
    " PRIMARY KEY (source, event_id))",
    "CREATE TABLE peer_outbox (reference text PRIMARY KEY, lead_id text NOT NULL,"
    " kind text NOT NULL, payload text NOT NULL)",
)
FIRST_LEADS = "INSERT INTO peer_leads (lead_id, lead) VALUES (?, ?)"

Statement = tuple[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Arriving:
    """An accepted event: whom it is about, and the line as it came."""

    lead_id: str
    line: str


@cache
def machine() -> LeadMachine:
    return LeadMachine(load(RULES))


def first_leads() -> Iterator[tuple[str, str]]:
    for number in range(LEADS):
        yield (
            str(number),
            _text(Lead(PORTAL, str(number), str(number), "Cold", email="a@b.example")),
        )


def arriving(count: int) -> list[bytes]:
    return lines(count, LEADS)


def accepted(raw: Iterable[bytes]) -> list[Arriving]:
    """Checked as Leadback checks them; part of the measured time."""
    found = []
    for line in raw:
        addressed = parse_event(line, machine(), {PORTAL: ANY_IDS}, NOW)
        found.append(Arriving(addressed.who, line.decode()))
    return found


READ = "SELECT lead FROM peer_leads WHERE lead_id = ?"
READ_LOCKED = READ + " FOR UPDATE"


def writes(kept: str, line: str) -> Iterator[Statement]:
    """What one event writes, given the lead as it is kept. The key of the history refuses an
    event that took effect already."""
    lead, event = _lead(kept), _event(line)
    decision = decide(machine(), lead, event, NOW)
    assert decision is not None
    what = {"rule": decision.rule, "because": decision.because, "reads": dict(decision.reads),
            "type": event.type, "at": event.at, "data": dict(event.data)}  # fmt: skip
    yield (
        "INSERT INTO peer_history (source, event_id, lead_id, revision, what)"
        " VALUES (?, ?, ?, ?, ?)",
        (event.source, event.id, lead.lead_id, decision.lead.revision, orjson.dumps(what).decode()),
    )
    yield (
        "UPDATE peer_leads SET lead = ? WHERE lead_id = ?",
        (_text(decision.lead), lead.lead_id),
    )
    for effect in decision.effects:
        yield (
            "INSERT INTO peer_outbox (reference, lead_id, kind, payload) VALUES (?, ?, ?, ?)",
            (effect.reference, lead.lead_id, effect.kind.value,
             orjson.dumps(dict(effect.payload)).decode()),
        )  # fmt: skip


@cache
def percent(statement: str) -> str:
    """The same statement as psycopg spells it."""
    return statement.replace("?", "%s")


@cache
def numbered(statement: str) -> str:
    """The same statement as asyncpg spells it."""
    numbers = iter(range(1, 100))
    return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)


def check(read: Callable[[str], Iterable[Sequence[Any]]], count: int) -> None:
    """Every event took effect once and in its lead's order: a run that did less is no figure."""
    expected: dict[str, list[str]] = {}
    leads = {lead_id: _lead(kept) for lead_id, kept in first_leads()}
    references = 0
    for one in accepted(arriving(count)):
        event = _event(one.line)
        decision = decide(machine(), leads[one.lead_id], event, NOW)
        assert decision is not None
        leads[one.lead_id] = decision.lead
        references += len(decision.effects)
        expected.setdefault(one.lead_id, []).append(event.id)
    found: dict[str, list[str]] = {}
    for lead_id, event_id in read(
        "SELECT lead_id, event_id FROM peer_history ORDER BY lead_id, revision"
    ):
        found.setdefault(lead_id, []).append(event_id)
    assert found == expected, "events are missing, or a lead's are out of order"
    kept = {lead_id: _lead(text) for lead_id, text in read("SELECT lead_id, lead FROM peer_leads")}
    assert kept == leads, "the leads are not as their events say"
    [[effects]] = read("SELECT count(*) FROM peer_outbox")
    assert effects == references, f"{effects} effects instead of {references}"


def _event(line: str) -> Event:
    content = orjson.loads(line)
    return Event(content["type"], NOW, content["source"], content["id"], content["data"])


def _text(lead: Lead) -> str:
    return orjson.dumps(lead).decode()


def _lead(kept: str) -> Lead:
    content = orjson.loads(kept)
    came_from = content.pop("came_from")
    return Lead(**content, came_from=tuple(came_from) if came_from else None)
