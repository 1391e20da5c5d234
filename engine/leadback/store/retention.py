"""Forgets what is old: history, decided events, settled effects, refused and never needed events.

In small transactions, so that nobody waits for it. Open work, leads and the ledger are kept.
What goes can be handed to an archive first, in the transaction that deletes it: after a crash a
row may be in the archive twice, never in neither.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Delete, bindparam, delete, select

from leadback.base.clock import Millis
from leadback.store.statements import InSet, either, word
from leadback.store.tables import FAR, history, inbox, outbox, portals, quarantine, waiting
from leadback.store.transaction import Transaction

STEP = 2_000
"""Rows looked at in one transaction."""

_PORTAL: ColumnElement[str] = bindparam("portal")
_AFTER: ColumnElement[int] = bindparam("after")
_BEFORE: ColumnElement[int] = bindparam("before")
_LIMIT: ColumnElement[int] = bindparam("limit")
NAMES = select(portals.c.name)

_HISTORY = (
    select(history.c.seq, history.c.at)
    .where(history.c.portal == _PORTAL, history.c.seq > _AFTER)
    .order_by(history.c.seq)
    .limit(_LIMIT)
)
_DELETE_HISTORY = delete(history).where(
    history.c.portal == _PORTAL, InSet(history.c.seq, "ids"), history.c.at < _BEFORE
)
_EFFECTS = (
    select(outbox.c.id, outbox.c.created_at)
    .where(outbox.c.portal == _PORTAL, outbox.c.id > _AFTER)
    .order_by(outbox.c.id)
    .limit(_LIMIT)
)
_DELETE_EFFECTS = delete(outbox).where(
    outbox.c.portal == _PORTAL,
    InSet(outbox.c.id, "ids"),
    outbox.c.settled_at < _BEFORE,
    either(outbox.c.status, "done", "cancelled", "superseded"),
)
_EVENTS = (
    select(inbox.c.seq, inbox.c.received_at)
    .where(inbox.c.portal == _PORTAL, inbox.c.seq > _AFTER)
    .order_by(inbox.c.seq)
    .limit(_LIMIT)
)
_DELETE_EVENTS = delete(inbox).where(inbox.c.portal == _PORTAL, InSet(inbox.c.seq, "ids"))
_PENDING = select(waiting.c.seq).where(
    waiting.c.portal == _PORTAL, waiting.c.due_at < _BEFORE, waiting.c.status == word("pending")
)
_PARKED = select(waiting.c.seq).where(
    waiting.c.portal == _PORTAL, waiting.c.due_at == FAR, InSet(waiting.c.seq, "ids")
)
_HELD = (
    select(waiting.c.seq)
    .where(
        waiting.c.portal == _PORTAL,
        waiting.c.status == word("held"),
        waiting.c.parked_at < _BEFORE,
    )
    .limit(_LIMIT)
)
_DELETE_HELD = delete(waiting).where(
    waiting.c.portal == _PORTAL, waiting.c.due_at == FAR, InSet(waiting.c.seq, "ids")
)
QUARANTINE = delete(quarantine).where(quarantine.c.at < _BEFORE)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went. held: events of contacts that never became a lead."""

    history: int = 0
    events: int = 0
    effects: int = 0
    held: int = 0
    quarantined: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Pruned(**sums)


Archive = Callable[[str, Sequence[Mapping[str, Any]]], None]
"""Is given (table, rows) that are about to go; they are safe when it returns."""

Step = Callable[[Transaction, str, Millis, int, Archive | None], tuple[Pruned, int | None]]
"""Prunes a portal's next rows after a place; (what went, the place reached or None at the end)."""


def _gone(tx: Transaction, deletion: Delete, archive: Archive | None, **values: Any) -> int:
    """Delete, hand over what went, and count it."""
    if not values["ids"]:
        return 0
    if archive is None:
        return tx.run(deletion, **values).rowcount
    rows = [dict(row._mapping) for row in tx.run(_returning(deletion), **values)]
    archive(deletion.table.description, rows)
    return len(rows)


@cache
def _returning(deletion: Delete) -> Any:
    return deletion.returning(*deletion.table.c)


def held(
    tx: Transaction, portal: str, before: Millis, after: int, archive: Archive | None
) -> tuple[Pruned, int | None]:
    """Events that waited in vain for their contact to become a lead; not those that a person has
    said to keep since."""
    ids = list(tx.run(_HELD, portal=portal, before=before, limit=STEP).scalars())
    if not ids:
        return Pruned(), None
    tx.run(_DELETE_HELD, portal=portal, ids=ids)
    _gone(tx, _DELETE_EVENTS, archive, portal=portal, ids=ids)
    return Pruned(held=len(ids)), after


def past(
    tx: Transaction, portal: str, before: Millis, after: int, archive: Archive | None
) -> tuple[Pruned, int | None]:
    """History; the lead itself stays as it is."""
    ids, reached = _old(tx, _HISTORY, portal, before, after)
    gone = _gone(tx, _DELETE_HISTORY, archive, portal=portal, ids=ids, before=before)
    return Pruned(history=gone), reached


def effects(
    tx: Transaction, portal: str, before: Millis, after: int, archive: Archive | None
) -> tuple[Pruned, int | None]:
    """Settled effects; what failed stays until a person has decided about it."""
    ids, reached = _old(tx, _EFFECTS, portal, before, after)
    gone = _gone(tx, _DELETE_EFFECTS, archive, portal=portal, ids=ids, before=before)
    return Pruned(effects=gone), reached


def events(
    tx: Transaction, portal: str, before: Millis, after: int, archive: Archive | None
) -> tuple[Pruned, int | None]:
    """Decided events. From now on they are unknown: one that is sent again is taken again."""
    ids, reached = _old(tx, _EVENTS, portal, before, after)
    if ids:
        kept = set(tx.run(_PENDING, portal=portal, before=before).scalars())
        kept.update(tx.run(_PARKED, portal=portal, ids=ids).scalars())
        ids = [seq for seq in ids if seq not in kept]
        _gone(tx, _DELETE_EVENTS, archive, portal=portal, ids=ids)
    return Pruned(events=len(ids)), reached


STEPS: tuple[Step, ...] = (held, past, effects, events)


def _old(
    tx: Transaction, query: Any, portal: str, before: Millis, after: int
) -> tuple[list[int], int | None]:
    """The next ids that are old. Ids grow with time, so the first young one ends the search."""
    rows = tx.run(query, portal=portal, after=after, limit=STEP).all()
    ids = [row[0] for row in rows if row[1] < before]
    over = len(rows) < STEP or len(ids) < len(rows) // 2
    return ids, None if over else rows[-1][0]
