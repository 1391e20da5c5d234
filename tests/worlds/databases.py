"""Where worlds live: a fresh, migrated database for each, copied from a template."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import make_url

from leadback.store.database import upgrade
from tests.databases import Server, running_server


class Tables(Protocol):
    """One open database, for plain SQL with `?` for values."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any: ...

    def rollback(self) -> None: ...

    def commit(self) -> None: ...

    def names(self) -> list[str]: ...


class Databases(Protocol):
    """template: the URL of the database that fresh ones are copied from; nobody has it open when
    they are."""

    template: str

    def fresh(self, seed: int) -> str: ...

    def tables(self, url: str) -> AbstractContextManager[Tables]: ...

    def drop(self, url: str) -> None: ...


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.rollback, self.commit = connection.rollback, connection.commit

    def names(self) -> list[str]:
        found = self.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return [name for (name,) in found]


class Files:
    """SQLite: a file per world."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.template = f"sqlite:///{folder / 'template.db'}"

    def fresh(self, seed: int) -> str:
        return f"sqlite:///{shutil.copy(self._folder / 'template.db', self._file(seed))}"

    @contextmanager
    def tables(self, url: str) -> Iterator[Tables]:
        with closing(sqlite3.connect(str(make_url(url).database))) as connection:
            yield _Sqlite(connection)

    def drop(self, url: str) -> None:
        name = Path(str(make_url(url).database)).name
        for file in self._folder.glob(f"{name}*"):
            file.unlink()

    def _file(self, seed: int) -> Path:
        return self._folder / f"world-{seed}.db"


class _Postgresql:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        return self._connection.execute(sql.replace("?", "%s").encode(), values or None)

    def rollback(self) -> None:
        self._connection.rollback()

    def commit(self) -> None:
        self._connection.commit()

    def names(self) -> list[str]:
        found = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [name for (name,) in found]


class OfServer:
    """PostgreSQL: a database per world, on a server of its own."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.template = server.new()
        upgrade(self.template)

    def fresh(self, seed: int) -> str:
        name = f"world_{seed}"
        template = make_url(self.template).database
        self._server.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return make_url(self.template).set(database=name).render_as_string(hide_password=False)

    @contextmanager
    def tables(self, url: str) -> Iterator[Tables]:
        with psycopg.connect(url) as connection:
            yield _Postgresql(connection)

    def drop(self, url: str) -> None:
        self._server.drop(url)


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[Databases]:
    """kind: sqlite or postgresql."""
    if kind == "sqlite":
        yield Files(folder)
        return
    with running_server(folder / "server") as server:
        yield OfServer(server)
