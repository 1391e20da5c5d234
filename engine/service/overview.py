"""The whole at a glance: where the leads are, how much flows, how far behind the work is."""

from typing import Any

from engine.base.clock import MINUTE, Clock, Millis, format_time
from engine.store import Store
from engine.work.rules_in_use import RulesInUse

MINUTES = 60


class Overview:
    """Queries only."""

    def __init__(self, store: Store, clock: Clock, rules: RulesInUse) -> None:
        self._store, self._clock, self._rules = store, clock, rules

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
            needing, unsent = tx.views.needing(), tx.views.unsent()
            due, oldest = tx.queue.lag(now)
        return {
            "states": self.states(),
            "work": {name: s.work.value for name, s in self._rules.now().rules.states.items()},
            "due": due,
            "pending": unsent,
            "oldest_due_seconds": oldest,
            "parked": needing.failed + needing.uncertain + needing.quarantined,
            "handbacks": handbacks,
            "minutes": [_minute(m, events, effects) for m in range(first, first + MINUTES)],
        }

    def mark(self) -> str:
        """Changes whenever a decision was made or an effect settled."""
        with self._store.read() as tx:
            return tx.views.mark()


def _minute(number: Millis, events: dict[int, int], effects: dict[int, int]) -> dict[str, Any]:
    return {
        "at": format_time(number * MINUTE),
        "events": events.get(number, 0),
        "effects": effects.get(number, 0),
    }
