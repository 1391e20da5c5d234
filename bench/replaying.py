"""Events per second of `rules what-if`: a kept history, read and decided by two rules files."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import FULL, Figure
from leadback.base.clock import ManualClock
from leadback.lead.records import Event, Portal
from leadback.rules.loader import load, parse
from leadback.service.replay import replayed
from leadback.store import NewEvent
from leadback.wiring import App, open_app

RULES = Path(__file__).resolve().parents[1] / "rules" / "lead_states.yaml"
LEADS, EACH = (50_000 if FULL else 5_000), 20
MIX = ("email_sent", "email_opened", "link_clicked", "email_opened")


def measure() -> Iterator[Figure]:
    """A changed threshold, so that leads part from each other; the reading is part of it."""
    text = RULES.read_text(encoding="utf-8").replace("when: opens >= 3}", "when: opens >= 4}", 1)
    new, _ = parse(text, file="draft.yaml")
    assert new is not None
    clock = ManualClock(1_800_000_000_000)
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'leadback.db'}"
        with open_app(database=database, rules=RULES, clock=clock) as app:
            _live(app, clock)
            began = time.process_time()
            with app.store.read() as tx:
                found = replayed(
                    tx, load(RULES), new, since=None, progress=lambda done, total: None
                )
            seconds = time.process_time() - began
    events = LEADS * EACH
    assert found["events"] == events
    note = f"{events:,} events of {LEADS:,} leads, {len(found['elsewhere']):,} end elsewhere"
    yield Figure("what_if_events_per_s", events / seconds, "events/s", ">= 16667", note)


def _live(app: App, clock: ManualClock) -> None:
    with app.store.write() as tx:
        tx.portals.put(Portal("acme", "hubspot", "http://127.0.0.1:9", "TOKEN"))
    for number in range(EACH):
        clock.advance(1_000)
        now = clock.now()
        with app.store.write() as tx:
            tx.inbox.add([_event(lead, number, now) for lead in range(LEADS)], now=now)
        while app.decisions.decide_due(now):
            pass


def _event(lead: int, number: int, now: int) -> NewEvent:
    """Every second lead opens three times and never again: it ends elsewhere."""
    who, data = str(lead), {"subject": "Hello"}
    kind = MIX[number % 4]
    if number == 0:
        kind, data = "assigned", {"portal": "acme", "crm_id": who, "assistant": "t@example.com"}
    elif lead % 2:
        kind = "email_opened" if number <= 3 else "email_sent"
    return NewEvent("acme", who, Event(kind, now, "mailer", f"{lead}-{number}", data))
