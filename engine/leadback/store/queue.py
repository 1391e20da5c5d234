"""How much waits, and for how long."""

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from leadback.base.clock import SECOND, Millis
from leadback.store import parked
from leadback.store.hints import count_unread
from leadback.store.inbox import IS_DUE
from leadback.store.outbox import IS_HEAD
from leadback.store.records import QueueStatus
from leadback.store.statements import either, word
from leadback.store.tables import hints, outbox, portals, quarantine, waiting
from leadback.store.transaction import Transaction

_PORTAL: ColumnElement[str] = bindparam("portal")
_NOW: ColumnElement[int] = bindparam("now")
_COUNT = func.count()
_OPEN = either(outbox.c.status, "pending", "leased", "uncertain")
_UNSENT = either(outbox.c.status, "failed", "cancelled", "superseded")
_LOOKUP = waiting.c.status == word("lookup")

_PORTALS = select(portals.c.name)
_DUE = select(_COUNT, func.min(waiting.c.due_at)).where(waiting.c.portal == _PORTAL, IS_DUE)
_DUE_TOO = (
    select(_COUNT, func.min(waiting.c.placed_at)).where(
        waiting.c.portal == _PORTAL, _LOOKUP, waiting.c.lease_until <= _NOW
    ),
    select(_COUNT, func.min(hints.c.due_at)).where(
        hints.c.portal == _PORTAL, hints.c.due_at <= _NOW
    ),
)
_OLDEST_EFFECT = select(func.min(outbox.c.due_at)).where(
    outbox.c.portal == _PORTAL,
    _OPEN,
    outbox.c.due_at <= _NOW,
    outbox.c.status != word("leased"),
)
_EVENTS = select(_COUNT).where(waiting.c.portal == _PORTAL)
_HINTS = select(_COUNT).where(hints.c.portal == _PORTAL)
_EFFECTS = tuple(
    select(outbox.c.status, _COUNT)
    .where(outbox.c.portal == _PORTAL, which)
    .group_by(outbox.c.status)
    for which in (_OPEN, _UNSENT)
)
_ALL_EFFECTS = select(_COUNT).where(outbox.c.portal == _PORTAL)
_QUARANTINED = select(_COUNT).select_from(quarantine)


def _next(column: ColumnElement[int], *where: ColumnElement[bool]) -> Any:
    query: Select[Any] = select(func.min(column)).where(*where)
    return query.scalar_subquery().correlate(portals)


_NEXT = select(
    portals.c.paused_until,
    _next(outbox.c.due_at, outbox.c.portal == portals.c.name, _OPEN, IS_HEAD),
    _next(waiting.c.lease_until, waiting.c.portal == portals.c.name, _LOOKUP),
    _next(hints.c.due_at, hints.c.portal == portals.c.name),
)


class Queue:
    """`tx.queue`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def status(self, now: Millis, *, held_before: Millis = 0, done: bool = True) -> QueueStatus:
        """Counts over all portals. done: those effects too; there is a row of each to look at.

        held_before: events held since before this instant wait long.
        """
        due, oldest_due_seconds = self.lag(now)
        everything = effects = undecided = held_long = unread = 0
        counts: dict[str, int] = {}
        run = self._tx.run
        for name in run(_PORTALS).scalars().all():
            everything += run(_EVENTS, portal=name).scalar_one()
            everything += run(_HINTS, portal=name).scalar_one()
            stuck, held = parked.counts(self._tx, name, held_before)
            undecided, held_long = undecided + stuck, held_long + held
            unread += count_unread(self._tx, name)
            effects += run(_ALL_EFFECTS, portal=name).scalar_one() if done else 0
            for query in _EFFECTS:
                for status, count in run(query, portal=name):
                    counts[status] = counts.get(status, 0) + count
        return QueueStatus(
            due=due,
            waiting=everything - due - undecided,
            quarantined=run(_QUARANTINED).scalar_one(),
            undecided=undecided,
            held_long=held_long,
            unread=unread,
            pending=counts.get("pending", 0),
            leased=counts.get("leased", 0),
            uncertain=counts.get("uncertain", 0),
            failed=counts.get("failed", 0),
            done=effects - sum(counts.values()) if done else None,
            oldest_due_seconds=oldest_due_seconds,
        )

    def lag(self, now: Millis) -> tuple[int, float]:
        """(events, look-ups and hints that are due; seconds that the oldest work has been)."""
        due, oldest = 0, now
        run, newest = self._tx.run, self._tx.newest(now)
        for name in run(_PORTALS).scalars().all():
            found = [run(_DUE, portal=name, now=now, newest=newest)]
            found += [run(query, portal=name, now=now) for query in _DUE_TOO]
            for row in found:
                count, first = row.one()
                due += count
                oldest = min(oldest, now if first is None else first)
            first = run(_OLDEST_EFFECT, portal=name, now=now).scalar()
            oldest = min(oldest, now if first is None else first)
        return due, (now - oldest) / SECOND

    def next_due(self, now: Millis) -> Millis | None:
        """When the next effect, look-up or hint may be tried, pauses included; timers are not.

        None: there is none. Not before `now`.
        """
        found: list[Millis] = []
        for paused_until, *dues in self._tx.run(_NEXT).all():
            found += [max(due, paused_until or 0, now) for due in dues if due is not None]
        return min(found, default=None)
