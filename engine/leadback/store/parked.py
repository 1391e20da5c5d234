"""Events that a person has to look at: those that could not be decided, and those that wait long
for their contact to become a lead; `tx.inbox` offers this.

They stay where they are, whole, in `inbox` and `waiting`: also the engine's own events, which no
door would take in again, and timers, which have not been in the inbox yet.
"""

from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    null,
    select,
    update,
)

from leadback.base.clock import Millis
from leadback.store.records import FailedEvent, HeldEvent, Place
from leadback.store.statements import InSet, UpdateRows, either, word
from leadback.store.tables import FAR, inbox, portals, waiting
from leadback.store.transaction import Transaction

LONGEST_REASON = 300
"""Characters of a reason that are kept."""

_OF_PORTAL = waiting.c.portal == bindparam("portal")
_FAILED = waiting.c.status == word("failed")
_HELD = waiting.c.status == word("held")
_SEQS = InSet(waiting.c.seq, "seqs")
_PARK = UpdateRows(
    waiting, ("due_at", "status", "parked_at", "reason"), ("portal", "due_at", "seq")
)
_SAME = (inbox.c.portal == waiting.c.portal) & (inbox.c.seq == waiting.c.seq)
_TIMER: ColumnElement[str] = word("timer.") + waiting.c.timer
_LIST = (
    select(
        waiting.c.portal,
        waiting.c.lead_id,
        waiting.c.seq,
        waiting.c.parked_at,
        func.coalesce(inbox.c.type, _TIMER),
        func.coalesce(inbox.c.source, word("")),
        func.coalesce(waiting.c.reason, word("")),
    )
    .outerjoin(inbox, _SAME)
    .where(_OF_PORTAL, _FAILED)
    .order_by(waiting.c.parked_at, waiting.c.seq)
    .limit(bindparam("limit"))
)
_LIST_HELD = (
    select(
        waiting.c.portal,
        waiting.c.lead_id,
        waiting.c.seq,
        waiting.c.placed_at,
        inbox.c.event_id,
        inbox.c.type,
    )
    .join(inbox, _SAME)
    .where(_OF_PORTAL, _HELD, waiting.c.parked_at < bindparam("before"))
    .order_by(waiting.c.parked_at, waiting.c.seq)
    .limit(bindparam("limit"))
)
_COUNT = select(func.count()).where(_OF_PORTAL, _FAILED)
_COUNT_HELD = select(func.count()).where(
    _OF_PORTAL, _HELD, waiting.c.parked_at < bindparam("before")
)
_ANY = select(waiting.c.seq).where(_OF_PORTAL, _FAILED).limit(1)
_CLEAR_TIMERS = delete(waiting).where(
    _OF_PORTAL, _FAILED, waiting.c.timer.isnot(None), InSet(waiting.c.lead_id, "lead_ids")
)
_RETRY = (
    update(waiting)
    .where(_OF_PORTAL, _FAILED, _SEQS)
    .values(
        status=case(
            (waiting.c.needs != word(""), word("lookup")),
            (waiting.c.timer.isnot(None), word("timer")),
            else_=word("pending"),
        ),
        due_at=case(
            (waiting.c.needs != word(""), literal_column(str(FAR))), else_=waiting.c.placed_at
        ),
        lease_until=literal_column("0"),
        parked_at=null(),
        reason=null(),
    )
)
_FAILED_SEQS = select(waiting.c.seq).where(_OF_PORTAL, _FAILED)
_DROP = (
    delete(waiting)
    .where(_OF_PORTAL, either(waiting.c.status, "failed", "held"), _SEQS)
    .returning(waiting.c.seq)
)
_DROP_EVENTS = delete(inbox).where(
    inbox.c.portal == bindparam("portal"), InSet(inbox.c.seq, "seqs")
)
_KEEP = update(waiting).where(_OF_PORTAL, _HELD, _SEQS).values(parked_at=bindparam("now"))
_PORTALS = select(portals.c.name).order_by(portals.c.name)


def park(tx: Transaction, portal: str, rows: Sequence[tuple[Place, str]], now: Millis) -> None:
    """See Inbox.park."""
    tx.rows(
        _PARK,
        [(FAR, "failed", now, clean(why), portal, due_at, seq) for (_, due_at, seq), why in rows],
    )
    tx.rings = tx.rings or bool(rows)


def failed(tx: Transaction, limit: int) -> list[FailedEvent]:
    """Of every portal, the oldest first, at most `limit` of each."""
    return [
        FailedEvent(*row)
        for name in tx.run(_PORTALS).scalars().all()
        for row in tx.run(_LIST, portal=name, limit=limit)
    ]


def held(tx: Transaction, before: Millis, limit: int) -> list[HeldEvent]:
    """As failed(): events held since before an instant, or last kept before it."""
    return [
        HeldEvent(*row)
        for name in tx.run(_PORTALS).scalars().all()
        for row in tx.run(_LIST_HELD, portal=name, before=before, limit=limit)
    ]


def counts(tx: Transaction, portal: str, held_before: Millis) -> tuple[int, int]:
    """(failed, held since before an instant)."""
    failed_ones: int = tx.run(_COUNT, portal=portal).scalar_one()
    held_ones: int = tx.run(_COUNT_HELD, portal=portal, before=held_before).scalar_one()
    return failed_ones, held_ones


def retry(tx: Transaction, portal: str, seqs: Sequence[int] | None) -> int:
    """See Inbox.retry."""
    if seqs is None:
        seqs = tx.run(_FAILED_SEQS, portal=portal).scalars().all()
    if not seqs:
        return 0
    tx.rings = True
    return tx.run(_RETRY, portal=portal, seqs=list(seqs)).rowcount


def drop(tx: Transaction, portal: str, seqs: Sequence[int]) -> int:
    """See Inbox.drop."""
    gone = list(tx.run(_DROP, portal=portal, seqs=list(seqs)).scalars())
    if gone:
        tx.run(_DROP_EVENTS, portal=portal, seqs=gone)
    return len(gone)


def keep(tx: Transaction, portal: str, seqs: Sequence[int], now: Millis) -> int:
    """See Inbox.keep."""
    return tx.run(_KEEP, portal=portal, seqs=list(seqs), now=now).rowcount


def clear_timers(tx: Transaction, portal: str, lead_ids: Sequence[str]) -> None:
    """Leads left the states that these timers belong to: a retry must not find them."""
    if tx.run(_ANY, portal=portal).first() is not None:
        tx.run(_CLEAR_TIMERS, portal=portal, lead_ids=list(lead_ids))


def clean(text: str) -> str:
    """What both databases can keep."""
    return text[:LONGEST_REASON].replace("\0", "").encode("utf-8", "replace").decode()
