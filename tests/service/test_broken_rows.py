"""What is kept and cannot be read is said, and the rest of it is shown: at every door to a lead.

The columns are derived: each column of text whose rows hold JSON after a lead has lived.
"""

import json
from pathlib import Path

import pytest
from sqlalchemy import Text, select, update

from leadback.base.errors import LeadbackError
from leadback.base.shipped import SHIPPED_RULES
from leadback.service.browse import Browse
from leadback.service.replay import WhatIf
from leadback.store.tables import metadata
from tests.service.worlds import PORTAL, World, world

BROKEN = ('{"a', "[1]", "", "nonsense")


def lived(here: World, lead: str = "501") -> None:
    here.happen(lead, "assigned")
    for kind in ("capacity_available", "email_sent", "email_opened"):
        here.happen(lead, kind)


def json_columns(here: World) -> list[tuple[str, str]]:
    found = []
    with here.app.store._dialect.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for column in table.c:
                if not isinstance(column.type, Text):
                    continue
                values = connection.execute(select(column))
                if any(str(value).startswith("{") for (value,) in values):
                    found.append((table.name, column.name))
    return found


def test_every_door_to_a_lead_goes_on_whatever_is_broken(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        lived(here)
        columns = json_columns(here)
    must = {("leads", "counters"), ("history", "reads"), ("outbox", "payload"), ("inbox", "data")}
    assert set(columns) >= must | {("outbox", "result"), ("portals", "settings")}
    for number, (table, column) in enumerate(columns):
        for broken in BROKEN:
            folder = tmp_path / f"{number}-{BROKEN.index(broken)}"
            folder.mkdir()
            with world(folder) as here:
                lived(here)
                with here.app.store._dialect.engine.begin() as connection:
                    connection.execute(update(metadata.tables[table]).values({column: broken}))
                look(here, f"{table}.{column} = {broken!r}", (table, column) in must)


def look(here: World, told: str, shown: bool) -> None:
    name = f"{PORTAL}/501"
    (one,) = here.app.leads.list(portal=PORTAL)
    assert (one["id"], one["state"]) == (name, here.lead("501").state), told
    found = here.app.leads.show(name)
    steps = here.app.leads.why(name)
    assert [step["event"] for step in steps][:2] == ["assigned", "capacity_available"], told
    if shown and not told.startswith("inbox"):
        assert "cannot be read" in json.dumps([found, steps]), told
    here.app.queue.list()
    here.app.queue.status()
    if told.startswith("leads.counters"):
        with pytest.raises(LeadbackError, match="counters that cannot be read"):
            here.app.leads.why(name, "email_opened")


RENAMED = (
    SHIPPED_RULES.read_text(encoding="utf-8")
    .replace("Engaged", "Busy")
    .replace("[IN_PROGRESS,     Busy]", "[IN_PROGRESS,     Engaged]")
)
MOVES = {"Engaged": "Busy"}


def test_rules_change_for_all_others_whatever_is_broken(tmp_path: Path) -> None:
    """Planned, replayed and applied: what cannot be decided waits alone."""
    with world(tmp_path) as here:
        lived(here)
        columns = json_columns(here)
    for number, (table, column) in enumerate(columns):
        folder = tmp_path / str(number)
        folder.mkdir()
        with world(folder) as here:
            for lead in ("501", "502"):
                lived(here, lead)
            break_(here, table, column)
            versions, what_if = here.app.versions, WhatIf(since=0)
            plan = versions.plan(RENAMED, moves=MOVES, what_if=what_if)
            told = f"{table}.{column}"
            assert plan["ready"], (told, plan["findings"])
            versions.apply(RENAMED, expected=plan["expected"], moves=MOVES, force=True)
            while here.decide():
                pass
            assert here.lead("502").state == "Busy", told
            assert here.lead("501").state == ("Engaged" if table == "leads" else "Busy"), told


def break_(here: World, table: str, column: str, lead: str = "501") -> None:
    """What is kept of one lead there; of all, where a table knows no lead."""
    broken = metadata.tables[table]
    statement = update(broken).values({column: '{"a'})
    name = next((n for n in ("lead_id", "crm_id") if n in broken.c), None)
    if name is not None:
        statement = statement.where(broken.c[name] == lead)
    with here.app.store._dialect.engine.begin() as connection:
        connection.execute(statement)


@pytest.mark.parametrize("at", [2**62, 253_402_300_800_000, -(2**62)])
def test_a_time_that_no_calendar_has_is_shown_as_such(tmp_path: Path, at: int) -> None:
    """Kept from before times were checked, or written by another program."""
    with world(tmp_path) as here:
        lived(here)
        with here.app.store._dialect.engine.begin() as connection:
            for table in ("leads", "history", "outbox", "ownership"):
                columns = metadata.tables[table].c
                times = [c.name for c in columns if c.name.split("_")[-1] == "at"]
                assert times, table
                statement = update(metadata.tables[table]).values(dict.fromkeys(times, at))
                connection.execute(statement)
        look(here, "inbox", shown=False)
        shown = here.app.leads.show(f"{PORTAL}/501")
        assert shown["updated_at"] == f"time out of range ({at})"
        assert here.app.leads.why(f"{PORTAL}/501", "email_opened")


def test_a_lead_that_cannot_be_read_keeps_no_other_from_a_bulk_action(tmp_path: Path) -> None:
    names = [f"{PORTAL}/501", f"{PORTAL}/502"]
    with world(tmp_path) as here:
        lived(here)
        here.happen("502", "assigned")
        break_(here, "leads", "counters")
        browse = Browse(
            here.app.store, here.app.clock, here.app.rules, here.app.decisions, here.app.accesses,
            here.app.leads.document, audit=here.app.audit,
        )  # fmt: skip
        told = browse.preview(names, "hot")
        assert (told["leads"], told["done"], told["refused"]) == (2, 1, 1)
        (reason,) = told["reasons"]
        assert "cannot be read" in reason["reason"]
        browse.act(names, "hot")
        assert here.lead("502").state == "Hot"
        (parked,) = here.app.queue.list()
        assert (parked["lead"], parked["status"]) == (names[0], "undecided")
