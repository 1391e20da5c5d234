"""PostgreSQL: any number of processes on any number of machines; rows are locked, not the file."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    URL,
    Connection,
    Engine,
    any_,
    bindparam,
    column,
    create_engine,
    delete,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.sql import ClauseElement, ColumnElement, FromClause

from leadback.base.clock import Millis
from leadback.base.errors import ConfigurationError, LeadbackError
from leadback.store import partitions
from leadback.store.dialect import Bell, Rows
from leadback.store.statements import DeleteRows, InsertRows, Plan, SqlOfRows, UpdateRows
from leadback.store.tables import IDS, PLACES, type_of
from leadback.store.urls import shown

CHANNEL = "leadback_work"
_BETWEEN = "\x1f"
_ONE_PLAN = ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit")
"""Off for connections that write: every statement there is meant to go through an index, row by
row. Statistics of a queue are wrong by nature (it was empty when they were taken), and by them a
claim of 2,000 events sorts the whole backlog first."""


class Postgresql:
    """See leadback.store.dialect.Dialect."""

    migrates_itself = False
    locks_lanes = True
    claim_events = 2_000  # leaves leads to other workers

    def __init__(self, url: URL) -> None:
        self._url = url
        self.name = shown(url.set(drivername="postgresql"))
        try:
            self.engine = _engine(url)
            self._writing = _engine(url, connect_args={"options": _by_index(url)})
        except ImportError as error:
            raise ConfigurationError(
                "the driver for PostgreSQL is not installed",
                where=self.name,
                fix="install it: pip install 'leadback[postgres]'",
            ) from error

    def begin_write(self) -> AbstractContextManager[Connection]:
        return self._writing.begin()

    def dispose(self) -> None:
        self.engine.dispose()
        self._writing.dispose()

    def pack(self, values: list[Any]) -> str:
        return _literal(values)

    def insert(self, plan: InsertRows) -> ClauseElement:
        """One round trip for any number of rows: the columns travel as arrays."""
        rows = _rows(plan, plan.columns, prefix="")
        values = select(*(rows.c[name] for name in plan.columns), *plan.constants().values())
        names = [*plan.columns, *plan.fixed]
        statement = insert_or(plan.table).from_select(names, values)
        if plan.conflict == "ignore":
            return statement.on_conflict_do_nothing()
        if plan.conflict == "update":
            changed = plan.changes(statement.excluded)
            return statement.on_conflict_do_update(index_elements=plan.keys, set_=changed)
        return statement

    def update(self, plan: UpdateRows) -> ClauseElement:
        rows = _rows(plan, plan.columns, plan.keys, prefix="new_")
        table = plan.table
        where = [table.c[key] == rows.c[f"key_{key}"] for key in plan.keys]
        return update(table).where(*where).values({c: rows.c[f"new_{c}"] for c in plan.columns})

    def delete(self, plan: DeleteRows) -> ClauseElement:
        """Each key is looked up first, in a subquery that cannot be turned round: a planner that
        believes a queue to be empty would read all of it for every key."""
        rows = _rows(plan, (), plan.keys, prefix="")
        same = plan.table.alias("same")
        place = (
            select(literal_column("same.ctid").label("place"))
            .select_from(same)
            .where(*(same.c[key] == rows.c[f"key_{key}"] for key in plan.keys))
            .correlate(rows)
            .with_for_update()
            .lateral("found")
        )
        places = select(place.c.place).select_from(rows.join(place, true())).scalar_subquery()
        row: ColumnElement[Any] = literal_column(f"{plan.table.name}.ctid")
        return delete(plan.table).where(row == any_(func.array(places)))

    def many(self, connection: Connection, sql: SqlOfRows, rows: Rows) -> int:
        columns = tuple(map(_literal, zip(*rows, strict=True)))
        return connection.exec_driver_sql(sql.text, columns).rowcount

    def now(self, connection: Connection) -> Millis:
        seconds = connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())")
        return int(seconds.scalar_one() * 1000)

    def take_ids(self, connection: Connection, count: int) -> Sequence[int]:
        rows = connection.exec_driver_sql(
            f"SELECT nextval('{IDS.name}') FROM generate_series(1, %s)",  # noqa: S608 — our own name
            (count,),
        )
        return [row[0] for row in rows]

    def place(self, connection: Connection, now: Millis) -> Millis:
        """A sequence is a register that nobody waits for. Two who set it at the same moment can
        differ by as much as their clocks do, never by a step that either of them made before."""
        found: Millis = connection.exec_driver_sql(
            f"SELECT setval('{PLACES.name}', greatest(last_value, %s)) FROM {PLACES.name}",  # noqa: S608
            (now,),
        ).scalar_one()
        return found

    def newest(self, connection: Connection) -> Millis:
        found: Millis = connection.exec_driver_sql(
            f"SELECT last_value FROM {PLACES.name}"  # noqa: S608 — our own name
        ).scalar_one()
        return found

    def hold_claims(self, connection: Connection) -> None:
        """A claim locks rows of `lanes`: it conflicts with a lock on the whole table, and what it
        reads after its own lock is what we committed. So claims pay nothing for this."""
        connection.exec_driver_sql("LOCK TABLE lanes IN EXCLUSIVE MODE")

    def hold_logins(self, connection: Connection) -> None:
        """Reading goes on; whatever changes a login, a counted try too, waits for a moment."""
        connection.exec_driver_sql("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")

    def by_index(self, connection: Connection) -> None:
        """It plans a subquery for all that it may give, not for the page that is taken of it."""
        for kind in ("seqscan", "sort", "hashjoin", "mergejoin"):
            connection.exec_driver_sql(f"SET LOCAL enable_{kind} = off")

    def lock_schema(self, connection: Connection) -> None:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('leadback schema'))")

    def migrated(self, connection: Connection) -> None:
        partitions.make_ahead(connection)

    def maintain(self, connection: Connection) -> None:
        partitions.make_ahead(connection)

    def files(self) -> Sequence[Path]:
        return ()

    def drop_before(self, connection: Connection, before: Millis) -> int:
        return partitions.drop_before(connection, before)

    def erased(self) -> None:
        """Nothing: dead rows go with the next vacuum, and no file is ours to clean."""

    def ring(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"NOTIFY {CHANNEL}")

    def bell(self) -> Bell:
        from leadback.store.channel import ChannelBell  # needs the driver, which is optional

        return ChannelBell(self._url, CHANNEL)

    def explain(self, error: DBAPIError) -> LeadbackError | None:
        code = getattr(error.orig, "sqlstate", None) or ""
        if code in ("42P01", "42703"):
            return not_migrated(self.name)
        found = {
            "25006": ("the database only lets us read", "name the primary server, not a replica"),
            "53100": ("the server's disk is full", "make room; nothing that was accepted is lost"),
            "53300": (
                "the server takes no more connections",
                "raise max_connections, or run fewer workers",
            ),
            "55P03": ("somebody holds a lock on a table", "wait for the migration to end"),
            "40P01": ("two transactions waited for each other", "try again"),
            "3D000": ("there is no such database", "create it first: createdb"),
            "28P01": ("the password is refused", "mend it in LEADBACK_DATABASE_URL"),
        }.get(code)
        if found is not None:
            return LeadbackError(found[0], where=self.name, fix=found[1])
        if code[:2] in _NOT_THE_ROWS:
            return LeadbackError(
                f"the database cannot do it now: {_first_line(error.orig)} ({code})",
                where=self.name,
                fix="see the server's log; work goes on when it can",
            )
        lost = not code and isinstance(error, OperationalError | InterfaceError)
        if error.connection_invalidated or lost:
            reason = _first_line(error.orig)
            return LeadbackError(
                f"the database does not answer ({reason})" if reason else "the database is gone",
                where=self.name,
                fix="check that the server runs and can be reached; work goes on when it does",
            )
        return None


_NOT_THE_ROWS = ("08", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0", "XX")
"""Classes of SQLSTATE that say something of the server, the connection or the schema; what else
there is (22: a value, 23: a constraint, 54: a limit of a row, P0: a trigger) is about rows."""


def _first_line(error: BaseException | None) -> str:
    """A driver's own words; what follows the first line can be the row."""
    lines = str(error or "").strip().splitlines()
    return lines[0] if lines else ""


