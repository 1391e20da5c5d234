"""A mapped value is changed in the file as it was written, and nothing else."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.errors import InputError
from leadback.rules.loader import parse
from leadback.rules.model import Rules
from leadback.service.mapping_text import with_cell, with_own_cell, without_own_cell

SOUND = Path("tests/rules/sound.yaml").read_text(encoding="utf-8")
END = "      Gone: [LOST, ~]\n"
PLAIN = SOUND.replace("      Gone: []\n", END).replace("[CONNECTED, Hot]", "[CONNECTED,  Hot]")
BLOCK = f"""{END}\
    portals:   # one line each
      acme:
        Hot: {{hs_lead_status: OPEN_DEAL}}  # they work with deals
        Warm:
          # as their sales people say
          hs_lead_status: OPEN  # asked in May
          stage: "Warm, almost"
      "7": {{Cold: {{stage: ~}}}}
"""
FLOW = END + "    portals: {acme: {Hot: {hs_lead_status: OPEN_DEAL, stage: ~}}}\n"
TEXTS = {
    "none": PLAIN,
    "block": PLAIN.replace(END, BLOCK),
    "flow": PLAIN.replace(END, FLOW),
    "empty": PLAIN.replace(END, END + "    portals: {}  # none yet\n"),
    "first": PLAIN.replace(
        "    columns:", "    portals:\n      b: {}\n      acme: {}\n    columns:"
    ),
    "no end": PLAIN[: PLAIN.index(END)] + END.rstrip("\n"),
}
LETTERS = st.characters(
    categories=["L", "N", "P", "S"], exclude_characters="{}#\u115f\u2800\u3164\uffa0\u1160"
)
VALUES = st.none() | st.text(LETTERS, min_size=1, max_size=30)


def rules(text: str) -> Rules:
    found, findings = parse(text, file="rules.yaml")
    assert found is not None, findings
    return found


STATES = sorted(rules(PLAIN).states)
COLUMNS = rules(PLAIN).crm["hubspot"].columns


@cache
def cells(text: str) -> dict[tuple[str, str, str], str | None]:
    """Everything that is shown: (portal, state, column) → value."""
    table = rules(text).crm["hubspot"]
    return {
        (portal, state, column): value
        for portal in ("", "acme", "b", "7", "globex-eu")
        for state, values in table.of(portal).states.items()
        for column, value in zip(table.columns, values, strict=True)
    }


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


@given(
    st.sampled_from(sorted(TEXTS)), st.sampled_from(["acme", "7", "globex-eu"]),
    st.sampled_from(STATES), st.sampled_from(COLUMNS), VALUES,
)  # fmt: skip
def test_one_cell_of_one_portal(
    name: str, portal: str, state: str, column: str, value: str | None
) -> None:
    before = cells(TEXTS[name])
    changed = with_own_cell(TEXTS[name], "hubspot", portal, state, column, value)
    key = (portal, state, column)
    assert cells(changed) == {**before, key: value}
    assert comments(changed) == comments(TEXTS[name])
    assert len(changed.splitlines()) <= len(TEXTS[name].splitlines()) + 3
    back = without_own_cell(changed, "hubspot", portal, state, column)
    assert cells(back) == {**before, key: before["", state, column]}
    assert without_own_cell(back, "hubspot", portal, state, column) == back


@given(st.sampled_from(sorted(TEXTS)), st.sampled_from(STATES), st.sampled_from(COLUMNS))
def test_a_cell_of_the_table(name: str, state: str, column: str) -> None:
    changed = with_cell(TEXTS[name], "hubspot", state, column, "Another")
    table, number = rules(changed).crm["hubspot"], COLUMNS.index(column)
    assert table.states[state][number] == "Another"
    pairs = zip(TEXTS[name].splitlines(), changed.splitlines(), strict=True)
    (line,) = ((old, new) for old, new in pairs if old != new)
    assert line[0].split("[")[0] == line[1].split("[")[0]


def test_columns_stay_below_each_other() -> None:
    for value in ("OPEN_DEAL", "NEW", "CONNECTED2"):
        changed = with_cell(PLAIN, "hubspot", "Hot", "hs_lead_status", value)
        (line,) = (one for one in changed.splitlines() if f"[{value}," in one and "Hot]" in one)
        assert line.index("Hot]") == len("      Hot: [CONNECTED,  ")
    assert with_cell(changed, "hubspot", "Hot", "hs_lead_status", "CONNECTED") == PLAIN


def test_an_own_cell_that_is_taken_back_leaves_the_file_as_it_was() -> None:
    for name in ("none", "empty", "flow", "block"):
        text = TEXTS[name]
        made = with_own_cell(text, "hubspot", "globex-eu", "Cold", COLUMNS[0], "X")
        assert made != text
        again = without_own_cell(made, "hubspot", "globex-eu", "Cold", COLUMNS[0])
        assert cells(again) == cells(text)
        if name != "empty":
            assert again == text


@pytest.mark.parametrize(("state", "column"), [("Hot", "phone"), ("Nowhere", COLUMNS[0])])
def test_what_the_file_does_not_map_is_refused(state: str, column: str) -> None:
    with pytest.raises(InputError, match="map no"):
        with_cell(PLAIN, "hubspot", state, column, "X")
    with pytest.raises(InputError, match="no table"):
        with_own_cell(PLAIN, "pipedrive", "acme", "Hot", COLUMNS[0], "X")
