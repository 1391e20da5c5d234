"""The turns at a portal that all workers share: one row per lane, read and written under its lock.

By the database's own clock where it has one: workers on several machines need not agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import orjson
from sqlalchemy import bindparam, select

from leadback.base.clock import MINUTE, Millis
from leadback.base.pace import Limit, Turns
from leadback.store.statements import InsertRows
from leadback.store.tables import pace as table
from leadback.store.transaction import Transaction

_KEY = (table.c.portal == bindparam("portal")) & (table.c.lane == bindparam("lane"))
_COLUMNS = ("portal", "lane", "taken", "held_until", "most", "span")
_MAKE = InsertRows(table, _COLUMNS, "ignore")
_PUT = InsertRows(
    table,
    (*_COLUMNS, "calls"),
    "update",
    merge=lambda given: {
        **{name: given[name] for name in _COLUMNS[2:]},
        "calls": table.c.calls + given["calls"],
    },
)
"""calls is a sum that only grows: see trends.py."""
_LOG = select(table.c.taken, table.c.held_until, table.c.most, table.c.span).where(_KEY)
_LOCKED = _LOG.with_for_update()
_ALL = (
    select(table.c.lane, table.c.taken, table.c.held_until, table.c.most, table.c.span)
    .where(table.c.portal == bindparam("portal"))
    .order_by(table.c.lane)
)


@dataclass(frozen=True, slots=True)
class Spent:
    """Of one lane: calls in the window that ends now, and how many there may be."""

    used: int
    most: int
    window: Millis


class PaceLog:
    """`tx.pace`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def now(self) -> Millis:
        """The clock that turns are counted by."""
        return self._tx.dialect.now(self._tx.connection)

    def take(
        self,
        portal: str,
        lane: str,
        limits: Sequence[Limit],
        *,
        now: Millis,
        calls: int,
        ahead: int,
        patience: Millis,
        reach: Millis,
    ) -> list[Millis]:
        """Instants for so many calls. Up to `ahead` more where they are at most `reach` later.

        If the last call had to wait longer than `patience`, nothing is taken.
        """
        log = self._locked(portal, lane).recent(limits, now)
        turns = log.next(limits, now=now, calls=calls, ahead=ahead)
        needed, more = turns[:calls], turns[calls:]
        if needed[-1] - now > patience:
            return needed
        taken = [*needed, *(turn for turn in more if turn <= needed[-1] + reach)]
        log = replace(log, taken=(*log.taken, *taken))
        self._put(portal, lane, log, limits[-1], calls=len(taken))
        return taken

    def hold(self, portal: str, lane: str, *, until: Millis) -> None:
        """No turn before `until`, nor later than a minute from now because of this."""
        row = self._tx.run(_LOCKED, portal=portal, lane=lane).first()
        if row is not None:
            log = replace(_log(row[0], row[1]), held_until=max(row[1], until))
            self._put(portal, lane, log, Limit(row[2], row[3]))

    def used(self, portal: str, lane: str, *, window: Millis, now: Millis) -> int:
        row = self._tx.run(_LOG, portal=portal, lane=lane).first()
        return 0 if row is None else _log(row[0], row[1]).used(window, now)

    def spent(self, portal: str, *, now: Millis) -> Mapping[str, Spent]:
        """By lane, for people."""
        return {
            lane: Spent(_log(taken, held).used(window, now), most, window)
            for lane, taken, held, most, window in self._tx.run(_ALL, portal=portal)
        }

    def _locked(self, portal: str, lane: str) -> Turns:
        row = self._tx.run(_LOCKED, portal=portal, lane=lane).first()
        if row is None:
            self._tx.rows(_MAKE, [(portal, lane, "[]", 0, 0, MINUTE)])
            row = self._tx.run(_LOCKED, portal=portal, lane=lane).one()
        return _log(row[0], row[1])

    def _put(self, portal: str, lane: str, log: Turns, longest: Limit, *, calls: int = 0) -> None:
        row = (portal, lane, _text(log.taken), log.held_until, longest.most, longest.window, calls)
        self._tx.rows(_PUT, [row])


def _text(taken: Sequence[Millis]) -> str:
    """The first instant, then the differences: short, however many there are."""
    return orjson.dumps([*taken[:1], *(b - a for a, b in pairwise(taken))]).decode()


def _log(text: str, held_until: Millis) -> Turns:
    return Turns(tuple(accumulate(orjson.loads(text))), held_until)
