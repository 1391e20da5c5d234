"""What a timer does that could not fire in time, as its author chose."""

import pytest

from leadback.base.clock import DAY, HOUR, Millis
from leadback.base.shipped import SHIPPED_RULES
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Decision, Event, Lead
from leadback.lead.timers import LATE
from leadback.rules.loader import parse

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
REMINDER = "times: 5"
SILENT = "after: 24h"
START: Millis = 1_800_000_000_000


def machine(line: str, missed: str) -> LeadMachine:
    """The shipped rules, with a choice for the timers that have this in their line."""
    assert line in TEXT
    rules, findings = parse(TEXT.replace(line, f"{line}, missed: {missed}"), file="f")
    assert rules is not None, findings
    return LeadMachine(rules)


def fired(rules: LeadMachine, state: str, timer: str, *, late: Millis) -> Decision:
    lead = Lead("acme", "1", "1", state, done=True, entered_at=START - DAY)
    event = Event(f"timer.{timer}", START, "timer", "x", {"number": 2})
    decision = decide(rules, lead, event, START + late)
    assert decision is not None
    return decision


@pytest.mark.parametrize("missed", ["fire", "skip", "restart"])
def test_a_timer_in_time_fires_whatever_its_choice(missed: str) -> None:
    decision = fired(machine(REMINDER, missed), "LeadAtRisk", "reminder", late=LATE)
    assert decision.rule.startswith("timer.reminder")
    assert decision.effects != ()


def test_an_overdue_timer_fires_at_once_unless_its_author_says_otherwise() -> None:
    decision = fired(machine(REMINDER, "fire"), "LeadAtRisk", "reminder", late=LATE + 1)
    assert decision.effects != ()


def test_an_overdue_round_is_left_out_and_the_next_one_comes() -> None:
    decision = fired(machine(REMINDER, "skip"), "LeadAtRisk", "reminder", late=4 * DAY)
    assert decision.effects == ()
    assert decision.result == "ignored"
    assert decision.because == "the timer was overdue"
    assert [(t.due - START, t.number) for t in decision.timers] == [(6 * DAY, 3)]


def test_an_overdue_timer_counts_again_from_now() -> None:
    decision = fired(machine(REMINDER, "restart"), "LeadAtRisk", "reminder", late=4 * DAY)
    assert decision.effects == ()
    assert [(t.due - START, t.number) for t in decision.timers] == [(7 * DAY, 2)]


@pytest.mark.parametrize(("missed", "again"), [("skip", []), ("restart", [HOUR + DAY])])
def test_a_timer_that_fires_only_once(missed: str, again: list[Millis]) -> None:
    decision = fired(machine(SILENT, missed), "Responded", "owner_silent", late=HOUR)
    assert decision.lead.state == "Responded"
    assert [t.due - START for t in decision.timers] == again
    assert not decision.clears_timers
