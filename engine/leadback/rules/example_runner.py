"""Plays examples through a `decide` that is handed in, with timers, on a clock of its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leadback.base.clock import Millis
from leadback.rules.examples import Decide, Example, Happening, Result
from leadback.rules.model import Rules
from leadback.rules.values import values_for

BEGIN: Millis = 1_000_000_000_000
_CONTACT = {
    "portal": "example",
    "crm_id": "1",
    "email": "lead@example.com",
    "assistant": "tara@example.com",
    "assistant_name": "Tara",
    "previous_owner": "owner@example.com",
}
_ORDERED = ("handback", "note", "task", "email")


@dataclass(slots=True)
class _Stage:
    """One example while it is played. timers: name → (due, number)."""

    lead: Any
    shown: dict[str, str]
    portal: str
    now: Millis = BEGIN
    timers: dict[str, tuple[Millis, int]] = field(default_factory=dict)
    ordered: set[str] = field(default_factory=set)
    result: str = "ignored"
    events: int = 0
    refused: list[str] = field(default_factory=list)


def run_examples(
    examples: Iterable[Example],
    rules: Rules,
    *,
    decide: Decide,
    make_lead: Callable[..., Any],
    make_event: Callable[..., Any],
    words: Callable[[Any], Mapping[str, str]],
) -> tuple[Result, ...]:
    """Play each example. make_lead, make_event: the record types that `decide` takes; words: of a
    lead, for the words in braces of mapped values."""
    player = _Player(rules, decide, make_lead, make_event, words)
    return tuple(player.play(example) for example in examples)


@dataclass(frozen=True, slots=True)
class _Player:
    rules: Rules
    decide: Decide
    make_lead: Callable[..., Any]
    make_event: Callable[..., Any]
    words: Callable[[Any], Mapping[str, str]]

    def play(self, example: Example) -> Result:
        stage = self._set(example.given)
        for happening in example.when:
            self._let_happen(stage, happening)
        expected = example.then.get("result") == "refused"
        refused = () if expected else tuple(stage.refused)
        return Result(example, (*refused, *self._differences(stage, example.then)))

    def _set(self, given: Mapping[str, Any]) -> _Stage:
        portal = given.get("portal", _CONTACT["portal"])
        if "state" not in given:
            return _Stage(None, {}, portal)
        state = self.rules.states[given["state"]]
        before = given.get("before")
        lead = self.make_lead(
            portal=portal,
            lead_id="1",
            crm_id="1",
            state=state.name,
            sub_state=given.get("sub_state"),
            came_from=None if before is None else (before, None),
            email=_CONTACT["email"],
            assistant=_CONTACT["assistant"],
            assistant_name=_CONTACT["assistant_name"],
            previous_owner=_CONTACT["previous_owner"],
            counters={name: given[name] for name in self.rules.counters if name in given},
            done=given.get("finished", state.work.is_done),
            stopped=given.get("stopped", False),
            entered_at=BEGIN,
        )
        stage = _Stage(lead, self._shown(portal, state.name, self.words(lead)), portal)
        for timer in self.rules.timers.values():
            if state.name in timer.states:
                due = BEGIN + (timer.after or timer.default or timer.every or 0)
                stage.timers[timer.name] = (due, 1)
        return stage

    def _let_happen(self, stage: _Stage, happening: Happening) -> None:
        if happening.event:
            data = dict(happening.data)
            if happening.event == self.rules.start_event:
                data = {**_CONTACT, "portal": stage.portal, **data}
            self._decide(stage, happening.event, data, stage.now)
            return
        until = stage.now + happening.wait
        while stage.timers:
            name, (due, number) = min(stage.timers.items(), key=lambda item: item[1])
            if due > until:
                break
            stage.now = max(stage.now, due)
            del stage.timers[name]
            self._decide(stage, f"timer.{name}", {"number": number}, due)
        stage.now = until

    def _decide(self, stage: _Stage, event: str, data: dict[str, Any], at: Millis) -> None:
        stage.events += 1
        made = self.make_event(type=event, at=at, source="example", id=str(stage.events), data=data)
        try:
            decision = self.decide(stage.lead, made, stage.now)
        except ValueError as error:  # the rules do not take it, so it never reaches the lead
            stage.refused.append(str(error))
            stage.result = "refused"
            return
        if decision is None:
            stage.result = "ignored"
            return
        stage.lead, stage.result = decision.lead, str(decision.result)
        if decision.clears_timers:
            stage.timers.clear()
        stage.timers.update({t.name: (t.due, t.number) for t in decision.timers})
        for effect in decision.effects:
            kind = str(effect.kind.value)
            stage.ordered.add(kind)
            if kind == "fields":
                stage.shown |= self._shown(
                    stage.portal, effect.payload["state"], effect.payload["words"]
                )

    def _shown(self, portal: str, state: str, words: Mapping[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for mapping in self.rules.crm.values():
            found |= values_for(mapping.of(portal), state, words)
        return found

    def _differences(self, stage: _Stage, then: Mapping[str, Any]) -> list[str]:
        wrong: list[str] = []
        for key, wanted in then.items():
            if key == "fields":
                for column, value in wanted.items():
                    _compare(wrong, f"field {column}", stage.shown.get(column), value)
            else:
                _compare(wrong, key, _seen(stage, key), wanted)
        return wrong


def _seen(stage: _Stage, key: str) -> Any:
    lead = stage.lead
    if key == "result":
        return stage.result
    if key in _ORDERED:
        return key in stage.ordered
    if lead is None:
        return None
    if key in ("state", "sub_state", "finished", "stopped"):
        return getattr(lead, key)
    return lead.counters.get(key, 0)


def _compare(wrong: list[str], what: str, seen: Any, wanted: Any) -> None:
    if seen != wanted:
        wrong.append(f"{what} is {_word(seen)}, expected {_word(wanted)}")


def _word(value: Any) -> str:
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)
