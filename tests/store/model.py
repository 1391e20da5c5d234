"""What the store promises, as a hundred lines over dicts: the other side of the stateful test."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """An event or timer that waits; place: (time, arrival) in its lane."""

    lead: str
    place: tuple[int, int]
    name: str
    timer: str | None = None
    needs: bool = False
    held: bool = False
    leased_until: int = 0


@dataclass
class Effect:
    reference: str
    lead: str
    status: str = "pending"
    due: int = 0
    attempts: int = 0
    maybe_sent: bool = False
    fence: int = 0

    @property
    def open(self) -> bool:
        return self.status in ("pending", "leased", "uncertain")


@dataclass
class Model:
    known: set[str] = field(default_factory=set)
    waiting: list[Row] = field(default_factory=list)
    leads: dict[str, int] = field(default_factory=dict)
    """Lead → how many decisions it has had."""
    history: dict[str, list[str]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    arrivals: int = 0

    # ------------------------------------------------------------------ events

    def add(self, lead: str, name: str, *, needs: bool, now: int) -> bool:
        self.arrivals += 1
        if name in self.known:
            return False
        self.known.add(name)
        self.waiting.append(Row(lead, (now, self.arrivals), name, needs=needs))
        return True

    def claimable(self, now: int) -> list[Row]:
        """In the order of claiming: due, not held, and behind no event that needs facts."""
        rows = sorted(self.waiting, key=lambda row: row.place)
        return [
            row
            for row in rows
            if row.place[0] <= now
            and not row.held
            and not row.needs
            and not any(
                other.needs and other.lead == row.lead and other.place < row.place for other in rows
            )
        ]

    def decide(self, row: Row, *, makes_lead: bool) -> bool:
        """Whether there is a lead afterwards."""
        if row.lead not in self.leads and not makes_lead:
            row.held = True
            return False
        if row.lead not in self.leads:
            for other in self.waiting:
                if other.lead == row.lead:
                    other.held = False
        self.waiting.remove(row)
        self.leads[row.lead] = self.leads.get(row.lead, 0) + 1
        self.history.setdefault(row.lead, []).append(row.name)
        return True

    def clear_timers(self, lead: str) -> None:
        self.waiting = [r for r in self.waiting if r.timer is None or r.lead != lead]

    # ------------------------------------------------------------------ effects

    def deliverable(self, now: int) -> list[Effect]:
        """Of every lead the open effects from the first on, as far as they are due."""
        found: list[Effect] = []
        for lead in sorted({effect.lead for effect in self.effects}):
            for effect in self.effects:
                if effect.lead != lead or not effect.open:
                    continue
                if effect.due > now:
                    break
                found.append(effect)
        return found

    def lease(self, effects: list[Effect], fence: int, until: int) -> None:
        for effect in effects:
            effect.maybe_sent = effect.maybe_sent or effect.status != "pending"
            effect.status, effect.due, effect.fence = "leased", until, fence
            effect.attempts += 1

    def settle(self, effect: Effect, verdict: str, due: int) -> None:
        changes: dict[str, Any] = {
            "done": "done", "failed": "failed", "retry": "pending",
            "unsent": "pending", "uncertain": "uncertain",
        }  # fmt: skip
        effect.status = changes[verdict]
        if effect.open:
            effect.due = due
        if verdict == "unsent":
            effect.attempts -= 1
        if verdict in ("retry", "uncertain"):
            later = False
            for other in self.effects:
                if other.lead == effect.lead and other.status == "pending" and later:
                    other.due = max(other.due, due)
                later = later or other is effect
