"""One lead that cannot be decided or written stops nobody else, wherever it fails.

The plants are derived: a claim is watched, and whatever it writes is made to fail for one lead, by
the database itself (triggers) or in the code. A new table or statement is covered when it is there.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from structlog.testing import capture_logs

from leadback.base.clock import DAY, ManualClock
from leadback.base.errors import LeadbackError
from leadback.base.shipped import SHIPPED_RULES
from leadback.hooks.outcomes import Delivery, Done, Outcome
from leadback.lead.machine import LeadMachine
from leadback.lead.records import EffectKind, Event, Portal
from leadback.store import NewEvent
from leadback.store.inbox import Inbox
from leadback.store.tables import metadata
from leadback.wiring import App, open_app
from leadback.work import decisions as decisions_module
from leadback.work import shadow as shadow_module
from leadback.work.containing import ClaimSize

BEGIN = 1_800_000_000_000
GUILTY = "666"
LEADS = ("501", "502", GUILTY, "503", "504")
OTHERS = tuple(one for one in LEADS if one != GUILTY)
_WRITES = re.compile(r'^\s*(INSERT|UPDATE|DELETE)(?:\s+(?:OR\s+\w+\s+)?(?:INTO|FROM))?\s+"?(\w+)')

Plant = tuple[str, str]
"""(table, INSERT | UPDATE | DELETE)"""


@dataclass
class World:
    """An app on one database, and how to reach that directly."""

    app: App
    clock: ManualClock
    engine: Engine
    events: int = 0
    written: set[Plant] = field(default_factory=set)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def connect(self) -> None:
        with self.app.store.write() as tx:
            for name in ("acme", "beta"):
                tx.portals.put(Portal(name, "hubspot", "http://127.0.0.1:9", "TOKEN"))

    def arrive(self, *events: tuple[str, str, Mapping[str, Any]]) -> None:
        """(contact, type, data) of every one; beta has a lead of its own with each."""
        now = self.clock.now()
        beta = [("beta", "900", kind, data) for _, kind, data in events[:1]]
        rows = [*(("acme", crm_id, kind, data) for crm_id, kind, data in events), *beta]
        with self.app.store.write() as tx:
            new = []
            for portal, crm_id, kind, data in rows:
                self.events += 1
                known = {**data, "portal": portal, "crm_id": crm_id}
                given = Event(kind, now, "mailer", str(self.events), known)
                new.append(NewEvent(portal, crm_id, given))
            tx.inbox.add(new, now=now)

    def decide(self) -> int:
        return self.app.decisions.decide_due(self.clock.now())

    def run(self, statement: str, **values: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def history(self) -> dict[str, list[str]]:
        """Lead → the types of what was decided about it, in order."""
        found: dict[str, list[str]] = {}
        with self.app.store.read() as tx:
            for portal, leads in (("acme", LEADS), ("beta", ("900",))):
                for lead in leads:
                    entries = tx.history.of_lead(portal, lead, limit=100)
                    found[lead] = [entry.type for entry in reversed(entries)]
        return found

    def failed(self) -> list[dict[str, Any]]:
        return self.app.queue.list(undecided=True)


@contextmanager
def opened_world(url: str) -> Iterator[World]:
    clock = ManualClock(BEGIN)
    with open_app(database=url, clock=clock, takes_rules=True) as app:
        here = World(app, clock, app.store._dialect.engine)
        here.connect()
        yield here


@pytest.fixture
def world(url: str) -> Iterator[World]:
    with opened_world(url) as here:
        yield here


def everybody(kind: str, data: Mapping[str, Any] | None = None) -> list[tuple[str, str, Any]]:
    return [(lead, kind, data or {}) for lead in LEADS]


ASSIGNED = {"assistant": "tara@example.com", "previous_owner": "ann@example.com"}


def early(here: World) -> None:
    here.arrive(*everybody("email_opened"))  # held


def assigned(here: World) -> None:
    here.arrive(*everybody("assigned", ASSIGNED))


def moved(here: World) -> None:
    here.arrive(*everybody("capacity_available"), *everybody("email_sent"))


def counted(here: World) -> None:
    here.arrive(*everybody("email_opened"))


def timers(here: World) -> None:
    """Whatever is armed by now fires; the beta portal's too."""
    here.clock.advance(60 * DAY)


