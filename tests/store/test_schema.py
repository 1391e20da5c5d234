"""The schema: one definition, migrations that arrive at it, the portal in front of everything."""

import itertools
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.expression import Executable

import leadback.store as package
from leadback.store import (
    commit,
    erase,
    hints,
    history,
    inbox,
    leads,
    lookups,
    merge,
    migrate,
    open_store,
    outbox,
)
from leadback.store.database import schema_status, upgrade
from leadback.store.postgresql import Postgresql
from leadback.store.sqlite import Sqlite
from leadback.store.statements import DeleteRows, InsertRows, UpdateRows
from leadback.store.tables import GLOBAL, IDS, metadata
from leadback.store.transaction import Compiled
from tests.databases import Server, database_in
from tests.store.worlds import PORTAL, add, connect, decide, new

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(package.__file__).parent / "migrations"


def raw(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed)


# ---------------------------------------------------------------------- migrations


def test_migrations_arrive_at_the_schema(url: str) -> None:
    engine = raw(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert [d for d in differences if "'history_" not in str(d)] == []


def test_a_migrated_file_is_the_same_as_one_made_at_once(
    tmp_path: Path, migrated_file: Path
) -> None:
    """Partial indexes and WITHOUT ROWID are not part of alembic's comparison."""
    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    metadata.create_all(made)
    made.dispose()

    def schema(file: Path) -> set[str]:
        with sqlite3.connect(file) as connection:
            rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
            found = {" ".join(row[0].split()).replace(" ,", ",") for row in rows}
            found = {re.sub(r'^CREATE TABLE "(\w+)"', r"CREATE TABLE \1", sql) for sql in found}
        connection.close()
        return {sql for sql in found if "sqlite_stat" not in sql and "alembic_version" not in sql}

    assert schema(migrated_file) == schema(tmp_path / "made.db")


def test_the_code_knows_all_migrations() -> None:
    scripts = ScriptDirectory(str(SCRIPTS))
    found = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(found)) == migrate.KNOWN
    assert found[0] == migrate.HEAD


OLDEST = "0015"
"""The first one with every column that today's code writes when it takes and decides events."""


def test_code_of_the_schema_before_goes_on_while_the_database_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expand first: with a database upgraded under its feet, the older program keeps working."""
    file = tmp_path / "rolling.db"
    url = f"sqlite:///{file}"
    head, known, real = migrate.HEAD, migrate.KNOWN, migrate.upgrade
    known_before = known[: known.index(OLDEST) + 1]
    monkeypatch.setattr(migrate, "HEAD", OLDEST)
    monkeypatch.setattr(migrate, "KNOWN", known_before)
    monkeypatch.setattr(migrate, "upgrade", lambda connection: real(connection, OLDEST))
    old = open_store(url)
    connect(old)
    assert schema_status(url)["schema"] == OLDEST
    add(old, new("501", 1, "assigned"), new("501", 2))
    monkeypatch.setattr(migrate, "HEAD", head)
    monkeypatch.setattr(migrate, "KNOWN", known)
    monkeypatch.setattr(migrate, "upgrade", real)
    newer = open_store(url)  # upgrades
    assert schema_status(url)["schema"] == migrate.HEAD
    assert decide(old, limit=1) == [("501", "1")]
    assert decide(newer) == [("501", "2")]
    assert add(old, new("501", 2)) == [False]
    monkeypatch.setattr(migrate, "HEAD", OLDEST)
    monkeypatch.setattr(migrate, "KNOWN", known_before)
    open_store(url).close()  # and the older one can even be started again
    old.close()
    newer.close()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_the_database_is_upgraded_while_a_worker_of_the_schema_before_works(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`leadback db upgrade`, a process of its own, beside a worker that decides all the time."""
    before = migrate.KNOWN[-2]
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'rolling.db'}"
    else:
        server: Server = request.getfixturevalue("server")
        url = server.new()
        request.addfinalizer(lambda: server.drop(url))
    monkeypatch.setattr(migrate, "HEAD", before)
    monkeypatch.setattr(migrate, "KNOWN", migrate.KNOWN[:-1])
    real = migrate.upgrade
    monkeypatch.setattr(migrate, "upgrade", lambda connection: real(connection, before))
    upgrade(url)
    worker = open_store(url)
    monkeypatch.undo()
    assert schema_status(url)["schema"] == before
    connect(worker)
    add(worker, new("501", 0, "assigned"))
    done: list[str] = []
    ended, broken = threading.Event(), []

    def work() -> None:
        number = 0
        try:
            while not ended.is_set():
                done.extend(event for _, event in decide(worker))
                number += 1
                add(worker, new("501", number))
            done.extend(event for _, event in decide(worker))
        except Exception as error:
            broken.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        upgraded = subprocess.run(
            [sys.executable, str(ROOT / "runner.py"), "db", "upgrade", "--database", url],
            capture_output=True,
            text=True,
            check=False,
        )
        at_upgrade = len(done)
    finally:
        ended.set()
        thread.join()
    assert upgraded.returncode == 0, upgraded.stderr
    assert f"from schema {before} to {migrate.HEAD}" in upgraded.stdout
    assert broken == []
    assert at_upgrade > 1, "the worker did nothing meanwhile"
    assert done == [str(n) for n in range(len(done))]
    newer = open_store(url)
    add(newer, new("501", "newer"))
    assert decide(worker) == [("501", "newer")]
    worker.close()
    newer.close()


