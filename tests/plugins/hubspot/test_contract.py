"""Every state of the shipped rules maps to the contract, spelled as the contract spells it."""

import csv
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from leadback.rules.dump import dump
from leadback.rules.loader import load, parse
from leadback.rules.model import Rules
from leadback.rules.values import values_for

TESTS = Path(__file__).resolve().parents[2]
RULES = load(TESTS.parent / "rules" / "lead_states.yaml")
WORDS = ("assistant", "assistant_email", "context", "lead", "state", "sub_state")


def contract() -> dict[str, dict[str, str]]:
    with (TESTS / "data" / "state-mapping.csv").open(newline="") as file:
        return {
            row["lead_state"]: {
                "hs_lead_status": row["hubspot_contact_status"],
                "lead_connection_status": row["lead_connection_status"],
            }
            for row in csv.DictReader(file)
        }


def planned(rules: Rules, state: str, words: dict[str, str]) -> dict[str, str]:
    return values_for(rules.mapping("hubspot", "acme"), state, words)


def test_the_contract_and_the_rules_have_the_same_twelve_states() -> None:
    assert set(contract()) == set(RULES.states)
    assert len(contract()) == 12


@given(st.sampled_from(sorted(RULES.states)), st.fixed_dictionaries({w: st.text() for w in WORDS}))
def test_every_state_maps_to_the_contract_whatever_the_lead(
    state: str, words: dict[str, str]
) -> None:
    assert planned(RULES, state, words) == contract()[state]


@given(st.sampled_from(sorted(RULES.states)))
def test_the_mapping_survives_writing_the_rules_down(state: str) -> None:
    again, findings = parse(dump(RULES), file="again.yaml")
    assert again is not None, findings
    assert planned(again, state, {}) == contract()[state]
