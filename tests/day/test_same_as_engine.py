"""The engine and the oracle decide any life alike: one reads the rules file, one the document."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Decision, EffectKind, Event, Lead, TimerSet
from leadback.rules.loader import load
from leadback.work.cloudevents import NotUnderstoodError, parse_event
from leadback_hubspot.contacts import CONTACT_IDS
from tests.oracle import lead as paper
from tests.oracle import life
from tests.oracle.intake import Sound, judge
from tests.oracle.recorded import DAY_FOLDER, steps

RULES = Path(__file__).resolve().parents[2] / "rules" / "lead_states.yaml"
START = 1_793_606_400_000
HOUR = 3_600_000
LIVES = 400
"""Enough to tell a wrong threshold, counter or timer in nearly every run."""
MARKS = (*life.MARKS, "not_at_risk")
RETURN_DATES = ("2026-10-30", "2026-11-06", "2026-11-12T09:30:00+01:00", "whenever")
PLAIN = tuple(sorted(life.FROM_OUTSIDE - {"marked", "replied", "email_invalid"}))
FROM_THE_PORTAL = ("unassigned", "contact_deleted", "contact_restored", "contact_erased")

Op = tuple[str, dict[str, Any]]
ops: st.SearchStrategy[Op] = st.one_of(
    st.sampled_from(PLAIN).map(lambda kind: (kind, {})),
    st.sampled_from((*life.INTENTS, "Other")).map(lambda intent: ("replied", {"intent": intent})),
    st.sampled_from(RETURN_DATES).map(
        lambda date: ("replied", {"intent": "OutOfOffice", "return_date": date})
    ),
    st.just(("replied", {})),
    st.sampled_from(MARKS).map(lambda action: ("marked", {"action": action})),
    st.sampled_from((*life.BAD_REASONS, "Other")).map(
        lambda why: ("email_invalid", {"reason": why})
    ),
    st.sampled_from(("assigned", "unassigned")).map(lambda kind: (kind, {})),
    st.sampled_from(FROM_THE_PORTAL).map(lambda kind: (kind, {})),
    st.sampled_from((True, False)).map(
        lambda both: ("contact_merged", {"into": "2", "winner_is_lead": both})
    ),
    st.just(("email_opened", {})),
    st.integers(1, 60).map(lambda hours: ("wait", {"hours": [hours]})),
    st.integers(2, 10).map(lambda times: ("wait", {"hours": [40] * times})),
)


class Engine:
    """The engine's decisions about one lead, with its timers."""

    def __init__(self, rules: LeadMachine) -> None:
        self.rules = rules
        self.lead: Lead | None = None
        self.timers: list[TimerSet] = []
        self.number = 0

    def take(self, kind: str, data: dict[str, Any], at: int, now: int) -> Decision:
        self.number += 1
        made = decide(self.rules, self.lead, Event(kind, at, "test", str(self.number), data), now)
        assert made is not None
        self.lead = made.lead
        if made.clears_timers:
            self.timers = []
        self.timers += made.timers
        return made

    def fire(self, timer: TimerSet, now: int) -> Decision:
        self.timers.remove(timer)
        return self.take(f"timer.{timer.name}", {"number": timer.number}, timer.due, now)


class Both:
    """The same life, lived twice and compared after every step."""

    def __init__(self, rules: LeadMachine) -> None:
        self.now = START
        self.assignments = 0
        self.engine = Engine(rules)
        start = self._start()
        self.paper = paper.Lead(
            "acme", "1", "1", start.assistant, start.previous_owner, start.context
        )
        life.born(self.paper)
        self._compare(self.engine.take("assigned", self._facts(start), START, START))

    def step(self, kind: str, data: dict[str, Any]) -> None:
        for hours in data["hours"] if kind == "wait" else [0.001]:
            self.now += round(hours * HOUR)
            self._fire_due()
        if kind == "assigned":
            if self.paper.gone:
                return  # what is gone cannot be assigned
            start = self._start()
            life.assign(self.paper, start, self.now)
            self._compare(self.engine.take(kind, self._facts(start), self.now, self.now))
        elif kind != "wait":
            life.take(self.paper, kind, _for_paper(data), self.now)
            self._compare(self.engine.take(kind, data, self.now, self.now))
        self._fire_due()

    def _fire_due(self) -> None:
        while due := [timer for timer in self.engine.timers if timer.due <= self.now]:
            assert self.paper.timer is not None
            (timer,) = due
            life.fire(self.paper, self.now)
            self._compare(self.engine.fire(timer, self.now))
        assert self.paper.timer is None or self.paper.timer.due > self.now

    def _start(self) -> paper.Start:
        self.assignments += 1
        return paper.Start("tara@acme.example", str(100 + self.assignments), "context")

    @staticmethod
    def _facts(start: paper.Start) -> dict[str, Any]:
        return {
            "portal": "acme",
            "crm_id": "1",
            "assistant": start.assistant,
            "assistant_name": "Tara",
            "email": "one@x.example",
            "name": "One",
            "context": start.context,
            "previous_owner": start.previous_owner,
        }

    def _compare(self, made: Decision) -> None:
        lead, drawn = made.lead, self.paper
        erased = drawn.ended == "erased"
        assert lead.state == drawn.state
        assert erased or lead.sub_state == drawn.sub_state
        assert {name: lead.counters.get(name, 0) for name in paper.COUNTERS} == drawn.counters
        assert (lead.finished, lead.stopped) == (drawn.finished, drawn.stopped)
        assert (lead.previous_owner, lead.crm_id) == (drawn.previous_owner, drawn.contact)
        assert (lead.context is None) == erased
        assert (made.result == "refused") == drawn.refused
        timers = [] if drawn.timer is None else [drawn.timer]
        assert [(t.name, max(t.due, self.now), t.number) for t in timers] == [
            (t.name, t.due, t.number) for t in self.engine.timers
        ]
        wanted = Counter(wish for wish in drawn.wishes if wish != "fields")
        assert (
            Counter(_wish(effect.kind, effect.payload) for effect in made.effects)
            - Counter({"fields": 9})
            == wanted
        )
        assert "fields" in drawn.wishes or EffectKind.FIELDS not in {e.kind for e in made.effects}


def _for_paper(data: dict[str, Any]) -> dict[str, Any]:
    """A return date that is none is left out on paper."""
    return {name: value for name, value in data.items() if value != "whenever"}


def _wish(kind: EffectKind, payload: Any) -> str:
    if kind is EffectKind.EMAIL:
        return str(payload["direction"]).removesuffix("_email")
    return kind.value


def _taken_by_engine(line: bytes, rules: LeadMachine) -> bool:
    try:
        parse_event(line.strip(), rules, dict.fromkeys(("acme", "globex"), CONTACT_IDS), START)
    except NotUnderstoodError:
        return False
    return True


@pytest.fixture(scope="module")
def rules() -> LeadMachine:
    return LeadMachine(load(RULES))


@settings(max_examples=LIVES)
@given(ops_of_life=st.lists(ops, min_size=10, max_size=60))
def test_any_life(rules: LeadMachine, ops_of_life: list[Op]) -> None:
    both = Both(rules)
    for kind, data in ops_of_life:
        both.step(kind, data)


def test_the_same_lines_of_the_day_are_events(rules: LeadMachine) -> None:
    for line in steps.read_lines(DAY_FOLDER / "events.jsonl.gz"):
        sound = isinstance(judge(line, ("acme", "globex")), Sound)
        assert _taken_by_engine(line, rules) == sound, line[:200]
