"""Queries that only pages ask: leads by any filter and order, flows per minute. Read-only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Table,
    Text,
    and_,
    func,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.compiler import SQLCompiler

from engine.base.clock import MINUTE, Millis
from engine.lead.records import Lead
from engine.store.leads import COLUMNS, to_lead
from engine.store.records import LedgerEntry, RulesVersion
from engine.store.tables import history, leads, outbox, ownership, portals, rules_versions
from engine.store.transaction import Transaction

Order = Literal["changed", "assigned", "state", "email", "name", "assistant"]
LATEST = 20_000
"""Flows are counted over this many of a portal's last rows; more a minute is shown as less."""

_COLUMN: dict[Order, ColumnElement[Any]] = {
    "changed": leads.c.updated_at,
    "assigned": leads.c.assigned_at,
    "state": leads.c.state,
    "email": leads.c.email,
    "name": leads.c.name,
    "assistant": leads.c.assistant,
}
_LEAD = [leads.c[name] for name in COLUMNS]
_ENTRY = [
    ownership.c[name]
    for name in (
        "portal", "lead_id", "crm_id", "at", "what",
        "owner_before", "owner_after", "actor", "why", "reference",
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class LeadsWanted:
    """Which leads to show; None = any. counters: at least so many. since, until: last change.

    search: a CRM id, an email's beginning, or part of a name. owner: whom it goes back to.
    """

    portal: str | None = None
    state: str | None = None
    sub_state: str | None = None
    assistant: str | None = None
    owner: str | None = None
    finished: bool | None = None
    search: str = ""
    since: Millis | None = None
    until: Millis | None = None
    counters: tuple[tuple[str, int], ...] = ()
    order: Order = "changed"
    descending: bool = True


class Counter(ColumnElement[int]):
    """One counter of a lead, 0 where it never counted."""

    inherit_cache = False
    type = Integer()

    def __init__(self, name: str) -> None:
        self.name = name
        if not name.isidentifier():
            raise ValueError(f"{name!r} cannot be a counter")


@compiles(Counter, "sqlite")
def _counter_sqlite(element: Counter, compiler: SQLCompiler, **_: Any) -> str:
    return f"COALESCE(json_extract(leads.counters, '$.{element.name}'), 0)"


@compiles(Counter, "postgresql")
def _counter_postgresql(element: Counter, compiler: SQLCompiler, **_: Any) -> str:
    return f"COALESCE((leads.counters::json ->> '{element.name}')::bigint, 0)"


@dataclass(slots=True)
class Views:
    """`tx.views`."""

    tx: Transaction
    _portals: list[str] = field(default_factory=list)

    # ------------------------------------------------------------------ leads

    def leads(self, wanted: LeadsWanted, *, limit: int, offset: int = 0) -> list[Lead]:
        """One page, in the wanted order."""
        names = [wanted.portal] if wanted.portal else self._names()
        column = _COLUMN[wanted.order]
        if by_name(wanted.search):
            # Few will match: reading the table once beats reading it in the order of an index.
            column = func.coalesce(column, column)
        found: list[Lead] = []
        for name in names:
            query = select(*_LEAD).where(*_conditions(name, wanted))
            place = column.desc() if wanted.descending else column.asc()
            if wanted.order == "changed" and not by_name(wanted.search):
                hour = leads.c.changed_hour  # what has an index; see tables.py
                query = query.order_by(hour.desc() if wanted.descending else hour.asc())
            query = query.order_by(place, leads.c.lead_id).limit(limit + offset)
            if len(names) == 1:
                query = query.limit(limit).offset(offset)
            found += [to_lead(row) for row in self._ask(query)]
        if len(names) == 1:
            return found
        return _sorted(found, wanted)[offset : offset + limit]

    def count_leads(self, wanted: LeadsWanted, *, most: int) -> int:
        """How many there are, counted up to `most`."""
        total = 0
        for name in [wanted.portal] if wanted.portal else self._names():
            conditions = _conditions(name, wanted)
            some = select(leads.c.lead_id).where(*conditions).limit(most - total).subquery()
            total += int(self._ask(select(func.count()).select_from(some)).scalar_one())
            if total >= most:
                break
        return total

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


def _conditions(portal: str, wanted: LeadsWanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [leads.c.portal == portal]
    for column, value in (
        (leads.c.state, wanted.state),
        (leads.c.sub_state, wanted.sub_state),
        (leads.c.assistant, wanted.assistant),
        (leads.c.previous_owner, wanted.owner),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.finished is not None:
        goes_on = and_(leads.c.done.is_(False), leads.c.ended.is_(None))
        found.append(not_(goes_on) if wanted.finished else goes_on)
    if wanted.since is not None:
        found.append(leads.c.updated_at >= wanted.since)
    if wanted.until is not None:
        found.append(leads.c.updated_at < wanted.until)
    found += [Counter(name) >= least for name, least in wanted.counters]
    if wanted.search:
        found.append(_found_by(wanted.search))
    return found


def _found_by(text: str) -> ColumnElement[bool]:
    """Ids and addresses through their indexes; only a name is looked for everywhere."""
    ids = or_(leads.c.crm_id == text, leads.c.lead_id == text)
    if text.isdigit():
        return ids
    low = text.lower()
    address = and_(leads.c.email >= low, leads.c.email < low + "\U0010fffd")
    if not by_name(text):
        return address
    return or_(ids, address, func.lower(leads.c.name, type_=Text).contains(low, autoescape=True))


def by_name(text: str) -> bool:
    """Whether this is looked for in names too, where no index helps."""
    return bool(text) and not text.isdigit() and "@" not in text


def _kept(portal: str) -> Sequence[ColumnElement[bool]]:
    later = ownership.alias("later")
    newer = select(later.c.seq).where(
        later.c.portal == ownership.c.portal,
        later.c.lead_id == ownership.c.lead_id,
        later.c.seq > ownership.c.seq,
    )
    return (ownership.c.portal == portal, ownership.c.what == "kept", ~newer.exists())


def _sorted(found: Iterable[Lead], wanted: LeadsWanted) -> list[Lead]:
    def value(lead: Lead) -> Any:
        return {
            "changed": lead.updated_at,
            "assigned": lead.assigned_at,
            "state": lead.state,
            "email": lead.email or "",
            "name": lead.name or "",
            "assistant": lead.assistant or "",
        }[wanted.order]

    by_place = sorted(found, key=lambda lead: (lead.portal, lead.lead_id))
    return sorted(by_place, key=value, reverse=wanted.descending)
