"""What states are called does not matter: by other names, in another order, all stays the same."""

import re
from functools import cache
from pathlib import Path

import pytest

from leadback.rules.decides import matrix
from leadback.rules.diff import diff
from leadback.rules.explain import explain
from leadback.rules.findings import Finding, Severity
from leadback.rules.loader import load, parse
from leadback.rules.model import Rules

pytestmark = pytest.mark.long

SHIPPED = Path("rules/lead_states.yaml")
SOUND = Path("tests/rules/sound.yaml")
BROKEN = [
    path
    for path in sorted(Path("tests/rules/broken").glob("R0[3467]*.yaml"))
    if path.stem not in ("R044", "R071")
]
PREFIXES = ("aa_", "zz_")
"""Before and after every word that has a meaning of its own: previous, other, keep."""


def states_of(text: str) -> list[str]:
    section = re.search(r"(?ms)^states:\n(.*?)^\w", text)
    assert section is not None
    return re.findall(r"(?m)^  (\w+):", section[1])


def with_prefix(text: str, prefix: str) -> str:
    """Other names for the states; what the CRM shows, and what is in quotes, stays."""
    name = rf"\b({'|'.join(states_of(text))})\b"
    return "".join(
        re.sub(rf"(?m)^(      ){name}:", rf"\1{prefix}\2:", section)
        if section.startswith("crm:")
        else "".join(
            part if part.startswith('"') else re.sub(name, rf"{prefix}\1", part)
            for part in re.split(r'("[^"\n]*")', section)
        )
        for section in re.split(r"(?m)^(?=\w)", text)
    )


@cache
def said_of(text: str) -> tuple[Finding, ...]:
    return parse(text, file="f")[1]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_the_same_mistake_is_found_by_any_names(path: Path, prefix: str) -> None:
    text = path.read_text()
    before, after = said_of(text), said_of(with_prefix(text, prefix))
    said = [
        (f.line, f.code, f.message.replace(prefix, ""), f.fix.replace(prefix, "")) for f in after
    ]
    assert said == [(f.line, f.code, f.message, f.fix) for f in before]


def again(path: Path, prefix: str) -> Rules:
    rules, findings = parse(with_prefix(path.read_text(), prefix), file="f")
    assert [f for f in findings if f.severity is not Severity.NOTE] == []
    assert rules is not None
    return rules


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", [SOUND, SHIPPED], ids=lambda path: path.stem)
def test_the_same_is_said_and_decided_by_any_names(path: Path, prefix: str) -> None:
    rules, other = load(path), again(path, prefix)
    assert explain(other).replace(prefix, "") == explain(rules)
    found = {
        (state.replace(prefix, ""), trigger.replace(prefix, "")): goals
        for (state, trigger), goals in matrix(other).items()
    }
    plain = {key: tuple(goal.replace(prefix, "") for goal in goals) for key, goals in found.items()}
    assert plain == matrix(rules)


def test_the_same_differences_by_any_names() -> None:
    def changed(text: str) -> Rules:
        text = text.replace("when: opens >= 3}", "when: opens >= 4}", 1)
        text = text.replace("previous, do: [{count: owner_replies}]", "previous")
        text = text.replace("default: 7d, to: previous}", "default: 8d, to: previous}")
        rules, _ = parse(text, file="f")
        assert rules is not None
        return rules

    text = SHIPPED.read_text()
    plain = [str(one) for one in diff(load(SHIPPED), changed(text))]
    assert len(plain) > 4
    for prefix in PREFIXES:
        other = with_prefix(text, prefix)
        old, _ = parse(other, file="f")
        assert old is not None
        renamed = diff(old, changed(other))
        assert [str(one).replace(prefix, "") for one in renamed] == plain, prefix


QUIET = "  quiet: {in: Warm, after: 24h, to: Cold}\n"
CIRCLE = SOUND.read_text().replace(QUIET, f"{QUIET}  wake: {{in: Cold, after: 2d, to: previous}}\n")


@pytest.mark.parametrize("text", [*(path.read_text() for path in BROKEN), CIRCLE])
def test_the_same_mistakes_are_found_where_the_order_of_the_names_is_another(text: str) -> None:
    turned = text
    for place, name in enumerate(sorted(states_of(text), reverse=True)):
        turned = re.sub(rf"\b{name}\b", f"s{place:03}", turned)
    before, after = (said_of(one) for one in (text, turned))
    assert before
    assert sorted((f.line, f.code) for f in after) == sorted((f.line, f.code) for f in before)
