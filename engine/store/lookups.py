"""Events that cannot be decided before facts were read from the CRM; `tx.inbox` offers this."""

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import bindparam, delete, func, literal_column, select, update

from engine.base.clock import Millis, format_time
from engine.lead.records import Event
from engine.store.quarantine import Quarantine
from engine.store.records import Lookup, Quarantined
from engine.store.statements import InSet, UpdateRows, word
from engine.store.tables import FAR, inbox, portals, waiting
from engine.store.transaction import Transaction, dump, load

_OF_PORTAL = waiting.c.portal == bindparam("portal")
_LOOKUP = waiting.c.status == word("lookup")
_SEQS = InSet(waiting.c.seq, "seqs")
_PARKED = waiting.c.due_at == literal_column(str(FAR))
_PORTALS = (
    select(portals.c.name)
    .where(
        select(waiting.c.seq)
        .where(
            waiting.c.portal == portals.c.name,
            _LOOKUP,
            waiting.c.lease_until <= bindparam("now"),
        )
        .exists(),
        func.coalesce(portals.c.paused_until, 0) <= bindparam("now"),
    )
    .order_by(portals.c.name)
)
_SAME = (inbox.c.portal == waiting.c.portal) & (inbox.c.seq == waiting.c.seq)
_EVENT = select(
    waiting.c.seq,
    waiting.c.lead_id,
    inbox.c.crm_id,
    inbox.c.type,
    inbox.c.at,
    inbox.c.source,
    inbox.c.event_id,
    inbox.c.data,
    waiting.c.attempts,
).join(inbox, _SAME)
_CLAIM = (
    _EVENT.where(_OF_PORTAL, _LOOKUP, waiting.c.lease_until <= bindparam("now"))
    .order_by(waiting.c.lease_until, waiting.c.seq)
    .limit(bindparam("limit"))
    .with_for_update(of=waiting, skip_locked=True)
)
_LEASE = (
    update(waiting)
    .where(_OF_PORTAL, _PARKED, _LOOKUP, _SEQS)
    .values(lease_until=bindparam("until"), attempts=waiting.c.attempts + 1)
)
_STILL = select(waiting.c.seq).where(_OF_PORTAL, _PARKED, _LOOKUP, _SEQS).with_for_update()
_FACTS = UpdateRows(inbox, ("data",), ("portal", "seq"))
_FILLED = (
    update(waiting)
    .where(_OF_PORTAL, _PARKED, _LOOKUP, _SEQS)
    .values(status=word("pending"), needs=word(""), due_at=waiting.c.placed_at)
)
_POSTPONE = (
    update(waiting)
    .where(_OF_PORTAL, _PARKED, _LOOKUP, _SEQS)
    .values(lease_until=bindparam("until"))
)
_RECEIVED = select(inbox.c.received_at).where(
    inbox.c.portal == bindparam("portal"), InSet(inbox.c.seq, "seqs")
)
_PLACES = (_OF_PORTAL, InSet(waiting.c.due_at, "places"), _SEQS)
_REFUSED = _EVENT.where(*_PLACES)
_DELETE_WAITING = delete(waiting).where(*_PLACES)
_DELETE = delete(inbox).where(inbox.c.portal == bindparam("portal"), InSet(inbox.c.seq, "seqs"))


def portals_with(tx: Transaction, now: Millis) -> list[str]:
    """Portals with due look-ups that are not paused."""
    return [row[0] for row in tx.run(_PORTALS, now=now)]


def claim(tx: Transaction, portal: str, *, now: Millis, lease: Millis, limit: int) -> list[Lookup]:
    """See Inbox.claim_lookups."""
    rows = tx.run(_CLAIM, portal=portal, now=now, limit=limit).all()
    if rows:
        tx.run(_LEASE, portal=portal, seqs=[row[0] for row in rows], until=now + lease)
    return [
        Lookup(r[0], r[1], r[2], Event(r[3], r[4], r[5], r[6], load(r[7])), r[8] + 1) for r in rows
    ]


def fill(tx: Transaction, portal: str, filled: Mapping[int, Mapping[str, object]]) -> None:
    """See Inbox.fill_facts."""
    seqs = sorted(tx.run(_STILL, portal=portal, seqs=list(filled)).scalars())
    if seqs:
        tx.rows(_FACTS, [(dump(filled[seq]), portal, seq) for seq in seqs])
        tx.run(_FILLED, portal=portal, seqs=seqs)
        tx.rings = True


def postpone(tx: Transaction, portal: str, seqs: Sequence[int], until: Millis) -> None:
    """See Inbox.postpone."""
    if seqs:
        tx.run(_POSTPONE, portal=portal, seqs=list(seqs), until=until)


def refuse(tx: Transaction, portal: str, refused: Sequence[tuple[int, str]], now: Millis) -> None:
    """See Inbox.refuse."""
    if not refused:
        return
    reasons = dict(refused)
    seqs = list(reasons)
    places = sorted({FAR, *tx.run(_RECEIVED, portal=portal, seqs=seqs).scalars()})
    items, found = [], []
    for row in tx.run(_REFUSED, portal=portal, places=places, seqs=seqs):
        event = Event(row[3], row[4], row[5], row[6], load(row[7]))
        raw = _cloud_event(f"{portal}/{row[2]}", event)
        items.append(Quarantined(portal, event.source, raw, reasons[row[0]], now))
        found.append(row[0])
    Quarantine(tx).add(items)
    tx.run(_DELETE_WAITING, portal=portal, places=places, seqs=found)
    tx.run(_DELETE, portal=portal, seqs=found)
    tx.rings = True  # what waited behind a refused event can go on


def _cloud_event(subject: str, event: Event) -> str:
    """As its sender would send it, so that it can be sent again."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": subject,
            "time": format_time(event.at),
            "data": dict(event.data),
        }
    ).decode()
