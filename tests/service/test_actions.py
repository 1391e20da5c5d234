"""What people can do by hand, and what is counted, are the rules' own: under whatever names."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.errors import InputError
from leadback.base.shipped import SHIPPED_RULES
from leadback.lead.machine import LeadMachine
from leadback.rules.loader import load
from leadback.rules.model import Event, Rule, Rules
from leadback.service.actions import action_named, actions_of
from leadback.service.browse import Browse, wanted_from
from tests.service.worlds import World, world

SHIPPED = load(SHIPPED_RULES)
TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
OWN = (
    TEXT.replace("\ncounters:\n", '\ncounters:\n  meetings:      "meetings held"\n')
    .replace(
        "\n  followup_stopped: ",
        '\n  meeting_held:        {means: "they met", manual: true, counts: meetings}'
        "\n  followup_stopped: ",
    )
    .replace(
        "\n  marked.other:\n",
        "\n  marked.snoozed:\n    - {from: any, to: OutOfOffice}\n"
        '    - {from: UnSubscribed, refuse: "the lead has unsubscribed"}\n'
        '  meeting_held:\n    - {from: everywhere, stay: "counted"}\n'
        "  marked.other:\n",
    )
)
"""The shipped rules with a mark, an event by hand and a counter of a product team's own."""


def test_the_shipped_rules_have_what_people_know() -> None:
    found = {one.name: one.label for one in actions_of(LeadMachine(SHIPPED))}
    assert found == {
        "hot": "Mark hot",
        "cold": "Mark cold",
        "responded": "Mark responded",
        "moved-out": "Mark moved out",
        "unsubscribed": "Mark unsubscribed",
        "not-at-risk": "Mark not at risk",
        "stop": "Stop follow-ups",
        "continue": "Continue follow-ups",
        "restart": "Restart from the first message",
    }
    final = {one.name for one in actions_of(LeadMachine(SHIPPED)) if one.final}
    assert final == {"unsubscribed"}


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name.lower() not in ("other", "any", "everywhere", "previous", "timer")
)


@given(
    events=st.dictionaries(NAMES, st.lists(NAMES, max_size=3, unique=True), min_size=1, max_size=4),
    spell=st.sampled_from([str, str.upper, str.lower, lambda name: name.replace("_", "-")]),
)
def test_every_event_by_hand_can_be_done_whatever_it_is_called(
    events: dict[str, list[str]], spell: object
) -> None:
    """No two actions have one name, and each name brings its own event."""
    machine = LeadMachine(with_events(events))
    known = actions_of(machine)
    triggers = {f"{name}.{one}" for name, values in events.items() for one in values}
    triggers |= {name for name, values in events.items() if not values}
    assert {one.trigger for one in known} == triggers
    assert len({one.name for one in known}) == len(known)
    for one in known:
        assert machine.trigger_for(one.event, one.data) == one.trigger
        for name in (one.name, one.trigger):
            assert action_named(machine, name).trigger == one.trigger
        if "." not in one.name:
            assert action_named(machine, spell(one.name)).trigger == one.trigger  # type: ignore[operator]


def with_events(events: dict[str, list[str]]) -> Rules:
    """Rules in which people do nothing else by hand."""
    quiet = {name: replace(event, manual=False) for name, event in SHIPPED.events.items()}
    made = {
        name: Event(name, by="what" if values else None, manual=True)
        for name, values in events.items()
    }
    gone = set(made)
    rows = [rule for rule in SHIPPED.rules if rule.trigger.partition(".")[0] not in gone]
    for name, values in events.items():
        for trigger in [f"{name}.{one}" for one in values] or [name]:
            rows.append(Rule(trigger, tuple(SHIPPED.states), stay="it is so"))
    return replace(SHIPPED, events={**quiet, **made}, rules=tuple(rows))


def test_what_is_not_there_is_told_with_what_is() -> None:
    machine = LeadMachine(SHIPPED)
    with pytest.raises(InputError, match="did you mean moved-out"):
        action_named(machine, "movedout")
    with pytest.raises(InputError, match="use one of hot, cold"):
        action_named(machine, "x" * 5_000)
    with pytest.raises(InputError):
        action_named(machine, "marked.other")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "rules.yaml").write_text(OWN, encoding="utf-8")
    with world(tmp_path, tmp_path / "rules.yaml") as made:
        made.happen("1", "assigned")
        made.happen("2", "assigned")
        yield made


def test_a_mark_of_the_rules_own_is_done_alone_and_to_many(here: World) -> None:
    done = here.app.leads.mark("acme/1", "Snoozed")
    assert (done["from"], done["to"], done["rule"]) == (
        "New",
        "OutOfOffice",
        "marked.snoozed: to OutOfOffice",
    )
    app = here.app
    browse = Browse(
        app.store, app.clock, app.rules, app.decisions, app.accesses, app.leads.document,
        audit=app.audit,
    )  # fmt: skip
    assert browse.preview(["acme/1", "acme/2"], "meeting-held")["done"] == 2
    browse.act(["acme/1", "acme/2"], "meeting-held")
    browse.act(["acme/2"], "meeting-held")
    counted = {one["id"]: one["counters"]["meetings"] for one in here.app.leads.list()}
    assert counted == {"acme/1": 1, "acme/2": 2}
    rows = list(csv.DictReader(io.StringIO("".join(browse.export(wanted_from({}), by="ann")))))
    assert [row["counters.meetings"] for row in rows] == ["1", "2"]
    assert [n for n in rows[0] if n.startswith("counters.")] == [
        f"counters.{name}" for name in here.app.rules.now().rules.counters
    ]
    only = browse.page(wanted_from({"min_meetings": "2"}))["rows"]
    assert [one["id"] for one in only] == ["acme/2"]
    assert here.app.leads.show("acme/1")["counters"]["meetings"] == 1
