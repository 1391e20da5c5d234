"""Load → dump → load survives, and the version follows the meaning only."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadback.rules.dump import dump, quote
from leadback.rules.findings import Severity
from leadback.rules.loader import load, parse
from leadback.rules.model import Rules
from leadback.rules.reader import Scalar, Table, read
from leadback.rules.version import version_of
from tests.rules.sound import rules_models

pytestmark = pytest.mark.long

SHIPPED = Path("rules/lead_states.yaml")


@given(rules_models())
def test_a_sound_model_survives_being_written_and_read(model: Rules) -> None:
    again, findings = parse(dump(model), file="rules.yaml")
    assert [str(f) for f in findings if f.severity is Severity.ERROR] == []
    assert again == model


@given(rules_models(), st.sampled_from(["# comment\n", "\n\n", ""]))
def test_layout_does_not_change_the_version(model: Rules, top: str) -> None:
    text = top + dump(model).replace("\n  ", "\n      ").replace("\n", " # why\n", 1)
    again, _ = parse(text, file="rules.yaml")
    assert again is not None
    assert again.version == model.version


def test_the_shipped_file_survives() -> None:
    rules = load(SHIPPED)
    again, findings = parse(dump(rules), file="again.yaml")
    assert findings == ()
    assert again == rules
    assert again is not None
    assert again.version == rules.version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("when: opens >= 3}", "when: opens >= 4}"),
        ("[CONNECTED,       Hot]", "[CONNECTED,       hot]"),
        ("after: 24h", "after: 25h"),
        ('work: waits,   means: "added', 'work: goes_on, means: "added'),
        ("times: 5", "times: 6"),
    ],
)
def test_every_change_of_meaning_changes_the_version(old: str, new: str) -> None:
    text = SHIPPED.read_text()
    assert old in text
    before, _ = parse(text, file="a")
    after, _ = parse(text.replace(old, new, 1), file="a")
    assert before is not None
    assert after is not None
    assert before.version != after.version


def test_the_order_of_rules_of_one_event_is_meaning_and_the_order_of_states_is_not() -> None:
    rules = load(SHIPPED)
    shuffled = replace(rules, states=dict(reversed(rules.states.items())))
    assert version_of(shuffled) == rules.version
    first, second, *rest = rules.rules
    assert first.trigger == second.trigger
    swapped = replace(rules, rules=(second, first, *rest))
    assert version_of(swapped) != rules.version


@given(st.text(st.characters(codec="utf-8"), max_size=40))
@settings(max_examples=200)
def test_any_text_can_be_quoted(text: str) -> None:
    reading = read(f"a: {quote(text)}", file="f")
    assert reading.findings == []
    assert isinstance(reading.root, Table)
    value = reading.root.get("a")
    assert isinstance(value, Scalar)
    assert value.value == text
