"""Portals that are shown something else than the table of their CRM says: single cells."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.base.shipped import SHIPPED_RULES
from leadback.rules.diff import diff
from leadback.rules.dump import dump
from leadback.rules.explain import explain
from leadback.rules.findings import Finding
from leadback.rules.loader import parse
from leadback.rules.migration import changes
from leadback.rules.model import Rules
from leadback.rules.options import check_options
from leadback.rules.values import own_cells, values_for
from tests.rules.sound import rules_models

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
END = "      Processed:   [QUALIFIED,       Processed]\n"
STATUS, OWN = "hs_lead_status", "lead_connection_status"


def read(portals: str) -> tuple[Rules | None, tuple[Finding, ...]]:
    """The shipped rules with these lines below `portals:` of HubSpot."""
    assert END in TEXT
    lines = "".join(f"      {line}\n" for line in portals.splitlines())
    return parse(TEXT.replace(END, f"{END}    portals:\n{lines}", 1), file="rules.yaml")


def sound(portals: str) -> Rules:
    rules, findings = read(portals)
    assert rules is not None, findings
    return rules


def shown(rules: Rules, portal: str, state: str) -> dict[str, str]:
    return values_for(rules.mapping("hubspot", portal), state, {})


def test_single_cells_of_one_portal_and_nothing_else() -> None:
    rules = sound(f"acme:\n  Hot: {{{STATUS}: OPEN_DEAL}}\n  Warm: {{{OWN}: ~}}")
    assert shown(rules, "acme", "Hot") == {STATUS: "OPEN_DEAL", OWN: "Hot"}
    assert shown(rules, "acme", "Warm") == {STATUS: "IN_PROGRESS"}
    for state in rules.states:
        assert shown(rules, "globex", state) == shown(sound("acme: {}"), "globex", state)
        if state not in ("Hot", "Warm"):
            assert shown(rules, "acme", state) == shown(rules, "globex", state)
    assert own_cells(rules.crm["hubspot"], "acme") == {
        "Hot": {STATUS: "OPEN_DEAL"},
        "Warm": {OWN: None},
    }


def test_a_cell_that_says_what_the_table_says_changes_nothing() -> None:
    plain = parse(TEXT, file="rules.yaml")[0]
    assert sound(f"acme: {{Hot: {{{STATUS}: CONNECTED}}}}") == plain
    assert sound("acme: {}") == sound("acme: {Hot: {}}") == plain


@pytest.mark.parametrize(
    ("portals", "code", "says"),
    [
        ("acme: {Hott: {hs_lead_status: X}}", "R011", "did you mean Hot?"),
        ("acme: {Hot: {hs_lead_satus: X}}", "R007", "did you mean hs_lead_status?"),
        ("acme: {Hot: {phone: X}}", "R007", "use one of the columns of hubspot"),
        ("acme: {Hot: [X, Y]}", "R006", "a map"),
        ("acme: [Hot]", "R006", "a map"),
        ("a b: {Hot: {hs_lead_status: X}}", "R010", "the name under which the portal was"),
        ("acme: {Hot: {hs_lead_status: 7}}", "R006", "write it in quotes"),
        ('acme: {Hot: {hs_lead_status: " X"}}', "R052", "visible"),
        ("acme: {Hot: {hs_lead_status: '{leed}'}}", "R018", "did you mean {lead}?"),
        ("acme: {Hot: {hs_lead_status: X, hs_lead_status: Y}}", "R004", ""),
        ("acme: {}\nacme: {}", "R004", ""),
        ('7: {}\n"7": {}', "R004", "put its values together"),
    ],
)
def test_what_is_wrong_with_a_cell_is_said_at_its_place(portals: str, code: str, says: str) -> None:
    rules, findings = read(portals)
    assert rules is None
    (finding,) = findings
    assert finding.code == code
    assert says in finding.fix
    assert finding.line > TEXT[: TEXT.index(END)].count("\n") + 2


def test_a_portals_own_value_is_held_against_the_options_too() -> None:
    rules = sound(f"acme: {{Hot: {{{STATUS}: OPEN_DEEL}}}}")
    options = {STATUS: ("NEW", "IN_PROGRESS", "CONNECTED", "UNQUALIFIED", "QUALIFIED", "OPEN_DEAL")}
    found = check_options(rules, "hubspot", options)
    (finding,) = (one for one in found if one.code != "R056")
    assert (finding.code, finding.fix) == ("R053", "did you mean OPEN_DEAL?")
    assert finding.line == TEXT[: TEXT.index(END)].count("\n") + 3


def test_the_difference_says_for_which_portal() -> None:
    plain = sound("acme: {}")
    own = sound(f"acme: {{Hot: {{{STATUS}: OPEN_DEAL}}}}")
    assert [str(one) for one in diff(plain, own)] == [
        "mapping Hot, hubspot.hs_lead_status when the portal is acme: CONNECTED → OPEN_DEAL"
    ]
    table = parse(own.text.replace("[CONNECTED,       Hot]", "[BAD_TIMING, Hot]"), file="r")[0]
    assert table is not None
    assert [str(one) for one in diff(own, table)] == [
        "mapping Hot, hubspot.hs_lead_status when the portal is not acme: CONNECTED → BAD_TIMING"
    ]
    assert [str(one) for one in diff(table, plain)] == [
        "mapping Hot, hubspot.hs_lead_status: BAD_TIMING → CONNECTED",
        "mapping Hot, hubspot.hs_lead_status when the portal is acme: OPEN_DEAL → CONNECTED",
    ]


def test_only_the_leads_of_that_portal_are_written_again() -> None:
    plain, own = sound("acme: {}"), sound(f"acme: {{Hot: {{{STATUS}: OPEN_DEAL}}}}")
    held = ("Hot", "Warm")
    assert changes(plain, own, held=held, moves={}, crm="hubspot", portal="globex") == {}
    found = changes(plain, own, held=held, moves={}, crm="hubspot", portal="acme")
    assert {state: change.fields for state, change in found.items()} == {"Hot": True}


def test_it_is_explained() -> None:
    rules = sound(f"acme: {{Hot: {{{STATUS}: OPEN_DEAL, {OWN}: ~}}}}")
    words = explain(rules, state="Hot")
    assert "In portal acme: hs_lead_status OPEN_DEAL and lead_connection_status what it" in words
    assert "acme" not in explain(rules, state="Warm")


@given(rules_models().filter(lambda model: bool(model.crm)), st.data())
def test_a_cell_of_one_portal_is_a_difference_there_and_nowhere_else(
    model: Rules, data: st.DataObject
) -> None:
    crm = data.draw(st.sampled_from(sorted(model.crm)))
    state = data.draw(st.sampled_from(sorted(model.states)))
    table = model.crm[crm]
    number = data.draw(st.integers(0, len(table.columns) - 1))
    own = table.of("acme")
    cells = list(own.states[state])
    cells[number] = data.draw(st.sampled_from([cells[number], "Another", None]))
    theirs = replace(own, states={**own.states, state: tuple(cells)}, portals={})
    portals = {**table.portals, "acme": theirs}
    if theirs == replace(table, portals={}):
        del portals["acme"]  # as it is read
    changed = replace(model, crm={**model.crm, crm: replace(table, portals=portals)})
    old, new = (parse(dump(one), file="r")[0] for one in (model, changed))
    assert old is not None
    assert new is not None
    told = [(one.state, one.event, one.region) for one in diff(old, new)]
    if cells[number] == own.states[state][number]:
        assert told == []
        assert old.version == new.version
    else:
        assert told == [(state, f"{crm}.{table.columns[number]}", "the portal is acme")]
        assert old.version != new.version
    for portal in ("globex-eu", "7", "another"):
        assert old.crm[crm].of(portal).states == new.crm[crm].of(portal).states
