"""SQLite: one file, one writer at a time, readers never wait."""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, Connection, bindparam, create_engine, delete, event, insert
from sqlalchemy import text as text_of
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from leadback.base.clock import Millis
from leadback.base.errors import ConfigurationError, LeadbackError
from leadback.base.private import open_private
from leadback.store.dialect import BUSY_SECONDS, Rows
from leadback.store.statements import DeleteRows, InsertRows, SqlOfRows, UpdateRows
from leadback.store.tables import ids, metadata

LOOK_SECONDS = 0.005
WRITE_CACHE_KB, READ_CACHE_KB = 49_152, 8_192
"""48 MB instead of 2 for the one that writes: random keys of a million leads."""
_ROWS = 1_000_000
_TOGETHER = (500, 50)
"""Rows to a statement; 500 of 17 values stay far below the 32,766 that any SQLite takes."""
_NO_SCHEMA = re.compile(r"^no such (table|column)|has no column named")
_ONE_ROW = re.compile(r"(?<=VALUES )\([^()]+\)")
_PER_VALUE = 20
"""Rows that a portal's lead, CRM id or instant has, roughly."""

_PRAGMAS = (
    "PRAGMA wal_autocheckpoint = 16000",  # 64 MB: hot pages are copied back once, not every time
    "PRAGMA synchronous = FULL",  # NORMAL survives kill -9, but not a power cut; batches pay for it
    "PRAGMA foreign_keys = ON",  # off by default, per connection
    "PRAGMA secure_delete = ON",  # what is erased is overwritten; not measurable in batches
    "PRAGMA temp_store = MEMORY",
)


