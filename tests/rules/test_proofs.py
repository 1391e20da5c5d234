"""Holes, gaps, overlaps and shadows against brute force; differences against a search of pairs."""

from collections import deque
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leadback.base.clock import DAY
from leadback.rules.diff import diff, diff_loaded
from leadback.rules.dump import dump
from leadback.rules.kinds import Kind, Step
from leadback.rules.loader import load, parse
from leadback.rules.model import (
    FLAGS,
    KEEP,
    OTHER,
    SUB_STATE,
    Action,
    Comparison,
    Event,
    Rule,
    Rules,
    State,
    Timer,
    Work,
)
from leadback.rules.regions import holds
from leadback.rules.sight import Sight
from leadback.rules.version import version_of
from leadback.rules.walk import Walker
from tests.rules.sound import rules_models

pytestmark = pytest.mark.long

# ------------------------------------------------------------------ rows of one event

PLACES = {
    "P": State("P", Work.GOES_ON, sub_states=("X", "Y", "Z")),
    "Q": State("Q", Work.DONE),
}
"""Two states with rows of all kinds; the rest of the file is sound and stays the same."""

PARTS = st.one_of(
    st.builds(
        Comparison,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["==", "!=", ">=", "<=", ">", "<"]),
        st.integers(0, 3),
    ),
    st.builds(
        Comparison, st.sampled_from(["finished", "stopped"]), st.just("=="), st.integers(0, 1)
    ),
)
SUB_PARTS = st.builds(
    Comparison,
    st.just(SUB_STATE),
    st.sampled_from(["in", "not in"]),
    st.lists(st.sampled_from("XYZ"), min_size=1, max_size=2, unique=True).map(tuple),
)
OUTCOMES = st.sampled_from(["P", "Q", "stay", "refuse"])


@st.composite
def probe_rows(draw: st.DrawFn) -> list[Rule]:
    rows = []
    for _ in range(draw(st.integers(1, 5))):
        sources = draw(st.sampled_from([("P",), ("Q",), ("P", "Q")]))
        parts = st.one_of(PARTS, SUB_PARTS) if sources == ("P",) else PARTS
        guard = tuple(draw(st.lists(parts, max_size=3)))
        goal = draw(OUTCOMES)
        rule = Rule("probe", sources, guard=guard)
        if goal == "stay":
            rows.append(replace(rule, stay="why"))
        elif goal == "refuse":
            rows.append(replace(rule, refuse="no"))
        else:
            rows.append(replace(rule, to=goal))
    return rows


def whole(rows: list[Rule], probe: Event) -> Rules:
    both = ("P", "Q")
    return Rules(
        version="",
        start=Rule("start", (), to="S"),
        start_event="assigned",
        states={"S": State("S", Work.WAITS), **PLACES},
        counters={"a": "a", "b": "b"},
        events={
            "assigned": Event("assigned"),
            "go": Event("go", counts="a"),
            "on": Event("on", counts="b"),
            "probe": probe,
        },
        groups={},
        rules=(
            Rule("assigned", ("S", *both), to="S"),
            Rule("go", ("S",), to="P"),
            Rule("go", both, to="Q"),
            Rule("on", ("S", *both), stay="counted"),
            *rows,
            Rule("probe", ("S",), stay="not yet"),
        ),
        timers={},
        texts={},
        crm={},
    )


Point = dict[str, int | str | None]


def points(state: str, probe: Event) -> list[Point]:
    """Every lead of the state, counters up to 5: more than any guard mentions."""
    subs = (None, "X", "Y", "Z") if state == "P" else (None,)
    finished = (0, 1) if state == "P" else (1,)
    numbers = {
        name: range(1 if probe.counts == name else 0, 1 if name in probe.resets else 6)
        for name in ("a", "b")
    }
    return [
        {"a": a, "b": b, "finished": f, "stopped": s, SUB_STATE: sub}
        for a, b, f, s, sub in product(numbers["a"], numbers["b"], finished, (0, 1), subs)
    ]


def fits(rule: Rule, point: Point) -> bool:
    return all(holds(part, point[part.fact]) for part in rule.guard)


