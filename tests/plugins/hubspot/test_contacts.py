"""Reading contacts: any number, merged, deleted, with the owner history newest first."""

import pytest

from leadback.api import Assistant, AssistantUser, PortalUnavailable
from leadback_hubspot.owners import directory_of
from tests.plugins.hubspot.rig import HANNA, OMAR, TARA, Rig


def test_a_contact_is_read_with_everything_a_lead_needs(ready: Rig) -> None:
    crm_id = ready.contact(OMAR, "", HANNA, TARA, email="Ada@Example.org", context="Trade fair")
    (reading,) = ready.hooks.crm_read_contacts(access=ready.access, crm_ids=[crm_id])
    assert (reading.asked, reading.crm_id, reading.status) == (crm_id, crm_id, "found")
    assert (reading.email, reading.name) == ("ada@example.org", "Ada Byrne")
    assert reading.context == "Trade fair"
    assert reading.fields == {"hs_lead_status": None, "lead_connection_status": None}
    assert [entry.owner for entry in reading.owners] == [TARA, HANNA, None, OMAR]
    assert all(entry.by.startswith("CRM_UI userId:") for entry in reading.owners)
    times = [entry.at for entry in reading.owners]
    assert times == sorted(times, reverse=True)


def test_before_set_up_there_is_no_context_and_no_status(rig: Rig) -> None:
    (reading,) = rig.hooks.crm_read_contacts(access=rig.access, crm_ids=[rig.contact()])
    assert reading.context is None
    assert reading.owners == ()


def test_what_was_cleared_is_told_from_what_never_was(ready: Rig) -> None:
    never, cleared = ready.contact(lastname=""), ready.contact(context="Trade fair")
    empty = {"email": "", "context": "", "firstname": "", "lastname": ""}
    ready.act("set", contact=cleared, properties=empty)
    first, second = ready.hooks.crm_read_contacts(access=ready.access, crm_ids=[never, cleared])
    assert (first.name, first.context) == ("Ada", None)
    assert (second.email, second.name, second.context) == ("", "", "")


def test_any_number_is_read_in_order_fifty_at_a_time(rig: Rig) -> None:
    ids = rig.contacts(230)
    rig.reset_stats()
    readings = rig.hooks.crm_read_contacts(access=rig.access, crm_ids=ids[::-1])
    assert [reading.asked for reading in readings] == ids[::-1]
    assert rig.count("batch/read") == 5


@pytest.mark.parametrize("new_id", [True, False])
def test_merged_deleted_restored_erased(rig: Rig, new_id: bool) -> None:
    loser, winner, deleted, erased, back, *pairs = (rig.contact(HANNA) for _ in range(9))

    def merge(winner: str, loser: str) -> str:
        merged = rig.act("merge", primary=winner, merged=loser, new_id=new_id)
        return str(merged["contact"])

    winner_now = merge(winner, loser)
    of_deleted, of_erased = pairs[1], pairs[3]
    rig.act("delete", contact=merge(pairs[0], of_deleted))
    rig.act("erase", contact=merge(pairs[2], of_erased))
    rig.act("delete", contact=deleted)
    rig.act("erase", contact=erased)
    rig.act("delete", contact=back)
    rig.act("restore", contact=back)
    rig.reset_stats()
    ids = [loser, winner, deleted, of_deleted, erased, of_erased, back, "999", "no-number"]
    readings = rig.hooks.crm_read_contacts(access=rig.access, crm_ids=ids)
    assert [(r.asked, r.status, r.crm_id) for r in readings] == [
        (loser, "found", winner_now),
        (winner, "found", winner_now),
        (deleted, "deleted", deleted),
        (of_deleted, "deleted", of_deleted),
        (erased, "erased", erased),
        (of_erased, "erased", of_erased),
        (back, "found", back),
        ("999", "erased", "999"),
        ("no-number", "deleted", "no-number"),
    ]
    assert rig.count("contacts") == 2, "the recycle bin is another call, a merge is none"
    rig.hooks.crm_read_contacts(access=rig.access, crm_ids=[loser, winner, back])
    assert rig.count("contacts") == 3, "nothing is gone, nothing is looked for in the bin"


