"""Queries that only pages ask: flows per minute, what needs a person. Read-only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Table,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql import ColumnElement

from leadback.base.clock import MINUTE, Millis
from leadback.store import parked
from leadback.store.hints import count_unread
from leadback.store.records import LedgerEntry, RulesVersion
from leadback.store.statements import either, word
from leadback.store.tables import (
    history,
    leads,
    outbox,
    ownership,
    portals,
    quarantine,
    rules_versions,
)
from leadback.store.transaction import Transaction

LATEST = 20_000
"""Flows are counted over this many of a portal's last rows; more a minute is shown as less."""

_ENTRY = [
    ownership.c[name]
    for name in (
        "portal", "lead_id", "crm_id", "at", "what",
        "owner_before", "owner_after", "actor", "why", "reference",
    )
]  # fmt: skip


_OPEN = either(outbox.c.status, "pending", "leased", "uncertain")
_NEEDS = either(outbox.c.status, "failed", "uncertain")


@dataclass(frozen=True, slots=True)
class Needing:
    """How many effects and events wait for a person. failed, uncertain: effects; undecided: events
    that could not be decided; unread: contacts whose reading makes no sense."""

    failed: int = 0
    uncertain: int = 0
    quarantined: int = 0
    undecided: int = 0
    held_long: int = 0
    unread: int = 0

    @property
    def all(self) -> int:
        events = self.quarantined + self.undecided + self.held_long
        return self.failed + self.uncertain + events + self.unread

    def __add__(self, more: "Needing") -> "Needing":
        return Needing(
            self.failed + more.failed,
            self.uncertain + more.uncertain,
            self.quarantined + more.quarantined,
            self.undecided + more.undecided,
            self.held_long + more.held_long,
            self.unread + more.unread,
        )


