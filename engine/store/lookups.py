"""Events that cannot be decided before facts were read from the CRM; `tx.inbox` offers this."""

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import bindparam, delete, func, select, update

from engine.base.clock import Millis, format_time
from engine.lead.records import Event
from engine.store.quarantine import Quarantine
from engine.store.records import Lookup, Quarantined
from engine.store.statements import InSet, UpdateRows, word
from engine.store.tables import inbox as table
from engine.store.tables import portals
from engine.store.transaction import Transaction, dump, load

_OF_PORTAL = table.c.portal == bindparam("portal")
_PORTALS = (
    select(portals.c.name)
    .where(
        select(table.c.seq)
        .where(
            table.c.portal == portals.c.name,
            table.c.status == word("lookup"),
            table.c.lease_until <= bindparam("now"),
        )
        .exists(),
        func.coalesce(portals.c.paused_until, 0) <= bindparam("now"),
    )
    .order_by(portals.c.name)
)
_EVENT = tuple(
    table.c[name]
    for name in ("seq", "lead_id", "crm_id", "type", "at", "source", "event_id", "data", "attempts")
)
_CLAIM = (
    select(*_EVENT)
    .where(
        _OF_PORTAL,
        table.c.status == word("lookup"),
        table.c.lease_until <= bindparam("now"),
    )
    .order_by(table.c.lease_until, table.c.seq)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(table)
    .where(_OF_PORTAL, InSet(table.c.seq, "seqs"))
    .values(lease_until=bindparam("until"), attempts=table.c.attempts + 1)
)
_FILL = UpdateRows(table, ("data", "status", "needs"), ("portal", "seq", "status"))
_POSTPONE = (
    update(table)
    .where(_OF_PORTAL, table.c.status == word("lookup"), InSet(table.c.seq, "seqs"))
    .values(lease_until=bindparam("until"))
)
_OPEN = table.c.status != word("done")
_REFUSED = select(*_EVENT).where(_OF_PORTAL, _OPEN, InSet(table.c.seq, "seqs")).with_for_update()
_DELETE = delete(table).where(_OF_PORTAL, _OPEN, InSet(table.c.seq, "seqs"))


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
    rows = [
        (dump(data), "pending", "", portal, seq, "lookup") for seq, data in sorted(filled.items())
    ]
    tx.rings = tx.rings or tx.rows(_FILL, rows) > 0


def postpone(tx: Transaction, portal: str, seqs: Sequence[int], until: Millis) -> None:
    """See Inbox.postpone."""
    if seqs:
        tx.run(_POSTPONE, portal=portal, seqs=list(seqs), until=until)


def refuse(tx: Transaction, portal: str, refused: Sequence[tuple[int, str]], now: Millis) -> None:
    """See Inbox.refuse."""
    if not refused:
        return
    reasons = dict(refused)
    items = []
    for row in tx.run(_REFUSED, portal=portal, seqs=list(reasons)):
        event = Event(row[3], row[4], row[5], row[6], load(row[7]))
        raw = _cloud_event(f"{portal}/{row[2]}", event)
        items.append(Quarantined(portal, event.source, raw, reasons[row[0]], now))
    Quarantine(tx).add(items)
    tx.run(_DELETE, portal=portal, seqs=list(reasons))
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
