"""What other rules mean for the leads of a state: only what really changes is named."""

import re
from pathlib import Path

import pytest

from leadback.rules.loader import load, parse
from leadback.rules.migration import Change, changes
from leadback.rules.model import Rules

SHIPPED = Path("rules/lead_states.yaml")
HELD = ("Hot", "Responded", "OutOfOffice", "LeadAtRisk", "New")


def with_(*swaps: tuple[str, str]) -> Rules:
    text = SHIPPED.read_text()
    for old, new in swaps:
        assert re.search(old, text), old
        text = re.sub(old, new, text, count=1)
    rules, findings = parse(text, file="f")
    assert rules is not None, findings
    return rules


HOT_SHOWN = (r"Hot: +\[CONNECTED, +Hot\]", "Hot: [CONNECTED, Warmer]")
FILLED = (r"Hot: +\[CONNECTED, +Hot\]", 'Hot: [CONNECTED, "{state}"]')


@pytest.mark.parametrize(
    ("swaps", "wanted"),
    [
        ([], {}),
        ([("opens >= 3", "opens >= 4")], {}),
        ([HOT_SHOWN], {"Hot": Change("Hot", fields=True, timers=False)}),
        ([FILLED], {"Hot": Change("Hot", fields=True, timers=False)}),
        (
            [("after: 24h", "after: 25h")],
            {s: Change(s, fields=False, timers=True) for s in ("Hot", "Responded")},
        ),
        (
            [("every: 3d, times: 5", "every: 3d, times: 6")],
            {"LeadAtRisk": Change("LeadAtRisk", fields=False, timers=True)},
        ),
        ([("to: previous, do", "to: previous, do")], {}),
        (
            [("default: 7d", "default: 6d")],
            {"OutOfOffice": Change("OutOfOffice", fields=False, timers=True)},
        ),
        ([("when: owner_replies == 0", "when: owner_replies <= 1")], {}),
    ],
)
def test_only_what_changes_for_leads_of_a_state(
    swaps: list[tuple[str, str]], wanted: dict[str, Change]
) -> None:
    found = changes(load(SHIPPED), with_(*swaps), held=HELD, moves={}, crm="hubspot", portal="acme")
    assert found == wanted


def test_another_crm_shows_nothing_new() -> None:
    found = changes(
        load(SHIPPED), with_(HOT_SHOWN), held=HELD, moves={}, crm="other", portal="acme"
    )
    assert found == {}


def with_old_state(new: Rules, shown: str, name: str) -> Rules:
    """The same rules with one state more, that is like New in everything."""
    text = new.text
    for old, more in (
        ("  New:          {work", f"  {name}: {{work: waits}}\n  New:          {{work"),
        (f"      New: {shown}", f"      {name}: {shown}\n      New: {shown}"),
        (
            "  capacity_available:\n",
            f"  capacity_available:\n    - {{from: New, to: {name}, when: stopped}}\n",
        ),
        ("working:      [New,", f"working:      [{name}, New,"),
        ("    - {from: [New, Pending], stay", f"    - {{from: [{name}, New, Pending], stay"),
    ):
        assert old in text, old
        text = text.replace(old, more, 1)
    rules, findings = parse(text, file="old")
    assert rules is not None, [str(finding) for finding in findings]
    return rules


@pytest.mark.parametrize("name", ["Aged", "Old"])
@pytest.mark.parametrize(("shown", "again"), [("[NEW, New]", False), ('[NEW, "{state}"]', True)])
def test_leads_of_a_state_that_is_gone_move_and_are_written_if_that_shows(
    shown: str, again: bool, name: str
) -> None:
    new = with_((r"New: +\[NEW, +New\]", f"New: {shown}"))
    old = with_old_state(new, shown, name)
    moved = changes(old, new, held=[name, "New"], moves={name: "New"}, crm="hubspot", portal="acme")
    assert moved == {name: Change("New", fields=again, timers=False)}
