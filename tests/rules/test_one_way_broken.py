"""A sound file that is broken in exactly one way gets exactly that code, and no other."""

import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leadback.rules.dump import dump
from leadback.rules.examples import parse_examples
from leadback.rules.findings import CODES, Finding
from leadback.rules.loader import parse, parse_file
from leadback.rules.migration import plan_migration
from leadback.rules.model import (
    Action,
    Comparison,
    CrmMapping,
    Event,
    Rule,
    Rules,
    State,
    Timer,
    Work,
)
from leadback.rules.options import check_facts, check_options
from leadback.service.sound import unknown_crms
from tests.rules.sound import CONTACT, rules_models

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Way:
    """One way to break a file: in the model before it is written, or in the text after.

    look: how the finding is come by, where it is not by reading the text.
    """

    code: str
    model: Callable[[Rules], Rules] = lambda rules: rules
    text: Callable[[str], str] = lambda text: text
    look: Callable[[str], Iterable[Finding]] = lambda text: parse(text, file="f")[1]


def insert(after: str, line: str) -> Callable[[str], str]:
    """A line after the first line that begins like this."""

    def change(text: str) -> str:
        found = re.search(rf"(?m)^{after}.*\n", text)
        assume(found is not None)
        assert found is not None
        return text[: found.end()] + line + "\n" + text[found.end() :]

    return change


def swap(old: str, new: str) -> Callable[[str], str]:
    """The first match of a pattern, replaced."""

    def change(text: str) -> str:
        assume(re.search(old, text, re.MULTILINE) is not None)
        return re.sub(old, new, text, count=1, flags=re.MULTILINE)

    return change


def with_event(rules: Rules, event: Event, *rows: Rule) -> Rules:
    events = {**rules.events, event.name: event}
    return replace(rules, events=events, rules=(*rows, *rules.rules), invariants={})


def everywhere(rules: Rules, trigger: str) -> Rule:
    return Rule(trigger, tuple(rules.states), stay="why not")


PROBE = Event("probe")


def probing(*rows: Callable[[Rules], Rule], event: Event = PROBE) -> Callable[[Rules], Rules]:
    """With an event of our own, whose rows are these."""
    return lambda rules: with_event(rules, event, *(row(rules) for row in rows))


def with_state(rules: Rules, state: State, *rows: Rule) -> Rules:
    """One more state, mapped, and known to every event; `rows` say how it is reached."""
    triggers = dict.fromkeys(r.trigger for r in rules.rules if not r.trigger.startswith("timer."))
    known = [
        Rule(trigger, (state.name,), stay="why not")
        for trigger in triggers
        if trigger != "assigned"
    ]
    again = Rule("assigned", (state.name,), stay="anew")
    crm = {
        name: replace(one, states={**one.states, state.name: (None,) * len(one.columns)})
        for name, one in rules.crm.items()
    }
    return replace(
        rules,
        states={**rules.states, state.name: state},
        rules=(*rows, *rules.rules, again, *known),
        crm=crm,
    )


def anew(rules: Rules) -> Rules:
    """Assigned again, the last state of with_state starts anew."""
    return replace(
        rules,
        rules=tuple(
            replace(r, actions=(Action("start_anew"),)) if r.stay == "anew" else r
            for r in rules.rules
        ),
    )


def first_move(rules: Rules) -> Rule:
    return Rule("probe", ("A",), to=list(rules.states)[1])


def strict_move(rules: Rules) -> Rule:
    """To a state that does not allow just any sub-state."""
    strict = [state.name for state in rules.states.values() if state.sub_states != ()]
    assume(strict != [])
    return Rule("probe", ("A",), to=strict[0])


def stays(rules: Rules) -> Rule:
    return everywhere(rules, "probe")


def when(fact: str, op: str, value: int) -> Callable[[Rules], Rule]:
    part = Comparison(fact, op, value)  # type: ignore[arg-type]
    return lambda rules: replace(first_move(rules), guard=(part,))


