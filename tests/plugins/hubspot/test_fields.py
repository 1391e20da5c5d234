"""Mapped values against a portal's properties: exact, else the only one alike, else an error."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from leadback.api import CrmMapping
from leadback_hubspot.fields import (
    STARTING_OPTIONS,
    Definition,
    Option,
    Unresolved,
    check_mapping,
    definition_from,
    resolve,
    wanted_values,
)
from leadback_hubspot.setup import label_of
from leadback_hubspot_sandbox.catalog import LEAD_STATUSES

VALUES = st.sampled_from(
    ["New", "NEW", "new", "In_Progress", "IN_PROGRESS", "Straße", "STRASSE", "x"]
)


def dropdown(*values: str, **more: Any) -> Definition:
    options = tuple(Option(value, value.title()) for value in values)
    return Definition("status", "enumeration", options=options, **more)


@example(values=["NEW", "new"], wanted="New")
@given(values=st.lists(VALUES, unique=True), wanted=VALUES)
def test_a_value_finds_its_option_or_nothing(values: list[str], wanted: str) -> None:
    found = resolve(dropdown(*values), "status", wanted)
    alike = [value for value in values if value.casefold() == wanted.casefold()]
    if wanted in values:
        assert found == wanted
    elif len(alike) == 1:
        assert found == alike[0]
    else:
        assert isinstance(found, Unresolved)
        assert all(value in found.message for value in values)


def test_what_a_new_account_has() -> None:
    assert dict(STARTING_OPTIONS) == {"hs_lead_status": tuple(value for _, value in LEAD_STATUSES)}


def test_what_no_option_can_help() -> None:
    for definition in (
        None,
        dropdown("x", archived=True),
        dropdown("x", read_only_value=True),
        Definition("status", "number"),
        Definition("status", "bool", options=(Option("true", "Yes"),)),
    ):
        assert isinstance(resolve(definition, "status", "x"), Unresolved)
    assert resolve(Definition("status", "string"), "status", "Anything") == "Anything"


@given(st.dictionaries(st.sampled_from(["name", "options", "type", "modificationMetadata"]),
                       st.none() | st.text(max_size=3) | st.lists(st.none() | st.dictionaries(
                           st.sampled_from(["value", "label"]), st.none() | st.integers())),
                       max_size=3))  # fmt: skip
def test_definitions_of_any_shape(raw: dict[str, Any]) -> None:
    if isinstance(raw.get("modificationMetadata"), str | list):
        del raw["modificationMetadata"]
    assert isinstance(definition_from(raw), Definition)


MAPPING = CrmMapping(
    "hubspot",
    ("status", "owner_text"),
    {"New": ("NEW", "ask {assistant_email}"), "Hot": ("Hot", None), "Gone": (None, None)},
)


def test_every_state_is_checked() -> None:
    text = Definition("owner_text", "string")
    found = check_mapping(MAPPING, {"status": dropdown("NEW", "HOT"), "owner_text": text})
    assert [(p.state, p.error) for p in found] == [("Hot", False)]
    found = check_mapping(MAPPING, {"status": dropdown("NEW")})
    assert [(p.state, p.column, p.error) for p in found] == [
        ("New", "owner_text", True),
        ("Hot", "status", True),
    ]


def test_values_keep_the_files_order() -> None:
    assert wanted_values(MAPPING, "status") == ("NEW", "Hot")


def test_labels_read_well() -> None:
    assert label_of("lead_connection_status") == "Lead Connection Status"
    assert label_of("QUALIFIED") == "Qualified"
    assert label_of("IN_PROGRESS") == "In Progress"
    assert label_of("LeadAtRisk") == "LeadAtRisk"
