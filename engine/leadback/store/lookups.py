"""Events that cannot be decided before the CRM was asked: whose an address is, or for facts.

`tx.inbox` offers this. An event with an address waits in the lane of the lead that is known by it,
or in a lane that is the address itself; all that waits there moves together, so that the order of
acceptance stays.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, literal_column, select, update

from leadback.base.clock import Millis, format_time
from leadback.lead.records import Event, Lead
from leadback.store import parked
from leadback.store.leads import Leads
from leadback.store.quarantine import Quarantine
from leadback.store.records import ADDRESS, ADDRESS_OF_LEAD, CONTACT, Lookup, Place, Quarantined
from leadback.store.statements import InsertRows, InSet, UpdateRows, either, word
from leadback.store.tables import FAR, inbox, lanes, portals, waiting
from leadback.store.transaction import Transaction, dump, load

_ALL = 2**31 - 1
MOST = 10_000
"""Events of one address that are moved or refused at once; the rest follows in the next round."""

LANES = InsertRows(lanes, ("portal", "lead_id"), "ignore")
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
    inbox.c.internal,
    inbox.c.via,
    waiting.c.attempts,
).join(inbox, _SAME)
_CLAIM = (
    _EVENT.where(
        _OF_PORTAL,
        _LOOKUP,
        waiting.c.needs == bindparam("needs"),
        waiting.c.lease_until <= bindparam("now"),
    )
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
_ADDRESSED = select(waiting.c.seq, waiting.c.lead_id, inbox.c.crm_id, inbox.c.type).join(
    inbox, _SAME
)
_UNDER = (
    _ADDRESSED.where(
        _OF_PORTAL,
        _PARKED,
        _LOOKUP,
        waiting.c.needs == word(ADDRESS),
        InSet(waiting.c.lead_id, "addresses"),
    )
    .order_by(waiting.c.placed_at, waiting.c.seq)
    .limit(bindparam("limit"))
    .with_for_update(of=waiting)
)
_MOVING = (
    _ADDRESSED.where(
        _OF_PORTAL, _PARKED, _LOOKUP, either(waiting.c.needs, ADDRESS, ADDRESS_OF_LEAD), _SEQS
    )
    .order_by(waiting.c.placed_at, waiting.c.seq)
    .with_for_update(of=waiting)
)
_IN_LANE_OF = _ADDRESSED.where(
    _OF_PORTAL,
    _PARKED,
    _LOOKUP,
    waiting.c.needs == word(ADDRESS_OF_LEAD),
    InSet(waiting.c.lead_id, "lead_ids"),
).with_for_update(of=waiting)
_CONTACT = UpdateRows(inbox, ("crm_id",), ("portal", "seq"))
_MOVE = UpdateRows(waiting, ("lead_id",), ("portal", "due_at", "seq"))
_FACTS_NEXT = (
    update(waiting)
    .where(_OF_PORTAL, _PARKED, _LOOKUP, _SEQS)
    .values(needs=word(CONTACT), lease_until=0, attempts=0)
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


def claim(
    tx: Transaction, portal: str, needs: str, *, now: Millis, lease: Millis, limit: int
) -> list[Lookup]:
    """See Inbox.claim_lookups."""
    rows = tx.run(_CLAIM, portal=portal, needs=needs, now=now, limit=limit).all()
    if rows:
        tx.run(_LEASE, portal=portal, seqs=[row[0] for row in rows], until=now + lease)
    return [_lookup(row, needs) for row in rows]


def moving(
    tx: Transaction, portal: str, found: Mapping[str, str], rows: Sequence[Lookup]
) -> list[int]:
    """See Inbox.moving."""
    return [
        *under(tx, portal, sorted(found), limit=MOST),
        *(row.seq for row in rows if row.needs == ADDRESS_OF_LEAD),
    ]


def place(
    tx: Transaction, portal: str, found: Mapping[str, str], seqs: Sequence[int], *, start: str
) -> None:
    """See Inbox.place."""
    moving = tx.run(_MOVING, portal=portal, seqs=list(seqs)).all()
    leads = Leads(tx)
    known = leads.get_many(portal, [row[1] for row in moving])
    lanes_of = leads.lane_of(portal, list(found.values()))
    places = []
    for seq, lane, address, kind in moving:
        crm_id = found.get(address)
        if crm_id is not None:
            places.append((seq, crm_id, lanes_of[crm_id], kind == start))
        else:
            places.append((seq, known[lane].crm_id if lane in known else lane, lane, kind == start))
    _put(tx, portal, places)


def belongs(
    tx: Transaction, portal: str, addresses: Sequence[str], lead_ids: Sequence[str], lead: Lead
) -> list[int]:
    """What waits under these addresses, and in these lanes with an address, is this lead's, and the
    CRM is not asked any more; the events' numbers."""
    moving = [
        *tx.run(_UNDER, portal=portal, addresses=list(addresses), limit=_ALL).all(),
        *tx.run(_IN_LANE_OF, portal=portal, lead_ids=list(lead_ids)).all(),
    ]
    _put(tx, portal, [(row[0], lead.crm_id, lead.lead_id, False) for row in moving])
    return [row[0] for row in moving]


