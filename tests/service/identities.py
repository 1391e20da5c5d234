"""Everywhere the engine makes an event of its own, and how each of them comes to happen.

The places are read from the code: one that has no way to happen here fails the tests.
"""

import ast
import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leadback.base.clock import DAY, HOUR, ManualClock, Millis
from leadback.base.shipped import SHIPPED_RULES
from leadback.hooks.outcomes import Done
from leadback.lead.records import Assistant, ContactReading, EffectKind, Event, Ownership, Portal
from leadback.service.browse import Browse
from leadback.store import HintRow, NewEvent
from leadback.wiring import App, open_app
from leadback.work import delivery
from leadback.work.hinted import HintedContacts

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (ROOT / "engine", ROOT / "plugins" / "hubspot")
PORTAL, LEAD = "acme", "501"
ASSISTANT = "tara@example.com"
NOW: Millis = 1_800_000_000_000

OUTSIDE = "leadback.work.cloudevents.read_event"
"""The only place where an event is what a sender says."""

KEPT_NOWHERE = {
    "leadback.service.browse.preview": "only asks what would be decided",
    "leadback.service.leads._imagined": "only asks what would be decided",
    "leadback.service.reconcile._fields": "names an effect",
}
READS = "leadback.store."
"""What is kept comes back as it was."""