def answered(here: World) -> None:
    here.arrive(*everybody("replied", {"intent": "AgreedToMeet"}))


def taken_back(here: World) -> None:
    here.arrive(*everybody("unassigned", {"by": "ann@example.com"}))


def merged(here: World) -> None:
    here.arrive(*((lead, "contact_merged", {"into": f"7{lead}"}) for lead in LEADS))


def erased(here: World) -> None:
    here.arrive(*everybody("contact_erased"))


STEPS: tuple[Callable[[World], None], ...] = (
    early, assigned, moved, counted, timers, answered, taken_back, merged, erased,
)  # fmt: skip


def watched(here: World) -> dict[Callable[[World], None], set[Plant]]:
    """What every step's claims write, by living it once."""
    found: dict[Callable[[World], None], set[Plant]] = {}
    writing: set[Plant] = set()

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        match = _WRITES.match(statement)
        if match:
            writing.add((match[2], match[1]))

    engines = {here.engine, here.app.store._dialect._writing}  # type: ignore[attr-defined]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    for step in STEPS:
        step(here)
        writing.clear()
        while here.decide():
            pass
        found[step] = {one for one in writing if _column(one[0])}
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    return found


def _column(table: str) -> str:
    """The column that says whose a row is; "" where none does."""
    columns = metadata.tables[table].c.keys()
    return next((name for name in ("lead_id", "crm_id") if name in columns), "")


def plant(here: World, plant: Plant) -> None:
    """From now on the database refuses to do this to a row of the guilty lead."""
    table, what = plant
    row = "OLD" if what == "DELETE" else "NEW"
    when = f"{row}.{_column(table)} = '{GUILTY}'"
    if plant == ("waiting", "UPDATE"):
        when += " AND NEW.status <> 'failed'"  # parking is what is to be seen
    _refuse(here, f"BEFORE {what} ON {table} FOR EACH ROW", when)


def _refuse(here: World, on: str, when: str) -> None:
    """The database refuses it."""
    if here.is_sqlite:
        here.run(f"CREATE TRIGGER plant {on} WHEN {when} BEGIN SELECT RAISE(ABORT, 'planted'); END")
        return
    here.run(
        "CREATE OR REPLACE FUNCTION plant() RETURNS trigger AS $$ BEGIN RAISE 'planted';"
        " END $$ LANGUAGE plpgsql"
    )
    here.run(f"CREATE TRIGGER plant {on} WHEN ({when}) EXECUTE FUNCTION plant()")


def uproot(here: World, plant: Plant) -> None:
    on = "" if here.is_sqlite else f" ON {plant[0]}"
    here.run(f"DROP TRIGGER plant{on}")


def test_whatever_a_claim_writes_fails_for_one_lead_alone(fresh: Callable[[], str]) -> None:
    with opened_world(fresh()) as healthy:
        written = watched(healthy)
    tables = {table for plants in written.values() for table, _ in plants}
    assert tables >= {"waiting", "inbox", "leads", "history", "outbox", "ownership"}
    first = {one: step for step in reversed(STEPS) for one in written[step]}
    for one, step in sorted(first.items(), key=lambda pair: pair[0]):
        with opened_world(fresh()) as here:
            _fails_alone(here, step, one)


