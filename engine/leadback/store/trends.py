"""How many leads were in each state over time, and how many calls a portal had.

Sampled by workers every ten minutes (housekeeping: a decision pays nothing). What happened since
the last sample is taken back from the history, instant by instant, so that a sample that comes
late, or after downtime, is right for every instant that was missed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from leadback.base.clock import DAY, HOUR, MINUTE, Millis
from leadback.store.statements import InsertRows
from leadback.store.tables import history, leads, levels, pace, portals, spending
from leadback.store.transaction import Transaction

EVERY: Millis = 10 * MINUTE
FINE_FOR: Millis = 2 * DAY
"""Older samples are kept by the hour."""
KEPT: Millis = 400 * DAY
BACK = 20_000
"""So many decisions are taken back at most; what was before them keeps the sample before."""

Levels = Mapping[str, int]
"""State → leads in it; a state without leads is missing."""

_PORTAL: ColumnElement[str] = bindparam("portal", type_=Text())
_SINCE: ColumnElement[int] = bindparam("since", type_=BigInteger())
_LATEST = (
    select(history.c.at, history.c.from_state, history.c.to_state)
    .where(history.c.portal == _PORTAL)
    .order_by(history.c.seq.desc())
    .limit(bindparam("back", type_=BigInteger()))
    .subquery()
)
# In words, not as a bound value: PostgreSQL takes two marks for two expressions.
_SLOT = _LATEST.c.at // literal_column(str(EVERY), BigInteger)
_MOVES = (_SLOT, _LATEST.c.from_state, _LATEST.c.to_state)
_NOTHING = cast(null(), Text())
_NO_SLOT = literal_column("-1", BigInteger)
_NOW = union_all(
    select(_NO_SLOT, leads.c.state, _NOTHING, func.count())
    .where(leads.c.portal == _PORTAL)
    .group_by(leads.c.state),
    select(*_MOVES, func.count())
    .where(_LATEST.c.at >= _SINCE, _LATEST.c.from_state.is_distinct_from(_LATEST.c.to_state))
    .group_by(*_MOVES),
    select(_NO_SLOT, _NOTHING, _NOTHING, func.min(_LATEST.c.at)),
    select(_NO_SLOT - 1, _NOTHING, _NOTHING, func.count()).select_from(_LATEST),
)
"""One statement, so that counts and history are of one instant on PostgreSQL, too."""
_NAMES = select(portals.c.name)
_LAST = select(func.max(levels.c.at)).where(levels.c.portal == _PORTAL)
_AT_LAST = select(levels.c.state, levels.c.leads).where(
    levels.c.portal == _PORTAL, levels.c.at == bindparam("at")
)
_LANES = select(pace.c.lane, pace.c.calls, pace.c.most, pace.c.span).where(pace.c.portal == _PORTAL)
_LEVELS = InsertRows(levels, ("portal", "at", "state", "leads"), "ignore")
_SPENDING = InsertRows(spending, ("portal", "at", "lane", "calls", "most", "span"), "ignore")
_OLD = tuple(
    delete(table).where(
        table.c.portal == _PORTAL,
        or_(
            table.c.at < bindparam("kept"),
            and_(table.c.at < bindparam("fine"), table.c.at % HOUR != 0),
        ),
    )
    for table in (levels, spending)
)


@dataclass(frozen=True, slots=True)
class Calls:
    """Of one lane of a portal: calls ever made by an instant, and its limit then."""

    at: Millis
    calls: int
    most: int
    span: Millis


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one portal. levels: by instant; spent: (lane, calls, most, span) at `at`."""

    portal: str
    at: Millis
    levels: Sequence[tuple[Millis, Levels]]
    spent: Sequence[tuple[object, ...]]


