"""The properties API: conflicts, refusals, options that are replaced, recycled names."""

import pytest

STATUS = {
    "name": "lead_connection_status",
    "label": "Lead Connection Status",
    "groupName": "sales_properties",
    "type": "enumeration",
    "fieldType": "select",
    "options": [{"label": "Hot", "value": "HOT"}, {"label": "Cold", "value": "COLD"}],
}
CONTEXT = {
    "name": "context",
    "label": "Context",
    "groupName": "sales_properties",
    "type": "string",
    "fieldType": "textarea",
}


def test_same_name_twice(portal):
    assert portal.properties("POST", "contacts", STATUS).status_code == 201
    again = portal.properties("POST", "contacts", {**STATUS, "label": "Other"})
    assert again.status_code == 409
    body = again.json()
    assert body["category"] == "OBJECT_ALREADY_EXISTS"
    assert body["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    assert body["message"] == "A property named 'lead_connection_status' already exists."
    batch = portal.properties("POST", "contacts/batch/create", {"inputs": [STATUS, CONTEXT]})
    assert batch.status_code == 207
    assert [one["name"] for one in batch.json()["results"]] == ["context"]
    (entry,) = batch.json()["errors"]
    assert entry["context"] == {"name": ["lead_connection_status"]}
    assert entry["category"] == "OBJECT_ALREADY_EXISTS"


def test_options_are_replaced_as_a_whole(portal):
    portal.properties("POST", "contacts", STATUS)
    path = "contacts/lead_connection_status"
    kept = portal.properties("PATCH", path, {"label": "New label"}).json()
    assert [option["value"] for option in kept["options"]] == ["HOT", "COLD"]
    body = {"options": [{"label": "Warm", "value": "WARM", "displayOrder": 0, "hidden": False}]}
    replaced = portal.properties("PATCH", path, body).json()
    assert [option["value"] for option in replaced["options"]] == ["WARM"]
    assert replaced["label"] == "New label"


def test_a_portal_is_made_like_another_one_and_is_apart_from_it(portal, make_portal):
    group = {"name": "leadback", "label": "Leadback"}
    assert portal.properties("POST", "contacts/groups", group).status_code == 201
    portal.properties("POST", "contacts", {**STATUS, "groupName": "leadback"})
    path = "contacts/lead_connection_status"
    made = make_portal(like=portal.id)
    assert made.properties("GET", path).json() == portal.properties("GET", path).json()
    body = {"label": "Changed", "options": [{"label": "Warm", "value": "WARM"}]}
    assert made.properties("PATCH", path, body).status_code == 200
    shown = portal.properties("GET", path).json()
    assert shown["label"] == STATUS["label"]
    assert [option["value"] for option in shown["options"]] == ["HOT", "COLD"]
    assert made.properties("GET", "contacts/groups/leadback").json()["label"] == "Leadback"
    assert made.objects("GET", "contacts").json() == {"results": []}


def test_adding_qualified_to_the_lead_status(portal):
    path = "contacts/hs_lead_status"
    options = portal.properties("GET", path).json()["options"]
    assert len(options) == 8
    options.append({"label": "Qualified", "value": "QUALIFIED", "displayOrder": 8, "hidden": False})
    assert portal.properties("PATCH", path, {"options": options}).status_code == 200
    contact = portal.contact(hs_lead_status="QUALIFIED")
    assert portal.read(contact, "hs_lead_status")["properties"]["hs_lead_status"] == "QUALIFIED"
    portal.switch(lead_status_options_editable=False)
    assert portal.properties("PATCH", path, {"options": options}).status_code == 400


def test_archived_name_comes_back_with_the_new_definition(portal):
    portal.properties("POST", "contacts", CONTEXT)
    assert portal.properties("DELETE", "contacts/context").status_code == 204
    assert portal.properties("GET", "contacts/context").status_code == 404
    archived = portal.properties("GET", "contacts?archived=true").json()["results"]
    assert [one["name"] for one in archived] == ["context"]
    again = portal.properties("POST", "contacts", {**CONTEXT, "label": "Second"})
    assert again.status_code == 201
    assert portal.properties("GET", "contacts/context").json()["label"] == "Second"
    portal.properties("DELETE", "contacts/context")
    unique = portal.properties("POST", "contacts", {**CONTEXT, "hasUniqueValue": True})
    assert unique.status_code == 400


def test_unique_cannot_be_changed_later(portal):
    portal.properties("POST", "contacts", CONTEXT)
    answer = portal.properties("PATCH", "contacts/context", {"hasUniqueValue": True})
    assert answer.status_code == 200
    assert answer.json()["hasUniqueValue"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Context"},
        {"name": "1context"},
        {"groupName": "no_such_group"},
        {"type": "text"},
        {"fieldType": "radio"},
        {"options": [{"label": "A", "value": "A"}]},
        {"type": "enumeration", "fieldType": "select"},
        {"type": "bool", "fieldType": "booleancheckbox",
         "options": [{"label": "Yes", "value": "yes"}, {"label": "No", "value": "no"}]},
        {"label": 5},
    ],
)  # fmt: skip
def test_definitions_that_cannot_be(portal, change):
    assert portal.properties("POST", "contacts", {**CONTEXT, **change}).status_code == 400
    assert portal.properties("GET", "contacts/context").status_code == 404


