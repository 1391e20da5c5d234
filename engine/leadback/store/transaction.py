"""One open transaction: runs compiled statements on one connection. The nouns are built on it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, CursorResult
from sqlalchemy.sql import ClauseElement

from leadback.base.clock import Millis
from leadback.store.dialect import Dialect, Rows
from leadback.store.statements import DeleteRows, InsertRows, Plan, Sql, SqlOfRows, UpdateRows


class Compiled:
    """Every statement as text for one database; filled as statements are first used."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._statements: dict[ClauseElement, Sql] = {}
        self._rows: dict[Plan, SqlOfRows] = {}

    def of(self, statement: ClauseElement) -> Sql:
        found = self._statements.get(statement)
        if found is None:
            found = self._statements[statement] = Sql(statement, self.dialect.engine.dialect)
        return found

    def of_rows(self, plan: Plan) -> SqlOfRows:
        found = self._rows.get(plan)
        if found is None:
            match plan:
                case InsertRows():
                    statement = self.dialect.insert(plan)
                case UpdateRows():
                    statement = self.dialect.update(plan)
                case DeleteRows():
                    statement = self.dialect.delete(plan)
            found = self._rows[plan] = SqlOfRows(plan, statement, self.dialect.engine.dialect)
        return found


class Transaction:
    """Used by one thread, until it ends."""

    def __init__(self, connection: Connection, compiled: Compiled) -> None:
        self.connection, self._compiled = connection, compiled
        self.dialect = compiled.dialect
        self.rings = False
        """There is new work, for others too."""
        self.erases = False
        """Something personal was removed."""

    def run(self, statement: ClauseElement, **values: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run a Core expression with its named values; a list is one value (see InSet)."""
        sql = self._compiled.of(statement)
        pack = self.dialect.pack
        given = {k: pack(v) if isinstance(v, list) else v for k, v in values.items()}
        return self.connection.exec_driver_sql(sql.text, sql.values(given))

    def fetch(self, statement: ClauseElement, **values: Any) -> list[tuple[Any, ...]]:
        """All rows as plain tuples: SQLAlchemy's own cost as much as the query for thousands."""
        cursor = self.run(statement, **values).cursor
        assert cursor is not None  # noqa: S101 — a query has one
        found = list(cursor.fetchall())
        cursor.close()
        return found

    def rows(self, plan: Plan, rows: Rows) -> int:
        """Insert, update or delete all rows at once; the number of rows that changed."""
        if not rows:
            return 0
        sql = self._compiled.of_rows(plan)
        return self.dialect.many(self.connection, sql, sql.ordered(rows))

    def take_ids(self, count: int) -> Sequence[int]:
        """Ids that nobody else gets, ascending; the first ever is 1."""
        return self.dialect.take_ids(self.connection, count) if count else ()

    def place(self, now: Millis) -> Millis:
        """When what is accepted `now` was accepted: never before what was accepted already."""
        return self.dialect.place(self.connection, now)

    def newest(self, now: Millis) -> Millis:
        """No event that was accepted has a place after this; not before `now`."""
        return max(now, self.dialect.newest(self.connection))


def dump(data: Mapping[str, Any]) -> str:
    """JSON as it is kept."""
    return orjson.dumps(data).decode() if data else "{}"


def load(text: str) -> dict[str, Any]:
    """JSON as it was kept."""
    if text == "{}":
        return {}
    loaded: dict[str, Any] = orjson.loads(text)
    return loaded


class Unreadable(Mapping[str, Any]):
    """JSON that was kept and cannot be read. Whoever uses a value of it fails; whoever shows it
    can say `why` instead."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __getitem__(self, name: str) -> Any:
        raise self._error()

    def __iter__(self) -> Iterator[str]:
        raise self._error()

    def __len__(self) -> int:
        raise self._error()

    def __repr__(self) -> str:
        return f"Unreadable({self.why!r})"

    def _error(self) -> ValueError:
        return ValueError(f"what is kept cannot be read: {self.why}")


def load_or_unreadable(text: str) -> Mapping[str, Any]:
    """As load(), for rows that are shown also when a part of them is broken."""
    try:
        loaded = load(text)
    except ValueError as error:
        return Unreadable(str(error))
    if isinstance(loaded, dict):
        return loaded
    return Unreadable(f"an object is expected, not {type(loaded).__name__}")
