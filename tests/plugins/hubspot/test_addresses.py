"""Whose an address is: primary, additional, nobody's, and what HubSpot takes for none at all."""

import pytest

from leadback.api import PortalUnavailable
from leadback_hubspot.addresses import BODY_CHARACTERS, _searchable
from leadback_hubspot.budget import Lane
from tests.plugins.hubspot.rig import HANNA, Rig
from tests.plugins.hubspot.test_budget import budget


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.switch(search_lag=[0, 0])
    return rig


def find(rig: Rig, *emails: str) -> dict[str, str | None]:
    return dict(rig.hooks.crm_find_contacts(access=rig.access, emails=emails))


def test_primary_and_additional_addresses_and_nobodys(rig: Rig) -> None:
    ada = rig.contact(email="Ada@Example.org")
    loser, winner = (
        rig.contact(HANNA, email="old@example.org"),
        rig.contact(email="new@example.org"),
    )
    winner = str(rig.act("merge", primary=winner, merged=loser)["contact"])
    assert find(rig, "ada@example.org", "old@example.org", "new@example.org", "no@x.example") == {
        "ada@example.org": ada,
        "old@example.org": winner,
        "new@example.org": winner,
        "no@x.example": None,
    }


def test_a_contact_that_the_index_does_not_know_yet_is_found(rig: Rig) -> None:
    rig.switch(search_lag=[3_600, 3_600])
    crm_id = rig.contact(email="ada@example.org")
    assert find(rig, "ada@example.org") == {"ada@example.org": crm_id}


def test_a_hundred_addresses_are_one_call(rig: Rig) -> None:
    rig.contacts(250)
    emails = [one["properties"]["email"] for one in rig.dump()["contacts"].values()]
    rig.reset_stats()
    assert None not in find(rig, *emails).values()
    assert (rig.count("batch/read"), rig.count("search")) == (3, 0)


def test_unknown_addresses_are_searched_in_bodies_that_hubspot_takes(rig: Rig) -> None:
    emails = [f"{'é' * 20}.{n}@nowhere.example" for n in range(100)]
    assert set(find(rig, *emails).values()) == {None}
    assert set(rig.calls()["POST /crm/objects/contacts/search"]) == {"200"}
    for some in _searchable(iter(emails)):
        assert sum(len(e.encode("ascii", "backslashreplace")) + 4 for e in some) <= BODY_CHARACTERS


def test_an_address_that_hubspot_refuses_hides_no_other_one(rig: Rig) -> None:
    """One text of a sender must not stop the look-ups of a portal."""
    crm_id = rig.contact(email="ada@example.org")
    rig.fault("answer", route="batch/read", count=2, status=400, body='{"status":"error"}')
    assert find(rig, "odd@", "ada@example.org") == {"odd@": None, "ada@example.org": crm_id}


@pytest.mark.parametrize("route", ["batch/read", "search"])
@pytest.mark.parametrize("kind", ["503", "429", "html"])
def test_a_portal_that_cannot_be_asked_says_when_to_ask_again(
    rig: Rig, kind: str, route: str
) -> None:
    rig.fault(kind, route=route)
    with pytest.raises(PortalUnavailable):
        find(rig, "ada@example.org")


def test_nothing_to_find_is_no_call(rig: Rig) -> None:
    assert find(rig) == {}
    assert rig.calls() == {}


def test_a_flood_of_addresses_leaves_the_calls_that_deliver() -> None:
    made, time = budget(share=1.0)
    start, looked_up = time.now, 0
    while time.now < start + 60_000:
        assert made.spend(Lane.ADDRESSES, patience=100_000) == 0
        looked_up += 1
    assert looked_up <= 0.25 * 100 * 6 + 20
    assert made.figures()["burst"] == 100
