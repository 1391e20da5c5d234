"""What the checks say: findings with a place, a stable code and a fix, and the table of all codes.

docs/reference/findings.md explains each code to the product team; a test keeps the two together.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from leadback.base.errors import ConfigurationError
from leadback.base.words import many
from leadback.rules.model import Position


class Severity(StrEnum):
    """error: the file is not used. warning: it is used, and someone should look. note: to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding. explanation: why it matters, one or two sentences."""

    code: str
    title: str
    severity: Severity
    explanation: str


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One problem at one place; line and column are 1-based, 0 where a whole file is meant."""

    file: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.code} {self.message} — {self.fix}"

    def as_json(self) -> dict[str, str | int]:
        """The object that `rules check --json` prints."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "fix": self.fix,
        }


class RulesError(ConfigurationError):
    """A rules file that cannot be used; `findings` holds everything found, sorted by place."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        errors = [finding for finding in self.findings if finding.severity is Severity.ERROR]
        self._lines = (
            f"The rules file has {many(len(errors), 'error')}:",
            *(f"  {finding}" for finding in errors),
        )
        super().__init__("\n".join(self._lines))

    def lines(self) -> tuple[str, ...]:
        return self._lines


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

_TABLE = (
    # ------------------------------------------------------------------ reading
    ("R001", "The file cannot be read", _E, "It is missing, a folder, not UTF-8 text, or binary."),
    ("R002", "The file is too large or nested too deeply", _E,
     "A rules file is at most 1 MiB and 12 levels deep; more is a mistake or an attack."),
    ("R003", "Not valid YAML", _E, "The text cannot be read beyond this place."),
    ("R004", "A key is given twice", _E,
     "YAML readers silently keep one of the two; which one is luck."),
    ("R005", "A YAML feature that rules do not use", _E,
     "Anchors, aliases, merge keys, tags and several documents hide what a file says."),
    ("R006", "A value of the wrong kind", _E,
     "A list where a text belongs, a word where a number belongs. Only `true` and `false` are "
     "yes and no."),
    ("R007", "Unknown key", _E,
     "A misspelt key would otherwise be ignored, and with it what it says."),
    ("R008", "Something required is missing", _E, "The file cannot be understood without it."),
    ("R009", "Unknown format", _E, "The file is written for another version of this program."),
    # ------------------------------------------------------------------ names
    ("R010", "Not a usable name", _E,
     "Names start with a letter, and have letters, digits and underscores; some words are "
     "taken."),
    ("R011", "Unknown state or group", _E, "A rule for a state that does not exist never fires."),
    ("R012", "Unknown event", _E, "A rule for an event that is not declared never fires."),
    ("R013", "Unknown counter", _E, "A guard can only read counters that are declared, and flags."),
    ("R014", "Unknown text", _E, "A note or task needs a text that `texts` declares."),
    ("R015", "A group contains itself", _E, "Nobody can say which states it means."),
    ("R016", "Unknown sub-state", _E,
     "The state does not allow that sub-state, or can never have it."),
    ("R017", "Unknown action", _E, "`do` takes actions from a closed list."),
    ("R018", "Unknown word in braces", _E,
     "It would be shown to people as it is, braces included."),
    ("R019", "A name means two things", _E,
     "A state and a group, or two timers, of the same name."),
    # ------------------------------------------------------------------ values
    ("R020", "Not a duration", _E, "Durations are a whole number and a unit: 30s 15m 24h 7d."),
    ("R021", "Not a guard", _E,
     "Guards are comparisons joined by `and`: opens >= 3, finished, not finished, sub_state in "
     "[A, B]."),
    ("R022", "A rule without one clear outcome", _E,
     "A rule says exactly one of `to`, `stay` and `refuse`."),
    ("R023", "A timer without one clear time", _E,
     "A timer says exactly one of `after`, `at` and `every`."),
    ("R024", "A variant of an event that has none", _E,
     "`replied.X` needs `by` in the event, which names the field that holds X."),
    ("R025", "An event with variants has a rule without one", _E,
     "With `by`, rules are chosen by the variant; `NAME.other` is for all values without rules "
     "of their own."),
    ("R026", "An event with variants has no `other`", _W,
     "A value that has no rules of its own will be refused when it comes in."),
    ("R027", "An option that has no effect here", _E, "It says something that will not happen."),
    ("R028", "Two events for one fact", _E,
     "The engine tells what it found out about a contact by one event; which of two is luck."),
    # ------------------------------------------------------------------ the machine
    ("R030", "Unreachable state", _E, "No sequence of events brings a lead there."),
    ("R031", "Dead end", _E,
     "The assistant is not done in this state, and nothing ever leaves it."),
    ("R032", "Shadowed rule", _E, "Earlier rules always win, so this one never fires."),
    ("R033", "A rule leaves a final state", _E,
     "Final means never left; only `stay` and `refuse` are allowed."),
    ("R034", "Event without rules", _W, "The event would be kept in the history and do nothing."),
    ("R035", "A state that an event does not know", _W,
     "Every state meets every event sooner or later: either it moves, or someone decided that "
     "it stays."),
    ("R036", "A gap between guards", _W,
     "For some leads no rule fits, though others of the same state move."),
    ("R037", "Overlapping guards", _W,
     "Two rules fit the same lead and move it to different places; only their order decides."),
    ("R038", "Timers that loop", _E,
     "A lead would be moved around for ever with nobody doing anything."),
    ("R039", "Done, and never handed back", _E,
     "A finished lead that is assigned again has to start anew or go straight back."),
    ("R040", "No end in sight", _E,
     "From this state no done state can be reached, so it is never handed back."),
    ("R041", "Counter that nothing counts", _W, "It is always 0."),
    ("R042", "Text that nothing uses", _W, "Probably a misspelt `note` or `task`, or left over."),
    ("R043", "Group that nothing uses", _W, "Probably left over."),
    ("R044", "Too many guards to prove anything", _W,
     "The guards of this event combine in so many ways that gaps and overlaps were not looked "
     "for."),
    # ------------------------------------------------------------------ what the CRM shows
    ("R050", "Unmapped state", _E, "The CRM would go on showing the state before."),
    ("R051", "Wrong number of columns", _E, "Each state has one value for each of the columns."),
    ("R052", "A mapped value that cannot be written", _E,
     "Empty, too long, with blanks around it, or with characters that nobody sees."),
    ("R053", "A mapped value that the CRM does not have", _E,
     "The field has a closed list of options, and this is none of them."),
    ("R054", "An ambiguous mapped value", _E,
     "It matches several of the CRM's options when case is ignored."),
    ("R055", "A mapped value that set-up has to add", _N,
     "It is none of the options that the CRM starts with."),
    ("R056", "A mapped value that the CRM spells differently", _N,
     "It matches one of the CRM's options when case is ignored, and is written as that option."),
    ("R057", "A mapped value that looks misspelt", _W,
     "It is close to one of the CRM's options; set-up would add it as a new one."),
    ("R058", "A fact about contacts that no event tells", _W,
     "The engine finds it out, in the CRM or handing back, and the rules never hear of it."),
    ("R059", "A CRM that no plugin knows", _E,
     "Nobody would write what the file says for it, and the portals meant would show nothing."),
    # ------------------------------------------------------------------ promises and changes
    ("R060", "Not an invariant", _E, "Invariants have one of a few forms; see the reference."),
    ("R061", "A broken invariant", _E,
     "There is a sequence of events after which it does not hold."),
    ("R062", "An invariant that could not be proved", _W,
     "There are more kinds of lead than were looked at."),
    ("R070", "A state that migrates though it still exists", _E,
     "`migrate` is for states that are gone."),
    ("R071", "A state that still holds leads is gone", _E,
     "Nobody could say what happens to them next."),
    ("R080", "Not an example", _E,
     "An example says what is given, what happens, and what comes of it."),
)  # fmt: skip

CODES = MappingProxyType({row[0]: Code(*row) for row in _TABLE})
"""Every code, in order. Codes are stable: none is ever reused for something else."""


def finding(code: str, at: Position, message: str, *, fix: str) -> Finding:
    """A finding of this code at this place, with the code's own severity."""
    return Finding(at.file, at.line, at.column, code, CODES[code].severity, message, fix)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sorted by place, each once."""
    return tuple(sorted(set(findings)))


def has_errors(findings: Iterable[Finding]) -> bool:
    return any(one.severity is Severity.ERROR for one in findings)
