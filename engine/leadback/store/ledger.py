"""Who owned a contact, and why it changed: appended, never changed."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select

from leadback.store.records import LedgerEntry
from leadback.store.statements import InsertRows
from leadback.store.tables import ownership as table
from leadback.store.transaction import Transaction

_COLUMNS = (
    "portal",
    "lead_id",
    "crm_id",
    "at",
    "what",
    "owner_before",
    "owner_after",
    "actor",
    "why",
    "reference",
)
_INSERT = InsertRows(table, ("seq", *_COLUMNS))
_OF_LEAD = (
    select(*(table.c[name] for name in _COLUMNS))
    .where(table.c.portal == bindparam("portal"), table.c.lead_id == bindparam("lead_id"))
    .order_by(table.c.seq)
)

_PAGE = (
    select(*(table.c[name] for name in _COLUMNS), table.c.seq)
    .where(table.c.portal == bindparam("portal"), table.c.seq > bindparam("after"))
    .order_by(table.c.seq)
    .limit(bindparam("limit"))
)


class Ledger:
    """`tx.ledger`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def append(self, entries: Sequence[LedgerEntry]) -> None:
        rows = [
            (
                seq,
                entry.portal,
                entry.lead_id,
                entry.crm_id,
                entry.at,
                entry.what,
                entry.owner_before,
                entry.owner_after,
                entry.by,
                entry.why,
                entry.reference,
            )
            for seq, entry in zip(self._tx.take_ids(len(entries)), entries, strict=True)
        ]
        self._tx.rows(_INSERT, rows)

    def of_lead(self, portal: str, lead_id: str) -> list[LedgerEntry]:
        """Oldest first."""
        rows = self._tx.run(_OF_LEAD, portal=portal, lead_id=lead_id)
        return [LedgerEntry(*row) for row in rows]

    def page(self, portal: str, *, after: int, limit: int) -> tuple[list[LedgerEntry], int | None]:
        """A portal's entries, oldest first, and where the next page goes on (None: nowhere)."""
        rows = self._tx.run(_PAGE, portal=portal, after=after, limit=limit).all()
        entries = [LedgerEntry(*row[:-1]) for row in rows]
        return entries, rows[-1][-1] if len(rows) == limit else None
