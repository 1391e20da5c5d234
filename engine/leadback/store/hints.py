"""Contacts to be read again: one row per contact, however often it was said."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, literal_column, or_, select, update

from leadback.base.clock import Millis
from leadback.store.parked import clean
from leadback.store.records import HintRow, NewHint, UnreadContact
from leadback.store.shown import Shown
from leadback.store.statements import InsertRows, InSet, UpdateRows, word
from leadback.store.tables import hints as table
from leadback.store.tables import portals
from leadback.store.transaction import Transaction


def _again(new: Any) -> dict[str, Any]:
    """The same contact again. A claimed row keeps its lease, a postponed one its pause."""
    earlier = case((table.c.due_at < new.due_at, table.c.due_at), else_=new.due_at)
    return {
        "erased": or_(table.c.erased, new.erased),
        "revision": new.revision,
        "due_at": case((table.c.attempts > literal_column("0"), table.c.due_at), else_=earlier),
        "next_at": new.next_at,
    }


_COLUMNS = ("portal", "crm_id", "erased", "revision", "due_at", "next_at", "attempts")
_PUT = InsertRows(table, _COLUMNS, "update", _again)
_OF_PORTAL = table.c.portal == bindparam("portal")
_PORTALS = (
    select(portals.c.name)
    .where(
        select(table.c.crm_id)
        .where(table.c.portal == portals.c.name, table.c.due_at <= bindparam("now"))
        .exists(),
        func.coalesce(portals.c.paused_until, 0) <= bindparam("now"),
    )
    .order_by(portals.c.name)
)
_CLAIM = (
    select(table.c.crm_id, table.c.erased, table.c.revision, table.c.attempts)
    .where(_OF_PORTAL, table.c.due_at <= bindparam("now"))
    .order_by(table.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(table)
    .where(_OF_PORTAL, InSet(table.c.crm_id, "crm_ids"))
    .values(due_at=bindparam("until"), attempts=table.c.attempts + 1)
)
_REVISIONS = (
    select(table.c.crm_id, table.c.revision, table.c.next_at)
    .where(_OF_PORTAL, InSet(table.c.crm_id, "crm_ids"))
    .order_by(table.c.crm_id)
    .with_for_update()
)
_DELETE = delete(table).where(_OF_PORTAL, InSet(table.c.crm_id, "crm_ids"))
_DUE_AGAIN = UpdateRows(table, ("due_at", "attempts", "reason"), ("portal", "crm_id"))
_PUT_OFF = (
    update(table)
    .where(_OF_PORTAL, table.c.crm_id == bindparam("crm_id"))
    .values(due_at=bindparam("until"), reason=bindparam("reason"))
)
_UNREAD = and_(table.c.reason.isnot(None), table.c.crm_id > word(""))
"""No id is empty: that it is said makes SQLite take the small index of these rows, and not the one
of all hints of the portal."""
_LIST_UNREAD = (
    select(table.c.portal, table.c.crm_id, table.c.due_at, table.c.attempts, table.c.reason)
    .where(_OF_PORTAL, _UNREAD)
    .order_by(table.c.crm_id)
    .limit(bindparam("limit"))
)
_COUNT_UNREAD = select(func.count()).where(_OF_PORTAL, _UNREAD)
_NOW = update(table).where(_OF_PORTAL, _UNREAD).values(due_at=literal_column("0"))
_SOME_NOW = _NOW.where(InSet(table.c.crm_id, "crm_ids"))
_NAMES = select(portals.c.name).order_by(portals.c.name)
_POSTPONE = (
    update(table)
    .where(_OF_PORTAL, InSet(table.c.crm_id, "crm_ids"))
    .values(due_at=bindparam("until"))
)


class Hints:
    """`tx.hints`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def add(self, portal: str, hints: Sequence[NewHint], *, now: Millis) -> None:
        """Remember to read these contacts; what is known already is not doubled.

        What their fields show is not known any more.
        """
        latest: dict[str, NewHint] = {}
        for hint in hints:
            known = latest.get(hint.crm_id)
            erased = hint.erased or (known is not None and known.erased)
            due = hint.due_at if known is None else min(known.due_at, hint.due_at)
            latest[hint.crm_id] = NewHint(hint.crm_id, due, erased)
        revisions = self._tx.take_ids(len(latest))
        rows = [
            (portal, crm_id, hint.erased, revision, hint.due_at, hint.due_at, 0)
            for revision, (crm_id, hint) in zip(revisions, sorted(latest.items()), strict=True)
        ]
        self._tx.rows(_PUT, rows)
        if rows:
            Shown(self._tx).forget(portal, list(latest))
        self._tx.rings = self._tx.rings or bool(rows)

    def portals(self, now: Millis) -> list[str]:
        """Portals with due hints that are not paused."""
        return [row[0] for row in self._tx.run(_PORTALS, now=now)]

    def claim(self, portal: str, *, now: Millis, lease: Millis, limit: int) -> list[HintRow]:
        """Due hints, for as long as the lease runs; then somebody else may have them."""
        rows = self._tx.run(_CLAIM, portal=portal, now=now, limit=limit).all()
        if rows:
            taken = [row[0] for row in rows]
            self._tx.run(_LEASE, portal=portal, crm_ids=taken, until=now + lease)
        return [
            HintRow(crm_id, bool(erased), rev, tries + 1) for crm_id, erased, rev, tries in rows
        ]

    def settle(self, portal: str, hints: Sequence[HintRow]) -> list[str]:
        """These were read. The ids of those that were hinted at again meanwhile: still due."""
        settled = {hint.crm_id: hint.revision for hint in hints}
        now = self._tx.run(_REVISIONS, portal=portal, crm_ids=list(settled)).all()
        gone = [crm_id for crm_id, revision, _ in now if settled[crm_id] == revision]
        again = [
            (next_at, 0, None, portal, crm) for crm, rev, next_at in now if settled[crm] != rev
        ]
        if gone:
            self._tx.run(_DELETE, portal=portal, crm_ids=gone)
        self._tx.rows(_DUE_AGAIN, again)
        return [row[4] for row in again]

    def postpone(self, portal: str, hints: Sequence[HintRow], *, until: Millis) -> None:
        """The contacts could not be read; not again before `until`."""
        crm_ids = [hint.crm_id for hint in hints]
        self._tx.run(_POSTPONE, portal=portal, crm_ids=crm_ids, until=until)

    def put_off(self, portal: str, hint: HintRow, *, until: Millis, reason: str) -> None:
        """The contact was read and could not be understood or written (why): as postpone(), and it
        is shown until it can be."""
        self._tx.run(_PUT_OFF, portal=portal, crm_id=hint.crm_id, until=until, reason=clean(reason))

    def unread(self, *, limit: int) -> list[UnreadContact]:
        """What put_off() left, at most `limit` of each portal."""
        return [
            UnreadContact(*row)
            for name in self._tx.run(_NAMES).scalars().all()
            for row in self._tx.run(_LIST_UNREAD, portal=name, limit=limit)
        ]

    def retry(self, portal: str, crm_ids: Sequence[str] | None = None) -> int:
        """Read what put_off() left again, now: these, or all; how many."""
        if crm_ids is None:
            changed = self._tx.run(_NOW, portal=portal).rowcount
        else:
            changed = self._tx.run(_SOME_NOW, portal=portal, crm_ids=list(crm_ids)).rowcount
        self._tx.rings = self._tx.rings or changed > 0
        return changed


def count_unread(tx: Transaction, portal: str) -> int:
    """How many contacts of a portal put_off() left."""
    count: int = tx.run(_COUNT_UNREAD, portal=portal).scalar_one()
    return count
