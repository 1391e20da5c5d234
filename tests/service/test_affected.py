"""The running leads that a difference is about are those that the other rules decide otherwise."""

from collections import Counter
from pathlib import Path

from leadback.base.shipped import SHIPPED_RULES
from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Event, Lead
from leadback.rules.loader import load, parse
from leadback.rules.model import Rules
from leadback.service.affected import differences_now
from tests.service.worlds import World, world

SHIPPED = load(SHIPPED_RULES)
CHANGES = (
    ("to: Warm, when: opens >= 3}", "to: Warm, when: opens >= 4}"),
    ("to: Processed, when: not finished}", "to: Processed, when: clicks == 0}"),
    ("to: Warm, when: clicks >= 1, do", "to: Warm, when: clicks >= 2, do"),
    (
        "opens >= 1 and clicks == 0, do: [resume]}\n    - {from: any, to: Cold",
        "opens >= 1 and clicks == 0, do: [resume]}\n    - {from: any, to: New",
    ),
    ("{from: [working, OutOfOffice, Processed], to: DeA", "{from: [working, Processed], to: DeA"),
)


def changed() -> Rules:
    text = SHIPPED_RULES.read_text(encoding="utf-8")
    for old, new in CHANGES:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    rules, findings = parse(text, file="draft.yaml")
    assert rules is not None, findings
    return rules


def many(here: World) -> None:
    """Leads with a few opens and clicks, in the states that the changes are about."""
    for number in range(30):
        crm_id = str(number)
        here.happen(crm_id, "assigned")
        for _ in range(number % 4):
            here.happen(crm_id, "email_opened")
        for _ in range(number % 8 // 6):
            here.happen(crm_id, "link_clicked")
        if number % 5 == 1:
            here.happen(crm_id, "replied", intent="BrochureRequested")
        if number % 5 == 2:
            here.happen(crm_id, "replied", intent="OutOfOffice")
        if number % 5 == 3:
            here.happen(crm_id, "replied", intent="AskedToStop")
        if number % 7 == 6:
            here.happen(crm_id, "unassigned")


def comes_to(rules: LeadMachine, lead: Lead, trigger: str) -> object:
    made = decide(rules, lead, Event(trigger, 0, "test", "1", {}), lead.updated_at)
    assert made is not None
    after = made.lead
    return (after.state, after.done, after.stopped, sorted(e.kind.value for e in made.effects))


def test_as_many_leads_as_really_go_another_way(tmp_path: Path) -> None:
    new = changed()
    with world(tmp_path) as here:
        many(here)
        with here.app.store.read() as tx:
            found = [one for one in differences_now(SHIPPED, new, tx) if one["what"] == "decision"]
            leads = tx.leads.list(limit=100)
    said: Counter[tuple[str, str]] = Counter()
    for one in found:
        said[one["state"], one["event"]] += one["leads"]
    one, two = LeadMachine(SHIPPED), LeadMachine(new)
    events = dict.fromkeys(event for _, event in said)
    really = Counter(
        (lead.state, event)
        for event in events
        for lead in leads
        if comes_to(one, lead, event) != comes_to(two, lead, event)
    )
    assert len(events) == 4
    assert +said == really
    assert {event for _, event in really} == set(events), "every kind of change is met"
