"""A version of the rules that only watches, and where it would have decided otherwise."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select

from leadback.base.clock import Millis
from leadback.store.records import Disagreement
from leadback.store.statements import InsertRows
from leadback.store.tables import disagreements as table
from leadback.store.tables import rules_log, shadow
from leadback.store.transaction import Transaction

MOST = 10_000
"""Disagreements kept in each portal: the first ones."""

_COLUMNS = ("portal", "seq", "at", "lead_id", "type", "rules_version", "in_use", "shadow")
_ADD = InsertRows(table, _COLUMNS, "ignore")
_SET = InsertRows(shadow, ("one", "version", "since", "who"))
_GET = select(shadow.c.version, shadow.c.since, shadow.c.who)
_OFF = delete(shadow)
_CLEAR = delete(table)
_COUNT = select(func.count()).where(table.c.portal == bindparam("portal"))
_LIST = (
    select(*(table.c[name] for name in _COLUMNS))
    .order_by(table.c.at.desc(), table.c.seq.desc())
    .limit(bindparam("limit"))
)
IN_USE = (
    select(
        rules_log.c.number,
        rules_log.c.in_use,
        rules_log.c.due_at,
        select(shadow.c.version).limit(1).scalar_subquery(),
    )
    .order_by(rules_log.c.number.desc())
    .limit(1)
)
"""What a claim has to know about rules, in one look."""


class Shadow:
    """`tx.shadow`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def watch(self, version: str, *, now: Millis, who: str) -> None:
        """From now on this version watches; earlier disagreements are forgotten."""
        self.stop()
        self._tx.run(_CLEAR)
        self._tx.rows(_SET, [(1, version, now, who)])

    def stop(self) -> bool:
        """Nobody watches any more; False: nobody did. Disagreements stay to be read."""
        return self._tx.run(_OFF).rowcount > 0

    def watching(self) -> tuple[str, Millis, str] | None:
        """(version, since, who)."""
        row = self._tx.run(_GET).first()
        return None if row is None else (row[0], row[1], row[2])

    def add(self, portal: str, found: Sequence[Disagreement]) -> None:
        """Keep these, as far as there is room."""
        room = MOST - self._tx.run(_COUNT, portal=portal).scalar_one()
        kept = found[: max(0, room)]
        rows = [
            (d.portal, d.seq, d.at, d.lead_id, d.type, d.rules_version, d.in_use, d.shadow)
            for d in kept
        ]
        self._tx.rows(_ADD, rows)

    def list(self, *, limit: int) -> list[Disagreement]:
        """Newest first."""
        return [Disagreement(*row) for row in self._tx.run(_LIST, limit=limit)]