def _fails_alone(here: World, failing: Callable[[World], None], one: Plant) -> None:
    for step in STEPS[: STEPS.index(failing)]:
        step(here)
        while here.decide():
            pass
    before = here.history()
    failing(here)
    plant(here, one)
    here.decide()
    after = here.history()
    uproot(here, one)
    told = f"{failing.__name__}: {one}"
    for lead in (*OTHERS, "900"):
        if failing is not early:
            assert len(after[lead]) > len(before[lead]), told
    rows = here.failed()
    if not rows:  # the trigger's row was not one of the guilty lead's in this step
        assert len(after[GUILTY]) > len(before[GUILTY]) or failing is early, told
        return
    assert {row["lead"] for row in rows} == {f"acme/{GUILTY}"}, told
    assert all("planted" in row["reason"] for row in rows), told
    assert here.app.queue.status()["inbox"]["undecided"] == len(rows), told
    assert here.app.queue.retry([row["id"] for row in rows])["retried"] == len(rows), told
    while here.decide():
        pass
    assert here.failed() == [], told
    decided = sorted(here.history()[GUILTY])
    assert len(decided) >= len(before[GUILTY]) + (failing is not early), told


# ---------------------------------------------------------------------------- in the code


def _plant_decide(here: World, patch: pytest.MonkeyPatch) -> None:
    real = decisions_module.decide

    def fails(rules: Any, lead: Any, given: Event, now: int) -> Any:
        if given.data.get("crm_id") == GUILTY:
            raise RuntimeError("planted")
        return real(rules, lead, given, now)

    patch.setattr(decisions_module, "decide", fails)


def _plant_values(here: World, patch: pytest.MonkeyPatch) -> None:
    real = decisions_module.with_values

    def fails(decision: Any, mapping: Any) -> Any:
        if decision.lead.lead_id == GUILTY:
            raise LeadbackError("planted")  # one that is not the database's
        return real(decision, mapping)

    patch.setattr(decisions_module, "with_values", fails)


def _plant_commit(here: World, patch: pytest.MonkeyPatch) -> None:
    """What the database finds out only when the transaction ends."""
    if here.is_sqlite:
        here.run("CREATE TABLE nobody (id INTEGER PRIMARY KEY)")
        here.run(
            "CREATE TABLE late (id INTEGER REFERENCES nobody (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        here.run(
            "CREATE TRIGGER plant AFTER INSERT ON leads WHEN NEW.lead_id = '666'"
            " BEGIN INSERT INTO late VALUES (7); END"
        )
        return
    here.run(
        "CREATE OR REPLACE FUNCTION plant() RETURNS trigger AS $$ BEGIN RAISE 'planted';"
        " END $$ LANGUAGE plpgsql"
    )
    here.run(
        "CREATE CONSTRAINT TRIGGER plant AFTER INSERT ON leads DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW WHEN (NEW.lead_id = '{GUILTY}') EXECUTE FUNCTION plant()"
    )


_DATA = "UPDATE inbox SET data = :data WHERE crm_id = :crm_id"


def _plant_broken_data(here: World, patch: pytest.MonkeyPatch) -> None:
    here.run(_DATA, data="[1", crm_id=GUILTY)


def _plant_odd_value(here: World, patch: pytest.MonkeyPatch) -> None:
    """A value that no column takes, planted behind the doors."""
    data = f'{{"portal":"acme","crm_id":"666","crm_assigned_at":{2**63}}}'
    here.run(_DATA, data=data, crm_id=GUILTY)


def _mend_data(here: World) -> None:
    data = '{"portal":"acme","crm_id":"666","assistant":"tara@example.com"}'
    here.run(_DATA, data=data, crm_id=GUILTY)


@pytest.mark.parametrize(
    "planted",
    [_plant_decide, _plant_values, _plant_commit, _plant_broken_data, _plant_odd_value],
    ids=lambda one: one.__name__,
)
def test_whatever_fails_in_the_code_fails_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, planted: Any
) -> None:
    assigned(world)
    with monkeypatch.context() as patch:
        planted(world, patch)
        world.decide()
        decided = world.history()
        assert all(decided[one] == ["assigned"] for one in (*OTHERS, "900"))
        rows = world.failed()
        assert [row["lead"] for row in rows] == [f"acme/{GUILTY}"]
        assert rows[0]["id"] in {row["id"] for row in world.app.queue.list()}
        counted(world)
        world.decide()
        assert all(world.history()[one][-1] == "email_opened" for one in OTHERS)
    if planted is _plant_commit:
        world.run("DROP TRIGGER plant" + ("" if world.is_sqlite else " ON leads"))
    if planted in (_plant_broken_data, _plant_odd_value):
        _mend_data(world)
    world.app.queue.retry(None)
    while world.decide():
        pass
    assert world.failed() == []
    assert "assigned" in world.history()[GUILTY]


