"""Timers to the millisecond: when they are set, when they are late, when the rules change."""

from typing import Any

import pytest

from leadback.base.clock import DAY, HOUR, MINUTE, Millis
from leadback.base.shipped import SHIPPED_RULES
from leadback.lead.change import RULES_CHANGED
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Decision, EffectKind, Ended, Event, Lead, TimerSet
from leadback.lead.timers import LATE
from leadback.rules.loader import parse

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
THEN: Millis = 1_800_000_000_000


def machine(*changes: tuple[str, str]) -> LeadMachine:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    rules, findings = parse(text, file="f")
    assert rules is not None, findings
    return LeadMachine(rules)


def decided(
    rules: LeadMachine, lead: Lead, now: Millis, kind: str, at: Millis, **data: Any
) -> Decision:
    decision = decide(rules, lead, Event(kind, at, "s", "1", data), now)
    assert decision is not None
    return decision


def changed(rules: LeadMachine, lead: Lead, now: Millis, **data: Any) -> Decision:
    return decided(rules, lead, now, RULES_CHANGED, now, **data)


def lead(state: str, **given: Any) -> Lead:
    return Lead("acme", "1", "1", state, entered_at=THEN, updated_at=THEN, **given)


def test_an_out_of_office_without_a_date_waits_the_default() -> None:
    made = decided(machine(), lead("Cold"), THEN, "replied", THEN, intent="OutOfOffice")
    assert made.timers == (TimerSet("returned", THEN + 7 * DAY),)


def test_a_timer_is_late_after_five_minutes() -> None:
    assert LATE == 5 * MINUTE
    rules = machine(("after: 24h,", "after: 24h, missed: skip,"))
    hot = lead("Hot", done=True)
    just = decided(rules, hot, THEN + LATE, "timer.owner_silent", THEN)
    late = decided(rules, hot, THEN + LATE + 1, "timer.owner_silent", THEN)
    assert (just.lead.state, late.lead.state) == ("LeadAtRisk", "Hot")


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("fire", [TimerSet("reminder", THEN + 9 * DAY, 2)]),
        ("skip", [TimerSet("reminder", THEN + 10 * DAY, 5)]),
        ("restart", [TimerSet("reminder", THEN + 11 * DAY, 2)]),
    ],
)
def test_a_repeating_timer_goes_on_with_its_round(missed: str, expected: list[TimerSet]) -> None:
    """The second reminder was to come after 6 days; by the new rules it was due after 4."""
    rules = machine(("every: 3d,", f"every: 2d, missed: {missed},"))
    at_risk = lead("LeadAtRisk", done=True)
    made = changed(rules, at_risk, THEN + 9 * DAY, timers=[["reminder", THEN + 6 * DAY, 2]])
    assert list(made.timers) == expected
    assert made.clears_timers
    soon = changed(rules, at_risk, THEN + DAY, timers=[["reminder", THEN + 6 * DAY, 2]])
    assert list(soon.timers) == [TimerSet("reminder", THEN + 4 * DAY, 2)]
    over = changed(rules, at_risk, THEN + DAY, timers=[["reminder", THEN + 6 * DAY, 6]])
    assert over.timers == ()


def test_a_date_that_was_given_stays() -> None:
    away = lead("OutOfOffice")
    kept = changed(machine(), away, THEN + HOUR, timers=[["returned", THEN + 2 * DAY, 1]])
    assert kept.timers == (TimerSet("returned", THEN + 2 * DAY),)
    new = changed(machine(), away, THEN + HOUR, timers=[])
    assert new.timers == (TimerSet("returned", THEN + 7 * DAY),)


def test_timers_that_did_not_change_are_left_alone() -> None:
    made = changed(machine(), lead("Hot", done=True), THEN + HOUR, fields=True)
    assert (made.timers, made.clears_timers) == ((), False)
    assert [effect.kind for effect in made.effects] == [EffectKind.FIELDS]


def test_a_successor_that_is_done_hands_the_contact_back_once() -> None:
    moves = {"Lukewarm": "Responded"}
    made = changed(machine(), lead("Lukewarm", sub_state="Odd"), THEN, moves=moves, fields=True)
    assert (made.lead.state, made.lead.done, made.lead.sub_state) == ("Responded", True, "Odd")
    assert made.lead.entered_at == THEN
    assert made.result == "moved"
    assert [e.kind for e in made.effects] == [EffectKind.FIELDS, EffectKind.HANDBACK]
    again = changed(machine(), lead("Lukewarm", done=True), THEN, moves=moves)
    assert again.effects == ()


def test_a_sub_state_that_the_successor_does_not_have_goes() -> None:
    moves = {"Lukewarm": "Hot"}
    kept = changed(machine(), lead("Lukewarm", sub_state="AgreedToMeet"), THEN, moves=moves)
    gone = changed(machine(), lead("Lukewarm", sub_state="Odd"), THEN, moves=moves)
    assert (kept.lead.sub_state, gone.lead.sub_state) == ("AgreedToMeet", None)


@pytest.mark.parametrize(
    ("moves", "expected"),
    [({"Tepid": "Cold"}, ("Cold", "x")), ({}, None), ({"Tepid": "OutOfOffice"}, None)],
)
def test_where_a_lead_goes_back_to_is_moved_too(
    moves: dict[str, str], expected: tuple[str, str] | None
) -> None:
    made = changed(machine(), lead("OutOfOffice", came_from=("Tepid", "x")), THEN, moves=moves)
    assert made.lead.came_from == expected


def test_a_state_to_go_back_to_that_is_still_there_stays_with_its_sub_state() -> None:
    made = changed(machine(), lead("OutOfOffice", came_from=("Warm", "x")), THEN, moves={})
    assert made.lead.came_from == ("Warm", "x")


def test_a_contact_that_is_gone_is_moved_and_nothing_is_written() -> None:
    gone = lead("Lukewarm", ended=Ended.DELETED)
    made = changed(machine(), gone, THEN, moves={"Lukewarm": "Hot"}, fields=True, timers=[])
    assert made.lead.state == "Hot"
    assert (made.effects, made.timers) == ((), ())
