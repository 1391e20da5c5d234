"""The neutral model of a rules file: frozen data, no behaviour, no YAML, no machine.

The loader fills it, the checks and the machine read it. Every node knows where it was written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from leadback.base.clock import Millis

PREVIOUS = "previous"
"""Target of a rule: the state (and sub-state) that the lead was in before this one."""

KEEP = "keep"
"""Sub-state of a rule: leave it as it is."""

OTHER = "other"
"""Variant of an event whose field has none of the values that have rules of their own."""

FLAGS = ("finished", "stopped")
"""Facts of a lead that a guard may ask for by name: yes or no."""

SUB_STATE = "sub_state"

ACTIONS = (
    "start_anew", "stop", "resume", "release", "handback",
    "close", "reopen", "follow_merge", "erase",
)  # fmt: skip
"""What a rule may do besides moving the lead; `note` and `task` take the name of a text, `count`
that of a counter."""

TEXT_ACTIONS = ("note", "task")

COUNT = "count"

TEXT_WORDS = ("assistant", "assistant_email", "context", "lead", "state", "sub_state")
"""The only words that a text or a mapped value may have in braces."""

EVERYWHERE = "everywhere"
"""Sources of a rule: every state. ANY: every state that is not final."""

ANY = "any"

Missed = Literal["fire", "skip", "restart"]
"""What a timer does that is overdue after downtime, or whose rule changed: fire at once (the
default), not at all, or count again from now."""

Operator = Literal["==", "!=", ">=", "<=", ">", "<", "in", "not in"]
Log = Literal["outgoing_email", "incoming_email"]

ContactFact = Literal["taken_back", "deleted", "restored", "merged", "erased", "kept"]
"""What the engine finds out about a contact: a person took it back; it was deleted, restored,
merged into another, or erased for privacy in the CRM; no owner could take it back (kept)."""


class Work(StrEnum):
    """What the assistant does while a lead is in a state."""

    WAITS = "waits"
    GOES_ON = "goes_on"
    DONE = "done"
    FINAL = "final"

    @property
    def is_done(self) -> bool:
        return self in (Work.DONE, Work.FINAL)


@dataclass(frozen=True, slots=True)
class Position:
    """Where something was written: 1-based line and column."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = Position("", 0, 0)


def _at() -> Position:
    return NOWHERE


