"""A rules file → Rules, with all findings at once. The only way rules come into the engine.

text → tree (reader) → draft (sections) → checks → Rules. Nothing in a file is ever executed.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from leadback.rules.check_promises import broken_promises
from leadback.rules.checks import check
from leadback.rules.declarations import (
    load_counters,
    load_events,
    load_groups,
    load_states,
    load_sub_states,
    load_texts,
)
from leadback.rules.draft import Draft
from leadback.rules.findings import Finding, RulesError, has_errors, in_order
from leadback.rules.grammar import FORMAT, SECTIONS
from leadback.rules.mapping import load_crm
from leadback.rules.model import Position, Rules
from leadback.rules.promises import load_invariants, load_migrate
from leadback.rules.reader import Node, Scalar, Table, read, read_file
from leadback.rules.rows import load_rules, load_start
from leadback.rules.shapes import Report, fields, is_refused, kind_of
from leadback.rules.timers import load_timers
from leadback.rules.version import version_of

_LOADERS = (
    ("states", load_states),
    ("sub_states", load_sub_states),
    ("groups", load_groups),
    ("counters", load_counters),
    ("events", load_events),
    ("texts", load_texts),
    ("start", load_start),
    ("rules", load_rules),
    ("timers", load_timers),
    ("crm", load_crm),
    ("invariants", load_invariants),
    ("migrate", load_migrate),
)
"""Declarations first, so that everything after them can look names up."""


def load(path: Path) -> Rules:
    """The rules of a file. Raises RulesError, which carries every finding, if one is an error."""
    rules, findings = parse_file(path)
    if rules is None:
        raise RulesError(findings)
    return rules


def parse_file(path: Path) -> tuple[Rules | None, tuple[Finding, ...]]:
    """As parse, from a file; a file that cannot be read is a finding too. Never raises OSError."""
    text, findings = read_file(path, file=str(path))
    if text is None:
        return None, in_order(findings)
    return parse(text, file=str(path))


def parse(text: str, *, file: str) -> tuple[Rules | None, tuple[Finding, ...]]:
    """The rules in a text, and all findings, sorted by place. None when one is an error.

    file: the name that findings show. Never raises for what the text holds.
    """
    return _parse(text, file)


@lru_cache(maxsize=16)
def _parse(text: str, file: str) -> tuple[Rules | None, tuple[Finding, ...]]:
    """Kept for the next who asks: proving the promises is a tenth of a second, and the file of the
    settings is looked at by everybody."""
    reading = read(text, file=file)
    draft = Draft(Report(reading.findings))
    if reading.findings and any(one.code == "R004" for one in reading.findings):
        draft.report.doubt("R030", "R031", "R034", "R035", "R040")
    if reading.root is None:
        if not reading.findings:
            at = Position(file, 1, 1)
            draft.report.add("R008", at, "the file is empty", fix="start with: format: 1")
        return None, in_order(draft.report.findings)
    complete = _sections(draft, reading.root)
    if complete:
        check(draft)
    findings = in_order(draft.report.findings)
    if has_errors(findings):
        return None, findings
    rules = draft.finished("", text)
    broken = tuple(broken_promises(rules))
    if broken:
        findings = in_order((*findings, *broken))
        if has_errors(findings):
            return None, findings
    return replace(rules, version=version_of(rules)), findings


def reload(text: str, version: str, *, file: str) -> Rules:
    """The rules of a text that was sound when it was kept: read, not proved again.

    Raises RulesError for what cannot be read; newer checks than it was kept with do not matter.
    """
    reading = read(text, file=file)
    draft = Draft(Report(reading.findings))
    if reading.root is None or not _sections(draft, reading.root):
        raise RulesError(in_order(draft.report.findings))
    if has_errors(draft.report.findings):
        raise RulesError(in_order(draft.report.findings))
    return replace(draft.finished("", text), version=version)


def _sections(draft: Draft, root: Node) -> bool:
    """Load every section; False when too little is there to check what it means together."""
    found = fields(draft.report, root, SECTIONS, "the file")
    if found is None:
        return False
    if "format" in found:
        _format(draft, found["format"])
    for name, load_section in _LOADERS:
        node = found.get(name)
        if node is not None and not _is_nothing(node):
            load_section(draft, node)
    for key in SECTIONS:
        node = found.get(key.name)
        if key.required and node is not None and _is_nothing(node) and not is_refused(node):
            draft.report.add(
                "R008", node.at, f"{key.name} is empty", fix=f"fill it in: {key.means}"
            )
    required = [found.get(key.name) for key in SECTIONS if key.required and key.name != "format"]
    return all(isinstance(node, Table) for node in required)


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _format(draft: Draft, node: Node) -> None:
    value = node.value if isinstance(node, Scalar) else None
    if (value != FORMAT or isinstance(value, bool)) and not _is_nothing(node):
        message = f"format is {kind_of(node)}, and this program reads {FORMAT}"
        draft.report.add("R009", node.at, message, fix=f"write format: {FORMAT}")