def test_a_database_that_is_away_parks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assigned(world)
    real = type(world.app.store).write

    def locked(self: Any) -> Any:
        raise LeadbackError("the database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(type(world.app.store), "write", locked)
        with pytest.raises(LeadbackError, match="locked"):
            world.decide()
    assert type(world.app.store).write is real
    assert world.failed() == []
    world.decide()
    assert world.failed() == []
    assert world.history()[GUILTY] == ["assigned"]


def test_a_portal_that_fails_whole_keeps_no_other_from_its_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assigned(world)
    real = Inbox.take

    def fails(self: Any, portal: str, **claim: Any) -> Any:
        if portal == "acme":
            raise LeadbackError("planted")
        return real(self, portal, **claim)

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "take", fails)
        assert world.decide() == 1
    assert world.history()["900"] == ["assigned"]
    assert world.failed() == []
    world.decide()
    assert world.history()["501"] == ["assigned"]


def test_a_parked_event_can_be_dropped_and_both_are_on_the_audit_trail(world: World) -> None:
    assigned(world)
    _plant_broken_data(world, pytest.MonkeyPatch())
    world.decide()
    (row,) = world.failed()
    world.app.queue.retry([row["id"]])
    world.decide()
    (row,) = world.failed()
    assert world.app.queue.drop([row["id"]], "a test's")["dropped"] == 1
    assert world.failed() == []
    assert world.app.queue.drop([row["id"]], "again")["unknown"] == 1
    trail = [(entry["what"], entry["subject"]) for entry in world.app.audit.list()]
    assert {("retry", row["id"]), ("drop event", row["id"])} <= set(trail)


def test_what_was_parked_of_a_contact_that_is_erased_can_be_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it said is gone: that is no reason for it to wait for a person for ever."""
    assigned(world)
    world.decide()
    machine = world.app.rules.now()
    kinds = [name for name, kind in machine.rules.events.items() if not kind.contact]
    told = [(GUILTY, name, _sound_data(machine, name)) for name in kinds]
    with monkeypatch.context() as patch:
        _plant_decide(world, patch)
        world.arrive(*told)
        world.decide()
    assert len(world.failed()) == len(told)
    world.arrive((GUILTY, "contact_erased", {}))
    world.decide()
    assert world.app.queue.retry(None)["retried"] == len(told)
    world.decide()
    assert world.failed() == []
    assert world.history()[GUILTY][-len(told) :] == kinds


def _sound_data(machine: LeadMachine, name: str) -> dict[str, str]:
    by = machine.rules.events[name].by
    return {} if by is None else {by: machine.variants.of(name)[0]}


def test_the_guilty_one_is_found_in_few_claims() -> None:
    """Wherever it is in the largest claim: twice the claim's own work at most, and some small."""
    for guilty in (0, 1, 777, 5_000, 9_998, 9_999):
        size, at, gone, claims, work = ClaimSize(10_000), 0, False, 0, 0
        while at < 10_000 or not size.is_whole:
            taken = min(size.next, 10_000 - at)
            claims, work = claims + 1, work + taken
            hit = not gone and at <= guilty < at + taken
            if not hit:
                at += taken
                size.worked(taken)
                if not taken:
                    break
            elif taken > 1:
                size.failed(taken)
            else:
                gone, at = True, at + 1
                size.parked()
        assert (gone, at) == (True, 10_000)
        assert claims < decisions_module.TRIES
        assert work <= 3 * 10_000 + 1_000