def brute_force(rows: list[Rule], probe: Event) -> set[tuple[str, int]]:
    """(code, row) for each finding that there must be. Rows count from 0."""
    found: set[tuple[str, int]] = set()
    fired: set[int] = set()
    for state in PLACES:
        here = [index for index, rule in enumerate(rows) if state in rule.sources]
        if not here:
            found.add(("R035", 0))
            continue
        decided = {}
        for number, point in enumerate(points(state, probe)):
            fitting = [index for index in here if fits(rows[index], point)]
            decided[number] = fitting
            if not fitting:
                found.add(("R036", here[-1]))
        fired |= {fitting[0] for fitting in decided.values() if fitting}
        found |= overlaps(rows, here, list(decided.values()))
    return found | {("R032", index) for index in range(len(rows)) if index not in fired}


def overlaps(rows: list[Rule], here: list[int], decided: list[list[int]]) -> set[tuple[str, int]]:
    found = set()
    fires = {fitting[0] for fitting in decided if fitting}
    for first in here:
        for second in here:
            if first >= second or rows[first].to is None or second not in fires:
                continue
            if outcome(rows[first]) == outcome(rows[second]):
                continue
            mine = [fitting for fitting in decided if fitting and fitting[0] == first]
            shared = any(second in fitting for fitting in mine)
            alone = [fitting for fitting in mine if second not in fitting]
            differs = any(
                len(fitting) < 2 or outcome(rows[fitting[1]]) != outcome(rows[first])
                for fitting in alone
            )
            if shared and differs:
                found.add(("R037", second))
    return found


def outcome(rule: Rule) -> object:
    return (rule.to, rule.sub_state, rule.done)


@given(
    probe_rows(),
    st.sampled_from([Event("probe"), Event("probe", counts="a"), Event("probe", resets=("b",))]),
)
def test_findings_about_rows_are_those_that_brute_force_finds(
    rows: list[Rule], probe: Event
) -> None:
    text = dump(whole(rows, probe))
    _, findings = parse(text, file="f")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line == "  probe:"]
    first = lines[-1] + 1
    seen = {
        (f.code, f.line - first) for f in findings if f.code in ("R032", "R035", "R036", "R037")
    }
    wanted = brute_force(rows, probe)
    gaps = {row for code, row in wanted if code == "R036"}
    if gaps:  # one finding tells of the first state that has a gap
        wanted = {(c, row) for c, row in wanted if c != "R036"}
        seen_gaps = {row for code, row in seen if code == "R036"}
        assert len(seen_gaps) == 1
        assert seen_gaps <= gaps
        seen = {(c, row) for c, row in seen if c != "R036"}
    assert seen == wanted, text


# ------------------------------------------------------------------ differences


@st.composite
def changed(draw: st.DrawFn, rules: Rules) -> Rules:
    """The rules with one small change, which may or may not change what they do."""
    rows = list(rules.rules)
    index = draw(st.integers(0, len(rows) - 1))
    rule = rows[index]
    change = draw(st.sampled_from(["goal", "limit", "drop", "swap", "split", "done", "why"]))
    if change == "goal" and rule.to is not None and rule.sub_state is None:
        rows[index] = replace(rule, to=draw(st.sampled_from(sorted(rules.states))))
    elif change == "limit":
        rows[index] = replace(rule, guard=tuple(_moved(part) for part in rule.guard))
    elif change == "drop":
        del rows[index]
    elif change == "swap" and index + 1 < len(rows):
        rows[index], rows[index + 1] = rows[index + 1], rows[index]
    elif change == "split" and len(rule.sources) > 1:
        halves = (rule.sources[:1], rule.sources[1:])
        rows[index : index + 1] = [replace(rule, sources=half) for half in halves]
    elif change == "done" and rule.to is not None:
        rows[index] = replace(rule, done=not rule.done)
    elif change == "why" and rule.stay is not None:
        rows[index] = replace(rule, stay="another reason")
    return replace(rules, rules=tuple(rows))


def _moved(part: Comparison) -> Comparison:
    if not isinstance(part.value, int):
        return part
    return replace(part, value=1 - part.value if part.fact in FLAGS else part.value + 1)