@pytest.mark.postgres
def test_a_failed_migration_leaves_nothing_behind(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.new()
    real = migrate.upgrade

    def breaks(connection: Any) -> None:
        real(connection)
        raise RuntimeError("the power goes")

    monkeypatch.setattr(migrate, "upgrade", breaks)
    with pytest.raises(RuntimeError):
        upgrade(url)
    monkeypatch.undo()
    assert schema_status(url)["schema"] == ""
    upgrade(url)
    server.drop(url)


# ---------------------------------------------------------------------- the portal comes first


@pytest.mark.parametrize("name", sorted(set(metadata.tables) - GLOBAL))
def test_the_portal_leads_every_key_and_index(name: str) -> None:
    """So that the tables can be distributed by portal; small tables are the same everywhere."""
    table = metadata.tables[name]
    assert next(iter(table.primary_key)).name == "portal"
    for index in table.indexes:
        assert next(iter(index.columns)).name == "portal", index.name
    for constraint in table.constraints:
        columns = [column.name for column in getattr(constraint, "columns", ())]
        assert columns[:1] in ([], ["portal"]), constraint.name


HOT = (commit, erase, hints, history, inbox, leads, lookups, merge, outbox)
OVERVIEWS = {"_HELD", "_NAMES", "_EVENT", "_ADDRESSED", "_ROWS", "RELEASE_"}
"""Lists for people over all portals, and halves of statements."""


def statements() -> Iterator[tuple[str, ClauseElement | UpdateRows | DeleteRows]]:
    for module in HOT:
        for name, value in vars(module).items():
            if name in OVERVIEWS:
                continue
            if isinstance(value, Executable | UpdateRows | DeleteRows):
                yield f"{_last(module)}.{name}", value  # type: ignore[misc]  # all are clauses


def _last(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiled]:
    dialect = Sqlite(make_url(database_in(tmp_path_factory.mktemp("plans"))))
    yield Compiled(dialect)
    dialect.engine.dispose()


ALL = dict(statements())
POSTGRESQL_ONLY = {"inbox._LOCK", "inbox._LOCK_OF"}
GIVEN = "SCAN CONSTANT ROW"
"""The rows that an update is given, and their list."""
OF_EVERY_PORTAL = {"lookups._PORTALS"}
"""Asks a small partial index which portals have something due."""


def test_there_are_statements_to_look_at() -> None:
    assert len(ALL) > 60


@pytest.mark.parametrize("name", sorted(set(ALL) - POSTGRESQL_ONLY))
def test_every_statement_finds_its_rows_by_the_portal_and_an_index(
    compiled: Compiled, name: str
) -> None:
    """No table is scanned, and no search stops at the portal, which may own nearly all rows."""
    statement = ALL[name]
    if isinstance(statement, UpdateRows | DeleteRows):
        text = compiled.of_rows(statement).text
    else:
        text = compiled.of(statement).text
    with compiled.dialect.engine.connect() as connection:
        plan = [
            row[3]
            for row in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {text}", (None,) * text.count("?")
            )
        ]
    for step in plan:
        if not step.startswith(("SCAN", "SEARCH")) or "VIRTUAL TABLE" in step:
            continue
        if "portals" in step:
            continue
        if isinstance(statement, UpdateRows) and step in (GIVEN, "SCAN (subquery-1)"):
            continue
        assert step.startswith("SEARCH"), plan
        assert "(portal=?" in step, plan
        if name not in PORTAL_WIDE:
            assert "(portal=?)" not in step, plan


