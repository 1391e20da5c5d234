"""Reading typed values from nodes: each function reports what is wrong and gives back the rest.

One mistake, one finding: what follows from a mistake is put in doubt, and not reported again.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from leadback.base.clock import Millis
from leadback.rules.durations import parse_duration
from leadback.rules.findings import Finding, finding
from leadback.rules.grammar import MAX_TEXT, NAME_PATTERN, WORDS_TAKEN, Key
from leadback.rules.model import TEXT_WORDS, Position
from leadback.rules.reader import Items, Node, Scalar, Table

_NAME = re.compile(NAME_PATTERN)
_BRACES = re.compile(r"\{([^{}]*)\}")
GRAPH_CODES = ("R030", "R031", "R038", "R039", "R040", "R061", "R062")

MAX_PAIRS = 1_000


@dataclass(slots=True)
class Report:
    """What one check of one file has found so far.

    doubted: codes that would only repeat an earlier finding. opaque: triggers whose rules were
    not all understood, so that nothing can be proved about them.
    """

    findings: list[Finding] = field(default_factory=list)
    doubted: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)

    def add(self, code: str, at: Position, message: str, *, fix: str) -> None:
        if code not in self.doubted:
            self.findings.append(finding(code, at, message, fix=fix))

    def doubt(self, *codes: str) -> None:
        self.doubted.update(codes)


def known_names(names: Iterable[str], *, most: int = 16) -> str:
    """For messages: `a, b, c`, cut off when there are many."""
    found = list(names)
    return ", ".join(found[:most]) + (", …" if len(found) > most else "")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant; None when nothing comes close."""
    choices = list(names)
    lower = {choice.lower(): choice for choice in reversed(choices)}
    if name.lower() in lower:
        return lower[name.lower()]
    return next(iter(get_close_matches(name, choices, n=1, cutoff=0.7)), None)


def suggestion(near: str | None, names: Iterable[str], *, kind: str) -> str:
    """The fix of a finding about an unknown name."""
    listed = known_names(names)
    if not listed:
        return f"there are no {kind} yet; declare it first"
    return f"did you mean {near}?" if near else f"use one of the {kind}: {listed}"


def name_of(node: Scalar) -> str:
    """A key as text, whatever it is."""
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    return "~" if node.value is None else str(node.value)


def is_refused(node: Node) -> bool:
    return isinstance(node, Scalar) and node.refused


def kind_of(node: Node) -> str:
    """What a node is, in the words of messages."""
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Table):
        return "a map"
    if isinstance(node.value, bool):
        return f"the switch {'true' if node.value else 'false'}"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, int):
        return f"the number {node.value}"
    return f"the text {node.value[:40]!r}"


def wrong_kind(report: Report, node: Node, what: str, *, expected: str, fix: str = "") -> None:
    if is_refused(node):
        return
    message = f"{what} is {kind_of(node)}, expected {expected}"
    report.add("R006", node.at, message, fix=fix or f"write {expected}")


def pairs(report: Report, node: Node, what: str) -> tuple[tuple[Scalar, Node], ...]:
    """The pairs of a map, () when it is none. Keys that were refused are left out, and what a map
    has beyond MAX_PAIRS: names are compared with each other, which takes their number squared."""
    if not isinstance(node, Table):
        wrong_kind(report, node, what, expected="a map (name: value)")
        return ()
    given = tuple(pair for pair in node.pairs if not pair[0].refused)
    if len(given) > MAX_PAIRS:
        at = given[MAX_PAIRS][0].at
        report.add("R002", at, f"{what} has more than {MAX_PAIRS:,} entries", fix="use fewer")
    return given[:MAX_PAIRS]


