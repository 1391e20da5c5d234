"""What recordings of HubSpot show, where a fake is easily kinder or stricter."""

import pytest

NOTE = {"hs_timestamp": "2026-11-03T10:00:00Z"}


def link(contact, number=202):
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}]
    return [{"to": {"id": contact}, "types": types}]


def test_write_answers_hold_nothing_that_is_null(portal):
    created = portal.objects("POST", "contacts", {"properties": {"email": "a@example.com"}}).json()
    assert created["properties"]["email"] == "a@example.com"
    assert None not in created["properties"].values()
    assert "firstname" not in created["properties"]
    body = {"properties": {"city": "Ulm"}}
    updated = portal.objects("PATCH", f"contacts/{created['id']}", body).json()
    assert "email" not in updated["properties"], "it was not sent"
    assert updated["properties"]["city"] == "Ulm"
    batch = {"inputs": [{"id": created["id"], "properties": {"city": "Bonn"}}]}
    (result,) = portal.objects("POST", "contacts/batch/update", batch).json()["results"]
    assert None not in result["properties"].values()


def test_a_new_contact_is_a_lead_unless_the_account_is_set_up_otherwise(portal):
    made = portal.objects("POST", "contacts", {"properties": {"city": "Ulm"}}).json()
    assert made["properties"]["lifecyclestage"] == "lead"
    assert made["properties"]["hs_pipeline"] == "contacts-lifecycle-pipeline"
    asked = portal.objects("POST", "contacts", {"properties": {"lifecyclestage": "customer"}})
    assert asked.json()["properties"]["lifecyclestage"] == "customer"
    portal.switch(new_contacts_are_leads=False)
    made = portal.objects("POST", "contacts", {"properties": {"city": "Ulm"}}).json()
    assert "lifecyclestage" not in made["properties"]


def test_a_cleared_value_is_empty_and_one_never_set_is_null(portal):
    contact = portal.contact(city="Ulm")
    portal.objects("PATCH", f"contacts/{contact}", {"properties": {"city": ""}})
    shown = portal.read(contact, "city", "state")["properties"]
    assert (shown["city"], shown["state"]) == ("", None)


def test_engagements_have_no_url_and_the_beginning_of_their_text(portal):
    contact = portal.contact(firstname="A")
    body = {"properties": {**NOTE, "hs_note_body": "<p>Call &amp; ask</p>"},
            "associations": link(contact)}  # fmt: skip
    note = portal.objects("POST", "notes", body).json()
    assert "url" not in note
    assert note["properties"]["hs_body_preview"] == "Call & ask"
    assert note["properties"]["hs_body_preview_is_truncated"] == "false"
    assert "<p>Call" in note["properties"]["hs_body_preview_html"]
    assert "url" in portal.read(contact)


@pytest.mark.parametrize("status", ["IN_PROGRESS", "DEFERRED", "WAITING"])
def test_tasks_have_five_states_and_no_priority_by_default(portal, status):
    task = {"properties": {**NOTE, "hs_task_status": status}}
    made = portal.objects("POST", "tasks", task).json()
    read = portal.objects("GET", f"tasks/{made['id']}?properties=hs_task_priority,hs_task_status")
    assert read.json()["properties"]["hs_task_priority"] == "NONE"
    assert read.json()["properties"]["hs_task_status"] == status


def test_numbers_are_read_as_text(portal):
    contact = portal.contact(firstname="A")
    body = {"properties": {"annualrevenue": 5, "city": 10115}}
    assert portal.objects("PATCH", f"contacts/{contact}", body).status_code == 200
    assert portal.read(contact, "city", "annualrevenue")["properties"]["city"] == "10115"
    note = {"properties": {"hs_timestamp": 1793700000000}, "associations": link(int(contact))}
    made = portal.objects("POST", "notes", note)
    assert made.status_code == 201
    read = "/crm/associations/2026-09/contacts/notes/batch/read"
    (found,) = portal.call("POST", read, {"inputs": [{"id": int(contact)}]}).json()["results"]
    assert found["to"][0]["toObjectId"] == made.json()["id"]
    groups = [{"filters": [{"propertyName": "city", "operator": "EQ", "value": 10115}]}]
    assert portal.objects("POST", "contacts/search", {"filterGroups": groups}).json()["total"] == 1


def test_warnings_are_texts_and_only_for_what_was_changed(portal):
    for version in ("2026-03", "2026-09"):
        path = f"/crm/objects/{version}/notes"
        made = portal.call("POST", path, {"properties": {"hs_timestamp": "1793700000000"}}).json()
        (warning,) = made["warnings"]
        assert warning["context"] == {
            "propertyName": "hs_timestamp",
            "rawValue": "1793700000000",
            "normalizedValue": made["properties"]["hs_timestamp"],
        }
        assert "warnings" not in portal.call("POST", path, {"properties": NOTE}).json()


@pytest.mark.parametrize("version", ["v4", "2025-09", "2026-03", "2026-09"])
def test_single_associations_and_labels(portal, version):
    objects = "/crm/v4/objects" if version == "v4" else f"/crm/objects/{version}"
    pairs = "/crm/v4/associations" if version == "v4" else f"/crm/associations/{version}"
    contact = portal.contact(firstname="A")
    note = portal.objects("POST", "notes", {"properties": NOTE}).json()["id"]
    one = f"{objects}/contacts/{contact}/associations/notes"
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 201}]

    def linked():
        return [entry["toObjectId"] for entry in portal.call("GET", one).json()["results"]]

    assert portal.call("PUT", f"{one}/{note}", types).status_code == 201
    assert linked() == [note]
    assert portal.call("DELETE", f"{one}/{note}").status_code == 204
    assert linked() == []
    default = f"{objects}/contacts/{contact}/associations/default/notes/{note}"
    assert portal.call("PUT", default).status_code == 200
    assert linked() == [note]
    types[0]["associationTypeId"] = 999
    assert portal.call("PUT", f"{one}/{note}", types).status_code == 400
    assert portal.call("PUT", f"{one}/404", []).status_code == 400
    labels = portal.call("GET", f"{pairs}/contacts/notes/labels").json()["results"]
    assert labels == [{"category": "HUBSPOT_DEFINED", "typeId": 201, "label": None}]


def test_type_names_in_any_case_and_unknown_ones_in_associations(portal):
    contact = portal.contact(firstname="A")
    found = portal.objects("GET", f"Contacts/{contact}?associations=butterflies,NOTES")
    assert found.status_code == 200
    assert portal.objects("GET", f"butterflies/{contact}").status_code == 400


def test_an_upsert_by_email_need_not_repeat_it(portal):
    item = {"id": "a@example.com", "idProperty": "email", "properties": {"firstname": "A"}}
    (made,) = portal.objects("POST", "contacts/batch/upsert", {"inputs": [item]}).json()["results"]
    assert portal.read(made["id"], "email")["properties"]["email"] == "a@example.com"
