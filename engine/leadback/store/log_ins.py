"""Who came in, and who tried: a list of bounded length, apart from the audit trail.

Anybody can make refused log-ins. They push out older refused ones, never one that was good.
"""

from sqlalchemy import bindparam, delete, func, select, update

from leadback.store.account_records import LogIn
from leadback.store.statements import InsertRows
from leadback.store.tables import log_ins
from leadback.store.transaction import Transaction

KEPT = 10_000
"""Of the good ones, and of the refused ones."""

_LOG_IN = ("at", "who", "address", "outcome", "good", "id")
_LAST = 2**63 - 1

_NOTE = InsertRows(log_ins, _LOG_IN)
_GOOD = (
    update(log_ins)
    .where(log_ins.c.id == bindparam("log_in"))
    .values(outcome=bindparam("how"), good=True)
)
_LIST = (
    select(*(log_ins.c[name] for name in _LOG_IN))
    .where(log_ins.c.id < bindparam("before"), log_ins.c.at >= bindparam("since"))
    .order_by(log_ins.c.id.desc())
    .limit(bindparam("limit"))
)
_NEWEST = (
    select(log_ins.c.id)
    .where(log_ins.c.good == bindparam("kind"))
    .order_by(log_ins.c.id.desc())
    .limit(bindparam("kept"))
    .subquery()
)
_FORGET = delete(log_ins).where(
    log_ins.c.good == bindparam("kind"),
    log_ins.c.id < select(func.min(_NEWEST.c.id)).scalar_subquery(),
)


class LogIns:
    """`tx.log_ins`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def note(self, entry: LogIn, *, kept: int = KEPT) -> int:
        """Append it, and forget what is too much of its kind; its id (the entry's own is not
        used)."""
        (number,) = self._tx.take_ids(1)
        row = (entry.at, entry.who, entry.address, entry.outcome, entry.good, number)
        self._tx.rows(_NOTE, [row])
        self._tx.run(_FORGET, kind=entry.good, kept=kept)
        return number

    def was_good(self, log_in: int, how: str) -> None:
        """What was noted as a try has succeeded."""
        self._tx.run(_GOOD, log_in=log_in, how=how)

    def list(self, *, limit: int, before: int | None = None, since: int = 0) -> list[LogIn]:
        """Newest first. before: the id of the last entry of the page before."""
        rows = self._tx.run(_LIST, limit=limit, before=before or _LAST, since=since)
        return [
            LogIn(at, who, address, outcome, bool(good), number)
            for at, who, address, outcome, good, number in rows
        ]
