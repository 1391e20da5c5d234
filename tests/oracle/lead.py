"""A lead on paper: what is known of it, the states it can have, what it means to move it."""

from dataclasses import dataclass, field

HOURS = 3_600_000
DAYS = 24 * HOURS

WORKING = frozenset({"New", "Pending", "Cold", "Engaged", "Warm"})
DONE = frozenset(
    {"Hot", "Responded", "LeadAtRisk", "UnSubscribed", "DeActivated", "Processed"},
)
STATES = WORKING | DONE | {"OutOfOffice"}
COUNTERS = ("opens", "clicks", "followups", "owner_replies")
GONE = frozenset({"deleted", "merged", "erased"})


@dataclass(slots=True)
class Timer:
    """Fires at due (milliseconds). number: which one of a series."""

    name: str
    due: int
    number: int = 1


@dataclass(slots=True)
class Lead:
    """What is known of a lead. ended: taken_back, deleted, merged, erased or restored."""

    portal: str
    lead_id: str
    contact: str
    assistant: str
    previous_owner: str | None
    context: str
    state: str = "New"
    sub_state: str | None = None
    came_from: tuple[str, str | None] | None = None
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    done: bool = False
    ended: str | None = None
    stopped: bool = False
    timer: Timer | None = None
    wishes: list[str] = field(default_factory=list)
    """What the last event wants: fields, note, outgoing, incoming, task, handback."""
    refused: bool = False
    verdicts: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return self.done or self.ended is not None

    @property
    def gone(self) -> bool:
        return self.ended in GONE


@dataclass(frozen=True, slots=True)
class Start:
    """What is read from the portal when a lead starts."""

    assistant: str
    previous_owner: str | None
    context: str


def move(lead: Lead, to: str, sub_state: str | None, now: int, *, done: bool = False) -> None:
    if to != lead.state:
        lead.came_from = (lead.state, lead.sub_state)
    was_done, lead.done = lead.done, done or to in DONE
    lead.state, lead.sub_state = to, sub_state
    lead.wishes.append("fields")
    if lead.done and not was_done:
        lead.wishes.append("handback")
    lead.timer = None
    if to in ("Hot", "Responded"):
        lead.timer = Timer("owner_silent", now + 24 * HOURS)
    elif to == "OutOfOffice":
        lead.timer = Timer("returned", now + 7 * DAYS)
    elif to == "LeadAtRisk":
        lead.timer = Timer("reminder", now + 3 * DAYS)


def back(lead: Lead, now: int) -> None:
    assert lead.came_from is not None
    state, sub_state = lead.came_from
    move(lead, state, sub_state, now)


def anew(lead: Lead) -> None:
    lead.counters = dict.fromkeys(COUNTERS, 0)
    lead.sub_state, lead.stopped, lead.ended, lead.done = None, False, None, False