# ---------------------------------------------------------------------------- the shadow


def _watched(here: World) -> None:
    """Rules that make another thing of `email_sent` watch from now on."""
    text = SHIPPED_RULES.read_text(encoding="utf-8")
    changed = text.replace("after: 24h", "after: 48h").replace("after: 7d", "after: 8d")
    assert changed != text
    here.app.shadow.watch(changed)


def _lived(here: World) -> None:
    for step in (assigned, moved, counted, answered):
        step(here)
        while here.decide():
            pass


def _shadow_comparison(here: World, patch: pytest.MonkeyPatch) -> None:
    real = shadow_module.decide

    def fails(rules: Any, lead: Any, given: Event, now: int) -> Any:
        if given.data.get("crm_id") == GUILTY:
            raise RuntimeError("planted")
        return real(rules, lead, given, now)

    patch.setattr(shadow_module, "decide", fails)


def _shadow_words(here: World, patch: pytest.MonkeyPatch) -> None:
    """What it would have come to cannot be said: not by anybody."""

    def fails(decision: Any) -> str:
        raise RuntimeError("planted")

    patch.setattr(shadow_module, "outcome", fails)


def _shadow_row(here: World, patch: pytest.MonkeyPatch) -> None:
    plant(here, ("disagreements", "INSERT"))


@pytest.mark.parametrize("planted", [_shadow_comparison, _shadow_words, _shadow_row])
def test_a_shadow_that_fails_changes_no_decision(
    world: World, monkeypatch: pytest.MonkeyPatch, planted: Any
) -> None:
    _watched(world)
    planted(world, monkeypatch)
    with capture_logs() as said:
        _lived(world)
    assert world.failed() == []
    assert all(len(steps) == 5 for steps in (world.history()[one] for one in LEADS))
    told = [line for line in said if line["event"] == "shadow not kept"]
    assert len(told) <= 2, "once for each portal"
    if planted is _shadow_comparison:
        found = world.app.shadow.found()["disagreements"]
        assert {one["lead"] for one in found} >= {f"acme/{one}" for one in OTHERS}
        assert all("planted" in one["shadow"] for one in found if one["lead"] == f"acme/{GUILTY}")
    else:
        assert told, planted


# ---------------------------------------------------------------------------- what is sent


class _Courier:
    """A CRM that takes everything."""

    def crm_batch_limit(self, *, kind: EffectKind) -> int:
        return 100

    def crm_calls_in_flight(self, *, access: Any) -> int:
        return 1

    def crm_deliver(self, *, deliveries: Sequence[Delivery], **_: Any) -> Mapping[int, Outcome]:
        return {one.id: Done({}) for one in deliveries}


@pytest.mark.parametrize("table", ["outbox", "shown"])
def test_an_effect_whose_outcome_cannot_be_written_is_parked_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    real = world.app.accesses.of
    monkeypatch.setattr(world.app.accesses, "of", lambda name: (real(name)[0], _Courier()))
    assigned(world)
    while world.decide():
        pass
    when = f"NEW.crm_id = '{GUILTY}'"
    what = "UPDATE" if table == "outbox" else "INSERT"
    if table == "outbox":
        when += " AND NEW.status = 'done'"
    _refuse(world, f"BEFORE {what} ON {table} FOR EACH ROW", when)
    world.app.deliveries.deliver_due()
    rows = world.app.queue.list(status="failed")
    assert {row["lead"] for row in rows} == {f"acme/{GUILTY}"}
    assert all(row["reason"].startswith("Done could not be written: ") for row in rows)
    done = {row["lead"] for row in world.app.queue.list(status="done")}
    assert {f"acme/{one}" for one in OTHERS} | {"beta/900"} <= done
    uproot(world, (table, what))
    world.app.queue.retry([row["id"] for row in rows])
    world.app.deliveries.deliver_due()
    assert world.app.queue.list(status="failed") == []
    assert world.app.queue.list(status="pending") == []