@pytest.fixture(scope="module")
def on_server(server: Server) -> Iterator[tuple[Compiled, Connection]]:
    """PostgreSQL without any statistics: the worst a planner can know."""
    url = server.new()
    upgrade(url)
    dialect = Postgresql(make_url(url))
    with dialect.begin_write() as connection:
        yield Compiled(dialect), connection
    dialect.dispose()
    server.drop(url)


@pytest.mark.postgres
@pytest.mark.parametrize("name", sorted(ALL))
def test_postgresql_finds_its_rows_by_the_portal_and_an_index(
    on_server: tuple[Compiled, Connection], name: str
) -> None:
    """The same for the plan that PostgreSQL makes for any values."""
    compiled, connection = on_server
    statement = ALL[name]
    if isinstance(statement, UpdateRows | DeleteRows):
        text = compiled.of_rows(statement).text
    else:
        text = compiled.of(statement).text
    numbers = itertools.count(1)
    asked = re.sub(r"%s", lambda _: f"${next(numbers)}", text)
    plan = connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {asked}").scalars().all()
    if isinstance(statement, DeleteRows):
        assert any("Tid Scan" in step for step in plan), (
            plan
        )  # whatever it believes about the size of the queue
    for place, step in enumerate(plan):
        assert "Seq Scan on portals" in step or "Seq Scan" not in step, plan
        scan = re.search(r"Scan using \w+ on (?!portals)\w+", step)
        if scan and name not in OF_EVERY_PORTAL:
            assert re.search(r"Index Cond: .*portal = ", plan[place + 1]), plan


PORTAL_WIDE = {
    "outbox._COUNT_DONE",  # counts
    "leads._COUNT",
    "leads._COUNT_GONE",
    "leads._WORKING",  # all leads that are not finished
    "leads._ALL",  # half a statement
    "outbox._OUTDATE",  # everything that failed
    "outbox._RETRY",
    "outbox._RENEW",  # what is open
    "erase._NEVER",  # rare
    "merge._MOVE_EVENTS",  # rare
    "erase._WAITING",  # rare
    "history._ACTIVE",  # reports over a time
    "history._COUNT",
    "history._ENTERED",
    "history._FIRED",
}
"""Statements that are meant to look at all rows of a portal, or at all of a partial index."""


def test_ids_come_from_a_sequence_that_is_named_once() -> None:
    assert IDS.name == "leadback_ids"
    assert PORTAL == "acme"


def test_inserts_name_every_column() -> None:
    """A new column without a default must not be forgotten by a bulk insert."""
    plans = [
        value for module in HOT for value in vars(module).values() if isinstance(value, InsertRows)
    ]
    assert len(plans) > 5
    for plan in plans:
        given = {*plan.columns, *plan.fixed}
        missing = {c.name for c in plan.table.columns if not c.nullable} - given
        assert missing == set(), plan.table.name
