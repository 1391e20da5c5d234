"""diff() finds every kind of difference, and none where there is none."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.oracle.crm import contract, shown
from tests.oracle.expectation import Expected, diff, expected
from tests.oracle.lead import STATES
from tests.oracle.recorded import DAY_FOLDER


@pytest.fixture(scope="module")
def end() -> Expected:
    return expected(DAY_FOLDER)


def dump(end: Expected) -> dict[str, Any]:
    """What a perfect engine leaves behind."""
    portals: dict[str, dict[str, dict[str, Any]]] = {}
    for (portal, id_), contact in end.contacts.items():
        if contact.gone is None:
            portals.setdefault(portal, {})[id_] = {
                "hs_lead_status": contact.hs_lead_status or None,
                "lead_connection_status": contact.lead_connection_status or None,
                "hubspot_owner_id": contact.owner,
                "notes": contact.notes,
                "emails": contact.emails,
                "emails_outgoing": contact.emails_outgoing,
                "tasks": contact.tasks,
            }
    leads = [
        {
            "id": f"{portal}/{id_}",
            "portal": portal,
            "crm_id": lead.crm_id,
            "email": lead.email or None,
            "state": lead.state,
            "sub_state": lead.sub_state,
            "opens": lead.opens,
            "previous_owner": lead.previous_owner,
        }
        for (portal, id_), lead in end.leads.items()
    ]
    return {"portals": portals, "leads": leads, "totals": dict(end.totals)}


def test_no_difference(end: Expected) -> None:
    assert diff(end, dump(end)) == []


def _first(actual: dict[str, Any]) -> dict[str, Any]:
    """The entry of the first contact."""
    entry: dict[str, Any] = next(iter(actual["portals"]["acme"].values()))
    return entry


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "hs_lead_status should be": lambda actual: _first(actual).update(hs_lead_status="NEW!"),
    "lead_connection_status should": lambda actual: _first(actual).update(
        lead_connection_status=""
    ),
    "hubspot_owner_id should be": lambda actual: _first(actual).update(hubspot_owner_id=None),
    "notes should be": lambda actual: _first(actual).update(notes=7),
    "emails should be": lambda actual: _first(actual).update(emails=0),
    "tasks should be": lambda actual: _first(actual).update(tasks=9),
    "is missing": lambda actual: actual["portals"]["acme"].popitem(),
    "nobody knows": lambda actual: actual["portals"]["acme"].update({"1": _first(actual)}),
    "state should be": lambda actual: actual["leads"][0].update(state="Nowhere"),
    "opens should be": lambda actual: actual["leads"][0].update(opens=99),
    "previous_owner should be": lambda actual: actual["leads"][0].update(previous_owner="0"),
    "there twice": lambda actual: actual["leads"].append(actual["leads"][0]),
    "accepted should be": lambda actual: actual["totals"].update(accepted=1),
}


@pytest.mark.parametrize("words", list(CHANGES))
def test_a_difference_is_found(end: Expected, words: str) -> None:
    actual = dump(end)
    CHANGES[words](actual)
    (line,) = diff(end, actual)
    assert words in line


def test_a_contact_that_should_be_gone_is_found(end: Expected) -> None:
    actual = dump(end)
    portal, id_ = next(key for key, contact in end.contacts.items() if contact.gone == "deleted")
    actual["portals"][portal][id_] = _first(actual)
    assert diff(end, actual) == [f"{portal}/{id_}: should be deleted, but is there"]


def test_the_contract_has_every_state_and_its_values_are_options() -> None:
    mapping = contract()
    assert mapping.keys() == STATES
    assert all(connection == state for state, (_, connection) in mapping.items())
    assert mapping["Pending"][0] == "In_Progress"
    assert shown("In_Progress") == "IN_PROGRESS"
    assert {shown(status) for status, _ in mapping.values()} == {
        "NEW", "IN_PROGRESS", "CONNECTED", "UNQUALIFIED", "QUALIFIED",
    }  # fmt: skip
