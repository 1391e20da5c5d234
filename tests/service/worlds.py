"""A database in which things have happened, by the real engine; no portal is ever called."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadback.base.clock import MINUTE, ManualClock, Millis
from leadback.lead.records import Event, Lead, Portal
from leadback.store import NewEvent
from leadback.wiring import App, open_app
from tests.databases import database_in

BEGIN: Millis = 1_800_000_000_000
PORTAL = "acme"


@dataclass
class World:
    """An open application on a clock of its own."""

    app: App
    clock: ManualClock
    database: str
    events: int = 0

    def happen(self, crm_id: str, kind: str, **data: Any) -> None:
        """One event, decided a minute after the one before."""
        self.clock.advance(MINUTE)
        self.events += 1
        now = self.clock.now()
        if kind == "assigned":
            data = {"assistant": "tara@example.com", "email": f"{crm_id}@example.com", **data}
            data |= {"portal": PORTAL, "crm_id": crm_id, "previous_owner": "ann@example.com"}
        event = Event(kind, now, "mailer", str(self.events), data)
        with self.app.store.write() as tx:
            tx.inbox.add([NewEvent(PORTAL, crm_id, event)], now=now)
        self.decide()

    def decide(self) -> int:
        return self.app.decisions.decide_due(self.clock.now())

    def lead(self, crm_id: str) -> Lead:
        with self.app.store.read() as tx:
            lead = tx.leads.by_crm_id(PORTAL, crm_id)
        assert lead is not None
        return lead


@contextmanager
def world(folder: Path, rules: Path | None = None) -> Iterator[World]:
    """A world in `folder`, by the shipped rules unless others are given."""
    clock = ManualClock(BEGIN)
    database = database_in(folder)
    with open_app(database=database, rules=rules, clock=clock) as app:
        with app.store.write() as tx:
            tx.portals.put(Portal(PORTAL, "hubspot", "http://127.0.0.1:9", "TOKEN"))
        yield World(app, clock, database)