@dataclass(slots=True)
class Views:
    """`tx.views`."""

    tx: Transaction
    _portals: list[str] = field(default_factory=list)

    # ------------------------------------------------------------------ flows

    def decided_per_minute(self, *, since: Millis) -> dict[int, int]:
        """Minute (since 1970) → decisions."""
        return self._per_minute(history, "seq", "at", since)

    def settled_per_minute(self, *, since: Millis) -> dict[int, int]:
        """Minute (since 1970) → effects settled."""
        return self._per_minute(outbox, "id", "settled_at", since)

    def moves(self) -> dict[tuple[str, str], int]:
        """(from, to) → moves between states, over every portal's LATEST decisions."""
        counted: dict[tuple[str, str], int] = {}
        for name in self._names():
            latest = (
                select(history.c.from_state, history.c.to_state)
                .where(history.c.portal == name)
                .order_by(history.c.seq.desc())
                .limit(LATEST)
                .subquery()
            )
            ways = (latest.c.from_state, latest.c.to_state)
            query = select(*ways, func.count()).where(ways[0] != ways[1]).group_by(*ways)
            for before, after, count in self._ask(query):
                counted[before, after] = counted.get((before, after), 0) + int(count)
        return counted

    def handbacks_since(self, since: Millis) -> int:
        """Contacts that went back to a person."""
        back = ("handed_back", "fallback", "cleared")
        return sum(
            self._count(
                ownership.c.portal == name, ownership.c.at >= since, ownership.c.what.in_(back)
            )
            for name in self._names()
        )

    def mark(self) -> str:
        """Changes whenever a decision was made, an effect ordered, settled or parked."""
        parts: list[object] = []
        for name in self._names():
            last = select(func.max(history.c.seq)).where(history.c.portal == name)
            effect = select(func.max(outbox.c.id)).where(outbox.c.portal == name)
            parts += [self._ask(last).scalar(), self._ask(effect).scalar()]
            latest = (
                select(outbox.c.status, outbox.c.settled_at, outbox.c.attempts)
                .where(outbox.c.portal == name)
                .order_by(outbox.c.id.desc())
                .limit(200)
            )
            parts.append(hash(tuple(tuple(row) for row in self._ask(latest))))
        return "-".join(map(str, parts))

    # ------------------------------------------------------------------ what needs a person

    def kept(self, *, limit: int) -> list[LedgerEntry]:
        """Leads whose contact no owner could take, newest first."""
        found: list[LedgerEntry] = []
        for name in self._names():
            query = select(*_ENTRY).where(*_kept(name)).order_by(ownership.c.at.desc())
            found += [LedgerEntry(*row) for row in self._ask(query.limit(limit))]
        return sorted(found, key=lambda entry: -entry.at)[:limit]

    def count_kept(self) -> int:
        return sum(self._count(*_kept(name)) for name in self._names())

    def needing(self, *, held_before: Millis = 0) -> Needing:
        """Counted by indexes that hold nothing else, however much was delivered. held_before: what
        is held since before this instant waits long."""
        found = Needing(quarantined=self._count_all(quarantine))
        for name in self._names():
            of_portal = (outbox.c.portal == name, _NEEDS)
            query = select(outbox.c.status, func.count()).where(*of_portal)
            counted = {row[0]: row[1] for row in self._ask(query.group_by(outbox.c.status))}
            undecided, held = parked.counts(self.tx, name, held_before)
            failed, uncertain = counted.get("failed", 0), counted.get("uncertain", 0)
            unread = count_unread(self.tx, name)
            found += Needing(failed, uncertain, 0, undecided, held, unread)
        return found

    def unsent(self) -> int:
        """Effects on their way: waiting, or being sent."""
        due = outbox.c.due_at >= 0  # always; so that the index of what is open is chosen
        found = sum(self._count(outbox.c.portal == name, _OPEN, due) for name in self._names())
        return found - sum(
            self._count(outbox.c.portal == name, outbox.c.status == word("uncertain"), _NEEDS)
            for name in self._names()
        )

    def mark_of(self, portal: str, lead_id: str) -> str:
        """Changes whenever a page about this lead would."""
        lead = select(leads.c.revision).where(leads.c.portal == portal, leads.c.lead_id == lead_id)
        effects = (
            select(outbox.c.id, outbox.c.status, outbox.c.attempts, outbox.c.settled_at)
            .where(outbox.c.portal == portal, outbox.c.lead_id == lead_id)
            .order_by(outbox.c.id.desc())
            .limit(200)
        )
        latest = hash(tuple(tuple(row) for row in self._ask(effects)))
        owners = select(func.max(ownership.c.seq)).where(
            ownership.c.portal == portal, ownership.c.lead_id == lead_id
        )
        return f"{self._ask(lead).scalar()}-{latest}-{self._ask(owners).scalar()}"

    def rules_versions(self) -> list[RulesVersion]:
        """Newest first."""
        table = rules_versions
        query = select(table.c.hash, table.c.text, table.c.first_used_at, table.c.activated_at)
        return [
            RulesVersion(*row) for row in self._ask(query.order_by(table.c.first_used_at.desc()))
        ]

    # ------------------------------------------------------------------

    def _per_minute(self, table: Table, key: str, at: str, since: Millis) -> dict[int, int]:
        counted: dict[int, int] = {}
        for name in self._names():
            latest = (
                select(table.c[at].label("at"))
                .where(table.c.portal == name)
                .order_by(table.c[key].desc())
                .limit(LATEST)
                .subquery()
            )
            # In words, not as a bound value: PostgreSQL takes two marks for two expressions.
            minute = latest.c.at // literal_column(str(MINUTE), BigInteger)
            query = select(minute, func.count()).where(latest.c.at >= since).group_by(minute)
            for number, count in self._ask(query):
                counted[int(number)] = counted.get(int(number), 0) + int(count)
        return counted

    def _count(self, *where: ColumnElement[bool]) -> int:
        return int(self._ask(select(func.count()).where(*where)).scalar_one())

    def _count_all(self, table: Table) -> int:
        return int(self._ask(select(func.count()).select_from(table)).scalar_one())

    def _names(self) -> list[str]:
        if not self._portals:
            self._portals = [row[0] for row in self._ask(select(portals.c.name))]
        return self._portals

    def _ask(self, query: Select[Any]) -> Any:
        return self.tx.connection.execute(query)


def _kept(portal: str) -> Sequence[ColumnElement[bool]]:
    later = ownership.alias("later")
    newer = select(later.c.seq).where(
        later.c.portal == ownership.c.portal,
        later.c.lead_id == ownership.c.lead_id,
        later.c.seq > ownership.c.seq,
    )
    return (ownership.c.portal == portal, ownership.c.what == word("kept"), ~newer.exists())