class Sqlite:
    """See leadback.store.dialect.Dialect."""

    migrates_itself = True
    locks_lanes = False
    claim_events = 10_000  # nobody else could decide meanwhile; a lead is written once for all

    def __init__(self, url: URL) -> None:
        if not url.database or url.database == ":memory:":
            raise ConfigurationError(
                "a database in memory is gone when the program ends",
                where=str(url),
                fix="name a file: sqlite:///leadback.db",
            )
        self.name = f"sqlite:///{url.database}"
        self._file = url.database
        _make_private(Path(self._file))
        self._patience = float(str(url.query.get("timeout", BUSY_SECONDS)))
        patience = {"timeout": self._patience}
        # What statements are run with is about people: an error must not repeat it.
        quiet = {"connect_args": patience, "hide_parameters": True}
        # The last one used is the next, and of a crowd a few stay: each fills a cache of its own.
        self.engine = create_engine(url, pool_size=8, max_overflow=24, pool_use_lifo=True, **quiet)
        # One connection for all that is written: a connection throws away all that it has cached
        # when another one has written.
        self._writing = create_engine(url, pool_size=1, max_overflow=0, **quiet)
        self._writer = threading.Lock()
        for engine, cached in ((self.engine, READ_CACHE_KB), (self._writing, WRITE_CACHE_KB)):
            event.listen(engine, "connect", partial(self._connected, cached=cached))
            event.listen(engine, "begin", _begin)

    def _connected(self, connection: sqlite3.Connection, record: object, *, cached: int) -> None:
        # The driver must not begin on its own: it would not begin for a SELECT, and a claim that
        # reads before it writes would decide on what somebody else is changing.
        connection.isolation_level = None
        _log_ahead(connection)
        for pragma in (*_PRAGMAS, f"PRAGMA cache_size = -{cached}"):
            connection.execute(pragma)

    @contextmanager
    def begin_write(self) -> Iterator[Connection]:
        """Threads of one process queue here: SQLite's own waiting sleeps up to 100 ms."""
        if not self._writer.acquire(timeout=self._patience):
            raise _locked(self.name)
        try:
            with (
                self._writing.connect().execution_options(write=True) as connection,
                connection.begin(),
            ):
                yield connection
        finally:
            self._writer.release()

    def dispose(self) -> None:
        self.engine.dispose()
        self._writing.dispose()

    def pack(self, values: list[Any]) -> str:
        return orjson.dumps(values).decode()

    def insert(self, plan: InsertRows) -> ClauseElement:
        values = {**{c: bindparam(c) for c in plan.columns}, **plan.constants()}
        statement = insert_or(plan.table).values(values)
        if plan.conflict == "ignore":
            return statement.on_conflict_do_nothing()
        if plan.conflict == "update":
            changed = plan.changes(statement.excluded)
            return statement.on_conflict_do_update(index_elements=plan.keys, set_=changed)
        return insert(plan.table).values(values)

    def update(self, plan: UpdateRows) -> ClauseElement:
        marks = [*(f":{name}" for name in plan.columns), *(f":key_{name}" for name in plan.keys)]
        places = [f"column{number}" for number in range(1, len(marks) + 1)]
        name, keys = plan.table.name, places[len(plan.columns) :]
        changes = ", ".join(f"{c} = {v}" for c, v in zip(plan.columns, places, strict=False))
        same = " AND ".join(f"{name}.{k} = {v}" for k, v in zip(plan.keys, keys, strict=True))
        return text_of(
            f"UPDATE {name} SET {changes} FROM (VALUES ({', '.join(marks)})) WHERE {same}"  # noqa: S608 — our own names
        )

    def delete(self, plan: DeleteRows) -> ClauseElement:
        """By all keys but the last, and the first and the last value of that: see _delete_many."""
        *equal, last = plan.keys
        where = [plan.table.c[key] == bindparam(f"key_{key}") for key in equal]
        run = plan.table.c[last].between(bindparam(f"key_{last}"), bindparam(f"end_{last}"))
        return delete(plan.table).where(*where, run)

    def many(self, connection: Connection, sql: SqlOfRows, rows: Rows) -> int:
        """Hundreds of rows to a statement. That spares a third of what a narrow insert costs; and a
        driver that runs one row at a time asks for the interpreter after each, where a busy thread
        of the same process keeps it waiting for up to 5 ms."""
        if isinstance(sql.plan, DeleteRows):
            return self._delete_many(connection, sql.text, rows)
        changed, found = 0, _ONE_ROW.search(sql.text)
        for size in _TOGETHER if found else ():
            whole = len(rows) - len(rows) % size
            if found and whole:
                marks = ", ".join([found[0]] * size)
                together = f"{sql.text[: found.start()]}{marks}{sql.text[found.end() :]}"
                for first in range(0, whole, size):
                    values = tuple(chain.from_iterable(rows[first : first + size]))
                    changed += connection.exec_driver_sql(together, values).rowcount
                rows = rows[whole:]
        return changed + (connection.exec_driver_sql(sql.text, list(rows)).rowcount if rows else 0)

    def _delete_many(self, connection: Connection, text: str, rows: Rows) -> int:
        """Events that were accepted together have consecutive ids, and mostly are decided together:
        a run of them is one search."""
        lists: dict[tuple[Any, ...], list[int]] = {}
        for row in rows:
            lists.setdefault(row[:-1], []).append(row[-1])
        runs = [(*equal, *run) for equal, found in lists.items() for run in _runs(sorted(found))]
        return connection.exec_driver_sql(text, runs).rowcount

    def now(self, connection: Connection) -> Millis:
        """Everybody who writes the file is on this machine."""
        return time.time_ns() // 1_000_000

    def take_ids(self, connection: Connection, count: int) -> Sequence[int]:
        table = ids.name
        found = connection.exec_driver_sql(
            f"UPDATE {table} SET next = next + ? RETURNING next",  # noqa: S608 — our own name
            (count,),
        ).scalar_one()
        return range(found - count, found)

    def place(self, connection: Connection, now: Millis) -> Millis:
        found: Millis = connection.exec_driver_sql(
            f"UPDATE {ids.name} SET newest = max(newest, ?) RETURNING newest",  # noqa: S608 — ours
            (now,),
        ).scalar_one()
        return found

    def newest(self, connection: Connection) -> Millis:
        found: Millis = connection.exec_driver_sql(
            f"SELECT newest FROM {ids.name}"  # noqa: S608 — our own name
        ).scalar_one()
        return found

    def hold_claims(self, connection: Connection) -> None:
        """Nothing: a write transaction has the whole file."""

    def hold_logins(self, connection: Connection) -> None:
        """Nothing: a write transaction has the whole file."""

    def by_index(self, connection: Connection) -> None:
        """Nothing: it believes what migrated() told it about the size of tables."""

    def lock_schema(self, connection: Connection) -> None:
        """Nothing: a write transaction has the whole file."""

    def migrated(self, connection: Connection) -> None:
        """Tell the planner what full tables look like: one portal can own nearly all rows.

        Without statistics it believes that `portal = ?` finds ten rows, and scans. Measured ones
        would come too late, and change plans while we run. See sqlite.org/fileformat2.html,
        "The sqlite_stat1 table".
        """
        connection.exec_driver_sql("ANALYZE")
        connection.exec_driver_sql("DELETE FROM sqlite_stat1")
        rows = []
        for table in metadata.sorted_tables:
            for name, columns, unique in _indexes(connection, table.name):
                selected = [_ROWS // 2, *[_PER_VALUE] * (columns - 1)][:columns]
                if unique:
                    selected[-1] = 1
                rows.append((table.name, name, " ".join(map(str, (_ROWS, *selected)))))
        connection.exec_driver_sql(
            "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", rows
        )

    def maintain(self, connection: Connection) -> None:
        """Nothing: space that was freed is used again."""

    def drop_before(self, connection: Connection, before: Millis) -> int:
        return 0

    def files(self) -> Sequence[Path]:
        return [Path(f"{self._file}{beside}") for beside in ("", "-wal", "-shm")]

    def erased(self) -> None:
        with self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 — a connection that is checked out has one
            driver.execute("PRAGMA busy_timeout = 0")  # a reader in the way: the next one does it
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            driver.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

    def ring(self, connection: Connection) -> None:
        """Nothing: whoever waits looks at the file's own change counter."""

    def bell(self) -> "FileBell":
        return FileBell(self._file)

    def explain(self, error: DBAPIError) -> LeadbackError | None:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return _locked(self.name)
        folder = os.path.dirname(os.path.abspath(self._file))
        found = {
            sqlite3.SQLITE_READONLY: (
                "the database file cannot be written",
                f"give this user the right to write {self._file} and the folder {folder}",
            ),
            sqlite3.SQLITE_NOTADB: (
                "this file is no SQLite database",
                "name another file with --database, or put the backup back",
            ),
            sqlite3.SQLITE_CORRUPT: (
                "the database file is damaged",
                "put the last backup back; `sqlite3 FILE .recover` may save the rest",
            ),
            sqlite3.SQLITE_FULL: (
                "the disk is full",
                f"make room in {folder}; nothing that was accepted is lost",
            ),
            sqlite3.SQLITE_CANTOPEN: (
                "the database file cannot be opened",
                f"check that the folder {folder} exists and that this user may write there",
            ),
            sqlite3.SQLITE_IOERR: (
                "the disk does not answer as it should",
                f"check the disk of {folder}, and that it is no network drive",
            ),
            sqlite3.SQLITE_NOMEM: ("there is no memory left", "give this machine more, or wait"),
            sqlite3.SQLITE_PERM: (
                "the database file may not be used",
                f"give this user the right to read and write {self._file}",
            ),
            sqlite3.SQLITE_PROTOCOL: ("the database file is locked too often", "try again"),
            sqlite3.SQLITE_INTERRUPT: ("a statement was interrupted", "try again"),
            sqlite3.SQLITE_SCHEMA: ("the schema was changed meanwhile", "try again"),
        }.get(code)
        if found is None and code == sqlite3.SQLITE_ERROR and _NO_SCHEMA.search(str(error.orig)):
            found = (
                f"the database has not the schema of this program: {error.orig}",
                "upgrade it: leadback db upgrade",
            )
        return None if found is None else LeadbackError(found[0], where=self.name, fix=found[1])


def _make_private(file: Path) -> None:
    """Make the file before SQLite does: what that makes beside it (-wal, -shm) gets its mode.
    Nothing happens to one that exists."""
    try:
        os.close(open_private(file, os.O_EXCL | os.O_RDWR))
    except OSError:
        return  # it is there, or cannot be made: then opening it says why


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive numbers, which are in ascending order."""
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last


def _indexes(connection: Connection, table: str) -> Iterator[tuple[str, int, bool]]:
    """(name, number of columns, unique) of a table's indexes; a WITHOUT ROWID key counts as one."""
    listed = connection.exec_driver_sql(f"PRAGMA index_list({table})").all()
    for _, name, unique, origin, _ in listed:
        columns = connection.exec_driver_sql(f"PRAGMA index_info({name})").all()
        without_rowid = (
            origin == "pk"
            and metadata.tables[table].dialect_options["sqlite"].get("with_rowid", True) is False
        )
        yield table if without_rowid else name, len(columns), bool(unique)


class FileBell:
    """Looks at the file's change counter: a few microseconds, and no transaction."""

    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._version = self._look()

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (version := self._look()) == self._version:
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(LOOK_SECONDS, left))
        self._version = version
        return True

    def close(self) -> None:
        self._connection.close()

    def _look(self) -> int:
        found: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return found


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Write-ahead log: readers and the writer do not wait for each other.

    Changing to it on a new file does not wait for others who do the same: we have to.
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > end:
                raise
            time.sleep(LOOK_SECONDS)
        else:
            return


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _locked(name: str) -> LeadbackError:
    return LeadbackError(
        f"another program has had the database locked for {BUSY_SECONDS} seconds",
        where=name,
        fix="end the program that holds it (a backup? a database browser?), then try again",
    )
