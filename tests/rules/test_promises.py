"""Each form of invariant: what keeps it, what breaks it, and the shortest way to break it."""

from pathlib import Path

import pytest

from leadback.rules.check_promises import broken_promises
from leadback.rules.loader import load, parse

SOUND = Path("tests/rules/sound.yaml").read_text()
ANSWERS = "  answers: {in: Hot, after: 10m, stay: told, do: [{task: remind}]}\n"
LATE = "  late: {in: [Cold, Warm], after: 10m, to: Hot, when: %s}\n"


def broken(invariant: str, *, text: str = SOUND) -> list[str]:
    _, findings = parse(f"{text}invariants:\n  it: {invariant}\n", file="f")
    assert {finding.code for finding in findings} <= {"R061"}
    return [finding.message.removeprefix("the invariant it is broken: ") for finding in findings]


@pytest.mark.parametrize(
    "invariant",
    [
        "{state: Gone, left_only_by: []}",
        "{state: Hot, left_only_by: [left, assigned]}",
        "{state: Cold, left_only_by: [assigned, opened, replied, left]}",
        "{state: Warm, left_only_by: [timer.quiet, replied.meet, replied.other, left]}",
        "{entering: [Hot, Gone], then: handback}",
        "{entering: Hot, then: Hot}",
        "{entering: Warm, then: Cold, within: 24h}",
        "{entering: Hot, then: task, within: 3d}",
        "{entering: Hot, then: handback, within: 1m}",
        "{never: [Hot, Cold]}",
        "{never: [New, Warm]}",
        "{never: [busy, New], except_by: [assigned]}",
        "{in: Gone, always: finished}",
        "{in: everywhere, always: opens >= 0 and not stopped}",
        "{in: [New], always: not finished}",
        '{in: Hot, always: "sub_state not in [Keen]"}',
    ],
)
def test_kept(invariant: str) -> None:
    text = SOUND.replace("{from: any, to: New,", "{from: [Hot, New, Cold, Warm], to: New,")
    assert broken(invariant, text=text) == []


@pytest.mark.parametrize(
    ("invariant", "expected"),
    [
        (
            "{state: Cold, left_only_by: [left, replied, assigned]}",
            "opened moves a lead from Cold to Warm, after assigned, ready, opened (3 times)",
        ),
        (
            "{state: Warm, left_only_by: [replied.meet, left, replied.other]}",
            "timer.quiet moves a lead from Warm to Cold, "
            "after assigned, ready, opened (3 times), timer.quiet",
        ),
        (
            "{state: [New, Hot], left_only_by: [ready, left, assigned, replied.other]}",
            "replied.meet moves a lead from New to Hot, after assigned, replied.meet",
        ),
        (
            "{entering: Cold, then: handback}",
            "a lead enters Cold, and handback does not follow at once, after assigned, ready",
        ),
        (
            "{entering: Cold, then: Warm}",
            "a lead enters Cold, and Warm does not follow at once, after assigned, ready",
        ),
        (
            "{entering: Warm, then: Cold, within: 23h}",
            "a lead enters Warm, and Cold does not follow within 82800 s, "
            "after assigned, ready, opened (3 times)",
        ),
        (
            "{entering: Hot, then: note}",
            "a lead enters Hot, and note does not follow at once, after assigned, replied.meet",
        ),
        (
            "{entering: New, then: task}",
            "a lead enters New, and task does not follow at once, after assigned",
        ),
        (
            "{never: [Hot, Gone]}",
            "left moves a lead from Hot to Gone, after assigned, replied.meet, left",
        ),
        (
            "{in: Warm, always: opens == 3}",
            "a lead is in Warm and opens == 3 does not hold, "
            "after assigned, ready, opened (4 times)",
        ),
        (
            '{in: Hot, always: "sub_state not in [Met]"}',
            "a lead is in Hot and sub_state not in [Met] does not hold, "
            "after assigned, replied.meet",
        ),
        (
            "{in: Hot, always: not finished}",
            "a lead is in Hot and not finished does not hold, after assigned, replied.meet",
        ),
    ],
)
def test_broken_by_the_shortest_sequence(invariant: str, expected: str) -> None:
    assert broken(invariant) == [expected]


def test_a_timer_only_counts_when_nothing_can_stop_it() -> None:
    with_task = SOUND.replace("timers:\n", "timers:\n" + ANSWERS)
    assert broken("{entering: Hot, then: task, within: 10m}", text=with_task) == []
    assert broken("{entering: Hot, then: task, within: 9m}", text=with_task) != []
    guarded = SOUND.replace("  quiet: {in: Warm, after: 24h, to: Cold}\n", LATE % "opens >= 0")
    assert broken("{entering: Warm, then: handback, within: 10m}", text=guarded) != []
    sure = guarded.replace(", when: opens >= 0}", "}")
    assert broken("{entering: Warm, then: handback, within: 10m}", text=sure) == []


def test_a_lead_that_begins_as_done_was_never_handed_back() -> None:
    text = SOUND.replace("start: {state: New", "start: {state: Hot")
    text = text.replace("to: New, when: finished", "to: Cold, when: finished")
    text = text.replace("{from: New, to: Cold}", "{from: Hot, to: New}")
    found = broken("{entering: Hot, then: handback}", text=text)
    assert found == ["a lead enters Hot, and handback does not follow at once, after assigned"]


def test_a_search_that_gives_up_says_so() -> None:
    rules = load(Path("rules/lead_states.yaml"))
    assert list(broken_promises(rules)) == []
    codes = {finding.code for finding in broken_promises(rules, most=100)}
    assert codes == {"R062"}


def test_what_the_quick_proof_cannot_see_the_exact_one_can() -> None:
    """Two `ready` make a lead warm, so it has two; counted by ranges alone, it might have one."""
    text = SOUND.replace("counters:\n", "counters:\n  readies: x\n")
    text = text.replace('ready: {means: "work can begin"}', "ready: {counts: readies}")
    text = text.replace(
        "    - {from: New, to: Cold}\n",
        "    - {from: New, to: Cold}\n    - {from: Cold, to: Warm}\n",
    )
    text = text.replace("{from: busy, to: Warm, when: opens >= 3}", "{from: busy, stay: x}")
    assert broken("{in: Warm, always: readies >= 2}", text=text) == []
    assert broken("{in: Warm, always: readies >= 3}", text=text) == [
        "a lead is in Warm and readies >= 3 does not hold, after assigned, ready (2 times)"
    ]


def test_large_numbers_in_guards_do_not_stop_a_proof() -> None:
    text = Path("rules/lead_states.yaml").read_text().replace("opens >= 3", "opens >= 5000")
    assert parse(text, file="f")[1] == ()


def test_events_whose_names_come_after_timer_can_be_named_in_promises() -> None:
    text = Path("rules/lead_states.yaml").read_text()
    old = "except_by: [assigned,"
    assert old in text
    rules, findings = parse(text.replace(old, "except_by: [unsubscribed, assigned,"), file="f")
    assert rules is not None, findings
    assert "unsubscribed" in rules.invariants["hot_never_cools_by_itself"].events
