"""A lead follows its contact's address, name and context, by decisions alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.lead.contact import CONTACT_CHANGED, FACTS
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.ownership import changed_facts, interpret
from leadback.lead.records import ContactReading, Decision, EffectKind, Ended, Event, Lead
from tests.lead.lives import assigned, machine
from tests.lead.test_ownership import ASSISTANTS, TARA, reading

RULES = machine()
WORDS = st.none() | st.text(max_size=12) | st.sampled_from(("a@b.example", "A@B.example", " x\0"))


def told(rules: LeadMachine, lead: Lead, seen: ContactReading, look: int = 1) -> list[Event]:
    events = interpret(rules, seen, lead, ASSISTANTS, source="crm:acme", now=5_000, look=look)
    return [event for event in events if event.type == CONTACT_CHANGED]


def decided(rules: LeadMachine, lead: Lead, event: Event) -> Decision:
    decision = decide(rules, lead, event, 6_000)
    assert decision is not None
    return decision


@given(email=WORDS, name=WORDS, context=WORDS)
def test_after_one_decision_the_lead_is_as_the_crm_shows_it(
    email: str | None, name: str | None, context: str | None
) -> None:
    lead = replace(assigned(RULES), assistant=TARA.email)
    seen = reading("9", email=email, name=name, context=context)
    for event in told(RULES, lead, seen):
        lead = decided(RULES, lead, event).lead
    assert changed_facts(lead, seen, ASSISTANTS.values()) == {}
    assert told(RULES, lead, seen, look=2) == []


def test_what_the_crm_never_had_stays_and_what_it_cleared_goes(rules: LeadMachine) -> None:
    lead = replace(
        assigned(rules), assistant=TARA.email, email="a@x.example", name="Ada", context="fair"
    )
    silent = reading("9")
    cleared = reading("9", email="", name="", context=" ")
    assert changed_facts(lead, silent, ASSISTANTS.values()) == {}
    assert changed_facts(lead, cleared, ASSISTANTS.values()) == {
        "email": None, "name": None, "context": TARA.context,
    }  # fmt: skip


@pytest.mark.parametrize("ended", [None, *Ended])
def test_a_contact_that_is_gone_changes_no_more(rules: LeadMachine, ended: Ended | None) -> None:
    lead = replace(assigned(rules), ended=ended)
    gone = ended in (Ended.DELETED, Ended.MERGED, Ended.ERASED)
    seen = reading("9", email="new@x.example")
    heard = told(rules, lead, seen)
    assert bool(heard) == (not gone or ended is Ended.DELETED), "a deleted one is restored first"
    late = Event(CONTACT_CHANGED, 5_000, "crm:acme", "1", {"email": "new@x.example"}, True)
    made = decided(rules, lead, late)
    assert (made.lead.email == "new@x.example") == (not gone)
    assert made.result == ("ignored" if gone else "stayed")


def test_it_is_no_reason_for_anything_else(rules: LeadMachine) -> None:
    lead = replace(assigned(rules), counters={"opens": 2}, came_from=("Warm", None))
    (event,) = told(rules, lead, reading("9", email="new@x.example"))
    made = decided(rules, lead, event)
    assert made.effects == made.timers == ()
    assert not made.clears_timers
    assert made.lead == replace(lead, email="new@x.example", updated_at=6_000, revision=2)
    assert decided(rules, made.lead, event).result == "ignored"


def test_the_id_of_the_event_has_nothing_personal(rules: LeadMachine) -> None:
    lead = assigned(rules)
    ids = {
        event.id
        for n, email in enumerate(("ann@x.example", "ben@x.example", "ann@x.example"))
        for event in told(rules, lead, reading("9", email=email), look=n)
    }
    assert ids == {f"{lead.lead_id}:{CONTACT_CHANGED}:{n}" for n in range(3)}


@pytest.mark.parametrize("own", [False, True], ids=["in the table", "the portal's own"])
@pytest.mark.parametrize("word", ["{lead}", "{context}", "{assistant}"])
def test_a_field_that_shows_the_fact_is_written_again(
    rules: LeadMachine, word: str, own: bool
) -> None:
    table = rules.rules.crm["hubspot"]
    lead = assigned(rules)
    mapping = replace(table, states={**table.states, lead.state: ("NEW", f"of {word}")})
    if own:
        mapping = replace(table, portals={lead.portal: mapping})
    shows = LeadMachine(replace(rules.rules, crm={"hubspot": mapping}))
    (event,) = told(shows, lead, reading("9", name="Ada", context="fair"))
    kinds = [effect.kind for effect in decided(shows, lead, event).effects]
    assert kinds == ([] if word == "{assistant}" else [EffectKind.FIELDS])
    assert decided(shows, replace(lead, done=True), event).effects == ()


def test_the_facts_are_fields_of_a_lead() -> None:
    assert {name for name in FACTS if name in Lead.__dataclass_fields__} == set(FACTS)
