"""The records that the store takes and gives, besides those of leadback.lead. Frozen, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from leadback.base.clock import Millis
from leadback.base.records import record
from leadback.lead.records import Data, Decision, EffectKind, Event, Lead

# ------------------------------------------------------------------ events


CONTACT = "contact"
ADDRESS = "address"
ADDRESS_OF_LEAD = "address of lead"
"""What an event can need from the CRM before it can be decided: its contact's facts, or first of
all which contact it is about."""


class Place(NamedTuple):
    """Where an event waits: (due_at, seq) is its place in the lane of the lead."""

    lead_id: str
    due_at: Millis
    seq: int


@record
class NewEvent:
    """An accepted event of the contact `crm_id`.

    needs: "" or CONTACT; or ADDRESS, and crm_id is an address in lower case. ADDRESS_OF_LEAD: one
    that a lead of ours has as well, in whose `lane` (lead id) the event waits meanwhile.
    via: the door it came through, and who opened it, e.g. "key: mailer"; "" for the engine's own.
    """

    portal: str
    crm_id: str
    event: Event
    needs: str = ""
    lane: str = ""
    via: str = ""


@record
class InboxEvent:
    """A claimed event. timer: the timer's name when the event is one that fired.

    (due_at, seq) is its place in the lane.
    """

    seq: int
    event: Event
    timer: str | None = None
    due_at: Millis = 0


@record
class Lane:
    """A lead and its due events, in order; nobody else has them while the transaction lasts.

    lead None: the contact is no lead yet. held: events that came before it became one are waiting.
    """

    lead_id: str
    lead: Lead | None
    events: tuple[InboxEvent, ...]
    held: bool = False


@record
class Decided:
    """What one claimed event came to. before: the lead that `decide` was given.

    decision None: no lead yet, the event is held until there is one.
    """

    event: InboxEvent
    before: Lead | None
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """An event of a contact that is no lead yet. since: it is held; seq: names it."""

    portal: str
    lead_id: str
    seq: int
    since: Millis
    event_id: str
    type: str


@dataclass(frozen=True, slots=True)
class Unruled:
    """A value that no rule knows. events: how many had it, from the first (first_at) to the last
    (at); id: names it."""

    portal: str
    type: str
    field: str
    value: str
    id: int
    events: int
    first_at: Millis
    at: Millis


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event that could not be decided, parked at `at`. Its lead goes on without it."""

    portal: str
    lead_id: str
    seq: int
    at: Millis
    type: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """An event that waits for its contact, or for facts about it; crm_id may be an address, see
    NewEvent. attempts: claims so far, this one too. unreadable: why the data that is kept of the
    event cannot be read; "" when it can."""

    seq: int
    lead_id: str
    crm_id: str
    event: Event
    attempts: int
    needs: str = CONTACT
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Something that was not understood. portal "" = not even that. id 0 until it is kept.

    via: as in NewEvent; who sends it again later may do no more than who sent it first.
    """

    portal: str
    source: str
    raw: str
    reason: str
    at: Millis
    id: int = 0
    via: str = ""


@dataclass(frozen=True, slots=True)
class NewHint:
    """Read this contact again, not before due_at. erased is remembered once it was said."""

    crm_id: str
    due_at: Millis
    erased: bool = False


@dataclass(frozen=True, slots=True)
class UnreadContact:
    """A hint whose contact was read, and could not be understood or written. until: then it is read
    again."""

    portal: str
    crm_id: str
    until: Millis
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class HintRow:
    """A claimed hint. revision: as claimed; a hint that came again meanwhile has another."""

    crm_id: str
    erased: bool
    revision: int
    attempts: int


# ------------------------------------------------------------------ leads and their past


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """Which leads to list; None = any. search: an id, an address's beginning, or part of a name."""

    portal: str | None = None
    state: str | None = None
    assistant: str | None = None
    finished: bool | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One decision as it was made. at: when; event_at: when the event says it happened.

    internal: see Event. via: see NewEvent; "" also for events that were pruned.
    """

    portal: str
    lead_id: str
    seq: int
    at: Millis
    type: str
    source: str
    event_id: str
    event_at: Millis
    from_state: str | None
    to_state: str
    sub_state: str | None
    result: str
    rule: str
    rule_at: str
    reads: Mapping[str, int | str | None]
    because: str
    rules_version: str
    internal: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A decided event with its data, in the order of deciding: what a replay needs."""

    portal: str
    lead_id: str
    seq: int
    decided_at: Millis
    event: Event


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of a contact's owner, made or seen or refused. Never changed afterwards.

    what: one word, e.g. assigned, handed_back, fallback, kept, human_owner. by: who did it.
    reference: of the effect that ordered it, "" when it was seen only.
    """

    portal: str
    lead_id: str
    crm_id: str
    at: Millis
    what: str
    owner_before: str | None
    owner_after: str | None
    by: str
    why: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """The text of a rules file, once for every version that decided anything."""

    hash: str
    text: str
    first_used_at: Millis
    activated_at: Millis | None


@dataclass(frozen=True, slots=True)
class RulesEntry:
    """One entry of the log of rules.

    what: started | applied | scheduled | took effect | rolled back | cancelled | could not.
    in_use: the version that decides from this entry on. due_at: of a scheduled one.
    moves: where leads go whose state is gone, besides what the file itself says.
    """

    number: int
    at: Millis
    who: str
    door: str
    what: str
    version: str
    due_at: Millis | None
    in_use: str
    file: str
    moves: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One event that a watching version decides otherwise. in_use, shadow: what both made of it."""

    portal: str
    seq: int
    at: Millis
    lead_id: str
    type: str
    rules_version: str
    in_use: str
    shadow: str


