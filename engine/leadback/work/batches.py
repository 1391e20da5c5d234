"""Which effects go into the next call: pure. Each lead's effects keep their order.

A batch has one kind. Of a lead it takes the run of effects of that kind that are next in its
lane; a lead whose batch is under way, or whose effect has to be tried later, waits.
"""

from collections import deque
from collections.abc import Callable, Iterable

from leadback.lead.records import EffectKind
from leadback.store import ClaimedEffect

ONE_PER_LEAD = frozenset({EffectKind.FIELDS, EffectKind.HANDBACK})


class Lanes:
    """The effects of one claim, lead by lead."""

    def __init__(
        self, effects: Iterable[ClaimedEffect], limit: Callable[[EffectKind], int]
    ) -> None:
        self._limit = limit
        self._waiting: dict[str, deque[ClaimedEffect]] = {}
        self._busy: set[str] = set()
        for effect in effects:
            self._waiting.setdefault(effect.lead_id, deque()).append(effect)

    def next_batch(self) -> list[ClaimedEffect]:
        """The fullest batch that can go now, [] when none can. Its leads are busy from now on."""
        ready: dict[EffectKind, list[str]] = {}
        for lead_id, lane in self._waiting.items():
            if lead_id not in self._busy:
                ready.setdefault(lane[0].kind, []).append(lead_id)
        if not ready:
            return []
        kind = max(ready, key=lambda kind: len(ready[kind]))
        limit = self._limit(kind)
        batch: list[ClaimedEffect] = []
        for lead_id in ready[kind]:
            if len(batch) >= limit:
                break
            batch.extend(self._take(lead_id, kind, limit - len(batch)))
        return batch

    def settled(
        self, batch: Iterable[ClaimedEffect], stopped: Iterable[str]
    ) -> list[ClaimedEffect]:
        """The batch is over. stopped: leads that have to wait; what they have left comes back."""
        for effect in batch:
            self._busy.discard(effect.lead_id)
        return [effect for lead_id in stopped for effect in self._waiting.pop(lead_id, ())]

    def rest(self) -> list[ClaimedEffect]:
        """Everything that was not sent; empties the lanes."""
        left = [effect for lane in self._waiting.values() for effect in lane]
        self._waiting.clear()
        return left

    def _take(self, lead_id: str, kind: EffectKind, room: int) -> list[ClaimedEffect]:
        lane = self._waiting[lead_id]
        room = 1 if kind in ONE_PER_LEAD else room
        taken: list[ClaimedEffect] = []
        while lane and lane[0].kind is kind and len(taken) < room:
            taken.append(lane.popleft())
        self._busy.add(lead_id)
        if not lane:
            del self._waiting[lead_id]
        return taken