def places() -> dict[str, list[ast.Call]]:
    """Function → the calls in it that make an Event."""
    found: dict[str, list[ast.Call]] = {}
    files = [(root, file) for root in SOURCES for file in sorted(root.rglob("*.py"))]
    for root, file in files:
        text = file.read_text(encoding="utf-8")
        if "lead.records import" not in text:
            continue
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        for function in ast.walk(ast.parse(text)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            calls = [
                node
                for node in ast.walk(function)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Event"
            ]
            if calls:
                found[f"{module}.{function.name}"] = calls
    return found


def is_internal(call: ast.Call) -> bool:
    return any(
        word.arg == "internal" and isinstance(word.value, ast.Constant) and word.value.value is True
        for word in call.keywords
    )


def says_where_from(call: ast.Call) -> bool:
    """Whether it passes `internal` on, or says it."""
    return len(call.args) == 6 or any(word.arg == "internal" for word in call.keywords)


# ---------------------------------------------------------------------- a world


@dataclass
class World:
    """An open application on a clock of its own, with one lead."""

    app: App
    clock: ManualClock

    def decide(self) -> None:
        while self.app.decisions.decide_due(self.clock.now()):
            pass

    def observe(self, *readings: ContactReading) -> None:
        """The CRM was asked, and this is what it said."""
        access, _ = self.app.accesses.of(PORTAL)
        rows = [HintRow(reading.asked, False, 1, 1) for reading in readings]
        read = {reading.asked: reading for reading in readings}
        HintedContacts(self.app.store, self.app.rules).settle(access, rows, read, self.clock.now())
        self.decide()


@contextmanager
def world(url: str) -> Iterator[World]:
    clock = ManualClock(NOW)
    numbers: dict[int, Iterator[int]] = {}

    def next_token(size: int) -> str:
        """One after the other, so that it is known what comes next."""
        return f"{next(numbers.setdefault(size, itertools.count(1))):0{2 * size}x}"

    with pytest.MonkeyPatch.context() as patch, open_app(database=url, clock=clock) as app:
        patch.setenv("TOKEN", "a token")
        patch.setattr(secrets, "token_hex", next_token)
        with app.store.write() as tx:
            tx.portals.put(Portal(PORTAL, "hubspot", "http://127.0.0.1:9", "TOKEN"))
            tx.portals.put_assistant(Assistant(PORTAL, ASSISTANT, "Tara", owner_id="7"))
            facts = {"portal": PORTAL, "crm_id": LEAD, "assistant": ASSISTANT, "email": "l@x.org"}
            facts["previous_owner"] = "ann@example.com"
            event = Event("assigned", NOW, "start", "1", facts)
            tx.inbox.add([NewEvent(PORTAL, LEAD, event)], now=NOW)
        made = World(app, clock)
        made.decide()
        clock.advance(HOUR)
        yield made


def reading(status: str = "found", owner: str = "7", **given: Any) -> ContactReading:
    owners = (Ownership(owner, NOW + HOUR, "ann"), Ownership("9", NOW - DAY, "ann"))
    values: dict[str, Any] = {"asked": LEAD, "crm_id": LEAD, "owners": owners, **given}
    return ContactReading(status=status, **values)  # type: ignore[arg-type]  # one of its words


# ---------------------------------------------------------------------- how each happens

Act = Callable[[World], object]


def nothing(_: World) -> None:
    pass


def hot(here: World) -> None:
    """A state with a timer."""
    here.app.leads.mark(f"{PORTAL}/{LEAD}", "hot")


def told_of_rules(here: World) -> None:
    text = SHIPPED_RULES.read_text(encoding="utf-8")
    text = text.replace("Hot:         [IN_PROGRESS,", "Hot:         [OPEN,       ")
    text = text.replace("after: 24h", "after: 48h")
    here.app.versions.apply(text, expected=here.app.versions.plan(text)["expected"])
    here.decide()


def fired(here: World) -> None:
    here.clock.advance(3 * DAY)
    here.decide()


def unsubscribed(here: World) -> None:
    here.app.leads.mark(f"{PORTAL}/{LEAD}", "unsubscribed")


def kept(here: World) -> None:
    """The handback was sent, and no owner could take the contact back."""
    access, hooks = here.app.accesses.of(PORTAL)
    rules, now = here.app.rules.now(), here.clock.now()
    with here.app.store.write() as tx:
        claim = tx.outbox.claim(PORTAL, now=now, lease=DAY, limit=100)
    (effect,) = [one for one in claim.effects if one.kind is EffectKind.HANDBACK]
    lanes = delivery.Lanes(claim.effects, lambda _: 100)
    while effect not in (batch := lanes.next_batch()):
        lanes.settled(batch, set())
    run = delivery._Run(
        here.app.store, here.clock, access, hooks, rules.tells["kept"], claim.fence, lanes
    )  # fmt: skip
    run._record(batch, {effect.id: Done({"verdict": "kept", "owner": "7", "why": "nobody"})})
    here.decide()


def marked_many(here: World) -> None:
    app = here.app
    browse = Browse(
        app.store, app.clock, app.rules, app.decisions, app.accesses, app.leads.document,
        audit=app.audit,
    )  # fmt: skip
    browse.act([f"{PORTAL}/{LEAD}"], "hot")


@dataclass(frozen=True)
class Case:
    """prepare: up to the moment at which somebody claims what comes next."""

    place: str
    happen: Act
    prepare: Act = nothing


CASES = {
    "a timer": Case("leadback.store.commit.timer_event", fired, hot),
    "new rules": Case("leadback.work.rules_in_use.told_event", told_of_rules, hot),
    "a mark": Case("leadback.service.leads.mark", hot),
    "marks of many": Case("leadback.service.browse.act", marked_many),
    "no owner": Case("leadback.work.delivery._told", kept, unsubscribed),
    "erased": Case(
        "leadback.lead.ownership.interpret", lambda here: here.observe(reading("erased"))
    ),
    "deleted": Case(
        "leadback.lead.ownership.interpret", lambda here: here.observe(reading("deleted"))
    ),
    "merged": Case(
        "leadback.lead.ownership.interpret", lambda here: here.observe(reading(crm_id="900"))
    ),
    "restored": Case(
        "leadback.lead.ownership.interpret",
        lambda here: here.observe(reading()),
        lambda here: here.observe(reading("deleted")),
    ),
    "another address": Case(
        "leadback.lead.ownership._refreshed", lambda here: here.observe(reading(email="new@x.org"))
    ),
    "assigned": Case(
        "leadback.lead.ownership._owner_change",
        lambda here: here.observe(reading(asked="502", crm_id="502")),
    ),
    "taken back": Case(
        "leadback.lead.ownership._owner_change", lambda here: here.observe(reading(owner="9"))
    ),
}
