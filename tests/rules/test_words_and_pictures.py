"""Explanations and pictures: the same file gives the same text, and nothing is left out."""

import re
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given

from leadback.rules.decides import Deciding, matrix
from leadback.rules.explain import explain
from leadback.rules.graph import labels, mermaid, svg
from leadback.rules.loader import load, parse
from leadback.rules.model import Rules, Work
from leadback.rules.regions import CAME_FROM
from leadback.rules.wording import in_units, listed, region
from tests.rules.sound import rules_models

SOUND = Path("tests/rules/sound.yaml")
SHIPPED = Path("rules/lead_states.yaml")


def test_the_sound_file_in_plain_english() -> None:
    assert explain(load(SOUND)) == Path("tests/rules/sound.explained.md").read_text()


def test_the_shipped_file_in_plain_english_and_as_a_diagram() -> None:
    """Whoever changes the rules sees here what that means, and so does who reviews it:
    leadback rules explain > tests/rules/shipped.explained.md, rules graph > …/shipped.mmd."""
    rules = load(SHIPPED)
    assert explain(rules) == Path("tests/rules/shipped.explained.md").read_text()
    assert mermaid(rules) == Path("tests/rules/shipped.mmd").read_text()


@given(rules_models())
def test_any_file_can_be_explained_and_drawn(model: Rules) -> None:
    text = explain(model)
    assert text == explain(model)
    if sum(state.work is not Work.FINAL for state in model.states.values()) <= 4:
        assert "any other state" not in text, "three names are said as easily"
    for state in model.states:
        assert f"\n## {state}\n" in text
        assert explain(model, state=state).startswith(f"## {state}\n")
    ElementTree.fromstring(svg(model, leads={"A": 1}, traffic={("A", "B"): 2}))  # noqa: S314 — ours
    for line in mermaid(model).splitlines():
        if "-->" in line:
            assert ";" not in re.sub(r"#\d+;", "", line)


def test_one_changed_threshold_changes_one_line_for_each_state_it_is_about() -> None:
    old = explain(load(SHIPPED)).splitlines()
    changed = SHIPPED.read_text().replace("when: opens >= 3}", "when: opens >= 4}", 1)
    rules, _ = parse(changed, file="f")
    assert rules is not None
    new = explain(rules).splitlines()
    assert len(old) == len(new)
    differing = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    assert len(differing) == 4  # New, Pending, Cold, Engaged
    assert all(b == a.replace("opens ≥ 3", "opens ≥ 4") for a, b in differing)


def test_every_move_of_the_rules_is_an_arrow() -> None:
    rules = load(SHIPPED)
    arrows = labels(rules)
    for rule in rules.rules:
        for source in rule.sources:
            if rule.to in rules.states and rule.to != source:
                found = arrows[source, str(rule.to)]
                assert any(label.startswith(rule.trigger) for label in found)
    assert ("OutOfOffice", "Cold") in arrows  # previous
    assert ("LeadAtRisk", "Hot") in arrows
    assert not any(source == goal for source, goal in arrows)


def test_counts_in_pictures() -> None:
    rules = load(SOUND)
    drawn = mermaid(rules, leads={"Cold": 7}, traffic={("New", "Cold"): 12})
    assert "    Cold: Cold (7)\n" in drawn
    assert "    New --> Cold: 12 moves<br/>ready\n" in drawn
    assert "    class New waits\n" in drawn
    assert drawn.startswith("stateDiagram-v2\n    direction LR\n    [*] --> New\n")
    picture = svg(rules, leads={"Cold": 7}, traffic={("New", "Cold"): 12})
    assert ">7 leads<" in picture
    assert ">12</text>" in picture
    assert "New → Cold: ready" in picture


def test_the_drawing_of_the_sound_file() -> None:
    """Whether it looks well is for eyes; that it still looks the same is for this:
    leadback rules graph tests/rules/sound.yaml --format svg, with leads and traffic."""
    traffic = {("New", "Cold"): 12, ("Warm", "Hot"): 3}
    picture = svg(load(SOUND), leads={"Cold": 7}, traffic=traffic)
    assert picture == Path("tests/rules/sound.svg").read_text()
    assert svg(load(SOUND)) == Path("tests/rules/sound.plain.svg").read_text()


def test_the_matrix_has_every_state_and_event() -> None:
    rules = load(SHIPPED)
    found = matrix(rules)
    triggers = {rule.trigger for rule in rules.rules if not rule.trigger.startswith("timer.")}
    assert {key for key in found if not key[1].startswith("timer.")} == {
        (state, trigger) for state in rules.states for trigger in triggers
    }
    assert () not in found.values()
    assert found["Cold", "email_opened"] == ("Warm", "Engaged", "stay")
    assert found["UnSubscribed", "marked.hot"] == ("refuse",)
    holes = {key for key, goals in matrix(_parsed("R035")).items() if goals == ()}
    assert holes == {(state, "ready") for state in ("Cold", "Warm", "Hot", "Gone")}


def _parsed(code: str) -> Rules:
    return load(Path(f"tests/rules/broken/{code}.yaml"))


def test_a_variant_without_rules_of_its_own_is_decided_by_other() -> None:
    deciding = Deciding(load(SHIPPED))
    assert deciding.trigger_of("replied.Praise") == "replied.other"
    assert deciding.rows_in("Cold", "replied.Praise") == deciding.rows_in("Cold", "replied.other")


def test_a_done_lead_is_finished_unless_a_rule_starts_it_anew_in_place() -> None:
    text = SOUND.read_text()
    assert Deciding(load(SOUND)).domain("Hot", "assigned")["finished"] == (1,)
    anew = text.replace('stay: "already begun"}', 'stay: "already begun", do: [start_anew]}')
    rules, _ = parse(anew, file="f")
    assert rules is not None
    assert Deciding(rules).domain("Hot", "assigned")["finished"] == (0, 1)


def test_leads_of_a_region_in_words() -> None:
    flags = {"finished": (0, 1), CAME_FROM: (0, 1), "sub_state": ("Met", "(another)", None)}
    numbers = {"opens": (0, 1, 2, 5)}
    whole = {**flags, **numbers}
    for box, said in (
        ({"finished": (1,)}, "finished"),
        ({"finished": (0,)}, "not finished"),
        ({"finished": (0, 1), CAME_FROM: (1,)}, "it was in another state before"),
        ({CAME_FROM: (0,), "finished": (1,)}, "it was in no other state and finished"),
        ({"sub_state": ("Met", None)}, "sub-state is Met or none"),
        ({"opens": (0, 2)}, "opens is 0 or 2 to 4"),
        ({"opens": (1, 2, 5)}, "opens is 1 or more"),
        ({"opens": (0, 1, 2, 5)}, ""),
    ):
        assert region(box, whole) == said


def test_phrases() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"], last="or") == "a, b or c"
    assert listed([]) == ""
    assert in_units(24 * 3_600_000) == "24 hours"
    assert in_units(72 * 3_600_000) == "3 days"
    assert in_units(1_000) == "1 second"
