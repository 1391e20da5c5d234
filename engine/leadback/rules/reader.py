"""Strict YAML: text → a tree in which every node knows its line and column, and findings.

Only what rules need: maps, lists, texts, whole numbers, true/false and `~`. Built on PyYAML's
event stream, which constructs nothing, so a file cannot make objects or expand aliases.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from leadback.rules.findings import Finding, finding
from leadback.rules.model import Position

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 12

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,8})")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, whole number, true/false, or None (`~`, `null` or nothing at all).

    refused: there is a finding about it already, nobody has to say more.
    """

    value: str | int | bool | None
    at: Position
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple["Node", ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Table:
    """A map, in file order; keys given twice are kept here and reported by the reader."""

    pairs: tuple[tuple[Scalar, "Node"], ...]
    at: Position

    def get(self, key: str) -> "Node | None":
        """The value of the first pair with this key."""
        return next((node for name, node in self.pairs if name.value == key), None)


Node = Scalar | Items | Table


@dataclass(slots=True)
class Reading:
    """What came of reading: root is None when there is no tree to go on with."""

    root: Node | None = None
    findings: list[Finding] = field(default_factory=list)


def read_file(path: Path, *, file: str) -> tuple[str | None, list[Finding]]:
    """The text of a rules file, or None and why not. Reads at most MAX_BYTES + 1 bytes."""
    top = Position(file, 1, 1)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"the file cannot be read: {reason}"
        return None, [finding("R001", top, message, fix="check the path and who may read it")]
    if len(raw) > MAX_BYTES:
        return None, [_too_large(top)]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        at = Position(file, line, column)
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8 text"
        return None, [finding("R001", at, message, fix="save the file as UTF-8")]


def read(text: str, *, file: str) -> Reading:
    """The tree of one YAML document. Never raises for what the text holds."""
    reading = Reading()
    trouble = _refuse_text(text, file)
    if trouble is not None:
        reading.findings.append(trouble)
        return reading
    builder = _Builder(file, reading.findings)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if not builder.take(event):
                return reading
    except yaml.MarkedYAMLError as error:
        reading.findings.append(_syntax(error, file))
        return reading
    reading.root = builder.root
    return reading


_LOOK = "look at this line and the one above: indentation, colons, quotes and brackets"


def _refuse_text(text: str, file: str) -> Finding | None:
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return _too_large(Position(file, 1, 1))
    odd = _UNPRINTABLE.search(text)
    if odd is None:
        return None
    start = odd.start()
    line = text.count("\n", 0, start) + 1
    at = Position(file, line, start - (text.rfind("\n", 0, start) + 1) + 1)
    message = f"the character U+{ord(odd.group()):04X} does not belong in a text file"
    return finding("R001", at, message, fix="remove it, or save the file as plain UTF-8 text")


def _too_large(at: Position) -> Finding:
    message = f"the file is larger than {MAX_BYTES // 1024} KiB"
    return finding("R002", at, message, fix="a rules file is a few pages; is this the right file?")


def _syntax(error: yaml.MarkedYAMLError, file: str) -> Finding:
    mark = error.problem_mark or error.context_mark
    at = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
    problem = error.problem or "cannot be read"
    context = f" {error.context}" if error.context else ""
    return finding("R003", at, f"not valid YAML{context}: {problem}", fix=_LOOK)


@dataclass(slots=True)
class _Frame:
    """A map or list that is still open; key: the key that waits for its value."""

    at: Position
    is_table: bool
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Scalar, Node]] = field(default_factory=list)
    key: Scalar | None = None
    seen: dict[Any, Position] = field(default_factory=dict)


class _Builder:
    """Folds parser events into nodes; iterative, so that nesting cannot exhaust the stack."""

    def __init__(self, file: str, findings: list[Finding]) -> None:
        self.file = file
        self.findings = findings
        self.root: Node | None = None
        self._open: list[_Frame] = []
        self._documents = 0

    def take(self, event: Any) -> bool:
        """One event; False when there is no point in going on."""
        if isinstance(event, yaml.ScalarEvent):
            self._decorations(event)
            self._add(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._decorations(event)
            return self._enter(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._leave()
        elif isinstance(event, yaml.AliasEvent):
            message = f"the alias *{event.anchor} is not used in rules"
            self._refuse(event, message, "write the value out")
            self._add(Scalar(None, self._at(event), refused=True))
        elif isinstance(event, yaml.DocumentStartEvent):
            return self._document(event)
        return True

    def _at(self, event: Any) -> Position:
        return Position(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: Any, message: str, fix: str) -> None:
        self.findings.append(finding("R005", self._at(event), message, fix=fix))

    def _document(self, event: Any) -> bool:
        self._documents += 1
        if self._documents == 1:
            return True
        self._refuse(event, "a second YAML document starts here", "remove the line ---")
        return False

    def _decorations(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(event, f"the anchor &{event.anchor} is not used in rules", "remove it")
        if event.tag is not None and event.tag != "!":
            self._refuse(event, f"the tag {event.tag} is not used in rules", "remove it")

    def _scalar(self, event: Any) -> Scalar:
        text, at = event.value, self._at(event)
        if not event.implicit[0] or event.tag is not None:
            return Scalar(text, at)
        if text in ("true", "false"):
            return Scalar(text == "true", at)
        if text in ("", "~", "null"):
            return Scalar(None, at)
        return Scalar(int(text), at) if _WHOLE_NUMBER.fullmatch(text) else Scalar(text, at)

    def _enter(self, event: Any) -> bool:
        if len(self._open) >= MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep"
            fix = "rules need far fewer levels; look for a wrong indentation or bracket"
            self.findings.append(finding("R002", self._at(event), message, fix=fix))
            return False
        is_table = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Frame(self._at(event), is_table))
        return True

    def _leave(self) -> None:
        frame = self._open.pop()
        if frame.is_table:
            self._add(Table(tuple(frame.pairs), frame.at))
        else:
            self._add(Items(tuple(frame.items), frame.at))

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        frame = self._open[-1]
        if not frame.is_table:
            frame.items.append(node)
        elif frame.key is None:
            frame.key = self._key(frame, node)
        else:
            frame.pairs.append((frame.key, node))
            frame.key = None

    def _key(self, frame: _Frame, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            message = "a list or map cannot be a key"
            self.findings.append(finding("R006", node.at, message, fix="write a name here"))
            return Scalar(None, node.at, refused=True)
        if node.value == "<<":
            message = "the merge key << is not used in rules"
            self.findings.append(finding("R005", node.at, message, fix="write the keys out"))
            return Scalar(None, node.at, refused=True)
        same = (type(node.value), node.value)
        first = frame.seen.setdefault(same, node.at)
        if first is not node.at:
            message = f"the key {node.value!s} is given twice, first in line {first.line}"
            self.findings.append(finding("R004", node.at, message, fix="keep one of the two"))
        return node