@dataclass(frozen=True, slots=True)
class State:
    """One state. sub_states: None = none allowed, () = any, else the allowed ones."""

    name: str
    work: Work
    means: str = ""
    sub_states: tuple[str, ...] | None = None
    at: Position = field(default_factory=_at, compare=False)


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event. by: the data field whose value chooses the variant of its rules.

    contact: the fact about the contact that the engine tells by this event. automatic: the values
    of `by` that no person brought about; such an event counts and resets nothing. manual: a person
    does this by hand.
    """

    name: str
    means: str = ""
    by: str | None = None
    keeps_sub_state: bool = False
    counts: str | None = None
    resets: tuple[str, ...] = ()
    logs: Log | None = None
    contact: ContactFact | None = None
    automatic: tuple[str, ...] = ()
    manual: bool = False
    at: Position = field(default_factory=_at, compare=False)


def event_of(events: Mapping[str, Event], trigger: str) -> Event | None:
    """The event of a trigger, as far as it counts for this variant of it; None for timers."""
    name, _, variant = trigger.partition(".")
    event = events.get(name)
    if event is None or variant not in event.automatic:
        return event
    return replace(event, counts=None, resets=())


@dataclass(frozen=True, slots=True)
class Comparison:
    """One part of a guard. A counter against a number, a flag against 0/1, sub_state in names."""

    fact: str
    op: Operator
    value: int | tuple[str, ...]

    def __str__(self) -> str:
        if self.fact in FLAGS and self.op == "==":
            return self.fact if self.value else f"not {self.fact}"
        value = f"[{', '.join(self.value)}]" if isinstance(self.value, tuple) else self.value
        return f"{self.fact} {self.op} {value}"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a rule does. text names an entry of `texts` (note and task only), counter the
    counter that goes up by one (count only)."""

    kind: str
    text: str | None = None
    counter: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the rules or timers table, groups resolved. Exactly one of to/stay/refuse is set.

    trigger: `email_opened`, `replied.AgreedToMeet`, `timer.owner_silent` or `start`.
    guard: all comparisons must hold; () always holds.
    """

    trigger: str
    sources: tuple[str, ...]
    to: str | None = None
    stay: str | None = None
    refuse: str | None = None
    guard: tuple[Comparison, ...] = ()
    sub_state: str | None = None
    done: bool = False
    actions: tuple[Action, ...] = ()
    at: Position = field(default_factory=_at, compare=False)

    name: str = field(init=False, compare=False, repr=False)
    """What `lead why` and the history show, e.g. `email_opened: to Warm when opens >= 3`."""
    where: str = field(init=False, compare=False, repr=False)
    """`at` as a text: every decision names it."""

    def __post_init__(self) -> None:
        goal = f"to {self.to}" if self.to else "stay" if self.stay is not None else "refuse"
        when = " and ".join(map(str, self.guard))
        name = f"{self.trigger}: {goal}" + (f" when {when}" if when else "")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "where", str(self.at))


@dataclass(frozen=True, slots=True)
class Timer:
    """Runs while the lead is in one of `states`. Exactly one of after/at_field/every is set.

    at_field: an instant in the data of the event that led here, else `default` after entering.
    every/times: fires up to `times` times, `every` apart. The rule it fires is in Rules.rules.
    missed: what happens when it is overdue, see Missed.
    """

    name: str
    states: tuple[str, ...]
    after: Millis | None = None
    at_field: str | None = None
    default: Millis | None = None
    every: Millis | None = None
    times: int = 1
    missed: Missed = "fire"
    at: Position = field(default_factory=_at, compare=False)

    @property
    def trigger(self) -> str:
        return f"timer.{self.name}"


@dataclass(frozen=True, slots=True)
class CrmMapping:
    """What one CRM shows for each state: `columns` are field names; None writes nothing there."""

    crm: str
    columns: tuple[str, ...]
    states: Mapping[str, tuple[str | None, ...]]
    at: Position = field(default_factory=_at, compare=False)
    value_at: Mapping[tuple[str, str], Position] = field(default_factory=dict, compare=False)
    """Where the value of (state, column) was written."""
    portals: Mapping[str, "CrmMapping"] = field(default_factory=dict)
    """Portals that are shown something else: each one's whole mapping, with its own cells in it."""

    def of(self, portal: str) -> "CrmMapping":
        """What this portal is shown."""
        return self.portals.get(portal, self)


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise of the file's authors, in one of four forms; states and events resolved.

    left_only_by  a lead leaves `states` only by `events`
    then          after entering `states`, `then` (handback, note, task or a state) has happened
                  within `within` ms (0 = in the same decision)
    never         a lead in `states` never comes straight into `targets`, except by `events`
    always        every lead in `states` satisfies `guard`
    """

    name: str
    form: Literal["left_only_by", "then", "never", "always"]
    states: tuple[str, ...]
    targets: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    then: str = ""
    within: Millis = 0
    guard: tuple[Comparison, ...] = ()
    at: Position = field(default_factory=_at, compare=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """A whole rules file. version: hash of its meaning, 12 hex digits; dicts keep file order."""

    version: str
    start: Rule
    start_event: str
    states: Mapping[str, State]
    counters: Mapping[str, str]
    events: Mapping[str, Event]
    groups: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...]
    timers: Mapping[str, Timer]
    texts: Mapping[str, str]
    crm: Mapping[str, CrmMapping]
    invariants: Mapping[str, Invariant] = field(default_factory=dict)
    migrate: Mapping[str, str] = field(default_factory=dict)
    """Where leads go whose state is not in the file any more: old state → new state."""
    text: str = field(default="", compare=False, repr=False)
    """The file as it was read."""

    def mapping(self, crm: str, portal: str) -> CrmMapping | None:
        """What a portal with this CRM is shown; None when the file has no table for the CRM."""
        table = self.crm.get(crm)
        return None if table is None else table.of(portal)
