"""Laws that hold for every life a lead can have."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadback.base.clock import DAY
from leadback.lead.decide import GONE, SKEW, decide
from leadback.lead.machine import LeadMachine, holds
from leadback.lead.records import EffectKind, Ended, Event
from leadback.rules.model import PREVIOUS
from tests.lead.lives import FACTS, START, Step, assigned, event, live, lives, mail_steps, steps

RANK = {
    "New": 0, "Pending": 0, "Cold": 1, "Engaged": 2, "Warm": 3, "OutOfOffice": 3, "Processed": 4,
    "DeActivated": 4, "Responded": 5, "Hot": 5, "LeadAtRisk": 5, "UnSubscribed": 6,
}  # fmt: skip


@given(lives)
def test_a_life_can_be_replayed_on_paper(rules: LeadMachine, life: list[Step]) -> None:
    assert live(rules, life) == live(rules, life)


@given(lives)
def test_unsubscribed_is_left_only_by_contact_events(rules: LeadMachine, life: list[Step]) -> None:
    lead = replace(assigned(rules), state="UnSubscribed", done=True)
    for decision in live(rules, life, lead):
        assert decision.lead.state == "UnSubscribed"


@given(lives)
@example([("unsubscribed", {}), ("contact_deleted", {}), ("assigned", dict(FACTS))])
def test_a_handback_is_ordered_exactly_when_a_lead_becomes_done(
    rules: LeadMachine, life: list[Step]
) -> None:
    lead = assigned(rules)
    for number, step in enumerate(life):
        decision = decide(rules, lead, event(step, number), START + number)
        assert decision is not None
        ordered = [e for e in decision.effects if e.kind is EffectKind.HANDBACK]
        gone = lead.ended in (Ended.MERGED, Ended.ERASED)  # a deleted one can come back
        again = step[0] == "assigned" and lead.state == "UnSubscribed" and not gone
        became_done = decision.lead.done and not lead.done
        assert len(ordered) == int(became_done or again), (step, lead.state)
        lead = decision.lead


@given(lives)
def test_done_means_a_done_state_or_a_rule_that_says_so(
    rules: LeadMachine, life: list[Step]
) -> None:
    for decision in live(rules, [("assigned", {"portal": "a", "crm_id": "1"}), *life]):
        lead = decision.lead
        if lead.done:
            assert rules.rules.states[lead.state].work.is_done or lead.state == "Warm"
        else:
            assert not rules.rules.states[lead.state].work.is_done or lead.ended is not None


@given(st.permutations(range(8)), st.lists(mail_steps, min_size=8, max_size=8), lives)
def test_late_doubled_and_shuffled_mail_never_moves_a_lead_backwards(
    rules: LeadMachine, order: list[int], mail: list[Step], life: list[Step]
) -> None:
    made = live(rules, life, assigned(rules))
    lead = made[-1].lead if made else assigned(rules)
    for number in (*order, *order):
        decision = decide(rules, lead, event(mail[number], 1000 + number), START)
        assert decision is not None
        assert RANK[decision.lead.state] >= RANK[lead.state]
        lead = decision.lead


@given(lives, steps)
def test_a_false_guard_never_moves_the_state(
    rules: LeadMachine, life: list[Step], last: Step
) -> None:
    made = live(rules, life, assigned(rules))
    lead = made[-1].lead if made else assigned(rules)
    decision = decide(rules, lead, event(last, 2000), START)
    assert decision is not None
    if decision.lead.state == lead.state or not decision.rule:
        return
    fired = next(r for r in rules.rules.rules if str(r.at) == decision.rule_at)
    assert fired.to in (decision.lead.state, PREVIOUS)
    for comparison in fired.guard:
        assert holds(comparison, decision.reads[comparison.fact])  # type: ignore[arg-type]


@given(lives)
def test_every_effect_of_a_life_has_a_reference_of_its_own(
    rules: LeadMachine, life: list[Step]
) -> None:
    made = live(rules, life, assigned(rules))
    references = [effect.reference for decision in made for effect in decision.effects]
    assert len(references) == len(set(references))


@given(lives)
def test_nothing_is_written_to_a_contact_that_is_gone(rules: LeadMachine, life: list[Step]) -> None:
    for decision in live(rules, life, assigned(rules)):
        if decision.lead.ended in GONE:
            assert not decision.effects
            assert not decision.timers


@given(lives)
def test_the_state_moves_only_with_a_rule(rules: LeadMachine, life: list[Step]) -> None:
    lead = assigned(rules)
    for number, step in enumerate(life):
        decision = decide(rules, lead, event(step, number), START + number)
        assert decision is not None
        if decision.lead.state != lead.state:
            assert decision.result == "moved"
            assert decision.rule
        lead = decision.lead


@given(lives)
def test_an_erased_lead_keeps_nothing_personal(rules: LeadMachine, life: list[Step]) -> None:
    made = live(rules, [*life, ("contact_erased", {}), *life], assigned(rules))
    last = made[-1].lead
    assert (last.email, last.name, last.context) == (None, None, None)


def test_what_an_erased_lead_was_told_is_ignored_when_it_says_nothing_any_more(
    rules: LeadMachine,
) -> None:
    erased = live(rules, [("contact_erased", {})], assigned(rules))[-1].lead
    for number, name in enumerate(rules.rules.events):
        decision = decide(rules, erased, event((name, {}), number), START + number)
        assert decision is not None
        assert (decision.result, decision.because) == ("ignored", "the contact is erased")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_reminder_is_followed_by_the_next(rules: LeadMachine, number: int) -> None:
    lead = replace(assigned(rules), state="LeadAtRisk", done=True)
    fired = Event("timer.reminder", START, "timer", "x", {"number": number})
    decision = decide(rules, lead, fired, START + 5)
    assert decision is not None
    assert [(t.due, t.number) for t in decision.timers] == [(START + 3 * DAY, number + 1)]
    assert [e.kind for e in decision.effects] == [EffectKind.TASK]


def test_after_the_fifth_reminder_there_is_none(rules: LeadMachine) -> None:
    lead = replace(assigned(rules), state="LeadAtRisk", done=True)
    fired = Event("timer.reminder", START, "timer", "x", {"number": 5})
    decision = decide(rules, lead, fired, START)
    assert decision is not None
    assert decision.timers == ()


def test_reminders_missed_in_a_long_downtime_do_not_come_all_at_once(rules: LeadMachine) -> None:
    lead = replace(assigned(rules), state="LeadAtRisk", done=True)
    fired = Event("timer.reminder", START, "timer", "x", {"number": 1})
    decision = decide(rules, lead, fired, START + 10 * DAY)
    assert decision is not None
    assert decision.timers[0].due == START + 12 * DAY


@given(lives, st.lists(st.integers(-SKEW, SKEW), min_size=40, max_size=40))
def test_the_time_of_decisions_does_not_go_back_where_workers_clocks_differ_a_little(
    rules: LeadMachine, life: list[Step], off: list[int]
) -> None:
    lead = assigned(rules)
    for number, step in enumerate(life):
        now = START + off[number % len(off)] // 2
        decision = decide(rules, lead, event(step, number), now)
        assert decision is not None
        assert decision.lead.updated_at == max(now, lead.updated_at)
        assert decision.lead.entered_at in (lead.entered_at, decision.lead.updated_at)
        lead = decision.lead


def test_a_clock_that_was_set_back_is_believed(rules: LeadMachine) -> None:
    lead = replace(assigned(rules), updated_at=START + SKEW)
    for now, at in ((START, START + SKEW), (START - 1, START - 1), (START + 2 * SKEW, None)):
        decision = decide(rules, lead, event(("email_opened", {}), 1), now)
        assert decision is not None
        assert decision.lead.updated_at == (now if at is None else at)