def finest(old: Rules, new: Rules) -> Sight:
    """Tells apart all that anyone could see of a lead."""
    sight = Sight.of(old, new)
    states = frozenset((*old.states, *new.states))
    names = {n for r in (old, new) for s in r.states.values() for n in s.sub_states or ()}
    given = {
        r.sub_state for one in (old, new) for r in one.rules if r.sub_state not in (None, KEEP)
    }
    values = {r.trigger.partition(".")[2] for one in (old, new) for r in one.rules}
    every = frozenset((*sight.sub_states, *names, *given, *values, "whatever else"))
    return replace(sight, sub_states=every, reading=states, stopped=True)


def told_apart(old: Rules, new: Rules) -> list[str] | None:
    """The shortest sequence after which the two differ, by walking both side by side."""
    old, new = spelled_out(old, new), spelled_out(new, old)
    sight = finest(old, new)
    one, two = Walker(old, sight), Walker(new, sight)
    start = one.start()
    if visible(start, old) != visible(two.start(), new):
        return []
    came: dict[Kind, list[str]] = {start.after: []}
    todo = deque([start.after])
    while todo:
        kind = todo.popleft()
        steps = tuple(one.steps(kind))
        seen = {(s.trigger, visible(s, old)) for s in steps}  # a trigger may do the same twice
        others = {(s.trigger, visible(s, new)) for s in two.steps(kind)}
        if seen != others:
            return [*came[kind], min(trigger for trigger, _ in seen ^ others)]
        for step in steps:
            if step.after not in came:
                came[step.after] = [*came[kind], step.trigger]
                todo.append(step.after)
    return None


def spelled_out(rules: Rules, other: Rules) -> Rules:
    """The same rules, with rows for every value that the other file names: those of `other`."""
    named = {rule.trigger for rule in rules.rules}
    rows = list(rules.rules)
    for trigger in sorted({rule.trigger for rule in other.rules} - named):
        name, _, value = trigger.partition(".")
        if value and name != "timer":
            rest = [rule for rule in rules.rules if rule.trigger == f"{name}.{OTHER}"]
            rows += [replace(rule, trigger=trigger) for rule in rest]
    return replace(rules, rules=tuple(rows))


def visible(step: Step, rules: Rules) -> object:
    rule = step.rule
    moved = rule is not None and rule.to is not None
    anew = moved and any(step.after.state in t.states for t in rules.timers.values())
    texts = tuple(a.text for a in rule.actions if a.text) if rule is not None else ()
    return (step.after, step.ordered, rule is not None and rule.refuse is not None, texts, anew)


@given(st.data())
def test_a_diff_is_empty_if_and_only_if_no_sequence_tells_the_two_apart(
    data: st.DataObject,
) -> None:
    old = replace(data.draw(rules_models()), invariants={})
    new = data.draw(changed(old))
    assume(
        not any(rule.trigger.startswith("timer.") and rule not in new.rules for rule in old.rules)
    )
    told = diff(old, new)
    assert told == () or version_of(old) != version_of(new), "what diff_loaded goes by"
    found = [d for d in told if d.what in ("decision", "start")]
    path = told_apart(old, new)
    assert (found == []) == (path is None), (found, path)


def test_a_move_to_where_the_lead_is_differs_from_staying_by_its_timers_alone() -> None:
    old, new = (self_move(timed=False, stays=stays) for stays in (False, True))
    assert diff(old, new) == ()
    old, new = (self_move(timed=True, stays=stays) for stays in (False, True))
    assert [d.event for d in diff(old, new)] == ["again"]


def test_a_sub_state_that_nothing_gives_is_no_difference() -> None:
    """B may have any; whether the event that stays there would take it away, nobody can see."""
    for gives, stays_differ in ((None, []), ("tired", ["again"])):
        old, new = (_resting(gives=gives, stays=stays) for stays in (False, True))
        assert [d.event for d in diff(old, new)] == stays_differ
        assert told_apart(old, new) == (["onward", *stays_differ] if stays_differ else None)


