"""What the file itself can do: a plain sqlite3 loop that writes the very rows that the engine
wrote, in the same transactions with the same pragmas. It parses nothing and decides nothing."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leadback.store import sqlite
from leadback.store.statements import DeleteRows, InsertRows, SqlOfRows
from leadback.wiring import App

Step = tuple[str, list[tuple[Any, ...]]]
"""A statement and its rows; BEGIN and COMMIT have none."""


@contextmanager
def recorded(app: App) -> Iterator[list[Step]]:
    """Collects every set-based write of the block, with the bounds of its transactions."""
    dialect = app.store._dialect
    steps: list[Step] = []
    many, begin_write = dialect.many, dialect.begin_write

    def noted_many(connection: Any, sql: SqlOfRows, rows: Any) -> int:
        steps.append((_plain(sql), list(rows)))
        return many(connection, sql, rows)

    @contextmanager
    def noted_begin() -> Iterator[Any]:
        steps.append(("BEGIN IMMEDIATE", []))
        with begin_write() as connection:
            yield connection
        steps.append(("COMMIT", []))

    dialect.many, dialect.begin_write = noted_many, noted_begin  # type: ignore[method-assign]
    try:
        yield steps
    finally:
        dialect.many, dialect.begin_write = many, begin_write  # type: ignore[method-assign]


def _plain(sql: SqlOfRows) -> str:
    """The statement for one row, as anyone would write it; the marks stay in their order."""
    plan = sql.plan
    if isinstance(plan, InsertRows):
        return sql.text
    same = " AND ".join(f"{key} = ?" for key in plan.keys)
    if isinstance(plan, DeleteRows):
        return f"DELETE FROM {plan.table.name} WHERE {same}"  # noqa: S608 — our own names
    changes = ", ".join(f"{column} = ?" for column in plan.columns)
    return f"UPDATE {plan.table.name} SET {changes} WHERE {same}"  # noqa: S608 — our own names


def copied(app: App, file: Path) -> None:
    """The database as it is now, into another file."""
    app.store._dialect.erased()  # the log goes into the file
    shutil.copy(app.store.name.removeprefix("sqlite:///"), file)


def seconds(file: Path, steps: list[Step]) -> float:
    """How long the loop takes on a copy of the file that the engine began with."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    for pragma in (*sqlite._PRAGMAS, f"PRAGMA cache_size = -{sqlite.WRITE_CACHE_KB}"):
        connection.execute(pragma)
    began = time.perf_counter()
    for text, rows in steps:
        if rows:
            connection.executemany(text, rows)
        else:
            connection.execute(text)
    taken = time.perf_counter() - began
    connection.close()
    return taken
