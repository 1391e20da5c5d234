"""The file names what happens: with every name changed, leads live the same lives."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given

from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.ownership import interpret
from leadback.lead.records import ContactReading, Decision, Event, Lead, Ownership
from leadback.rules.findings import Severity
from leadback.rules.loader import parse, reload
from tests.lead.lives import FACTS, SHIPPED, START, Step, assigned, event, lives
from tests.lead.test_ownership import ASSISTANTS, reading

NAMES = (
    "assigned", "unassigned", "contact_deleted", "contact_restored", "contact_merged",
    "contact_erased", "handback_kept", "owner_replied", "owner_replies", "replied", "marked",
)  # fmt: skip
TEXT = SHIPPED.read_text(encoding="utf-8")


def renamed(text: str) -> str:
    """Every one of the names where it is a name; sentences in quotes stay as they are."""
    parts = re.split(r'("[^"\n]*")', text)
    return "".join(p if p.startswith('"') else re.sub(*_RENAMING, p) for p in parts)


_RENAMING = (rf"\b({'|'.join(NAMES)})\b", r"our_\1")


@pytest.fixture(scope="module")
def other() -> LeadMachine:
    rules, findings = parse(renamed(TEXT), file="renamed.yaml")
    assert [f for f in findings if f.severity is not Severity.NOTE] == []
    assert rules is not None
    assert {"our_contact_erased", "our_assigned"} <= set(rules.events)
    return LeadMachine(rules)


def ours(name: str) -> str:
    return f"our_{name}" if name in NAMES else name


def plain(decision: Decision) -> Decision:
    """With the names as the shipped file has them."""
    lead = decision.lead
    counters = {name.removeprefix("our_"): count for name, count in lead.counters.items()}
    return replace(
        decision,
        lead=replace(lead, counters=counters),
        rule=decision.rule.replace("our_", ""),
        because=decision.because.replace("our_", ""),
        reads={name.removeprefix("our_"): value for name, value in decision.reads.items()},
        rule_at="",
        effects=tuple(replace(e, reference="") for e in decision.effects),
    )


@given(lives)
@example([("contact_deleted", {}), ("email_opened", {}), ("contact_restored", {})])
@example([("contact_deleted", {}), ("contact_erased", {}), ("assigned", dict(FACTS))])
@example([("contact_deleted", {}), ("assigned", dict(FACTS)), ("unassigned", {})])
def test_any_life_is_the_same_by_any_names(
    rules: LeadMachine, other: LeadMachine, life: list[Step]
) -> None:
    lead: Lead | None = None
    twin: Lead | None = None
    for number, step in enumerate([("assigned", dict(FACTS)), *life]):
        made = event(step, number)
        one = decide(rules, lead, made, made.at)
        two = decide(other, twin, replace(made, type=ours(made.type)), made.at)
        assert one is not None
        assert two is not None
        same = replace(plain(one), rule_at="")
        assert plain(two) == same
        lead, twin = one.lead, two.lead


@pytest.mark.parametrize(
    ("status", "crm_id", "wanted"),
    [
        ("deleted", "501", "our_contact_deleted"),
        ("erased", "501", "our_contact_erased"),
        ("found", "502", "our_contact_merged"),
    ],
)
def test_what_became_of_a_contact_is_told_by_the_files_own_event(
    rules: LeadMachine, other: LeadMachine, status: str, crm_id: str, wanted: str
) -> None:
    seen = ContactReading("501", status, crm_id)  # type: ignore[arg-type]
    (told,) = interpret(other, seen, assigned(rules), ASSISTANTS, source="s", now=0)
    assert told.type == wanted


def test_owners_are_told_by_the_files_own_events(rules: LeadMachine, other: LeadMachine) -> None:
    lead = assigned(rules)
    (given_,) = interpret(other, reading("9", "1"), None, ASSISTANTS, source="s", now=0)
    (taken,) = interpret(other, reading("1", "9"), lead, ASSISTANTS, source="s", now=0)
    assert (given_.type, taken.type) == ("our_assigned", "our_unassigned")


def test_a_fact_that_no_event_tells_is_left_out(rules: LeadMachine) -> None:
    events = {name: replace(kind, contact=None) for name, kind in rules.rules.events.items()}
    deaf = LeadMachine(replace(rules.rules, events=events))
    gone = ContactReading("501", "deleted", "501")
    back = ContactReading("501", "found", "501", owners=(Ownership("1", START, "ann"),))
    for seen in (gone, back):
        assert interpret(deaf, seen, assigned(rules), ASSISTANTS, source="s", now=0) == ()


OLD = re.sub(r", contact: \w+", "", TEXT).replace("{count: owner_replies}", "owner_answered")


def test_a_file_from_before_means_the_same_and_keeps_its_version(rules: LeadMachine) -> None:
    before, findings = parse(OLD, file="old.yaml")
    assert OLD.count("contact: ") == 1, "only the comment is left"
    assert [str(f) for f in findings] == []
    assert before == rules.rules
    kept = reload(OLD, "0123456789ab", file="kept.yaml")
    assert replace(kept, version=rules.version) == rules.rules


def test_a_name_from_before_gives_way_to_an_event_that_says_it() -> None:
    text = OLD.replace(
        "  contact_erased: ", '  forgotten: {means: "x", contact: erased}\n  contact_erased: '
    ).replace(
        "  contact_erased:\n",
        '  forgotten:\n    - {from: everywhere, stay: "x"}\n  contact_erased:\n',
    )
    found, _ = parse(text, file="both.yaml")
    assert found is not None
    assert LeadMachine(found).tells["erased"] == "forgotten"
    assert found.events["contact_erased"].contact is None
    seen = Event("forgotten", START, "s", "1", {})
    assert LeadMachine(found).tells_of(seen, "erased")
