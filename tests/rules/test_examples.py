"""The shipped examples hold, stand for every row of the lifecycle document, and can fail."""

from functools import partial
from pathlib import Path

import pytest

from leadback.lead.decide import decide
from leadback.lead.effects import words
from leadback.lead.machine import LeadMachine, UnknownTriggerError
from leadback.lead.records import Decision, Event, Lead
from leadback.rules.example_runner import run_examples
from leadback.rules.examples import Decide, Example, Result, load_examples, parse_examples
from leadback.rules.loader import load, parse
from leadback.rules.model import OTHER, TEXT_WORDS, Rules
from leadback.rules.values import has_words

SHIPPED = load(Path("rules/lead_states.yaml"))
LIFECYCLE = Path("rules/examples/lifecycle.yaml")
DOCUMENT = Path("docs/explain/lifecycle.md")


def run(
    examples: tuple[Example, ...], rules: Rules = SHIPPED, by: Decide | None = None
) -> tuple[Result, ...]:
    return run_examples(
        examples,
        rules,
        decide=by or partial(decide, LeadMachine(rules)),
        make_lead=Lead,
        make_event=Event,
        words=words,
    )


def shipped_examples() -> tuple[Example, ...]:
    examples, findings = load_examples(LIFECYCLE, SHIPPED)
    assert [str(finding) for finding in findings] == []
    return examples


@pytest.mark.parametrize("example", shipped_examples(), ids=lambda e: e.name)
def test_the_shipped_rules_do_what_the_example_says(example: Example) -> None:
    (result,) = run((example,))
    assert result.wrong == (), str(result)


def rows_of_the_document() -> list[str]:
    rows, name = [], ""
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        header = cells[0] in ("state", "event", "intent", "timer") or set(cells[0]) == {"-"}
        if not line.startswith("|") or header:
            continue
        name = cells[0] or name
        rows.append(f"{name} | {cells[1]}".strip())
    return rows


def test_every_row_of_the_lifecycle_document_has_an_example() -> None:
    rows = rows_of_the_document()
    assert len(rows) > 50
    shown = {example.row for example in shipped_examples()}
    assert [row for row in rows if row not in shown] == []
    assert shown - {""} <= set(rows)


def test_every_rule_of_the_shipped_file_is_shown_by_an_example() -> None:
    """Intents, marks and timers are rules of their own, so this is about each of them too."""
    machine = LeadMachine(SHIPPED)
    shown: set[str] = set()

    def watched(lead: Lead | None, event: Event, now: int) -> Decision | None:
        try:
            decision = decide(machine, lead, event, now)
        except UnknownTriggerError:  # `other` only refuses: it never comes in
            shown.add(f"{event.type}.{OTHER}")
            raise
        if decision is not None:
            shown.add(decision.rule_at)
        return decision

    run(shipped_examples(), by=watched)
    missing = [r.name for r in SHIPPED.rules if not {str(r.at), r.trigger} & shown]
    assert missing == []


def play(text: str, rules: Rules = SHIPPED) -> list[str]:
    examples, findings = parse_examples(text, rules, file="e.yaml")
    assert [str(finding) for finding in findings] == []
    return [wrong for result in run(examples, rules) for wrong in result.wrong]


@pytest.mark.parametrize(
    "lived",
    [
        "given: {state: Cold}, when: [{replied: {intent: AgreedToMeet}}]",
        "given: {state: Hot}, when: [{wait: 1s}]",
    ],
    ids=["entered", "begun in"],
)
@pytest.mark.parametrize("word", TEXT_WORDS)
def test_a_mapped_value_with_a_word_reads_as_the_crm_will_show_it(word: str, lived: str) -> None:
    text = SHIPPED.text.replace("[CONNECTED,       Hot]", f'[CONNECTED, "it is {{{word}}}"]')
    rules, findings = parse(text, file="words.yaml")
    assert rules is not None, findings
    fields = "then: {fields: {lead_connection_status: seen}}"
    (wrong,) = play(f"- {{example: e, {lived}, {fields}}}", rules)
    before, shown = wrong.split("it is ")
    assert before == "field lead_connection_status is "
    assert has_words(f"{{{word}}}")
    assert not has_words(shown)


def test_what_differs_is_said() -> None:
    wrong = play(
        "- example: all wrong\n"
        "  given: {state: Cold}\n"
        "  when: [email_opened]\n"
        "  then: {state: Warm, sub_state: X, opens: 2, finished: true, handback: true,\n"
        "         result: refused, email: true, fields: {hs_lead_status: NEW, nowhere: x}}\n"
    )
    assert wrong == [
        "state is Engaged, expected Warm",
        "sub_state is nothing, expected X",
        "opens is 1, expected 2",
        "finished is false, expected true",
        "handback is false, expected true",
        "result is moved, expected refused",
        "email is false, expected true",
        "field hs_lead_status is IN_PROGRESS, expected NEW",
        "field nowhere is nothing, expected x",
    ]


def test_a_timer_does_not_fire_before_it_is_due() -> None:
    text = "- {example: e, given: {state: Hot}, when: [{wait: %s}], then: {state: LeadAtRisk}}"
    assert play(text % "86399s") == ["state is Hot, expected LeadAtRisk"]
    assert play(text % "86400s") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", "e.yaml:1:1 R080"),
        ("", "e.yaml:1:1 R080"),
        ("- {given: {}, when: [assigned], then: {state: New}}", "e.yaml:1:3 R008"),
        ("- {example: e, given: {}, when: [], then: {state: New}}", "e.yaml:1:3 R080"),
        ("- {example: e, given: {}, when: [assigned], then: {}}", "e.yaml:1:3 R080"),
        ("- {example: e, given: {}, when: [[x]], then: {state: New}}", "e.yaml:1:34 R080"),
        ("- {example: e, given: {}, when: [asigned], then: {state: New}}", "e.yaml:1:34 R012"),
        ("- {example: e, given: {}, when: [assigned], then: {state: Nu}}", "e.yaml:1:59 R011"),
        (
            "- {example: e, given: {open: 1}, when: [assigned], then: {state: New}}",
            "e.yaml:1:24 R007",
        ),
        (
            "- {example: e, given: {opens: x}, when: [assigned], then: {state: New}}",
            "e.yaml:1:31 R006",
        ),
        ("- {example: e, given: {}, when: [{wait: 1}], then: {state: New}}", "e.yaml:1:41 R020"),
    ],
)
def test_what_is_no_example_says_where(text: str, expected: str) -> None:
    examples, findings = parse_examples(text, SHIPPED, file="e.yaml")
    assert examples == ()
    assert [str(finding)[: len(expected)] for finding in findings] == [expected]


def test_an_unknown_variant_is_a_difference_not_a_crash() -> None:
    text = (Path("tests/rules/broken/R026.yaml")).read_text()
    rules, _ = parse(text, file="f")
    assert rules is not None
    source = (
        "- {example: e, given: {state: New}, when: [{replied: {intent: x}}], then: {state: Hot}}"
    )
    examples, _ = parse_examples(source, rules, file="e")
    (result,) = run(examples, rules)
    assert "replied has intent 'x'" in result.wrong[0]
