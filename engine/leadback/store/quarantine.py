"""What could not be understood, with the reason. Nothing is thrown away."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, func, select

from leadback.store.records import Quarantined
from leadback.store.statements import InsertRows, InSet, containing
from leadback.store.tables import quarantine as table
from leadback.store.transaction import Transaction

LONGEST = 1_000_000
"""Characters of one item that are kept."""

_COLUMNS = ("portal", "id", "source", "raw", "reason", "at", "via")
_INSERT = InsertRows(table, _COLUMNS)
_COUNT = select(func.count()).select_from(table)
_ALL = select(
    *(table.c[name] for name in ("portal", "source", "raw", "reason", "at", "id", "via"))
).order_by(table.c.id)
_PORTALS = select(table.c.portal).distinct().order_by(table.c.portal)
_LIST = _ALL.limit(bindparam("limit"))
_OF_PORTAL = _LIST.where(table.c.portal == bindparam("portal"), table.c.id > bindparam("after"))
_OF_IDS = _ALL.where(table.c.portal == bindparam("portal"), InSet(table.c.id, "ids"))
_NEWEST = select(func.max(table.c.id)).where(table.c.portal == bindparam("portal"))
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

    def list(
        self, *, limit: int = 100, portal: str | None = None, after: int = -1
    ) -> list[Quarantined]:
        """Oldest first; portal None = of all, and of none. after: an id of the portal.

        An item has up to LONGEST characters: ask for as many as may be in memory at once.
        """
        if portal is None:
            return [Quarantined(*row) for row in self._tx.run(_LIST, limit=limit)]
        page = {"portal": portal, "limit": limit, "after": after}
        return [Quarantined(*row) for row in self._tx.run(_OF_PORTAL, **page)]

    def newest(self) -> Mapping[str, int]:
        """Portals of which there is something, with the highest id; "" is that of no portal."""
        portals: Sequence[str] = self._tx.run(_PORTALS).scalars().all()
        return {one: self._tx.run(_NEWEST, portal=one).scalar_one() for one in portals}

    def of_ids(self, ids: Sequence[int]) -> Sequence[Quarantined]:
        """Those of these that are still there."""
        portals: Sequence[str] = self._tx.run(_PORTALS).scalars().all() if ids else ()
        return [
            Quarantined(*row)
            for portal in portals
            for row in self._tx.run(_OF_IDS, portal=portal, ids=list(ids))
        ]

    def count(self) -> int:
        found: int = self._tx.run(_COUNT).scalar_one()
        return found

    def delete(self, ids: Sequence[int]) -> int:
        """How many there were. No item is read for it."""
        portals: Sequence[str] = self._tx.run(_PORTALS).scalars().all() if ids else ()
        done = (self._tx.run(_DELETE, portal=portal, ids=list(ids)) for portal in portals)
        return sum(one.rowcount for one in done)

    def forget(self, portal: str, texts: Sequence[str]) -> None:
        """Delete what mentions one of these (a contact's subject, an address): it is erased."""
        for text in texts:
            self._tx.run(_MENTIONING, portal=portal, nowhere="", pattern=containing(text))


def _clean(text: str) -> str:
    """PostgreSQL cannot keep a zero byte in a text, nor half of a surrogate pair anybody."""
    text = text[:LONGEST].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace").decode()
