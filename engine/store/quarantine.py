"""What could not be understood, with the reason. Nothing is thrown away."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select

from engine.store.records import Quarantined
from engine.store.statements import InsertRows, InSet, containing
from engine.store.tables import quarantine as table
from engine.store.transaction import Transaction

LONGEST = 1_000_000
"""Characters of one item that are kept."""

_COLUMNS = ("portal", "id", "source", "raw", "reason", "at", "via")
_INSERT = InsertRows(table, _COLUMNS)
_COUNT = select(func.count()).select_from(table)
_LIST = (
    select(*(table.c[name] for name in ("portal", "source", "raw", "reason", "at", "id", "via")))
    .order_by(table.c.id)
    .limit(bindparam("limit"))
)
_OF_PORTAL = _LIST.where(table.c.portal == bindparam("portal"))
_DELETE = delete(table).where(table.c.portal == bindparam("portal"), InSet(table.c.id, "ids"))
_MENTIONING = delete(table).where(
    table.c.portal.in_([bindparam("portal"), bindparam("nowhere")]),
    func.lower(table.c.raw).like(bindparam("pattern"), escape="!"),
)


class Quarantine:
    """`tx.quarantine`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def add(self, items: Sequence[Quarantined]) -> None:
        ids = self._tx.take_ids(len(items))
        rows = [
            (
                item.portal,
                number,
                item.source,
                _clean(item.raw),
                _clean(item.reason),
                item.at,
                item.via,
            )
            for number, item in zip(ids, items, strict=True)
        ]
        self._tx.rows(_INSERT, rows)

    def list(self, *, limit: int = 100, portal: str | None = None) -> list[Quarantined]:
        """Oldest first; portal None = of all, and of none."""
        if portal is None:
            return [Quarantined(*row) for row in self._tx.run(_LIST, limit=limit)]
        return [Quarantined(*r) for r in self._tx.run(_OF_PORTAL, limit=limit, portal=portal)]

    def count(self) -> int:
        found: int = self._tx.run(_COUNT).scalar_one()
        return found

    def delete(self, portal: str, ids: Sequence[int]) -> None:
        self._tx.run(_DELETE, portal=portal, ids=list(ids))

    def forget(self, portal: str, texts: Sequence[str]) -> None:
        """Delete what mentions one of these (a contact's subject, an address): it is erased."""
        for text in texts:
            self._tx.run(_MENTIONING, portal=portal, nowhere="", pattern=containing(text))


def _clean(text: str) -> str:
    """PostgreSQL cannot keep a zero byte in a text, nor half of a surrogate pair anybody."""
    text = text[:LONGEST].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace").decode()