def fields(report: Report, node: Node, keys: Sequence[Key], what: str) -> dict[str, Node] | None:
    """The values by key; None when it is no map. Reports unknown and missing keys.

    A misspelt key is taken for the one that was probably meant.
    """
    if not isinstance(node, Table):
        wrong_kind(report, node, what, expected=f"a map with {known_names(k.name for k in keys)}")
        return None
    allowed = [key.name for key in keys]
    found: dict[str, Node] = {}
    for key, value in pairs(report, node, what):
        name = name_of(key)
        if name in allowed:
            found.setdefault(name, value)
            continue
        near = nearest(name, (a for a in allowed if node.get(a) is None))
        if near is not None:
            found.setdefault(near, value)
        fix = f"did you mean {near}? " if near else ""
        message = f"{what} has the unknown key {name}"
        report.add("R007", key.at, message, fix=f"{fix}allowed: {', '.join(allowed)}")
    for key_ in keys:
        if key_.required and key_.name not in found:
            fix = f"add {key_.name}: {key_.means}"
            report.add("R008", node.at, f"{what} has no {key_.name}", fix=fix)
    return found


def text(report: Report, node: Node, what: str, *, most: int = MAX_TEXT) -> str | None:
    """A text that is not empty."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        wrong_kind(report, node, what, expected="a text", fix="write a text, in quotes if need be")
        return None
    if not node.value.strip():
        report.add("R006", node.at, f"{what} is empty", fix="write something, or leave it out")
        return None
    if len(node.value) > most:
        message = f"{what} has {len(node.value)} characters"
        report.add("R006", node.at, message, fix=f"use at most {most}")
        return None
    return node.value


def word(report: Report, node: Node, what: str, words: Sequence[str]) -> str | None:
    """One of a closed list of words."""
    value = text(report, node, what)
    if value is None or value in words:
        return value
    near = nearest(value, words)
    fix = f"did you mean {near}? " if near else ""
    message = f"{what} is {value[:40]!r}, which means nothing here"
    report.add("R006", node.at, message, fix=f"{fix}use one of {', '.join(words)}")
    return None


def flag(report: Report, node: Node, what: str) -> bool:
    """true or false; false when it is neither."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    wrong_kind(report, node, what, expected="true or false")
    return False


def number(report: Report, node: Node, what: str, *, most: int) -> int | None:
    """A whole number from 1 to most."""
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    wrong_kind(report, node, what, expected=f"a whole number from 1 to {most}")
    return None


def duration(report: Report, node: Node, what: str) -> Millis | None:
    if is_refused(node):
        return None
    value = node.value if isinstance(node, Scalar) else None
    parsed = parse_duration(value) if isinstance(value, str) else None
    if parsed is None:
        message = f"{what} is {kind_of(node)}, which is not a duration"
        report.add("R020", node.at, message, fix="write e.g. 30s, 15m, 24h or 7d")
    return parsed


def items(report: Report, node: Node, what: str) -> tuple[Node, ...]:
    if isinstance(node, Items):
        return node.items
    wrong_kind(report, node, what, expected="a list", fix="put it in square brackets")
    return ()


def is_name(text: str) -> bool:
    """Whether something can be called this."""
    return _NAME.fullmatch(text) is not None and text not in WORDS_TAKEN


def declared_name(report: Report, node: Scalar, what: str) -> str:
    """A name that is being declared; reports one that cannot be used, and gives it back."""
    name = name_of(node)
    if name in WORDS_TAKEN:
        message = f"{name} cannot be the name of {what}: the word has a meaning of its own"
        report.add("R010", node.at, message, fix="choose another name")
    elif not isinstance(node.value, str) or not _NAME.fullmatch(name):
        message = f"{name[:40]!r} cannot be the name of {what}"
        fix = "use letters, digits and underscores, starting with a letter, 64 at most"
        report.add("R010", node.at, message, fix=fix)
    return name


def braces(report: Report, value: str, at: Position, what: str) -> None:
    """Report words in braces that nothing fills in, and braces that do not match."""
    for match in _BRACES.finditer(value):
        name = match.group(1)
        if name not in TEXT_WORDS:
            near = nearest(name, TEXT_WORDS)
            fix = f"did you mean {{{near}}}?" if near else f"known: {', '.join(TEXT_WORDS)}"
            report.add("R018", at, f"{what} has the unknown word {{{name[:40]}}}", fix=fix)
    if any(brace in _BRACES.sub("", value) for brace in "{}"):
        message = f"{what} has a brace that is not part of a word"
        report.add("R018", at, message, fix="write {word}, or use another character")
