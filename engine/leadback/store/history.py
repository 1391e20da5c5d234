"""What was decided, when, why, by which rule: written once, read by people and replays."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select

from leadback.base.clock import Millis
from leadback.lead.records import Event
from leadback.store.records import HistoryEntry, RecordedEvent
from leadback.store.statements import InsertRows
from leadback.store.tables import history as table
from leadback.store.tables import inbox
from leadback.store.transaction import Transaction, load_or_unreadable

COLUMNS = (
    "portal",
    "lead_id",
    "seq",
    "at",
    "type",
    "source",
    "event_id",
    "event_at",
    "from_state",
    "to_state",
    "sub_state",
    "result",
    "rule",
    "rule_at",
    "reads",
    "because",
    "rules_version",
    "internal",
)
INSERT = InsertRows(table, tuple(table.c.keys()))
_SAME = and_(
    inbox.c.portal == table.c.portal,
    inbox.c.source == table.c.source,
    inbox.c.event_id == table.c.event_id,
    inbox.c.internal == table.c.internal,
)
_OF_LEAD = (
    select(*(table.c[name] for name in COLUMNS), func.coalesce(inbox.c.via, ""))
    .outerjoin(inbox, _SAME)
    .where(
        table.c.portal == bindparam("portal"),
        table.c.lead_id == bindparam("lead_id"),
        table.c.seq < bindparam("before"),
    )
    .order_by(table.c.seq.desc())
    .limit(bindparam("limit"))
)
_EVENTS = (
    select(
        table.c.portal,
        table.c.lead_id,
        table.c.seq,
        table.c.at,
        table.c.type,
        table.c.event_at,
        table.c.source,
        table.c.event_id,
        inbox.c.data,
        table.c.internal,
    )
    .join(inbox, _SAME)
    .where(
        table.c.portal == bindparam("portal"),
        table.c.seq > bindparam("after"),
        inbox.c.erased.is_(False),
    )
    .order_by(table.c.seq)
    .limit(bindparam("limit"))
)
_SINCE = (table.c.portal == bindparam("portal"), table.c.at >= bindparam("since"))
_FIRED = select(table.c.type, table.c.rule).where(*_SINCE).distinct()
_ENTERED = (
    select(table.c.to_state)
    .where(*_SINCE, or_(table.c.from_state.is_(None), table.c.from_state != table.c.to_state))
    .distinct()
)
_ACTIVE = select(table.c.lead_id).where(*_SINCE).distinct()
_COUNT = select(func.count()).select_from(table).where(table.c.portal == bindparam("portal"))
_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Used:
    """What happened at all: names of rules as decisions record them, states, event types."""

    rules: frozenset[str]
    states: frozenset[str]
    events: frozenset[str]


class History:
    """`tx.history`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def of_lead(
        self, portal: str, lead_id: str, *, limit: int = 100, before: int | None = None
    ) -> list[HistoryEntry]:
        """Newest first. before: the seq of the last entry of the page before."""
        rows = self._tx.run(
            _OF_LEAD, portal=portal, lead_id=lead_id, limit=limit, before=before or _LAST
        )
        return [_entry(row) for row in rows]

    def events(
        self, portal: str, *, limit: int = 1000, after: int | None = None
    ) -> list[RecordedEvent]:
        """Decided events with their data, in the order of deciding. after: a seq.

        Those that were pruned, or belong to an erased lead, are left out: their data is gone. What
        is kept and broken is Unreadable.
        """
        rows = self._tx.run(_EVENTS, portal=portal, limit=limit, after=after or 0)
        return [
            RecordedEvent(
                portal=row[0],
                lead_id=row[1],
                seq=row[2],
                decided_at=row[3],
                event=_event(row),
            )
            for row in rows
        ]

    def used(self, portal: str, *, since: Millis) -> Used:
        """Which rules fired, which states were entered, which events were decided."""
        fired = [tuple(row) for row in self._tx.run(_FIRED, portal=portal, since=since)]
        return Used(
            frozenset(rule for _, rule in fired if rule),
            frozenset(row[0] for row in self._tx.run(_ENTERED, portal=portal, since=since)),
            frozenset(event for event, _ in fired),
        )

    def active_leads(self, portal: str, *, since: Millis) -> frozenset[str]:
        """The lead ids of everyone about whom something was decided."""
        return frozenset(row[0] for row in self._tx.run(_ACTIVE, portal=portal, since=since))

    def count(self, portal: str) -> int:
        """How many decisions are kept."""
        return int(self._tx.run(_COUNT, portal=portal).scalar_one())


def _event(row: Any) -> Event:
    data = load_or_unreadable(row[8])
    return Event(row[4], row[5], row[6], row[7], data, bool(row[9]))


def _entry(row: Any) -> HistoryEntry:
    values: list[Any] = list(row)
    values[14] = load_or_unreadable(values[14])
    values[17] = bool(values[17])
    return HistoryEntry(*values)
