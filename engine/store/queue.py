"""How much waits, and for how long."""

from sqlalchemy import ColumnElement, bindparam, func, select

from engine.base.clock import SECOND, Millis
from engine.store.inbox import BLOCKED
from engine.store.outbox import IS_HEAD
from engine.store.records import QueueStatus
from engine.store.statements import either, word
from engine.store.tables import hints, inbox, outbox, portals, quarantine
from engine.store.transaction import Transaction

_NOW: ColumnElement[int] = bindparam("now")
_DUE_EVENT = (
    either(inbox.c.status, "pending", "timer"),
    inbox.c.due_at <= _NOW,
    ~BLOCKED,
)
_DUE_LOOKUP = (inbox.c.status == word("lookup"), inbox.c.lease_until <= _NOW)
_OPEN = either(outbox.c.status, "pending", "leased", "uncertain")
_UNSENT = either(outbox.c.status, "failed", "cancelled", "superseded")
_DUE = (
    select(func.count(), func.min(inbox.c.due_at)).where(*_DUE_EVENT),
    select(func.count(), func.min(inbox.c.due_at)).where(*_DUE_LOOKUP),
    select(func.count(), func.min(hints.c.due_at)).where(hints.c.due_at <= _NOW),
)
_EVENTS = select(func.count()).where(either(inbox.c.status, "pending", "timer"))
_PARKED = (
    select(inbox.c.status, func.count())
    .where(either(inbox.c.status, "timer", "lookup", "held"))
    .group_by(inbox.c.status)
)
_OLDEST_EFFECT = select(func.min(outbox.c.due_at)).where(
    _OPEN, outbox.c.due_at <= _NOW, outbox.c.status != word("leased")
)
_OPEN_EFFECTS = select(outbox.c.status, func.count()).where(_OPEN).group_by(outbox.c.status)
_UNSENT_EFFECTS = select(outbox.c.status, func.count()).where(_UNSENT).group_by(outbox.c.status)
_ALL_EFFECTS = select(func.count()).select_from(outbox)
_QUARANTINED = select(func.count()).select_from(quarantine)


def _next(column: ColumnElement[int], *where: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.min(column)).where(*where).scalar_subquery().correlate(portals)


_NEXT = select(
    portals.c.paused_until,
    _next(outbox.c.due_at, outbox.c.portal == portals.c.name, _OPEN, IS_HEAD),
    _next(inbox.c.lease_until, inbox.c.portal == portals.c.name, inbox.c.status == word("lookup")),
    _next(hints.c.due_at, hints.c.portal == portals.c.name),
)


class Queue:
    """`tx.queue`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def status(self, now: Millis) -> QueueStatus:
        """Counts over all portals."""
        due, oldest = 0, []
        for query in _DUE:
            count, first = self._tx.run(query, now=now).one()
            due += count
            oldest.append(first)
        oldest.append(self._tx.run(_OLDEST_EFFECT, now=now).scalar())
        parked = {row[0]: row[1] for row in self._tx.run(_PARKED)}
        contacts = self._tx.run(_ALL_HINTS).scalar_one()
        events = self._tx.run(_EVENTS).scalar_one() + contacts
        waiting = events + parked.get("lookup", 0) + parked.get("held", 0) - due
        effects = {row[0]: row[1] for row in self._tx.run(_OPEN_EFFECTS)}
        effects |= {row[0]: row[1] for row in self._tx.run(_UNSENT_EFFECTS)}
        first = min((at for at in oldest if at is not None), default=now)
        return QueueStatus(
            due=due,
            waiting=waiting,
            quarantined=self._tx.run(_QUARANTINED).scalar_one(),
            pending=effects.get("pending", 0),
            leased=effects.get("leased", 0),
            uncertain=effects.get("uncertain", 0),
            failed=effects.get("failed", 0),
            done=self._tx.run(_ALL_EFFECTS).scalar_one() - sum(effects.values()),
            oldest_due_seconds=max(0, now - first) / SECOND,
        )

    def next_due(self, now: Millis) -> Millis | None:
        """When the next effect, look-up or hint may be tried, pauses included; timers are not.

        None: there is none. Not before `now`.
        """
        found: list[Millis] = []
        for paused_until, *dues in self._tx.run(_NEXT):
            found += [max(due, paused_until or 0, now) for due in dues if due is not None]
        return min(found, default=None)


_ALL_HINTS = select(func.count()).select_from(hints)
