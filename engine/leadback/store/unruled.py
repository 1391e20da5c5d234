"""Values that no rule knows, counted: what senders wrote, and the rules took as `other`.

A bounded list. It holds words of senders, which may be personal: so little is kept of each, the
oldest make room, and what is not seen again for MONTH is forgotten with the next one.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, select

from leadback.base.clock import DAY, Millis
from leadback.store.records import Unruled
from leadback.store.statements import InsertRows, InSet, containing
from leadback.store.tables import unruled
from leadback.store.transaction import Transaction

KEPT = 200
"""Values; of all portals."""
MONTH: Millis = 30 * DAY
LONGEST = 64
"""Characters of a value."""

_COLUMNS = ("portal", "type", "field", "value", "id", "events", "first_at", "at")
_NOTE = InsertRows(
    unruled,
    _COLUMNS,
    conflict="update",
    merge=lambda new: {"events": unruled.c.events + new.events, "at": new.at},
)
_LATEST = unruled.c.at.desc(), unruled.c.id.desc()
_LIST = select(*(unruled.c[name] for name in _COLUMNS)).order_by(*_LATEST).limit(KEPT)
_TOO_MANY = select(unruled.c.id).order_by(*_LATEST).offset(KEPT).limit(bindparam("limit"))
_DELETE = delete(unruled).where(InSet(unruled.c.id, "ids"))
_DISMISS = delete(unruled).where(
    unruled.c.portal == bindparam("portal"), InSet(unruled.c.id, "ids")
)
_MENTIONING = delete(unruled).where(
    unruled.c.portal == bindparam("portal"),
    unruled.c.value.ilike(bindparam("pattern"), escape="!"),
)
FORGET = delete(unruled).where(unruled.c.at < bindparam("before"))


class UnruledValues:
    """`tx.unruled`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def note(self, found: Mapping[tuple[str, str, str, str], int], *, now: Millis) -> None:
        """(portal, event, field, value) → how many events more had it."""
        counted: dict[tuple[str, str, str, str], int] = {}
        for (portal, kind, field, value), events in found.items():
            key = portal, kind, field, value[:LONGEST]
            counted[key] = counted.get(key, 0) + events
        rows = [
            (*key, number, events, now, now)
            for number, (key, events) in zip(
                self._tx.take_ids(len(counted)), sorted(counted.items()), strict=True
            )
        ]
        self._tx.rows(_NOTE, rows)
        self._tx.run(FORGET, before=now - MONTH)
        self._tx.run(_DELETE, ids=self._tx.run(_TOO_MANY, limit=len(rows)).scalars().all())

    def list(self) -> list[Unruled]:
        """The latest first."""
        return [Unruled(*row) for row in self._tx.run(_LIST)]

    def dismiss(self, portal: str, ids: Sequence[int]) -> int:
        """How many of them were there."""
        return self._tx.run(_DISMISS, portal=portal, ids=list(ids)).rowcount

    def forget(self, portal: str, texts: Sequence[str]) -> None:
        """Delete what mentions one of these: it is erased."""
        for text in texts:
            self._tx.run(_MENTIONING, portal=portal, pattern=containing(text))
