"""Field values: believed only where HubSpot names the contact; one bad one harms no other."""

import pytest

from leadback.api import Done, GiveUp, TryLater
from tests.plugins.hubspot.rig import Rig


def status(rig: Rig, crm_id: str) -> tuple[str | None, str | None]:
    values = rig.shown(crm_id)["properties"]
    return values.get("hs_lead_status"), values.get("lead_connection_status")


def test_both_fields_say_the_state_in_the_portals_own_words(ready: Rig) -> None:
    crm_id = ready.contact()
    (outcome,) = ready.deliver(ready.fields(crm_id, "Pending"))
    assert isinstance(outcome, Done)
    assert status(ready, crm_id) == ("IN_PROGRESS", "Pending")


def test_a_hundred_contacts_are_one_call(ready: Rig) -> None:
    ids = ready.contacts(100)
    outcomes = ready.deliver(*(ready.fields(crm_id, "Cold") for crm_id in ids))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert ready.count("contacts/batch/update") == 1


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_every_version_of_the_api_works(ready: Rig, version: str) -> None:
    ready.settings["api_version"] = version
    crm_id = ready.contact()
    (outcome,) = ready.deliver(ready.fields(crm_id, "Hot"))
    assert isinstance(outcome, Done)
    assert status(ready, crm_id) == ("CONNECTED", "Hot")


def test_without_set_up_the_reason_says_what_to_do(rig: Rig) -> None:
    (outcome,) = rig.deliver(rig.fields(rig.contact(), "Cold"))
    assert isinstance(outcome, GiveUp)
    assert "lead_connection_status" in outcome.reason
    assert "leadback portal setup" in outcome.reason


def test_an_unknown_contact_waits_and_the_others_go_through(ready: Rig) -> None:
    crm_id = ready.contact()
    gone, done = ready.deliver(ready.fields("99999999999", "Cold"), ready.fields(crm_id, "Cold"))
    assert isinstance(gone, TryLater)
    assert isinstance(done, Done)


def test_a_deleted_contact_is_looked_at_and_may_come_back(ready: Rig) -> None:
    crm_id = ready.contact()
    ready.act("delete", contact=crm_id)
    (outcome,) = ready.deliver(ready.fields(crm_id, "Cold"))
    assert isinstance(outcome, TryLater)
    assert "deleted" in outcome.reason
    assert outcome.reread
    ready.act("restore", contact=crm_id)
    (outcome,) = ready.deliver(ready.fields(crm_id, "Cold"))
    assert isinstance(outcome, Done)


@pytest.mark.parametrize("new_id", [True, False])
def test_a_merged_contact_is_noticed_although_hubspot_says_nothing(
    ready: Rig, new_id: bool
) -> None:
    loser, winner, other = ready.contact(), ready.contact(), ready.contact()
    ready.act("merge", primary=winner, merged=loser, new_id=new_id)
    merged, done = ready.deliver(ready.fields(loser, "Cold"), ready.fields(other, "Cold"))
    assert isinstance(merged, TryLater)
    assert "became part of" in merged.reason
    assert merged.reread
    assert isinstance(done, Done)


def test_the_same_contact_twice_is_sent_once(ready: Rig) -> None:
    crm_id = ready.contact()
    first, second = ready.deliver(ready.fields(crm_id, "Cold"), ready.fields(crm_id, "Hot"))
    assert isinstance(first, Done)
    assert isinstance(second, TryLater)


def test_an_option_removed_in_mid_flight_stops_only_its_own_contacts(ready: Rig) -> None:
    ids = ready.contacts(20)
    ready.deliver(ready.fields(ids[0], "Cold"))
    ready.act("archive_option", property="lead_connection_status", value="Hot")
    ready.reset_stats()
    states = ["Hot" if place == 7 else "Cold" for place in range(20)]
    pairs = zip(ids, states, strict=True)
    outcomes = ready.deliver(*(ready.fields(crm_id, state) for crm_id, state in pairs))
    assert [isinstance(outcome, Done) for outcome in outcomes] == [p != 7 for p in range(20)]
    assert isinstance(outcomes[7], GiveUp)
    assert "'Hot'" in outcomes[7].reason
    assert "Cold" in outcomes[7].reason, "the reason names the portal's options"
    # one for all, one for the 19 that were not named
    assert ready.count("contacts/batch/update") == 2


def test_an_option_whose_spelling_changed_is_found_again(ready: Rig) -> None:
    crm_id = ready.contact()
    ready.deliver(ready.fields(crm_id, "New"))
    ready.act("archive_option", property="lead_connection_status", value="Cold")
    ready.act("add_option", property="lead_connection_status", value="COLD", label="Cold")
    (outcome,) = ready.deliver(ready.fields(crm_id, "Cold"))
    assert isinstance(outcome, Done)
    assert status(ready, crm_id) == ("IN_PROGRESS", "COLD")


def test_one_bad_contact_in_a_hundred_costs_at_most_14_more_calls(ready: Rig) -> None:
    """A rule of the portal about another field: the error names none of the inputs."""
    ids = ready.contacts(99)
    bad = ready.contact(country="FR")
    rule = {"property": "hs_lead_status", "value": "CONNECTED", "required": ["phone"]}
    ready.switch(conditional_required=[rule])
    states = ["Cold"] * 61 + ["Hot"] + ["Cold"] * 38
    everyone = [*ids[:61], bad, *ids[61:]]
    pairs = zip(everyone, states, strict=True)
    outcomes = ready.deliver(*(ready.fields(crm_id, state) for crm_id, state in pairs))
    assert [isinstance(o, GiveUp) for o in outcomes] == [p == 61 for p in range(100)]
    assert isinstance(outcomes[61], GiveUp)
    assert "phone" in outcomes[61].reason
    assert ready.count("contacts/batch/update") <= 15


def test_trace_ids_on_updates_are_understood_where_hubspot_uses_them(ready: Rig) -> None:
    ready.switch(update_trace_207=True)
    rule = {"property": "hs_lead_status", "value": "CONNECTED", "required": ["phone"]}
    ready.switch(conditional_required=[rule])
    good, bad = ready.contact(), ready.contact()
    done, refused = ready.deliver(ready.fields(good, "Cold"), ready.fields(bad, "Hot"))
    assert isinstance(done, Done)
    assert isinstance(refused, GiveUp)
    assert ready.count("contacts/batch/update") == 1


def test_a_success_that_changed_nothing_is_none(ready: Rig) -> None:
    crm_id = ready.contact()
    ready.fault("no-effect", route="contacts/batch/update", count=1)
    (outcome,) = ready.deliver(ready.fields(crm_id, "Cold"))
    assert isinstance(outcome, TryLater)
    (outcome,) = ready.deliver(ready.fields(crm_id, "Cold"))
    assert isinstance(outcome, Done)
    ready.fault("no-effect", route="contacts/batch/update", count=1)
    (outcome,) = ready.deliver(ready.fields(crm_id, "Cold"))
    assert isinstance(outcome, Done), "it reads as it should"
