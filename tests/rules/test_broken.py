"""One broken file per code, with exactly the output that people get, and nothing else wrong."""

import re
from pathlib import Path

import pytest

from leadback.rules.examples import parse_examples
from leadback.rules.findings import CODES, Finding, RulesError, Severity, has_errors
from leadback.rules.loader import load, parse, parse_file
from leadback.rules.migration import plan_migration
from leadback.rules.options import check_facts, check_options
from leadback.service.sound import unknown_crms

HERE = Path("tests/rules/broken")
SOUND = Path("tests/rules/sound.yaml")
OPTIONS = {
    "hs_lead_status": ["NEW", "OPEN", "CONNECTED", "UNQUALIFIED"],
    "stage": ["New", "Cold", "Warm", "Hot", "HOT"],
}
"""What the fields of a CRM allow; set-up may add to the first."""


def look(path: Path) -> tuple[Finding, ...]:
    """What is found in a file: its own findings, those of the CRM's options, or of examples."""
    if path.stem == "R080":
        return parse_examples(path.read_text(), load(SOUND), file=path.name)[1]
    rules, findings = parse_file(path)
    if rules is not None and path.stem == "R071":
        return plan_migration({"Lukewarm": 3, "New": 1, "Col": 1, "Old": 2}, rules).findings
    if rules is None or path.stem < "R053" or path.stem > "R059":
        return findings
    if path.stem == "R058":
        return check_facts(rules)
    if path.stem == "R059":
        return tuple(unknown_crms(rules))
    return check_options(rules, "hubspot", OPTIONS, can_add=["hs_lead_status"])


@pytest.mark.parametrize("code", CODES)
def test_the_broken_file_gets_exactly_its_findings(code: str) -> None:
    path = HERE / f"{code}.yaml"
    findings = look(path)
    shown = "".join(str(finding).replace(str(path), path.name) + "\n" for finding in findings)
    assert shown == (HERE / f"{code}.txt").read_text()
    assert {finding.code for finding in findings} == {code}


def test_the_sound_file_that_they_come_from_is_sound() -> None:
    rules, findings = parse_file(SOUND)
    assert findings == ()
    assert rules is not None
    options = {**OPTIONS, "stage": ["New", "Cold", "Warm", "Hot"]}
    assert check_options(rules, "hubspot", options) == ()


def test_the_shipped_file_has_no_findings_at_all() -> None:
    assert parse_file(Path("rules/lead_states.yaml"))[1] == ()


def test_every_code_is_explained_in_the_reference() -> None:
    text = Path("docs/reference/findings.md").read_text()
    for code in CODES.values():
        row = rf"^\| {code.code} \| {code.severity.value} \| {re.escape(code.title)} \|"
        assert re.search(row, text, re.MULTILINE), code.code
    assert set(re.findall(r"\bR0\d\d\b", text)) == set(CODES)


def test_twenty_mistakes_get_twenty_findings() -> None:
    _, findings = parse_file(Path("tests/rules/twenty_mistakes.yaml"))
    shown = "".join(f"{finding}\n" for finding in findings)
    shown = shown.replace("tests/rules/", "")
    assert shown == Path("tests/rules/twenty_mistakes.txt").read_text()
    assert len(findings) == 20
    assert len({finding.line for finding in findings}) == 20
    assert len({finding.code for finding in findings}) >= 18


def test_findings_are_sorted_by_place() -> None:
    _, findings = parse_file(Path("tests/rules/twenty_mistakes.yaml"))
    assert list(findings) == sorted(findings, key=lambda f: (f.line, f.column, f.code))


def test_an_error_stops_loading_and_a_warning_does_not() -> None:
    for code in CODES.values():
        if (code.code.startswith("R05") and code.code >= "R053") or code.code in ("R071", "R080"):
            continue
        path = HERE / f"{code.code}.yaml"
        if code.severity is Severity.ERROR:
            with pytest.raises(RulesError, match=code.code) as caught:
                load(path)
            assert has_errors(caught.value.findings)
        else:
            assert load(path).version


def test_findings_as_json() -> None:
    _, findings = parse("format: 2", file="f.yaml")
    assert findings[0].as_json() == {
        "file": "f.yaml",
        "line": 1,
        "column": 1,
        "code": "R008",
        "severity": "error",
        "message": "the file has no events",
        "fix": "add events: What can happen to a lead, one line each.",
    }
