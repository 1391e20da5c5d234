"""Every rules file that decided anything, by its hash, and the log of which one is in use."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, or_, select

from leadback.base.clock import Millis
from leadback.lead.records import Event
from leadback.store import internal
from leadback.store.records import RulesEntry, RulesVersion, ToldLead
from leadback.store.shadow import IN_USE
from leadback.store.statements import InsertRows, InSet, word
from leadback.store.tables import leads, rules_log, waiting
from leadback.store.tables import rules_versions as table
from leadback.store.transaction import Transaction, dump, load_or_unreadable

_COLUMNS = ("hash", "text", "first_used_at", "activated_at")
_PUT = InsertRows(table, _COLUMNS, "ignore")
_GET = select(*(table.c[name] for name in _COLUMNS)).where(table.c.hash == bindparam("hash"))
_LOG = (
    "number", "at", "who", "door", "what", "version", "due_at", "in_use", "file", "moves",
)  # fmt: skip
_APPEND = InsertRows(rules_log, _LOG, "ignore")
_NEWEST = (
    select(*(rules_log.c[name] for name in _LOG))
    .order_by(rules_log.c.number.desc())
    .limit(bindparam("limit"))
)
_MET = (
    select(leads.c.lead_id, leads.c.crm_id, leads.c.state)
    .where(
        leads.c.portal == bindparam("portal"),
        leads.c.lead_id > bindparam("after"),
        or_(InSet(leads.c.state, "states"), InSet(leads.c.came_from_state, "gone")),
    )
    .order_by(leads.c.lead_id)
    .limit(bindparam("limit"))
)
_TIMERS = select(
    waiting.c.lead_id, waiting.c.timer, waiting.c.due_at, waiting.c.number
).where(
    waiting.c.portal == bindparam("portal"),
    waiting.c.status == word("timer"),
    InSet(waiting.c.lead_id, "lead_ids"),
)  # fmt: skip
_FIRST = select(func.min(waiting.c.placed_at)).where(waiting.c.portal == bindparam("portal"))
_CAME_FROM = (
    select(leads.c.came_from_state)
    .where(leads.c.portal == bindparam("portal"), leads.c.came_from_state.isnot(None))
    .distinct()
)
_WAIT = InsertRows(
    waiting,
    ("portal", "due_at", "seq", "lead_id", "status", "placed_at", "timer", "number", "needs",
     "attempts", "lease_until"),
)  # fmt: skip


class RulesVersions:
    """`tx.rules`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def put(self, version: str, text: str, *, now: Millis) -> None:
        """Remember the text of this version; nothing changes when it is known."""
        self._tx.rows(_PUT, [(version, text, now, None)])

    def get(self, version: str) -> RulesVersion | None:
        row = self._tx.run(_GET, hash=version).first()
        return None if row is None else RulesVersion(*row)

    # ------------------------------------------------------------------ which one is in use

    def in_use(self) -> tuple[int, str, Millis | None, str | None] | None:
        """One look: (number of the last entry, version in use, when another is to take over,
        version that watches)."""
        row = self._tx.run(IN_USE).first()
        return None if row is None else (row[0], row[1], row[2], row[3])

    def log(self, *, limit: int = 1) -> list[RulesEntry]:
        """Newest first."""
        rows = self._tx.run(_NEWEST, limit=limit)
        return [RulesEntry(**{**row._mapping, "moves": load_or_unreadable(row[9])}) for row in rows]

    def append(self, entry: RulesEntry) -> bool:
        """Add the next entry. False: somebody else added one with this number before."""
        row = (
            entry.number, entry.at, entry.who, entry.door, entry.what, entry.version,
            entry.due_at, entry.in_use, entry.file, dump(entry.moves),
        )  # fmt: skip
        return self._tx.rows(_APPEND, [row]) == 1

    def hold_claims(self) -> None:
        """First in a transaction: until it ends, nobody has claimed leads or claims any."""
        self._tx.dialect.hold_claims(self._tx.connection)

    # ------------------------------------------------------------------ leads that are told

    def met(
        self, portal: str, *, states: Sequence[str], gone: Sequence[str], after: str, limit: int
    ) -> list[ToldLead]:
        """Leads in these states, and leads that came from one that is gone, by id; timers too."""
        rows = self._tx.run(
            _MET, portal=portal, states=list(states), gone=list(gone), after=after, limit=limit
        ).all()
        timers: dict[str, list[tuple[str, Millis, int]]] = {}
        found = [row[0] for row in rows]
        for lead_id, name, due, number in self._tx.run(_TIMERS, portal=portal, lead_ids=found):
            timers.setdefault(lead_id, []).append((name, due, number))
        return [
            ToldLead(row[0], row[1], row[2], tuple(sorted(timers.get(row[0], ())))) for row in rows
        ]

    def came_from(self, portal: str) -> set[str]:
        """States that leads have come from, as far as they may go back there."""
        return {row[0] for row in self._tx.run(_CAME_FROM, portal=portal)}

    def tell(
        self, portal: str, told: Sequence[tuple[ToldLead, Event]], *, now: Millis, at: Millis
    ) -> None:
        """An event for each of these leads at the place `at` in its lane (see head())."""
        seqs = self._tx.take_ids(len(told))
        events: list[tuple[Any, ...]] = []
        rows: dict[int, tuple[Any, ...]] = {}
        for seq, (lead, event) in zip(seqs, told, strict=True):
            data = dump(event.data)
            events.append(
                (portal, seq, lead.crm_id, event.source, event.id, event.type, event.at, data, now)
            )
            rows[seq] = (portal, at, seq, lead.lead_id, "pending", at, None, 0, "", 0, 0)
        for known in internal.put(self._tx, portal, events):
            del rows[known]
        self._tx.rows(_WAIT, list(rows.values()))
        self._tx.rings = True

    def head(self, portal: str, *, now: Millis) -> Millis:
        """A place before everything that waits in this portal."""
        first = self._tx.run(_FIRST, portal=portal).scalar()
        return min(now, first if first is not None else now) - 1