@pytest.mark.parametrize("value", ["other", "hot"])
def test_a_value_that_an_event_brings_is_a_sub_state_to_lose(value: str) -> None:
    base = _resting(gives=None, stays=True)
    event = replace(base.events["onward"], by="kind", keeps_sub_state=True)
    rows = tuple(
        replace(rule, trigger=f"onward.{value}") if rule.trigger == "onward" else rule
        for rule in base.rules
    )
    old = replace(base, events={**base.events, "onward": event}, rules=rows)
    back = Rule("again", ("B",), to="B")
    new = replace(old, rules=(*(r for r in rows if r.trigger != "again"), back))
    assert [d.event for d in diff(old, new)] == ["again"]
    assert told_apart(old, new) == [f"onward.{value}", "again"]
    keeps = replace(new, rules=(*new.rules[:-1], replace(back, sub_state=KEEP)))
    assert [d.event for d in diff(old, keeps)] == []
    assert [d.event for d in diff(new, keeps)] == ["again"]


@pytest.mark.parametrize("goal", ["B", "zz"])
def test_what_an_event_leaves_as_sub_state_is_compared(goal: str) -> None:
    base = _resting(gives=None, stays=True)
    name = {"A": "A", "B": goal}
    rows = tuple(
        replace(
            rule,
            trigger="onward.other" if rule.trigger == "onward" else rule.trigger,
            sources=tuple(name[state] for state in rule.sources),
            to=name.get(rule.to or ""),
        )
        for rule in base.rules
    )
    states = {name[s.name]: replace(s, name=name[s.name]) for s in base.states.values()}
    old, new = (
        replace(base, rules=rows, states=states, events={**base.events, "onward": event})
        for event in (Event("onward", by="kind"), Event("onward", by="kind", keeps_sub_state=True))
    )
    assert [(d.what, d.state, d.event) for d in diff(old, new)] == [
        ("event", "", "onward"),
        ("decision", "A", "onward.other"),
    ]


def test_leads_are_told_apart_by_a_sub_state_that_a_guard_reads() -> None:
    text = Path("tests/rules/sound.yaml").read_text()
    row = '  ready:\n    - {from: Hot, to: %s, when: "sub_state in [Met]"}\n'
    old, new = (
        parse(text.replace("  ready:\n", row % to, 1), file="f")[0] for to in ("Gone", "Cold")
    )
    assert old is not None
    assert new is not None
    assert [str(one) for one in diff(old, new)] == [
        "decision Hot, ready when sub-state is Met: goes to Gone → goes to Cold"
    ]


def test_regions_of_one_change_are_told_as_few() -> None:
    old = load(Path("tests/rules/sound.yaml"))
    row = Rule("opened", ("Cold", "Warm"), to="Warm", guard=(Comparison("opens", ">=", 3),))
    assert any((r.trigger, r.to, r.guard) == (row.trigger, row.to, row.guard) for r in old.rules)
    rows = tuple(replace(r, guard=()) if r.guard == row.guard else r for r in old.rules)
    split = [
        replace(r, guard=(Comparison("opens", op, 1),))
        for r in rows
        if (r.trigger, r.to) == ("opened", "Warm")
        for op in ("==", "!=")
    ]
    rest = [r for r in rows if (r.trigger, r.to) != ("opened", "Warm")]
    first = next(n for n, r in enumerate(rest) if r.trigger == "opened")
    new = replace(old, rules=(*rest[:first], *split, *rest[first:]))
    assert [str(one) for one in diff(old, new) if one.state == "Cold"] == [
        "decision Cold, opened when opens is 1 to 2: stays → goes to Warm"
    ]


def test_a_value_with_rows_of_its_own_leaves_itself_as_sub_state() -> None:
    base = _resting(gives=None, stays=True)
    event = Event("onward", by="kind", keeps_sub_state=True)
    moves = tuple(Rule(f"onward.{value}", ("A",), to="B") for value in ("hot", "pale", OTHER))
    stays = tuple(replace(rule, sources=("B",), to=None, stay="because") for rule in moves)
    rows = (*(rule for rule in base.rules if rule.trigger != "onward"), *moves, *stays)
    rules = replace(base, rules=rows, events={**base.events, "onward": event})
    walker = Walker(rules, finest(rules, rules))
    for value in ("hot", "pale"):
        steps = list(walker.outcomes(walker.start().after, f"onward.{value}"))
        assert [step.after.sub_state for step in steps] == [value]
    rest = {s.after.sub_state for s in walker.outcomes(walker.start().after, "onward.other")}
    assert not rest & {"hot", "pale"}


