"""Events: taken in once, claimed lead by lead in their order. Timers are events not due yet.

A claim takes leads, not events: until its transaction ends nobody else decides about them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, or_, select, true

from leadback.base.clock import Millis
from leadback.lead.records import Event
from leadback.store import erase, lookups, merge, parked
from leadback.store.commit import commit, timer_event
from leadback.store.internal import PRESENT
from leadback.store.leads import Leads
from leadback.store.lookups import LANES
from leadback.store.records import (
    ADDRESS,
    CONTACT,
    Decided,
    FailedEvent,
    HeldEvent,
    InboxEvent,
    Lane,
    Lookup,
    NewEvent,
    Place,
)
from leadback.store.statements import Constant, InsertRows, InSet, word
from leadback.store.tables import FAR, lanes, portals, waiting
from leadback.store.tables import inbox as table
from leadback.store.transaction import Transaction, dump, load

INSERT = InsertRows(
    table,
    (
        "portal",
        "seq",
        "crm_id",
        "source",
        "event_id",
        "type",
        "at",
        "data",
        "received_at",
        "internal",
        "via",
    ),
    "ignore",
    fixed={"erased": False},
)
_NEW: dict[str, Constant] = {"timer": None, "number": 0, "attempts": 0, "lease_until": 0}
_WAIT = InsertRows(
    waiting,
    ("portal", "due_at", "seq", "lead_id", "placed_at"),
    fixed={"status": "pending", "needs": "", **_NEW},
)
_WAIT_FOR_FACTS = InsertRows(
    waiting,
    ("portal", "seq", "lead_id", "placed_at", "needs"),
    fixed={"due_at": FAR, "status": "lookup", **_NEW},
)
_LOCK_LANE = (
    select(lanes.c.lead_id)
    .where(lanes.c.portal == bindparam("portal"), lanes.c.lead_id == bindparam("lead_id"))
    .with_for_update(skip_locked=True)
)

_EARLIER = waiting.alias("earlier")
BLOCKED = (
    select(_EARLIER.c.seq)
    .where(
        _EARLIER.c.portal == waiting.c.portal,
        _EARLIER.c.lead_id == waiting.c.lead_id,
        _EARLIER.c.status == word("lookup"),
        or_(
            _EARLIER.c.placed_at < waiting.c.due_at,
            and_(_EARLIER.c.placed_at == waiting.c.due_at, _EARLIER.c.seq < waiting.c.seq),
        ),
    )
    .exists()
)
"""An earlier event of the lead waits for facts: this one waits behind it."""


IS_DUE = and_(
    waiting.c.due_at <= bindparam("newest"),
    or_(waiting.c.due_at <= bindparam("now"), waiting.c.status == word("pending")),
    ~BLOCKED,
)
"""A timer is due by the clock, an accepted event always: its place is in the future when the clock
was set back since. newest: see Transaction.newest."""


def _due(query: Select[Any]) -> Select[Any]:
    return (
        query.where(waiting.c.portal == bindparam("portal"), IS_DUE)
        .order_by(waiting.c.due_at, waiting.c.seq)
        .limit(bindparam("limit"))
    )


_SAME = and_(table.c.portal == waiting.c.portal, table.c.seq == waiting.c.seq)
_EVENT = select(
    waiting.c.lead_id,
    waiting.c.seq,
    waiting.c.due_at,
    waiting.c.timer,
    waiting.c.number,
    table.c.type,
    table.c.at,
    table.c.source,
    table.c.event_id,
    table.c.data,
    table.c.internal,
).outerjoin(table, _SAME)
_OF = InSet(waiting.c.lead_id, "of")
_CLAIM = _due(_EVENT)
_CLAIM_OF = _CLAIM.where(_OF)
_FREE_LANE = (
    select(lanes.c.lead_id)
    .where(lanes.c.portal == waiting.c.portal, lanes.c.lead_id == waiting.c.lead_id)
    .correlate(waiting)
    .with_for_update(skip_locked=True)
    .lateral("free")
)
"""Lateral: lanes are locked one by one in the order of their events, and no more than wanted."""
_LOCK = _due(select(waiting.c.lead_id, waiting.c.due_at, waiting.c.seq).join(_FREE_LANE, true()))
_LOCK_OF = _LOCK.where(_OF)
_CLAIM_LOCKED = _due(_EVENT).where(
    or_(
        waiting.c.due_at < bindparam("last_due"),
        and_(waiting.c.due_at == bindparam("last_due"), waiting.c.seq <= bindparam("last_seq")),
    ),
    InSet(waiting.c.lead_id, "lead_ids"),
)
_NO_LIMIT = 2**31 - 1
_TRIES = 20
_HELD_OF = (
    select(waiting.c.lead_id)
    .where(
        waiting.c.portal == bindparam("portal"),
        waiting.c.status == word("held"),
        InSet(waiting.c.lead_id, "lead_ids"),
    )
    .distinct()
)
_OLDEST_DUE = (
    select(waiting.c.due_at)
    .where(waiting.c.portal == portals.c.name, IS_DUE)
    .order_by(waiting.c.due_at, waiting.c.seq)
    .limit(1)
    .scalar_subquery()
    .correlate(portals)
)
_DUE_PORTALS = select(portals.c.name, _OLDEST_DUE)

ClaimedRow = tuple[Any, ...]
"""(lead id, seq, due_at, and what is in the event); see Inbox.lanes."""


def place_of(row: ClaimedRow) -> Place:
    """Where the event of a claimed row waits."""
    return Place(row[0], row[2], row[1])


class Inbox:
    """`tx.inbox`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def add(self, events: Sequence[NewEvent], *, now: Millis) -> list[bool]:
        """Take events in: True accepted, False known already by source, id and `internal`.

        They take effect in the given order. Of two equal ones in here the first is accepted.
        """
        if not events:
            return []
        now = self._tx.place(now)
        seqs = self._tx.take_ids(len(events))
        rows = [
            (
                new.portal,
                seq,
                new.crm_id,
                new.event.source,
                new.event.id,
                new.event.type,
                new.event.at,
                dump(new.event.data),
                now,
                new.event.internal,
                new.via,
            )
            for seq, new in zip(seqs, events, strict=True)
        ]
        if self._tx.dialect.locks_lanes:
            # In one order for everybody: two batches with the same keys must not wait in a circle.
            rows.sort(key=lambda row: (row[0], row[3], row[4], row[9], row[1]))
        taken = list(zip(seqs, events, strict=True))
        if self._tx.rows(INSERT, rows) == len(events):
            self._wait(taken, now)
            return [True] * len(events)
        kept = self._present(rows)
        self._wait([pair for pair in taken if pair[0] in kept], now)
        return [seq in kept for seq in seqs]

    def _wait(self, accepted: Sequence[tuple[int, NewEvent]], now: Millis) -> None:
        """Put accepted events at the end of their lanes."""
        if not accepted:
            return
        owners = self._lanes_of([new for _, new in accepted])
        ready, asking = [], []
        for seq, new in accepted:
            portal, lane = new.portal, new.crm_id
            if owners:
                lane = owners.get((portal, lane), lane)
            if new.needs:
                asking.append((portal, seq, new.lane or lane, now, new.needs))
            else:
                ready.append((portal, now, seq, lane, now))
        if self._tx.dialect.locks_lanes:
            lanes = {(row[0], row[3]) for row in ready}
            lanes |= {(row[0], row[2]) for row in asking if row[4] != ADDRESS}
            self._tx.rows(LANES, sorted(lanes))
        self._tx.rows(_WAIT, ready)
        self._tx.rows(_WAIT_FOR_FACTS, asking)
        self._tx.rings = True

    def due_portals(self, now: Millis) -> list[str]:
        """Portals with events that can be decided now, the one that waits longest first."""
        rows = self._tx.run(_DUE_PORTALS, now=now, newest=self._tx.newest(now))
        return [name for name, due in sorted(rows, key=lambda row: row[1] or 0) if due is not None]

    def claim(self, portal: str, *, now: Millis, limit: int) -> list[Lane]:
        """Leads with due events, at most `limit` events, theirs until the transaction ends.

        A lead with an event that still needs facts gives only what comes before that.
        """
        return self.lanes(portal, self.take(portal, now=now, limit=limit))

    def take(
        self, portal: str, *, now: Millis, limit: int, of: Sequence[str] | None = None
    ) -> Sequence[ClaimedRow]:
        """The first half of claim(): what is claimed is locked, and nothing of it was read yet that
        could be wrong. of: only the events of these leads."""
        if self._tx.dialect.locks_lanes:
            return self._lock_and_read(portal, now, limit, of)
        given = {"portal": portal, "now": now, "newest": self._tx.newest(now), "limit": limit}
        if of is None:
            return self._tx.fetch(_CLAIM, **given)
        return self._tx.fetch(_CLAIM_OF, **given, of=list(of))

    def lanes(self, portal: str, rows: Sequence[ClaimedRow]) -> list[Lane]:
        """The second half of claim(). What is kept and cannot be read raises whatever it raises."""
        found: dict[str, list[InboxEvent]] = {}
        for lead_id, seq, due_at, timer, number, kind, at, source, event_id, data, ours in rows:
            if timer is None:
                event = Event(kind, at, source, event_id, load(data), bool(ours))
            else:
                event = timer_event(lead_id, timer, number, due_at=due_at, seq=seq)
            claimed = InboxEvent(seq, event, timer, due_at)
            known = found.get(lead_id)
            if known is None:
                found[lead_id] = [claimed]
            else:
                known.append(claimed)
        leads = Leads(self._tx).get_many(portal, list(found))
        strangers = [lead_id for lead_id in found if lead_id not in leads]
        held = self.held_of(portal, strangers)
        return [
            Lane(lead_id, leads.get(lead_id), tuple(events), lead_id in held)
            for lead_id, events in found.items()
        ]

    def commit(
        self, portal: str, decided: Sequence[Decided], *, now: Millis, rules_version: str
    ) -> None:
        """Write what claimed events came to; those not given stay. See leadback.store."""
        commit(self._tx, portal, decided, now=now, rules_version=rules_version)

    def lock_lane(self, portal: str, lead_id: str) -> bool:
        """Have another lead too until the transaction ends. False: somebody else has it now."""
        if not self._tx.dialect.locks_lanes:
            return True
        self._tx.rows(LANES, [(portal, lead_id)])
        return self._tx.run(_LOCK_LANE, portal=portal, lead_id=lead_id).first() is not None

    def follow(self, portal: str, crm_id: str, into: str) -> bool:
        """A contact that is no lead became part of another one, and so do its events, these and
        those to come. False: somebody is deciding about one of the two."""
        lane = Leads(self._tx).lane_of(portal, [into])[into]
        both = sorted({crm_id, lane})
        if not all(self.lock_lane(portal, one) for one in both):
            return False
        merge.join(self._tx, portal, crm_id, lane)
        return True

    def erase_waiting(self, portal: str, crm_id: str) -> bool:
        """Privacy deletion of a contact that is no lead: its events are not decided any more, and
        what they carry goes. False: somebody is deciding about it."""
        lane = Leads(self._tx).lane_of(portal, [crm_id])[crm_id]
        if not self.lock_lane(portal, lane):
            return False
        erase.erase_waiting(self._tx, portal, lane)
        return True

    # ------------------------------------------------------------------ events for a person

    def park(self, portal: str, rows: Sequence[tuple[Place, str]], *, now: Millis) -> None:
        """These could not be decided (why): they wait for a person, and their leads go on. Of leads
        that are claimed, or locked by lock_lane(). One that is decided meanwhile stays decided."""
        parked.park(self._tx, portal, rows, now)

    def failed(self, *, limit: int = 100) -> list[FailedEvent]:
        """What park() left; the oldest first."""
        return parked.failed(self._tx, limit)

    def held(self, *, before: Millis = FAR, limit: int = 100) -> list[HeldEvent]:
        """Events of contacts that are no lead yet, held or last kept before an instant; each
        portal's oldest first."""
        return parked.held(self._tx, before, limit)

    def retry(self, portal: str, seqs: Sequence[int] | None = None) -> int:
        """Decide parked events again, each at its old place in its lane; how many."""
        return parked.retry(self._tx, portal, seqs)

    def drop(self, portal: str, seqs: Sequence[int]) -> int:
        """Failed and held events are never decided, and forgotten; how many."""
        return parked.drop(self._tx, portal, seqs)

    def keep(self, portal: str, seqs: Sequence[int], *, now: Millis) -> int:
        """Held events count as held since now; how many."""
        return parked.keep(self._tx, portal, seqs, now)

    # ------------------------------------------------------------------ events that need the CRM

    def lookup_portals(self, now: Millis) -> list[str]:
        """Portals with events that need a look-up now, and that are not paused."""
        return lookups.portals_with(self._tx, now)

    def claim_lookups(
        self, portal: str, *, now: Millis, lease: Millis, limit: int, needs: str = CONTACT
    ) -> list[Lookup]:
        """Events that need this, for as long as the lease runs."""
        return lookups.claim(self._tx, portal, needs, now=now, lease=lease, limit=limit)

    def moving(self, portal: str, found: Mapping[str, str], rows: Sequence[Lookup]) -> list[int]:
        """What place() is to move once it is known whose the addresses of these claimed rows are
        (address → CRM id): everything that waits under them, and the rows in lanes of leads."""
        return lookups.moving(self._tx, portal, found, rows)

    def place(
        self, portal: str, found: Mapping[str, str], seqs: Sequence[int], *, start: str
    ) -> None:
        """Each of these events goes to its place in the lane of the contact that has its address.

        Those of the type `start` need facts next. Addresses that are not in `found` are the lead's
        in whose lane they wait; without one they stay as they are.
        """
        lookups.place(self._tx, portal, found, seqs, start=start)

    def under(self, portal: str, addresses: Sequence[str], *, limit: int) -> list[int]:
        """The first events that wait under these addresses, whatever their leases say."""
        return lookups.under(self._tx, portal, addresses, limit=limit)

    def fill_facts(self, portal: str, filled: Mapping[int, Mapping[str, object]]) -> None:
        """seq → the event's whole data. What is filled already stays as it is."""
        lookups.fill(self._tx, portal, filled)

    def postpone(self, portal: str, seqs: Sequence[int], *, until: Millis) -> None:
        """The facts could not be read; not again before `until`."""
        lookups.postpone(self._tx, portal, seqs, until)

    def refuse(self, portal: str, refused: Sequence[tuple[int, str]], *, now: Millis) -> None:
        """(seq, why): into the quarantine, as the CloudEvent that it was. The lead goes on."""
        lookups.refuse(self._tx, portal, refused, now)

    def park_lookups(self, portal: str, rows: Sequence[tuple[int, str]], *, now: Millis) -> None:
        """(seq, why): what the CRM said about these could not be understood or written. They wait
        for a person as what park() leaves, and a retry asks the CRM again."""
        lookups.park(self._tx, portal, rows, now)

    # ------------------------------------------------------------------ inside

    def _lanes_of(self, events: Sequence[NewEvent]) -> dict[tuple[str, str], str]:
        by_portal: dict[str, set[str]] = {}
        for portal, crm_id in {(new.portal, new.crm_id) for new in events}:
            by_portal.setdefault(portal, set()).add(crm_id)
        leads = Leads(self._tx)
        return {
            (portal, crm_id): lead_id
            for portal, crm_ids in by_portal.items()
            for crm_id, lead_id in leads.aliases(portal, crm_ids).items()
        }

    def _present(self, rows: Sequence[tuple[Any, ...]]) -> set[int]:
        by_portal: dict[str, list[int]] = {}
        for row in rows:
            by_portal.setdefault(row[0], []).append(row[1])
        return {
            found[0]
            for portal, seqs in by_portal.items()
            for found in self._tx.run(PRESENT, portal=portal, seqs=seqs)
        }

    def _lock_and_read(
        self, portal: str, now: Millis, limit: int, of: Sequence[str] | None
    ) -> Sequence[Any]:
        """Lock first, then read again: what was seen while somebody else had the lock is stale.

        A second look up to the same place finds every earlier event of the leads that are ours.
        When it finds none at all, others were quicker, and there may be more behind those.
        """
        for _ in range(_TRIES):
            newest = self._tx.newest(now)
            given = {"portal": portal, "now": now, "newest": newest, "limit": limit}
            if of is None:
                locked = self._tx.fetch(_LOCK, **given)
            else:
                locked = self._tx.fetch(_LOCK_OF, **given, of=list(of))
            if not locked:
                break
            _, last_due, last_seq = max(locked, key=lambda row: (row[1], row[2]))
            rows = self._tx.fetch(
                _CLAIM_LOCKED,
                portal=portal,
                now=now,
                newest=newest,
                limit=_NO_LIMIT,
                last_due=last_due,
                last_seq=last_seq,
                lead_ids=list({row[0] for row in locked}),
            )
            if rows:
                return rows
        return ()

    def held_of(self, portal: str, lead_ids: Sequence[str]) -> set[str]:
        """Those of these contacts that are no leads and have events that wait for them to be."""
        if not lead_ids:
            return set()
        return {row[0] for row in self._tx.run(_HELD_OF, portal=portal, lead_ids=list(lead_ids))}