class Trends:
    """`tx.trends`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def portals(self) -> list[str]:
        """All that there are."""
        return list(self._tx.run(_NAMES).scalars())

    def take(self, now: Millis, *, portals: Sequence[str] | None = None) -> list[Sample]:
        """What is missing of each portal (None: all); to be read apart from keep(), which locks
        others out."""
        at = now - now % EVERY
        found = []
        for portal in self.portals() if portals is None else portals:
            last: Millis | None = self._tx.run(_LAST, portal=portal).scalar()
            if last is None or last < at:
                spent = [tuple(row) for row in self._tx.run(_LANES, portal=portal)]
                found.append(Sample(portal, at, self._levels(portal, at, last), spent))
        return found

    def keep(self, samples: Sequence[Sample]) -> None:
        """Of what two workers took at once, the first is kept. Old samples are thinned out."""
        for one in samples:
            rows = [
                (one.portal, at, state, count)
                for at, states in one.levels
                for state, count in states.items()
                if count > 0
            ]
            self._tx.rows(_LEVELS, rows)
            self._tx.rows(_SPENDING, [(one.portal, one.at, *lane) for lane in one.spent])
            for forget in _OLD if one.at % HOUR == 0 else ():
                self._tx.run(forget, portal=one.portal, kept=one.at - KEPT, fine=one.at - FINE_FOR)

    def levels(self, *, since: Millis, step: Millis) -> dict[Millis, dict[str, int]]:
        """Instant → state → leads of all portals, at every multiple of `step` that has samples."""
        found: dict[Millis, dict[str, int]] = {}
        for name in self.portals():
            query = select(levels.c.at, levels.c.state, levels.c.leads).where(
                levels.c.portal == name, levels.c.at >= since, levels.c.at % step == 0
            )
            for at, state, count in self._tx.connection.execute(query):
                states = found.setdefault(at, {})
                states[state] = states.get(state, 0) + count
        return dict(sorted(found.items()))

    def calls(self, *, since: Millis, step: Millis) -> dict[tuple[str, str], list[Calls]]:
        """(portal, lane) → what was spent, oldest first, at multiples of `step`."""
        found: dict[tuple[str, str], list[Calls]] = {}
        for name in self.portals():
            c = spending.c
            query = select(c.lane, c.at, c.calls, c.most, c.span).where(
                c.portal == name, c.at >= since, c.at % step == 0
            )
            for lane, *row in self._tx.connection.execute(query.order_by(c.at)):
                found.setdefault((name, lane), []).append(Calls(*row))
        return found

    def _levels(
        self, portal: str, at: Millis, last: Millis | None
    ) -> Sequence[tuple[Millis, Levels]]:
        since = at - FINE_FOR * 16 if last is None else last
        states: Counter[str] = Counter()
        moves: dict[int, Counter[str]] = {}
        oldest, looked = at, 0
        for slot, before, after, count in self._tx.run(_NOW, portal=portal, since=since, back=BACK):
            if slot >= 0:
                change = moves.setdefault(int(slot), Counter())
                change[after] += count
                if before is not None:
                    change[before] -= count
            elif slot == -2:
                looked = count
            elif before is None:
                oldest = at if count is None else min(at, count)
            else:
                states[before] = count
        known = since if looked < BACK and last is not None else oldest
        earlier = self._at(portal, last)
        found: list[tuple[Millis, Levels]] = []
        for instant in _instants(at, since if last is None else last + EVERY):
            for slot in [slot for slot in moves if slot * EVERY >= instant]:
                states.subtract(moves.pop(slot))
            if instant >= known or instant == at:
                found.append((instant, dict(states)))
            elif last is not None:
                found.append((instant, earlier))
        return found

    def _at(self, portal: str, at: Millis | None) -> Levels:
        if at is None:
            return {}
        return {row[0]: row[1] for row in self._tx.run(_AT_LAST, portal=portal, at=at)}


def _instants(latest: Millis, first: Millis) -> Iterator[Millis]:
    """Backwards; those that would be thinned out at once are left out."""
    for instant in range(latest, first - 1, -EVERY):
        if instant > latest - FINE_FOR or instant % HOUR == 0:
            yield instant