def _resting(*, gives: str | None, stays: bool) -> Rules:
    """A goes on to B, where any sub-state is allowed and `again` stays or leads to B itself."""
    base = self_move(timed=False, stays=True)
    rows = (
        Rule("onward", ("A",), to="B", sub_state=gives),
        Rule("onward", ("B",), stay="because"),
        Rule("again", ("A",), stay="because"),
        Rule("again", ("B",), stay="because") if stays else Rule("again", ("B",), to="B"),
    )
    states = {"A": State("A", Work.WAITS), "B": State("B", Work.WAITS, sub_states=())}
    return replace(base, rules=rows, states=states)


def test_the_search_tells_no_file_from_itself_where_one_event_comes_to_the_same_twice() -> None:
    same = self_move(timed=False, stays=False)
    ends = (Action("erase"), Action("follow_merge"))
    rows = tuple(replace(r, actions=ends) if r.trigger == "again" else r for r in same.rules)
    twice = replace(same, rules=rows)
    sight = finest(twice, twice)
    walker = Walker(twice, sight)
    afters = [s.after for s in walker.steps(walker.start().after) if s.trigger == "again"]
    assert len(afters) == 2 > len(set(afters))
    assert told_apart(twice, twice) is None
    assert told_apart(twice, same) == ["again"]
    assert [d.event for d in diff(twice, same)] == ["again"]


@pytest.mark.parametrize("name", ["again", "written"])
def test_a_value_without_rows_of_its_own_is_other(name: str) -> None:
    base = self_move(timed=False, stays=False)
    kept = tuple(rule for rule in base.rules if rule.trigger != "again")
    rest = Rule(f"{name}.other", ("A",), to="B")
    events = {name: Event(name, by="kind"), "onward": Event("onward")}
    bare = replace(base, events={"assigned": Event("assigned"), **events}, rules=(*kept, rest))
    for hot, differs in (
        (replace(rest, trigger=f"{name}.hot"), False),
        (Rule(f"{name}.hot", ("A",), stay="because"), True),
    ):
        named = replace(bare, rules=(*bare.rules, hot))
        for old, new in ((named, bare), (bare, named)):
            assert told_apart(old, new) == ([f"{name}.hot"] if differs else None)
            assert [d.event for d in diff(old, new)] == ([f"{name}.hot"] if differs else [])


@given(rules_models(), st.data())
def test_an_event_that_gains_or_loses_by_differs_as_if_it_always_had_it(
    model: Rules, data: st.DataObject
) -> None:
    """Which leads go another way is the same, whether the other file spells the values out."""
    model = replace(model, invariants={})
    plain = [n for n, e in model.events.items() if e.by is None and n != model.start_event]
    assume(plain)
    name = data.draw(st.sampled_from(plain))
    new = data.draw(changed(chosen_by(model, name, ("hot", OTHER))))
    spelled = chosen_by(model, name, ("hot", OTHER))
    assert decisions(model, new) == decisions(spelled, new)
    assert decisions(new, model) == decisions(new, spelled)


def chosen_by(rules: Rules, name: str, values: tuple[str, ...]) -> Rules:
    """The event's rows once for each value."""
    rows = [rule for rule in rules.rules if rule.trigger != name]
    of_event = [rule for rule in rules.rules if rule.trigger == name]
    rows += [replace(row, trigger=f"{name}.{value}") for value in values for row in of_event]
    events = {**rules.events, name: replace(rules.events[name], by="kind")}
    return replace(rules, events=events, rules=tuple(rows))


def decisions(old: Rules, new: Rules) -> list[str]:
    return sorted(str(one) for one in diff(old, new) if one.what == "decision")


