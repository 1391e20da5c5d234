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

from engine.base.clock import MINUTE, Millis
from engine.store.records import LedgerEntry, RulesVersion
from engine.store.tables import history, outbox, ownership, portals, rules_versions
from engine.store.transaction import Transaction

LATEST = 20_000
"""Flows are counted over this many of a portal's last rows; more a minute is shown as less."""

_ENTRY = [
    ownership.c[name]
    for name in (
        "portal", "lead_id", "crm_id", "at", "what",
        "owner_before", "owner_after", "actor", "why", "reference",
    )
]  # fmt: skip


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
        total = 0
        for name in self._names():
            query = select(func.count()).where(
                ownership.c.portal == name, ownership.c.at >= since, ownership.c.what.in_(back)
            )
            total += int(self._ask(query).scalar_one())
        return total

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
        return sum(
            int(self._ask(select(func.count()).where(*_kept(name))).scalar_one())
            for name in self._names()
        )

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
    return (ownership.c.portal == portal, ownership.c.what == "kept", ~newer.exists())