def under(tx: Transaction, portal: str, addresses: Sequence[str], *, limit: int) -> list[int]:
    """See Inbox.under."""
    return [row[0] for row in tx.run(_UNDER, portal=portal, addresses=list(addresses), limit=limit)]


def _put(tx: Transaction, portal: str, places: Sequence[tuple[int, str, str, bool]]) -> None:
    """(event, CRM id, lane, whether it needs facts next): in the order of acceptance."""
    if not places:
        return
    if tx.dialect.locks_lanes:
        tx.rows(LANES, sorted({(portal, lane) for _, _, lane, _ in places}))
    tx.rows(_CONTACT, [(crm_id, portal, seq) for seq, crm_id, _, _ in places])
    tx.rows(_MOVE, [(lane, portal, FAR, seq) for seq, _, lane, _ in places])
    tx.run(_FACTS_NEXT, portal=portal, seqs=[seq for seq, _, _, facts in places if facts])
    tx.run(_FILLED, portal=portal, seqs=[seq for seq, _, _, facts in places if not facts])
    tx.rings = True


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


def park(tx: Transaction, portal: str, rows: Sequence[tuple[int, str]], now: Millis) -> None:
    """See Inbox.park_lookups."""
    reasons = dict(rows)
    if reasons:
        still = tx.run(_STILL, portal=portal, seqs=list(reasons)).scalars().all()
        parked.park(tx, portal, [(Place("", FAR, seq), reasons[seq]) for seq in still], now)


def refuse(tx: Transaction, portal: str, refused: Sequence[tuple[int, str]], now: Millis) -> None:
    """See Inbox.refuse."""
    if not refused:
        return
    reasons = dict(refused)
    seqs = list(reasons)
    places = sorted({FAR, *tx.run(_RECEIVED, portal=portal, seqs=seqs).scalars()})
    items, found = [], []
    for row in tx.run(_REFUSED, portal=portal, places=places, seqs=seqs):
        event = _event(row)
        raw = _cloud_event(f"{portal}/{row[2]}", event)
        items.append(Quarantined(portal, event.source, raw, reasons[row[0]], now, via=row[9]))
        found.append(row[0])
    Quarantine(tx).add(items)
    tx.run(_DELETE_WAITING, portal=portal, places=places, seqs=found)
    tx.run(_DELETE, portal=portal, seqs=found)
    tx.rings = True  # what waited behind a refused event can go on


def _lookup(row: Any, needs: str) -> Lookup:
    try:
        event, unreadable = _event(row), ""
    except ValueError as error:
        event, unreadable = Event(row[3], row[4], row[5], row[6], {}, bool(row[8])), str(error)
    return Lookup(row[0], row[1], row[2], event, row[10] + 1, needs, unreadable)


def _event(row: Any) -> Event:
    """Of a row of _EVENT."""
    return Event(row[3], row[4], row[5], row[6], load(row[7]), bool(row[8]))


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
