"""PostgreSQL: history by month, so that forgetting a month is dropping a table, not a vacuum.

Rows of a month without a partition go to `history_other`; everything works, only slower to forget.
"""

import re
from datetime import UTC, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from leadback.base.clock import Millis

AHEAD = 3
"""Months that have a partition before they begin."""

_NAME = re.compile(r"history_y(\d{4})m(\d{2})")
_PARTITIONS = (
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhparent = 'history'::regclass ORDER BY c.relname"
)


def make_ahead(connection: Connection) -> list[str]:
    """Partitions for this month (by the server's clock) and the next; the names of new ones."""
    today: datetime = connection.exec_driver_sql("SELECT now() AT TIME ZONE 'UTC'").scalar_one()
    known = set(connection.exec_driver_sql(_PARTITIONS).scalars())
    made = []
    for offset in range(AHEAD + 1):
        year, month = _plus(today.year, today.month, offset)
        name = f"history_y{year:04}m{month:02}"
        if name not in known and _make(connection, name, year, month):
            made.append(name)
    return made


def drop_before(connection: Connection, before: Millis) -> int:
    """Drop the months that ended before an instant; how many rows they had."""
    gone = 0
    for name in connection.exec_driver_sql(_PARTITIONS).scalars().all():
        match = _NAME.fullmatch(name)
        if match is None or _start(*_plus(int(match[1]), int(match[2]), 1)) > before:
            continue
        gone += connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()  # noqa: S608 — a name of ours
        connection.exec_driver_sql(f"DROP TABLE {name}")
    return gone


def _make(connection: Connection, name: str, year: int, month: int) -> bool:
    start, end = _start(year, month), _start(*_plus(year, month, 1))
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(
                f"CREATE TABLE {name} PARTITION OF history FOR VALUES FROM ({start}) TO ({end})"
            )
    except IntegrityError:  # rows of this month are in history_other already: they stay there
        return False
    return True


def _plus(year: int, month: int, months: int) -> tuple[int, int]:
    count = year * 12 + month - 1 + months
    return count // 12, count % 12 + 1


def _start(year: int, month: int) -> Millis:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