COUNTING = Event("probe", counts="probes")


def counting(*rows: Callable[[Rules], Rule]) -> Callable[[Rules], Rules]:
    """As probing, with a counter of our own."""

    def change(rules: Rules) -> Rules:
        found = probing(*rows, event=COUNTING)(rules)
        return replace(found, counters={**found.counters, "probes": "probes"})

    return change


def mapped(rules: Rules, value: str = "x") -> Rules:
    states = dict.fromkeys(rules.states, (value, None))
    return replace(
        rules, crm={**rules.crm, "probe_crm": CrmMapping("probe_crm", ("a", "b"), states)}
    )


def for_hubspot(rules: Rules) -> Rules:
    crm = replace(mapped(rules).crm["probe_crm"], crm="hubspot")
    return replace(rules, crm={"hubspot": crm})


def timed(rules: Rules) -> Rules:
    timers = {**rules.timers, "probe": Timer("probe", ("A",), after=60_000)}
    return replace(
        rules, timers=timers, rules=(*rules.rules, Rule("timer.probe", ("A",), stay="x"))
    )


def known(text: str) -> Rules:
    rules, findings = parse(text, file="f")
    assert rules is not None, [str(finding) for finding in findings]
    return rules


def from_disk(text: str) -> Iterable[Finding]:
    """As a file, in the bytes of another time."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        Path(file.name).write_bytes(text.encode("utf-8").replace(b"LATIN", b"\xe9"))
        return parse_file(Path(file.name))[1]


def against(*options: str, can_add: bool = False) -> Callable[[str], Iterable[Finding]]:
    """Mapped values of a CRM whose field has these options."""
    return lambda text: check_options(
        known(text), "probe_crm", {"a": options}, can_add=["a"] if can_add else []
    )


def mapping(value: str) -> Callable[[Rules], Rules]:
    return lambda rules: mapped(rules, value)


def told(rules: Rules) -> Rules:
    """Every fact about contacts has an event of its own."""
    facts = {f"told_{fact}": fact for fact in CONTACT}
    plain = {name: replace(event, contact=None) for name, event in mapped(rules).events.items()}
    events = {name: Event(name, contact=fact) for name, fact in facts.items()}  # type: ignore[arg-type]
    rows = tuple(everywhere(rules, name) for name in facts)
    return replace(mapped(rules), events={**plain, **events}, rules=(*rules.rules, *rows))


def entangled(rules: Rules) -> Rules:
    """Guards of one event that combine in more ways than anybody looks at."""
    names = [f"c{number}" for number in range(18)]
    found = replace(rules, counters={**rules.counters, **dict.fromkeys(names, "x")})
    for name in names:
        found = with_event(found, Event(f"e_{name}", counts=name), everywhere(rules, f"e_{name}"))
    goal = list(rules.states)[1]
    pairs_ = pairwise(names)
    rows = [
        Rule(
            "probe",
            ("A",),
            to=goal,
            guard=tuple(Comparison(n, "==", 3 + i) for i, n in enumerate(pair)),
        )
        for pair in pairs_
    ]
    return with_event(found, PROBE, *rows, everywhere(rules, "probe"))


def holding(state: str) -> Callable[[str], Iterable[Finding]]:
    """The file is to take over while leads are in a state."""
    return lambda text: plan_migration({"A": 3, state: 1}, known(text)).findings


def example_of(then: str) -> Callable[[str], Iterable[Finding]]:
    """An example beside the file."""
    line = f"- {{example: it begins, given: {{}}, when: [assigned], then: {then}}}"
    return lambda text: parse_examples(line, known(text), file="f")[1]


WAYS = {
    "bytes of another time": Way("R001", text=swap(r'hello: "', 'hello: "LATIN '), look=from_disk),
    "too large": Way("R002", text=lambda text: text + "#" + "x" * 2**20),
    "too deep": Way("R002", text=swap('hello: ".*"$', "hello: " + "[" * 20 + "x" + "]" * 20)),
    "entangled guards": Way("R044", model=entangled),
    "a value that the field lacks": Way("R053", model=mapping("x"), look=against("other")),
    "a value like two": Way("R054", model=mapping("won"), look=against("WON", "Won")),
    "a value to be added": Way("R055", model=mapping("x"), look=against("other", can_add=True)),
    "a value in another case": Way("R056", model=mapping("won"), look=against("WON")),
    "a value misspelt": Way(
        "R057", model=mapping("CONECTED"), look=against("CONNECTED", can_add=True)
    ),
    "a fact that nobody hears": Way(
        "R058",
        model=told,
        text=swap(", contact: erased|contact: erased", ""),
        look=lambda text: check_facts(known(text)),
    ),
    "a CRM without a plugin": Way(
        "R059",
        model=for_hubspot,
        text=swap("^  hubspot:", "  hubsopt:"),
        look=lambda text: unknown_crms(known(text)),
    ),
    "leads in a state that is gone": Way("R071", look=holding("Lost")),
    "an example of nothing": Way("R080", look=example_of("{}")),
    "a tab": Way("R003", text=lambda text: text + "\t- x: [\n"),
    "a state twice": Way("R004", text=insert("  A: {work", "  A: {work: waits}")),
    "an anchor": Way("R005", text=swap(r"^states:", "states: &x")),
    "a word for a switch": Way(
        "R006", model=probing(stays), text=swap("  probe: {}", "  probe: {keeps_sub_state: off}")
    ),
    "a list for a text": Way("R006", text=swap('hello: ".*"$', "hello: [x]")),
    "a misspelt key": Way("R007", text=swap(r"  A: \{work: ", "  A: {maens: x, work: ")),
    "a misspelt section": Way("R007", text=swap("^texts:", "txets:")),
    "a missing key": Way("R008", text=swap("^start: {state: A, ", "start: {")),
    "another format": Way("R009", text=swap("^format: 1", "format: one")),
    "a taken name": Way("R010", text=insert("groups:", "  any: [A]")),
    "an unknown goal": Way(
        "R011",
        model=probing(first_move, stays),
        text=swap(r"(  probe:\n    - .*)to: \w+", r"\1to: Nowhere"),
    ),
    "an unknown origin": Way(
        "R011",
        model=probing(stays),
        text=swap(r"(  probe:\n    - \{from: )everywhere", r"\1[everywhere, Nowhere]"),
    ),
    "an unknown event": Way(
        "R012",
        model=probing(stays),
        text=swap(
            r"^    - \{from: everywhere, stay: \"why not\"\}",
            '    - {from: everywhere, stay: "why not"}\n'
            '  xyz:\n    - {from: everywhere, stay: "x"}',
        ),
    ),
    "an unknown counter": Way(
        "R013",
        model=probing(when("opens", ">=", 1), stays),
        text=swap(r"when: \"opens >= 1\"(.*\n.*why not)", r'when: "zzz >= 1"\1'),
    ),
    "an unknown text": Way("R014", text=swap("note: hello", "note: qqq")),
    "a group in itself": Way("R015", text=swap(r"^groups:", "groups:\n  inner: [inner, A]")),
    "an unknown sub-state": Way(
        "R016",
        model=probing(strict_move, stays),
        text=swap(r"(  probe:\n    - .*to: \w+)", r"\1, sub_state: Unheard"),
    ),
    "an unknown action": Way(
        "R017", model=probing(stays), text=swap(r"(why not\")", r"\1, do: [dance]")
    ),
    "an unknown word": Way("R018", text=swap(r'hello: "', 'hello: "{name} ')),
    "two meanings": Way("R019", text=swap("^groups:", "groups:\n  A: [B]")),
    "no duration": Way("R020", model=timed, text=swap("after: 1m, stay", "after: 1 minute, stay")),
    "no guard": Way(
        "R021",
        model=probing(when("stopped", "==", 1), stays),
        text=swap('when: "stopped"', 'when: "maybe"'),
    ),
    "two outcomes": Way(
        "R022", model=probing(stays), text=swap(r"(stay: \"why not\")", r"\1, refuse: no")
    ),
    "two times": Way("R023", model=timed, text=swap("after: 1m, stay", "after: 1m, at: x, stay")),
    "a variant of none": Way("R024", model=probing(stays), text=swap("^  probe:$", "  probe.x:")),
    "no variant": Way(
        "R025", model=probing(stays), text=swap(r"^  probe: \{\}", "  probe: {by: x}")
    ),
    "no other": Way(
        "R026", model=lambda r: with_event(r, Event("probe", by="x"), everywhere(r, "probe.one"))
    ),
    "an idle option": Way(
        "R027", model=probing(stays), text=swap(r"(stay: \"why not\")", r"\1, done: true")
    ),
    "two events for a fact": Way(
        "R028",
        model=probing(
            stays, lambda r: everywhere(r, "twin"), event=Event("probe", contact="erased")
        ),
        text=swap(r"^  probe: (.*)$", r"  probe: \1\n  twin: {contact: erased}"),
    ),
    "nothing leads there": Way("R030", model=lambda r: anew(with_state(r, State("Z", Work.DONE)))),
    "a dead end": Way(
        "R031",
        model=lambda r: anew(
            with_state(
                with_event(
                    r,
                    Event("probe"),
                    Rule("probe", ("A",), to="Z"),
                    Rule("probe", tuple(r.states)[1:], stay="x"),
                ),
                State("Z", Work.WAITS),
            )
        ),
    ),
    "a shadow": Way("R032", model=probing(stays, lambda r: replace(stays(r), stay="again"))),
    "leaving a final state": Way(
        "R033",
        model=lambda r: with_event(
            anew(
                with_state(
                    with_event(r, Event("enter"), Rule("enter", tuple(r.states), to="Z")),
                    State("Z", Work.FINAL),
                )
            ),
            Event("out"),
            Rule("out", ("Z",), to="A"),
            Rule("out", tuple(r.states), stay="x"),
        ),
    ),
    "an event without rules": Way("R034", model=lambda r: with_event(r, Event("probe"))),
    "a hole": Way("R035", model=probing(lambda r: Rule("probe", tuple(r.states)[1:], stay="x"))),
    "a gap": Way(
        "R036",
        model=lambda r: with_event(
            r,
            Event("probe"),
            Rule("probe", ("A",), stay="x", guard=(Comparison("stopped", "==", 1),)),
            Rule("probe", tuple(r.states)[1:], stay="x"),
        ),
    ),
    "an overlap": Way(
        "R037",
        model=counting(
            when("stopped", "==", 1),
            lambda r: Rule("probe", ("A",), to="A", guard=(Comparison("probes", ">=", 5),)),
            stays,
        ),
    ),
    "a loop of timers": Way(
        "R038",
        model=lambda r: replace(
            timed(r),
            rules=tuple(
                replace(x, stay=None, to="A") if x.trigger == "timer.probe" else x
                for x in timed(r).rules
            ),
        ),
    ),
    "never handed back": Way(
        "R039",
        model=lambda r: with_state(
            with_event(
                r,
                Event("probe"),
                Rule("probe", ("A",), to="Z"),
                Rule("probe", tuple(r.states)[1:], stay="x"),
            ),
            State("Z", Work.DONE),
        ),
    ),
    "no end": Way(
        "R040",
        model=lambda r: with_event(
            anew(with_state(anew(with_state(r, State("Y", Work.WAITS))), State("Z", Work.WAITS))),
            Event("probe"),
            Rule("probe", ("A", "Z"), to="Y"),
            Rule("probe", ("Y",), to="Z"),
            Rule("probe", tuple(r.states)[1:], stay="x"),
        ),
    ),
    "an idle counter": Way(
        "R041", model=lambda r: replace(r, counters={**r.counters, "idle": "x"})
    ),
    "an idle text": Way("R042", model=lambda r: replace(r, texts={**r.texts, "idle": "x"})),
    "an idle group": Way("R043", text=swap("^groups:", "groups:\n  idle: [B]")),
    "an unmapped state": Way(
        "R050", model=mapped, text=swap(r"(?s)(probe_crm:.*?)      A: [^\n]*\n", r"\1")
    ),
    "a missing column": Way(
        "R051", model=mapped, text=swap(r'(?s)(probe_crm:.*?)A: \["x", ~\]', r'\1A: ["x"]')
    ),
    "columns for other values": Way(
        "R051", model=mapped, text=swap(r"(?s)(probe_crm:\n    columns: )\[a, b\]", r"\1[a]")
    ),
    "a word misspelt for a state": Way(
        "R011",
        model=probing(stays),
        text=swap(r"(  probe:\n    - \{from: )everywhere", r"\1Everywhere"),
    ),
    "a blank value": Way(
        "R052", model=mapped, text=swap(r'(?s)(probe_crm:.*?)A: \["x", ~\]', r'\1A: ["x ", ~]')
    ),
    "a strange promise": Way(
        "R060",
        text=lambda text: (
            re.sub(r"(?s)\ninvariants:.*?(\n\n|$)", r"\1", text) + "\ninvariants:\n  odd: [1]\n"
        ),
    ),
    "a broken promise": Way(
        "R061",
        text=lambda text: (
            re.sub(r"(?s)\ninvariants:.*?(\n\n|\n$|$)", "\n\n", text)
            + "\ninvariants:\n  odd: {state: A, left_only_by: []}\n"
        ),
    ),
    "a state that migrates and stays": Way(
        "R070", text=lambda text: re.sub(r"(?s)\nmigrate:.*$", "\n", text) + "\nmigrate:\n  A: B\n"
    ),
}


def codes(text: str) -> set[str]:
    return {finding.code for finding in parse(text, file="f")[1]}


@pytest.mark.parametrize("name", WAYS)
@settings(max_examples=max(3, settings.default.max_examples // 8))
@given(data=st.data())
def test_a_sound_file_broken_in_one_way_gets_exactly_that_code(
    name: str, data: st.DataObject
) -> None:
    way = WAYS[name]
    model = data.draw(rules_models())
    before = codes(dump(model))
    text = way.text(dump(way.model(model)))
    findings = list(way.look(text))
    found = {finding.code for finding in findings}
    assert way.code in found, text
    assert found - before <= {way.code}, [str(finding) for finding in findings]


WHOLE = {
    "a value that the field lacks": against("x"),
    "a value like two": against("won", "WON", "Won"),
    "a value to be added": against("x", can_add=True),
    "a value in another case": against("won", "WON"),
    "a value misspelt": against("CONECTED", "CONNECTED", can_add=True),
    "a fact that nobody hears": lambda text: check_facts(known(text)),
    "a CRM without a plugin": lambda text: unknown_crms(known(text)),
    "leads in a state that is gone": holding("B"),
    "an example of nothing": example_of("{state: A}"),
}
"""How the same file is looked at where nothing is wrong."""


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=max(3, settings.default.max_examples // 8))
@given(model=rules_models())
def test_the_same_file_has_nothing_of_it_when_it_is_not_broken(name: str, model: Rules) -> None:
    assert list(WHOLE[name](dump(WAYS[name].model(model)))) == []


def test_every_code_has_a_way() -> None:
    """R062 takes a file made for it: more kinds of lead than are looked at, and a promise that
    holds for all of them."""
    assert {way.code for way in WAYS.values()} == set(CODES) - {"R062"}