def _engine(url: URL, **options: Any) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        paramstyle="format",
        hide_parameters=True,  # an error with a row in it ends in a log
        pool_size=16,
        max_overflow=16,
        pool_pre_ping=True,  # a restarted server costs one ping, not one lost request
        **options,
    )


def _by_index(url: URL) -> str:
    given = url.query.get("options", "")
    return " ".join(
        [*([given] if isinstance(given, str) else given), *(f"-c {name}=off" for name in _ONE_PLAN)]
    ).strip()


def _literal(values: Sequence[Any]) -> str:
    """An array as PostgreSQL reads it. The driver would dump value by value, ten times slower."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    if kinds == {str}:
        joined = _BETWEEN.join(values)
        if joined.count(_BETWEEN) == len(values) - 1:
            return '{"' + _escaped(joined).replace(_BETWEEN, '","') + '"}'
    return "{" + ",".join(map(_item, values)) + "}"


def _item(value: Any) -> str:
    if value is None:
        return "NULL"
    return f'"{_escaped(value)}"' if isinstance(value, str) else str(value)


def _escaped(text: str) -> str:
    """PostgreSQL keeps no zero byte in a text."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\N{REPLACEMENT CHARACTER}")


def not_migrated(name: str) -> ConfigurationError:
    return ConfigurationError(
        "the database has no tables of Leadback yet, or older ones",
        where=name,
        fix="run: leadback db upgrade",
    )


def _rows(
    plan: Plan,
    columns: Sequence[str],
    keys: Sequence[str] = (),
    *,
    prefix: str,
) -> FromClause:
    """The rows as a table made of one array per column, in the order of `columns`, then `keys`."""
    named = [(f"{prefix}{name}", name) for name in columns]
    named += [(f"key_{name}", name) for name in keys]
    arrays = [bindparam(label, type_=ARRAY(type_of(plan.table, name))) for label, name in named]
    labelled = [column(label, type_of(plan.table, name)) for label, name in named]
    return func.unnest(*arrays).table_valued(*labelled, name="given").render_derived()