def test_nothing_to_read_is_no_call(rig: Rig) -> None:
    assert list(rig.hooks.crm_read_contacts(access=rig.access, crm_ids=[])) == []
    assert rig.calls() == {}


@pytest.mark.parametrize("kind", ["503", "504", "html", "423", "429", "477", "empty"])
def test_a_portal_that_cannot_be_read_says_when_to_ask_again(rig: Rig, kind: str) -> None:
    crm_id = rig.contact()
    rig.fault(kind, route="batch/read")
    with pytest.raises(PortalUnavailable) as caught:
        rig.hooks.crm_read_contacts(access=rig.access, crm_ids=[crm_id])
    assert caught.value.after >= 5_000
    assert "acme" in str(caught.value)


@pytest.mark.parametrize("kind", ["reset", "cut-off"])
def test_a_connection_that_broke_once_is_used_again_at_once(rig: Rig, kind: str) -> None:
    crm_id = rig.contact()
    rig.fault(kind, route="batch/read", count=1)
    (reading,) = rig.hooks.crm_read_contacts(access=rig.access, crm_ids=[crm_id])
    assert reading.status == "found"


def test_contacts_of_the_assistants_are_found_past_the_end_of_search(rig: Rig) -> None:
    """Pages of 200 by record id; an offset would end at 10,000."""
    rig.switch(search_lag=[0, 0])
    mine = rig.contacts(450, TARA)
    rig.contacts(3, HANNA)
    rig.reset_stats()
    hints = rig.hooks.crm_assigned_contacts(access=rig.access)
    assert sorted(hint.crm_id for hint in hints) == sorted(mine)
    assert rig.count("search") == 3


def test_an_assistant_is_an_active_person_of_the_portal(rig: Rig) -> None:
    def found(email: str) -> str | None:
        rig.assistant_email = email
        rig.restart()
        access = rig.access
        users = rig.hooks.crm_assistant_users(access=access, met=None)
        return users[access.assistants[0].email].owner_id

    assert found("Tara@acme.example") == TARA
    assert found("paul@acme.example") is None
    assert found("queue@acme.example") is None
    assert found("nobody@acme.example") is None


def test_a_user_that_was_made_anew_is_known_with_the_one_before(rig: Rig) -> None:
    before = rig.hooks.crm_assistant_users(access=rig.access, met=())
    assert before["tara@acme.example"] == AssistantUser(TARA)
    rig.act("deactivate_owner", owner=TARA)
    gone = rig.hooks.crm_assistant_users(access=rig.access, met=None)
    assert gone["tara@acme.example"] == AssistantUser(None, (TARA,))
    new = str(rig.act("add_owner", email="tara@acme.example")["owner"])
    rig.reset_stats()
    still = rig.hooks.crm_assistant_users(access=rig.access, met=[HANNA])
    assert (still, rig.count("owners")) == (gone, 0), "nobody new was met: from memory"
    anew = rig.hooks.crm_assistant_users(access=rig.access, met=[new])
    assert anew["tara@acme.example"] == AssistantUser(new, (TARA,))


def test_an_owner_id_that_is_another_persons_now_is_that_persons() -> None:
    tara = Assistant("acme", "tara@acme.example", "Tara", owner_id="1", former_owner_ids=("2", "3"))
    listed = [
        {"id": "1", "email": "hanna@acme.example"},
        {"id": "2", "email": "omar@acme.example", "archived": True},
        {"id": "9", "email": "Tara@acme.example"},
    ]
    assert directory_of(listed).user_of(tara) == AssistantUser("9", ("2", "3"))


def test_the_portal_is_identified_by_its_account(rig: Rig) -> None:
    assert rig.hooks.crm_identify(access=rig.access) == str(rig.portal_id)


def test_the_pages_of_a_contact(rig: Rig) -> None:
    url = rig.hooks.crm_contact_url(portal=rig.access.portal, crm_id="17")
    assert url == f"{rig.url}/contacts/{rig.portal_id}/record/0-1/17"
