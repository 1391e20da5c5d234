"""The whole at a glance: where the leads are, how much flows, how far behind the work is."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from leadback.base.clock import DAY, HOUR, MINUTE, Clock, Millis, format_time
from leadback.service.queue import HELD_DAYS
from leadback.store import Calls, Store
from leadback.work.rules_in_use import RulesInUse

MINUTES = 60
SPANS: Mapping[str, tuple[Millis, Millis]] = {
    "day": (DAY, 10 * MINUTE),
    "week": (7 * DAY, HOUR),
    "month": (30 * DAY, 3 * HOUR),
}
"""How far back, and between two points."""


class Overview:
    """Queries only."""

    def __init__(
        self, store: Store, clock: Clock, rules: RulesInUse, *, held_days: int = HELD_DAYS
    ) -> None:
        self._store, self._clock, self._rules = store, clock, rules
        self._held: Millis = held_days * DAY

    def states(self) -> dict[str, int]:
        """Leads in every state of the rules, in the rules' order; others that hold any follow."""
        with self._store.read() as tx:
            counted = tx.leads.count_by_state()
        known = {state: counted.get(state, 0) for state in self._rules.now().rules.states}
        return {**known, **{s: n for s, n in counted.items() if s not in known}}

    def look(self) -> dict[str, Any]:
        """states, work (state → what the assistant does there), due (events), pending (effects on
        their way), oldest_due_seconds, parked, handbacks (a day's), minutes: the last hour."""
        now = self._clock.now()
        first = now // MINUTE - MINUTES + 1
        with self._store.read() as tx:
            events = tx.views.decided_per_minute(since=first * MINUTE)
            effects = tx.views.settled_per_minute(since=first * MINUTE)
            handbacks = tx.views.handbacks_since(now - 24 * 60 * MINUTE)
            needing, unsent = tx.views.needing(held_before=now - self._held), tx.views.unsent()
            due, oldest = tx.queue.lag(now)
        return {
            "states": self.states(),
            "work": {name: s.work.value for name, s in self._rules.now().rules.states.items()},
            "due": due,
            "pending": unsent,
            "oldest_due_seconds": oldest,
            "parked": needing.all,
            "handbacks": handbacks,
            "minutes": [_minute(m, events, effects) for m in range(first, first + MINUTES)],
        }

    def trends(self, span: str) -> dict[str, Any]:
        """at (ISO times), states (state → leads at each, the last is now), budget (portal and lane
        → % of its limit used since the time before), over a day, week or month."""
        length, step = SPANS[span]
        now = self._clock.now()
        since = now - length
        with self._store.read() as tx:
            levels = tx.trends.levels(since=since, step=step)
            calls = tx.trends.calls(since=since - step, step=step)
        present = self.states()
        held = {state for found in levels.values() for state in found}
        shown = [
            state for state in dict.fromkeys([*present, *held]) if state in held | _some(present)
        ]
        times = [*range(since - since % step + step, now + 1, step)]
        return {
            "at": [*map(format_time, times), format_time(now)],
            "states": {
                state: [
                    *(levels[at].get(state, 0) if at in levels else None for at in times),
                    present.get(state, 0),
                ]
                for state in shown
            },
            "budget": {
                f"{portal} {lane}": _used(times, spent) for (portal, lane), spent in calls.items()
            },
        }

    def mark(self) -> str:
        """Changes whenever a decision was made or an effect settled."""
        with self._store.read() as tx:
            return tx.views.mark()


def _some(states: dict[str, int]) -> set[str]:
    return {state for state, count in states.items() if count}


def _used(times: Sequence[Millis], spent: Sequence[Calls]) -> list[float | None]:
    """Percent of the limit, of the calls between one sample and the next; None without samples."""
    found: dict[Millis, float] = {}
    for before, after in pairwise(spent):
        might = after.most * (after.at - before.at) / after.span
        found[after.at] = round(100 * max(0, after.calls - before.calls) / might, 1)
    return [found.get(at) for at in times]


def _minute(number: Millis, events: dict[int, int], effects: dict[int, int]) -> dict[str, Any]:
    return {
        "at": format_time(number * MINUTE),
        "events": events.get(number, 0),
        "effects": effects.get(number, 0),
    }
