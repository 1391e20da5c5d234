"""The tables of keys that a rules file may have: read by the loader and by the JSON Schema alike.

A key that is not here is refused; a description here is what an editor shows.
"""

from dataclasses import dataclass
from typing import Literal

FORMAT = 1
MAX_STATES = 500
MAX_ROWS = 10_000
MAX_TEXT = 2_000
MAX_VALUE = 255
MAX_TIMES = 1_000

NAME_PATTERN = r"[A-Za-z][A-Za-z0-9_]{0,63}"
PORTAL_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}"
COLUMN_PATTERN = r"[A-Za-z][A-Za-z0-9_.\-]{0,127}"
TRIGGER_PATTERN = rf"{NAME_PATTERN}(\.{NAME_PATTERN})?"

Shape = Literal[
    "actions", "contact", "counter", "counters", "duration", "event", "field", "flag", "format",
    "guard", "log", "missed", "names", "number", "section", "sources", "states", "sub_state",
    "target", "text", "then", "triggers", "work",
]  # fmt: skip
"""What a value looks like; engine/leadback/rules/schema.py has the JSON Schema of each."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: its shape, what it means, and whether it can be left out."""

    name: str
    shape: Shape
    means: str
    required: bool = False


SECTIONS = (
    Key("format", "format", "The version of this file format: 1.", True),
    Key("start", "section", "How a contact becomes a lead.", True),
    Key("states", "section", "The states of a lead, one line each.", True),
    Key("sub_states", "section", "Finer reasons beside a state: a list of names, or `any`."),
    Key("groups", "section", "Names for lists of states, usable in `from` and `in`."),
    Key("counters", "section", "What is counted for each lead, and what it means."),
    Key("events", "section", "What can happen to a lead, one line each.", True),
    Key("rules", "section", "For each event: rows tried from top to bottom.", True),
    Key("timers", "section", "What happens when nothing happens."),
    Key("texts", "section", "What notes and tasks say."),
    Key("crm", "section", "What each CRM shows for each state."),
    Key("invariants", "section", "Promises that are proved on every check."),
    Key("migrate", "section", "Where leads go whose state was removed: OldState: NewState."),
)

START = (
    Key("state", "target", "The state of a new lead.", True),
    Key("on", "event", "The event that makes a contact a lead.", True),
    Key("do", "actions", "What is done besides, in order."),
)

STATE = (
    Key("work", "work",
        "What the assistant does: waits, goes_on, done (handed back) or final (and never left).",
        True),
    Key("means", "text", "What it means, for people."),
)  # fmt: skip

EVENT = (
    Key("means", "text", "What it means, for people."),
    Key("by", "field", "The field of the event's data that chooses among its rules."),
    Key("automatic", "names",
        "Values of `by` that no person brought about: such an event counts and resets nothing."),
    Key("keeps_sub_state", "flag", "The value of `by` becomes the sub-state when the lead moves."),
    Key("counts", "counter", "The counter that goes up by one."),
    Key("resets", "counters", "Counters that go back to 0 (before counting)."),
    Key("logs", "log", "Put the email on the contact's timeline."),
    Key("contact", "contact",
        "What the engine found out about the contact, and tells the rules by this event."),
    Key("manual", "flag", "A person does this by hand; a program's key needs `actions:write`."),
)  # fmt: skip

ROW = (
    Key("from", "sources", "A state, a list, a group, `any` (not final) or `everywhere`.", True),
    Key("to", "target", "The next state, or `previous`: the state before this one."),
    Key("stay", "text", "The lead stays where it is, and this is why."),
    Key("refuse", "text", "Like stay, and whoever asked is told why."),
    Key("when", "guard", "A comparison, joined by `and`: opens >= 3, not finished."),
    Key("sub_state", "sub_state", "The sub-state after the move, or `keep`."),
    Key("done", "flag", "The assistant is done though the new state goes on."),
    Key("do", "actions", "What is done besides, in order."),
)

TIMER = (
    Key("in", "sources", "The states in which it runs; leaving the state cancels it.", True),
    Key("after", "duration", "Fires once, this long after the state was entered."),
    Key("at", "field", "Fires at the time in this field of the event that led here."),
    Key("default", "duration", "With `at`: how long after entering when the field is missing."),
    Key("every", "duration", "Fires again and again, this far apart, `times` times."),
    Key("times", "number", "With `every`: how often."),
    Key("missed", "missed",
        "Overdue after downtime, or its rule changed: fire (default), skip, or restart."),
    *(key for key in ROW if key.name not in ("from", "refuse")),
)  # fmt: skip

CRM = (
    Key("columns", "section", "The CRM's field names.", True),
    Key("states", "section", "One value per column for each state; ~ or [] writes nothing.", True),
    Key("portals", "section",
        "Portals that are shown something else: PORTAL: {STATE: {COLUMN: value}}."),
)  # fmt: skip

INVARIANT_FORMS = (
    (Key("state", "states", "In this state,", True),
     Key("left_only_by", "triggers", "only these events lead out of it ([] = none).", True)),
    (Key("entering", "states", "Once a lead has entered this state,", True),
     Key("then", "then", "this has happened: handback, note, task, or a state", True),
     Key("within", "duration", "no later than this (without: in the same moment).")),
    (Key("never", "states", "[A, B]: a lead in A never comes straight into B,", True),
     Key("except_by", "triggers", "other than by these events.")),
    (Key("in", "states", "Whenever a lead is in this state,", True),
     Key("always", "guard", "this holds.", True)),
)  # fmt: skip

WORDS_TAKEN = (
    "any", "everywhere", "previous", "keep", "other", "start", "timer", "finished", "stopped",
    "sub_state", "and", "or", "not", "in", "handback", "note", "task", "true", "false", "null",
)  # fmt: skip
"""Words with a meaning of their own; no state, group, event or counter can have them as a name."""