def test_groups(portal):
    group = {"name": "lead_engine", "label": "Lead engine"}
    assert portal.properties("POST", "contacts/groups", group).status_code == 201
    assert portal.properties("POST", "contacts/groups", group).status_code == 409
    portal.properties("POST", "contacts", {**CONTEXT, "groupName": "lead_engine"})
    held = portal.properties("DELETE", "contacts/groups/lead_engine")
    assert held.status_code == 400
    assert "GROUP_WITH_ACTIVE_PROPERTIES" in held.json()["message"]
    portal.properties("DELETE", "contacts/context")
    assert portal.properties("DELETE", "contacts/groups/lead_engine").status_code == 204
    assert portal.properties("GET", "contacts/groups/lead_engine").status_code == 404


def test_batch_read_needs_all_three_and_archive_never_fails(portal):
    portal.properties("POST", "contacts", CONTEXT)
    body = {"inputs": [{"name": "context"}, {"name": "nope"}]}
    assert portal.properties("POST", "contacts/batch/read", body).status_code == 400
    body.update(archived=False, dataSensitivity="non_sensitive")
    answer = portal.properties("POST", "contacts/batch/read", body)
    assert answer.status_code == 207
    assert [one["name"] for one in answer.json()["results"]] == ["context"]
    gone = portal.properties("POST", "contacts/batch/archive", {"inputs": body["inputs"]})
    assert gone.status_code == 204


def test_sensitive_property_hides_from_a_plain_get(portal):
    portal.properties("POST", "contacts", {**CONTEXT, "dataSensitivity": "sensitive"})
    assert portal.properties("GET", "contacts/context").status_code == 404
    found = portal.properties("GET", "contacts/context?dataSensitivity=sensitive")
    assert found.status_code == 200
    assert portal.properties("POST", "contacts", CONTEXT).status_code == 409


def test_hubspots_own_properties_cannot_be_archived(portal):
    assert portal.properties("DELETE", "contacts/email").status_code == 400
    assert portal.properties("PATCH", "contacts/email", {"label": "Mail"}).status_code == 400


def test_checkbox_values_append_with_a_leading_semicolon(portal):
    definition = {**STATUS, "name": "colours", "fieldType": "checkbox"}
    portal.properties("POST", "contacts", definition)
    contact = portal.contact(colours="HOT")
    body = {"properties": {"colours": ";COLD"}}
    assert portal.objects("PATCH", f"contacts/{contact}", body).status_code == 200
    assert portal.read(contact, "colours")["properties"]["colours"] == "HOT;COLD"


@pytest.mark.parametrize(
    "value", ["Warm ", " Warm", "\u00a0Warm", "Warm\u200b", "\ufeffWarm", "Warm\n"]
)
def test_blanks_and_invisible_characters_at_the_ends_of_options_and_values(portal, value):
    definition = {
        "name": "trial", "label": "Trial", "groupName": "contactinformation",
        "type": "enumeration", "fieldType": "checkbox",
        "options": [
            {"label": "A", "value": value, "displayOrder": 0, "hidden": False},
            {"label": "B", "value": "Hot", "displayOrder": 1, "hidden": False},
        ],
    }  # fmt: skip
    refused = portal.properties("POST", "contacts", definition)
    assert refused.status_code == 400
    assert refused.json()["category"] == "VALIDATION_ERROR"
    definition["options"][0]["value"] = "Warm"
    assert portal.properties("POST", "contacts", definition).status_code == 201
    patched = {"options": [{**definition["options"][0], "value": value}]}
    assert portal.properties("PATCH", "contacts/trial", patched).status_code == 400
    contact = portal.contact(firstname="A")
    for wanted in (value, f"Hot;{value}"):
        body = {"properties": {"trial": wanted}}
        refused = portal.objects("PATCH", f"contacts/{contact}", body)
        assert refused.json()["errors"][0]["code"] == "LEADING_TRAILING_WHITESPACE"
    free = {"properties": {"city": value, "trial": "Hot;Warm"}}
    assert portal.objects("PATCH", f"contacts/{contact}", free).status_code == 200