@dataclass(frozen=True, slots=True)
class ToldLead:
    """A lead that new rules mean something for. timers: (name, due, number) of running ones."""

    lead_id: str
    crm_id: str
    state: str
    timers: tuple[tuple[str, Millis, int], ...] = ()


# ------------------------------------------------------------------ effects

EffectStatus = Literal[
    "pending", "leased", "uncertain", "failed", "done", "cancelled", "superseded"
]


@record
class ClaimedEffect:
    """An effect to deliver now. attempts: this one included; maybe_sent: an earlier one may have
    reached the CRM (its worker died, or the answer was lost)."""

    id: int
    lead_id: str
    crm_id: str
    kind: EffectKind
    payload: Data
    reference: str
    attempts: int
    maybe_sent: bool
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Claim:
    """Effects of one portal under one lease, each lead's in order.

    superseded: {id: id of the newer effect}; older field values, settled already, not to be sent.
    """

    fence: int
    effects: tuple[ClaimedEffect, ...] = ()
    superseded: Mapping[int, int] = field(default_factory=dict)


@record
class Settlement:
    """What became of one claimed effect.

    done: result is kept. retry: nothing happened, again at due_at. uncertain: it may have
    happened, look at due_at. failed: parked where a person sees it. unsent: was not tried after
    all (the attempt does not count), again at due_at.
    """

    id: int
    verdict: Literal["done", "retry", "uncertain", "failed", "unsent"]
    due_at: Millis = 0
    reason: str = ""
    result: Data = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An effect as it is kept."""

    portal: str
    id: int
    lead_id: str
    crm_id: str
    kind: EffectKind
    payload: Data
    reference: str
    status: EffectStatus
    attempts: int
    maybe_sent: bool
    due_at: Millis
    created_at: Millis
    settled_at: Millis | None
    reason: str
    result: Data


@dataclass(frozen=True, slots=True)
class BlockedLead:
    """A lead whose effects wait for the first of them: "lead X waits for Y until T"."""

    portal: str
    lead_id: str
    effect_id: int
    kind: EffectKind
    until: Millis
    attempts: int
    reason: str


# ------------------------------------------------------------------ the whole


@dataclass(frozen=True, slots=True)
class PortalState:
    """paused_until None = deliveries run. reason: why they do not.

    disconnected_at: since when only a person can connect the portal again, and why.
    """

    paused_until: Millis | None = None
    reason: str = ""
    disconnected_at: Millis | None = None
    disconnected_why: str = ""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Counts for operators. due: could be decided or looked up now; waiting: timers, held events
    and look-ups that are due later; undecided: events that failed; held_long: events held since
    before the instant asked for; unread: contacts whose reading makes no sense.
    oldest_due_seconds: age of the oldest due event or effect.
    done: None where they were not counted."""

    due: int
    waiting: int
    quarantined: int
    undecided: int
    held_long: int
    unread: int
    pending: int
    leased: int
    uncertain: int
    failed: int
    done: int | None
    oldest_due_seconds: float