def test_what_a_value_of_its_own_changes_is_listed() -> None:
    text = Path("tests/rules/sound.yaml").read_text()
    old = load(Path("tests/rules/sound.yaml"))
    by = text.replace("  left: {}", "  left: {by: how}").replace(
        "  left:\n    -",
        "  left.gladly:\n    - {from: busy, to: Hot}\n"
        '    - {from: everywhere, stay: "so be it"}\n  left.other:\n    -',
    )
    new, _ = parse(by, file="new")
    assert new is not None
    found = [str(one) for one in diff(old, new)]
    assert "event left: known → chosen by how" in found
    assert "decision Cold, left.gladly: goes to Gone → goes to Hot" in found
    assert "decision Hot, left.gladly: goes to Gone → stays" in found
    assert not any("left.other" in one for one in found)
    back = [str(one) for one in diff(new, old)]
    assert "decision Cold, left.gladly: goes to Hot → goes to Gone" in back


def self_move(*, timed: bool, stays: bool) -> Rules:
    """A, where `again` leads to A or stays; B is the end."""
    rows = (
        Rule("onward", ("A",), to="B"),
        Rule("again", ("A",), stay="because") if stays else Rule("again", ("A",), to="A"),
        *((Rule("timer.late", ("A",), to="B"),) if timed else ()),
    )
    timers = {"late": Timer("late", ("A",), after=DAY)} if timed else {}
    return Rules(
        version="v",
        start=Rule("start", (), to="A"),
        start_event="assigned",
        states={"A": State("A", Work.WAITS), "B": State("B", Work.DONE)},
        counters={},
        events={name: Event(name) for name in ("assigned", "onward", "again")},
        groups={},
        rules=rows,
        timers=timers,
        texts={},
        crm={},
        invariants={},
        migrate={},
    )


@given(rules_models())
def test_nothing_differs_from_itself_however_it_is_written(model: Rules) -> None:
    again, _ = parse(dump(model), file="f")
    assert again is not None
    turned = replace(again, states=dict(reversed(again.states.items())), groups={})
    assert diff(model, turned) == ()


@given(rules_models(), st.data())
def test_a_difference_says_which_leads(model: Rules, data: st.DataObject) -> None:
    """A decision's region holds for exactly the leads that the two files decide differently."""
    new = data.draw(changed(model))
    assume(len(new.rules) == len(model.rules))
    for difference in diff(model, new):
        if difference.what == "decision" and difference.box:
            inside = {fact: values[0] for fact, values in difference.box.items()}
            assert difference.fits(inside)
            outside = {
                fact: [v for v in difference.domain[fact] if v not in values]
                for fact, values in difference.box.items()
            }
            for fact, values in outside.items():
                for value in values:
                    if fact != "came_from":
                        assert not difference.fits({**inside, fact: value})


def test_differences_in_words() -> None:

    sound = Path("tests/rules/sound.yaml")
    old = load(sound)
    text = sound.read_text()
    for before, after in (
        ("opens >= 3", "opens >= 5"),
        ("every: 3d", "every: 2d"),
        ("[CONNECTED, Hot]", "[QUALIFIED, Hot]"),
        ('"{lead} waits"', '"{lead} is waiting"'),
        ("opened: {counts: opens}", "opened: {counts: opens, logs: incoming_email}"),
        ("Cold: {work: goes_on}", "Cold: {work: waits}"),
    ):
        assert before in text
        text = text.replace(before, after)
    new, findings = parse(text, file="new")
    assert findings == ()
    assert new is not None
    assert [str(one) for one in diff(old, new)] == [
        "state Cold: goes_on → waits",
        "event opened: counts opens → counts opens, logs incoming_email",
        "decision Cold, opened when opens is 3 to 4: goes to Warm → stays",
        "decision Warm, opened when opens is 3 to 4: goes to Warm → stays",
        "timer nudge: every 3 days, 5 times in Hot → every 2 days, 5 times in Hot",
        "text remind: {lead} waits → {lead} is waiting",
        "mapping Hot, hubspot.hs_lead_status: CONNECTED → QUALIFIED",
    ]


def test_differences_of_loaded_rules_are_kept() -> None:
    old, _ = parse(Path("tests/rules/sound.yaml").read_text(), file="old")
    text = (
        Path("tests/rules/sound.yaml").read_text().replace("when: opens >= 3", "when: opens >= 4")
    )
    new, _ = parse(text, file="new")
    assert old is not None
    assert new is not None
    assert diff_loaded(old, new) == diff(old, new) != ()
    assert diff_loaded(new, old) == diff(new, old)
    assert diff_loaded(old, new) is diff_loaded(old, new)
