"""Examples that a product team writes beside the rules: given a lead, when events, then this.

Reading them, and playing them through a `decide` that is handed in: the rules floor has none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leadback.base.clock import Millis
from leadback.rules.draft import Draft
from leadback.rules.findings import Finding, in_order
from leadback.rules.grammar import Key
from leadback.rules.model import OTHER, Position, Rules
from leadback.rules.reader import Items, Node, Scalar, Table, read, read_file
from leadback.rules.shapes import (
    Report,
    duration,
    fields,
    flag,
    items,
    kind_of,
    name_of,
    pairs,
    text,
    word,
    wrong_kind,
)

EXAMPLE = (
    Key("example", "text", "What it shows, as a sentence.", True),
    Key("row", "text", "The row of the lifecycle document that it stands for."),
    Key("given", "section", "The lead before: state, sub_state, before, portal, counters, …", True),
    Key("when", "section", "Events in order; {wait: 24h} lets time pass.", True),
    Key("then", "section", "What comes of it: state, counters, handback, fields, …", True),
)
GIVEN = ("state", "sub_state", "before", "finished", "stopped", "portal")
THEN = ("state", "sub_state", "finished", "stopped", "handback", "note", "task", "email", "fields",
        "result")  # fmt: skip
RESULTS = ("moved", "stayed", "refused", "ignored")
WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Happening:
    """One event, or time that passes: wait in ms, then event is empty."""

    event: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    wait: Millis = 0


@dataclass(frozen=True, slots=True)
class Example:
    """One example. given and then hold the keys above and counters; given {} = no lead yet."""

    name: str
    row: str
    given: Mapping[str, Any]
    when: tuple[Happening, ...]
    then: Mapping[str, Any]
    at: Position


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one example; wrong is empty when all is as it says."""

    example: Example
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        verdict = "; ".join(self.wrong) if self.wrong else "ok"
        return f"{self.example.at} {self.example.name}: {verdict}"


def load_examples(path: Path, rules: Rules) -> tuple[tuple[Example, ...], tuple[Finding, ...]]:
    """The examples of one file and what is wrong with them. Never raises for what it holds."""
    source, findings = read_file(path, file=str(path))
    if source is None:
        return (), in_order(findings)
    return parse_examples(source, rules, file=str(path))


def parse_examples(
    source: str, rules: Rules, *, file: str
) -> tuple[tuple[Example, ...], tuple[Finding, ...]]:
    """As load_examples, from a text."""
    reading = read(source, file=file)
    draft = Draft(
        Report(reading.findings),
        states=dict(rules.states),
        counters=dict(rules.counters),
        events=dict(rules.events),
        rules=list(rules.rules),
    )
    found: list[Example] = []
    if isinstance(reading.root, Items):
        found = [e for e in (_example(draft, node) for node in reading.root.items) if e]
    elif not reading.findings:
        at = Position(file, 1, 1)
        draft.report.add("R080", at, "examples are a list", fix="start each with: - example: …")
    return tuple(found), in_order(draft.report.findings)


def _example(draft: Draft, node: Node) -> Example | None:
    before = len(draft.report.findings)
    found = fields(draft.report, node, EXAMPLE, "an example")
    if found is None or any(key.required and key.name not in found for key in EXAMPLE):
        return None
    name = text(draft.report, found["example"], "example") or "?"
    row = text(draft.report, found["row"], f"row of {name!r}") if "row" in found else None
    given = _lead(draft, found["given"], GIVEN, "given")
    when = tuple(_happenings(draft, found["when"]))
    then = _lead(draft, found["then"], THEN, "then")
    if len(draft.report.findings) > before:
        return None
    if not when or not then:
        message = f"{name!r} does not say {'what happens' if not when else 'what comes of it'}"
        draft.report.add("R080", node.at, message, fix="fill in when and then")
        return None
    return Example(name, row or "", given, when, then, node.at)


def _lead(draft: Draft, node: Node, allowed: tuple[str, ...], what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs(draft.report, node, what):
        name = name_of(key)
        if name in allowed:
            found[name] = _value(draft, name, value, what)
            continue
        if name in draft.counters:
            found[name] = _count(draft, value, name)
            continue
        near = (*allowed, *draft.counters)
        message = f"{what} has the unknown key {name}"
        draft.report.add("R007", key.at, message, fix=f"allowed: {', '.join(near)}")
    return found


def _value(draft: Draft, name: str, node: Node, what: str) -> Any:
    if name in ("state", "before"):
        return draft.state(node, what)
    if name == "portal":
        return text(draft.report, node, f"portal in {what}")
    if name == "sub_state":
        nothing = isinstance(node, Scalar) and node.value is None
        return None if nothing else text(draft.report, node, f"sub_state in {what}")
    if name == "result":
        return word(draft.report, node, f"result in {what}", RESULTS)
    if name == "fields":
        return {name_of(k): _shown(draft, v) for k, v in pairs(draft.report, node, "fields")}
    return flag(draft.report, node, f"{name} in {what}")


def _shown(draft: Draft, node: Node) -> str | None:
    nothing = isinstance(node, Scalar) and node.value is None
    return None if nothing else text(draft.report, node, "a field")


def _count(draft: Draft, node: Node, name: str) -> int:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    wrong_kind(draft.report, node, name, expected="a whole number")
    return 0


def _happenings(draft: Draft, node: Node) -> Iterator[Happening]:
    for item in items(draft.report, node, "when"):
        if isinstance(item, Table) and len(item.pairs) == 1:
            key, value = item.pairs[0]
            if key.value == WAIT:
                yield Happening(wait=duration(draft.report, value, "wait") or 0)
            else:
                data = {name_of(k): _plain(v) for k, v in pairs(draft.report, value, "data")}
                yield _event(draft, name_of(key), key.at, data)
        elif isinstance(item, Scalar) and isinstance(item.value, str):
            yield _event(draft, item.value, item.at, {})
        else:
            message = f"{kind_of(item)} is no event"
            fix = "write a name, {name: {data}}, or {wait: 24h}"
            draft.report.add("R080", item.at, message, fix=fix)


def _event(draft: Draft, trigger: str, at: Position, data: dict[str, Any]) -> Happening:
    name, _, variant = draft.trigger(trigger, at, "when").partition(".")
    kind = draft.events.get(name)
    if kind is not None and kind.by is not None and variant and variant != OTHER:
        data = {kind.by: variant, **data}
    return Happening(name, data)


def _plain(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [_plain(item) for item in node.items]
    return {name_of(key): _plain(value) for key, value in node.pairs}


Decide = Callable[[Any, Any, Millis], Any]
"""(lead or None, event, now) → a decision with lead, result, effects, timers, clears_timers; or
None when nothing comes of it."""
