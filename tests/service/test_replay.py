"""What-if tells the truth: what it says of new rules is what they do when they really run."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadback.base.clock import HOUR
from leadback.base.errors import InputError
from leadback.base.shipped import SHIPPED_RULES
from leadback.rules.loader import load, parse
from leadback.rules.model import Rules
from leadback.service.coverage import covered, since
from leadback.service.replay import replayed
from tests.service.worlds import BEGIN, PORTAL, World, world

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
FOUR_OPENS = TEXT.replace("when: opens >= 3}", "when: opens >= 4}", 1)
EVENTS = ("email_opened", "link_clicked", "email_sent", "owner_replied", "assigned")
INTENTS = ("AgreedToMeet", "NotInterested", "OutOfOffice")


def rules(text: str) -> Rules:
    found, findings = parse(text, file="draft.yaml")
    assert found is not None, findings
    return found


SHIPPED, OTHER = load(SHIPPED_RULES), rules(FOUR_OPENS)


def replay(here: World, new: Rules, *, start: int | None = None) -> dict[str, Any]:
    steps: list[tuple[int, int]] = []
    with here.app.store.read() as tx:
        found = replayed(tx, SHIPPED, new, since=start, progress=lambda *step: steps.append(step))
    assert not steps or steps[-1][0] == steps[-1][1]
    return found


def test_the_same_rules_change_nothing(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        here.happen("1", "replied", intent="AgreedToMeet")
        found = replay(here, SHIPPED)
    assert found["elsewhere"] == found["handbacks"] == []
    assert (found["events"], found["leads"]) == (2, 1)
    assert found["writes"]["handback"] == {"old": 1, "new": 1}
    assert found["cost"] == {"contacts": 0, "handbacks": 0, "api_calls": 0, "minutes": 0.0}


def test_a_mapped_value_with_a_word_costs_what_is_written(tmp_path: Path) -> None:
    """Also when both files have the same text, and it comes to something else for the lead."""
    told = "[IN_PROGRESS,     {}]"
    with_word = FOUR_OPENS.replace(told.format("Warm"), told.format('"{state}"')).replace(
        told.format("Engaged"), told.format('"{state}"')
    )
    old = rules(with_word.replace("when: opens >= 4}", "when: opens >= 3}", 1))
    with world(tmp_path) as here:
        for contact, opens in (("1", 3), ("2", 1)):
            here.happen(contact, "assigned")
            for _ in range(opens):
                here.happen(contact, "email_opened")
        with here.app.store.read() as tx:
            found = replayed(tx, old, rules(with_word), since=None, progress=lambda *step: None)
    assert [one["lead"] for one in found["elsewhere"]] == ["acme/1"]
    assert found["cost"]["contacts"] == 1


def test_who_would_end_elsewhere_and_by_which_event(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        for contact in ("1", "2"):
            here.happen(contact, "assigned")
            for _ in range(3):
                here.happen(contact, "email_opened")
        here.happen("2", "email_opened")
        found = replay(here, OTHER)
        with here.app.store.read() as tx:
            third = tx.history.of_lead(PORTAL, "1")[0].at
    assert [(one["lead"], one["old"], one["new"]) for one in found["elsewhere"]] == [
        ("acme/1", "Warm", "Engaged")
    ]
    (one,) = found["elsewhere"]
    assert one["event"] == "email_opened"
    assert one["old_rule"] == "email_opened: to Warm when opens >= 3"
    assert one["new_rule"] == "email_opened: stay"
    assert third == BEGIN + 4 * 60_000
    assert found["cost"]["contacts"] == 1
    assert found["cost"]["api_calls"] == 1


def test_handbacks_and_writes_that_differ(tmp_path: Path) -> None:
    never = rules(TEXT.replace("to: Warm, done: true}", "to: Warm}", 1))
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        here.happen("1", "replied", intent="BrochureRequested")
        found = replay(here, never)
    assert found["handbacks"] == [{"lead": "acme/1", "old": 1, "new": 0}]
    assert found["writes"]["handback"] == {"old": 1, "new": 0}


def test_only_leads_of_late(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        for contact in ("1", "2"):
            here.happen(contact, "assigned")
            for _ in range(3):
                here.happen(contact, "email_opened")
        here.clock.advance(HOUR)
        start = here.clock.now()
        here.happen("2", "link_clicked")
        found = replay(here, OTHER, start=start)
    assert found["leads"] == 1
    assert {one["lead"] for one in found["elsewhere"]} <= {"acme/2"}


happenings = st.lists(
    st.tuples(st.sampled_from(["1", "2", "3"]), st.sampled_from([*EVENTS, *INTENTS])),
    max_size=25,
)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(happenings)
def test_what_if_says_what_the_other_rules_really_do(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str]]
) -> None:
    """The same events live under the new rules: the same states, the same effects."""
    folder = tmp_path_factory.mktemp("worlds")
    (folder / "other.yaml").write_text(FOUR_OPENS, encoding="utf-8")
    ends: list[dict[str, str]] = []
    effects: list[Counter[str]] = []
    for number, path in enumerate((SHIPPED_RULES, folder / "other.yaml")):
        place = folder / str(number)
        place.mkdir()
        with world(place, path) as here:
            for contact in ("1", "2", "3"):
                here.happen(contact, "assigned")
            for contact, kind in events:
                if kind in INTENTS:
                    here.happen(contact, "replied", intent=kind)
                else:
                    here.happen(contact, kind)
            ends.append({f"{PORTAL}/{c}": here.lead(c).state for c in ("1", "2", "3")})
            effects.append(_ordered(here))
            if number == 0:
                found = replay(here, OTHER)
    moved = {one["lead"]: (one["old"], one["new"]) for one in found["elsewhere"]}
    assert {name: state for name, state in ends[0].items() if ends[1][name] != state} == {
        name: old.split(" ")[0]
        for name, (old, new) in moved.items()
        if old.split(" ")[0] != new.split(" ")[0]
    }
    for kind, count in found["writes"].items():
        if kind != "fields":  # those that a plugin finds nothing to write for are not ordered
            assert (count["old"], count["new"]) == (effects[0][kind], effects[1][kind])


def _ordered(here: World) -> Counter[str]:
    with here.app.store.read() as tx:
        return Counter(
            row.kind.value for c in ("1", "2", "3") for row in tx.outbox.of_lead(PORTAL, c)
        )


def test_what_never_happened(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        here.happen("1", "email_opened")
        here.happen("1", "email_opened")
        with here.app.store.read() as tx:
            found = covered(SHIPPED, tx, since=BEGIN)
            late = covered(SHIPPED, tx, since=here.clock.now() + 1)
    assert "Engaged" not in found["states"]
    assert "New" not in found["states"]
    assert "Hot" in found["states"]
    assert "email_opened" not in found["events"]
    assert "link_clicked" in found["events"]
    names = {one["rule"] for one in found["rules"]}
    assert "email_opened: to Engaged when opens >= 1" not in names
    assert "email_opened: to Warm when opens >= 3" in names
    assert len(late["states"]) == len(SHIPPED.states)


def test_how_far_back() -> None:
    assert since("12h", 100 * HOUR) == 88 * HOUR
    with pytest.raises(InputError, match="write e"):
        since("yesterday", 0)
