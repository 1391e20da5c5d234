"""Refusals: whole-batch 400 without a trace, 207 where HubSpot gives it, and the exact bodies."""

import json

import pytest
import requests

NOTE = {"hs_timestamp": "2026-11-03T10:00:00Z", "hs_note_body": "x"}


def to_contact(contact, type_id=202):
    return [
        {
            "to": {"id": contact},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
        }
    ]


def update(portal, *inputs):
    body = {"inputs": [{"id": key, "properties": values} for key, values in inputs]}
    return portal.objects("POST", "contacts/batch/update", body)


def test_one_invalid_option_refuses_the_batch_and_writes_nothing(portal):
    good, bad = portal.contact(firstname="G"), portal.contact(firstname="B")
    answer = update(
        portal, (good, {"hs_lead_status": "OPEN"}), (bad, {"hs_lead_status": "QUALIFIED"})
    )
    assert answer.status_code == 400
    body = answer.json()
    assert body["category"] == "VALIDATION_ERROR"
    (error,) = body["errors"]
    assert error["code"] == "INVALID_OPTION"
    assert error["context"] == {"propertyName": ["hs_lead_status"]}
    prefix = "Property values were not valid: "
    assert body["message"].startswith(prefix)
    (embedded,) = json.loads(body["message"].removeprefix(prefix))
    assert embedded["name"] == "hs_lead_status"
    assert embedded["error"] == "INVALID_OPTION"
    assert embedded["message"].startswith(
        'QUALIFIED was not one of the allowed options: [label: "New"\nvalue: "NEW"\n'
        "display_order: 0\nhidden: false\nread_only: false\n, label:"
    )
    assert portal.read(good, "hs_lead_status")["properties"]["hs_lead_status"] is None
    assert answer.headers["X-HubSpot-Correlation-Id"] == body["correlationId"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"hs_lead_status": "new"}, "INVALID_OPTION"),
        ({"hs_lead_status": "New"}, "INVALID_OPTION"),
        ({"no_such_thing": "x"}, "PROPERTY_DOESNT_EXIST"),
        ({"hs_object_id": "1"}, "READ_ONLY_VALUE"),
        ({"hubspot_owner_id": "9001"}, "INVALID_OWNER_ID"),
        ({"hubspot_owner_id": "504"}, "INVALID_OWNER_ID"),
        ({"hubspot_owner_id": "tara"}, "INVALID_INTEGER"),
        ({"email": "not an address"}, "INVALID_EMAIL"),
        ({"annualrevenue": "1,000"}, "INVALID_LONG"),
        ({"closedate": "tomorrow"}, "INVALID_DATE"),
        ({"city": "x" * 65_537}, "PROPERTY_VALUE_TOO_LONG"),
    ],
)
def test_bad_values(portal, values, code):
    contact = portal.contact(firstname="A")
    before = portal.control("GET", "dump")["contacts"][contact]
    answer = portal.objects("PATCH", f"contacts/{contact}", {"properties": values})
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == [code]
    assert portal.control("GET", "dump")["contacts"][contact] == before


def test_unknown_ids_are_one_aggregated_entry(portal):
    contact = portal.contact(firstname="A")
    archived = portal.contact(firstname="B")
    portal.act("delete", contact=archived)
    answer = update(portal, *((key, {"firstname": "Z"}) for key in ("404404", contact, archived)))
    assert answer.status_code == 207
    body = answer.json()
    assert [one["id"] for one in body["results"]] == [contact]
    assert body["numErrors"] == 1
    (entry,) = body["errors"]
    assert entry["category"] == "OBJECT_NOT_FOUND"
    assert entry["context"] == {"ids": ["404404", archived]}
    assert entry["message"].startswith("Could not get some CONTACT objects")


def test_duplicate_ids(portal):
    contact = portal.contact(firstname="A")
    answer = update(portal, (contact, {"firstname": "1"}), (contact, {"firstname": "2"}))
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        f"Duplicate IDs found in batch input: [{contact}]. IDs must be unique"
    )
    assert answer.json()["context"] == {"ids": [contact]}
    assert portal.read(contact, "firstname")["properties"]["firstname"] == "A"


@pytest.mark.parametrize("property_name", ["email", "hs_object_id", "firstname"])
def test_update_by_property_that_is_not_a_custom_unique_one(portal, property_name):
    portal.contact(email="a@example.com")
    item = {"id": "a@example.com", "idProperty": property_name, "properties": {"city": "X"}}
    answer = portal.objects("POST", "contacts/batch/update", {"inputs": [item]})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(
        "Unable to perform update/upsert by non-unique 0-1 property"
    )


def test_batch_sizes(portal):
    ids = [{"id": str(number)} for number in range(101)]
    too_many = portal.objects("POST", "contacts/batch/read", {"inputs": ids})
    assert too_many.status_code == 400
    body = {"inputs": ids[:51], "propertiesWithHistory": ["hubspot_owner_id"]}
    answer = portal.objects("POST", "contacts/batch/read", body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(
        "The maximum number of inputs supported in a batch request for property histories is 50."
    )
    body["inputs"] = ids[:50]
    assert portal.objects("POST", "contacts/batch/read", body).status_code == 207
    assert portal.objects("POST", "contacts/batch/read", {"inputs": []}).status_code == 400
    assert portal.objects("GET", "contacts?limit=101").status_code == 400
    history = "contacts?limit=51&propertiesWithHistory=email"
    assert portal.objects("GET", history).status_code == 400


def test_trace_ids_give_one_entry_per_bad_create(portal):
    taken = portal.contact(email="taken@example.com")
    body = {
        "inputs": [
            {"objectWriteTraceId": "a", "properties": {"email": "fresh@example.com"}},
            {"objectWriteTraceId": "b", "properties": {"email": "taken@example.com"}},
            {"objectWriteTraceId": "c", "properties": {"hs_lead_status": "NOPE"}},
        ]
    }
    answer = portal.objects("POST", "contacts/batch/create", body)
    assert answer.status_code == 207
    assert [one["properties"]["email"] for one in answer.json()["results"]] == ["fresh@example.com"]
    by_trace = {
        entry["context"]["objectWriteTraceId"][0]: entry for entry in answer.json()["errors"]
    }
    assert by_trace["b"]["category"] == "CONFLICT"
    assert by_trace["b"]["context"]["existingId"] == [taken]
    assert by_trace["c"]["category"] == "VALIDATION_ERROR"
    for item in body["inputs"]:
        del item["objectWriteTraceId"]
    body["inputs"][0]["properties"]["email"] = "second@example.com"
    refused = portal.objects("POST", "contacts/batch/create", body)
    assert refused.status_code == 409
    found = portal.objects("GET", "contacts/second@example.com?idProperty=email")
    assert found.status_code == 404


def test_update_with_trace_ids_is_whole_400_unless_switched(portal):
    good, bad = portal.contact(firstname="G"), portal.contact(firstname="B")
    body = {
        "inputs": [
            {"id": good, "objectWriteTraceId": "1", "properties": {"hs_lead_status": "OPEN"}},
            {"id": bad, "objectWriteTraceId": "2", "properties": {"hs_lead_status": "NOPE"}},
        ]
    }
    assert portal.objects("POST", "contacts/batch/update", body).status_code == 400
    portal.switch(update_trace_207=True)
    answer = portal.objects("POST", "contacts/batch/update", body)
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["context"]["objectWriteTraceId"] == ["2"]
    assert portal.read(good, "hs_lead_status")["properties"]["hs_lead_status"] == "OPEN"


def test_taken_email(portal):
    first = portal.contact(email="one@example.com")
    second = portal.contact(email="two@example.com")
    answer = portal.objects(
        "PATCH", f"contacts/{second}", {"properties": {"email": "ONE@example.com"}}
    )
    assert answer.status_code == 409
    assert answer.json()["message"] == f"Contact already exists. Existing ID: {first}"
    second = portal.act("merge", primary=second, merged=first)["contact"]
    again = portal.objects("POST", "contacts", {"properties": {"email": "one@example.com"}})
    assert again.status_code == 409
    assert again.json()["message"] == f"Contact already exists. Existing ID: {second}"


def test_missing_timestamp(portal):
    answer = portal.objects("POST", "notes", {"properties": {"hs_note_body": "x"}})
    assert answer.status_code == 400
    body = answer.json()
    assert body["message"] == "Error creating NOTE.  Some required properties were not set."
    assert body["context"] == {"properties": ["hs_timestamp"]}
    email = portal.objects("POST", "emails", {"properties": {"hs_timestamp": "1793700000000"}})
    assert email.json()["context"] == {"properties": ["hs_email_direction"]}


def test_dead_contact_in_an_association(portal):
    contact = portal.contact(firstname="A")
    inputs = [
        {"properties": NOTE, "associations": to_contact(contact)},
        {"properties": NOTE, "associations": to_contact("838442890479")},
    ]
    answer = portal.objects("POST", "notes/batch/create", {"inputs": inputs})
    assert answer.status_code == 400
    assert answer.json()["context"] == {"INVALID_OBJECT_IDS": ["CONTACT=838442890479 is not valid"]}
    assert portal.control("GET", "dump")["notes"] == {}
    wrong = {"properties": NOTE, "associations": to_contact(contact, 204)}
    assert portal.objects("POST", "notes", wrong).status_code == 400


def test_email_headers(portal):
    properties = {
        "hs_timestamp": "2026-11-03T10:00:00Z",
        "hs_email_direction": "INCOMING_EMAIL",
        "hs_email_headers": json.dumps(
            {"from": {"email": "a@b.co", "firstName": "A"}, "to": [{"email": "tara@example.com"}]}
        ),
    }
    made = portal.objects("POST", "emails", {"properties": properties})
    assert made.status_code == 201
    read = portal.objects(
        "GET", f"emails/{made.json()['id']}?properties=hs_email_from_email,hs_email_to_email"
    ).json()["properties"]
    assert read["hs_email_from_email"] == "a@b.co"
    assert read["hs_email_to_email"] == "tara@example.com"
    properties["hs_email_headers"] = "From: a@b.co"
    assert portal.objects("POST", "emails", {"properties": properties}).status_code == 400


def test_posting_a_note_twice_makes_two(portal):
    contact = portal.contact(firstname="A")
    item = {
        "objectWriteTraceId": "same",
        "properties": NOTE,
        "associations": to_contact(contact),
    }
    for _ in range(2):
        portal.objects("POST", "notes/batch/create", {"inputs": [item]})
    assert len(portal.control("GET", "dump")["contacts"][contact]["notes"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"properties": {"firstname": {"a": 5}}},
        {"properties": {"firstname": None}},
        {"properties": ["firstname"]},
        {},
        [],
    ],
)
def test_wrong_json_types(portal, body):
    answer = portal.objects("POST", "contacts", body)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"


def test_broken_json_and_wrong_content_type(portal):
    url = f"{portal.url}/crm/objects/2026-09/contacts"
    headers = {"Authorization": f"Bearer {portal.token}"}
    broken = requests.post(
        url, data=b'{"properties":', headers={**headers, "Content-Type": "application/json"},
        timeout=60,
    )  # fmt: skip
    assert broken.status_code == 400
    form = requests.post(url, data={"properties": "x"}, headers=headers, timeout=60)
    assert form.status_code == 415


def test_unknown_type_and_unknown_path(portal):
    answer = portal.objects("GET", "butterflies")
    assert answer.status_code == 400
    assert answer.json()["message"] == "Unable to infer object type from: butterflies"
    assert "category" not in answer.json()
    for path in ("/crm/objects/2027-01/contacts", "/crm/v3/nonsense", "/crm/v4/objects/contacts"):
        page = portal.call("GET", path)
        assert page.status_code == 404
        assert page.headers["Content-Type"].startswith("text/html")
    gone = portal.call("GET", "/crm/objects/2026-09/contacts/1/associations/notes")
    assert gone.status_code == 404
    assert gone.text.startswith("<!DOCTYPE html>")


def test_a_missing_record_is_html_or_nothing(portal):
    path = "/crm/objects/2026-09/contacts/4044"

    def answer(key="4044", accept="application/json"):
        headers = {"Authorization": f"Bearer {portal.token}", "Accept": accept}
        url = portal.url + path.replace("4044", key)
        found = portal.session.get(url, headers=headers, timeout=60)
        assert found.status_code == 404
        return found

    assert answer().content == b""
    assert answer().headers["X-HubSpot-NotFound"] == "true"
    page = answer(accept="*/*")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "404" in page.text
    assert answer("undefined").json()["category"] == "OBJECT_NOT_FOUND"
    portal.switch(missing_record="json")
    assert answer(accept="*/*").json()["category"] == "OBJECT_NOT_FOUND"
    portal.switch(missing_record="html")
    assert answer().text.startswith("<!DOCTYPE html>")
    portal.switch(missing_record="empty")
    assert answer("undefined").content == b""


def test_deleting_what_is_not_there_is_no_error(portal):
    assert portal.objects("DELETE", "contacts/4044").status_code == 204


def test_an_unknown_address_can_be_blocked_for_privacy(portal):
    body = {"objectId": "Never@Example.com", "idProperty": "email"}
    assert portal.objects("POST", "contacts/gdpr-delete", body).status_code == 204
    again = {"properties": {"email": "never@example.com"}}
    assert portal.objects("POST", "contacts", again).status_code == 400
    assert portal.objects("POST", "contacts/gdpr-delete", {"objectId": "4044"}).status_code == 404


@pytest.mark.parametrize("version", ["2025-09", "2026-03", "2026-09", "v3"])
@pytest.mark.parametrize("kind", ["contacts", "contact", "0-1"])
def test_paths_and_type_names_share_one_store(portal, version, kind):
    contact = portal.contact(firstname="A")
    prefix = "/crm/v3/objects" if version == "v3" else f"/crm/objects/{version}"
    answer = portal.call("GET", f"{prefix}/{kind}/{contact}")
    assert answer.status_code == 200
    assert answer.json()["id"] == contact


def test_wrong_token(portal):
    for token in ("wrong", ""):
        answer = portal.call("GET", "/crm/objects/2026-09/contacts", token=token or "x")
        assert answer.status_code == 401
        assert answer.json()["category"] == "INVALID_AUTHENTICATION"
    basic = requests.get(
        f"{portal.url}/crm/objects/2026-09/contacts",
        headers={"Authorization": f"Basic {portal.token}"},
        timeout=60,
    )
    assert basic.status_code == 401


def test_scopes(make_portal):
    portal = make_portal(scopes=["crm.objects.contacts.read", "crm.objects.contacts.write"])
    assert portal.objects("GET", "contacts").status_code == 200
    refused = portal.call("GET", "/crm/owners/2026-09")
    assert refused.status_code == 403
    body = refused.json()
    assert body["category"] == "MISSING_SCOPES"
    holder = body.get("context") or body["errors"][0]["context"]
    assert holder["requiredGranularScopes"] == ["crm.objects.owners.read"]
    email = portal.objects("POST", "emails", {"properties": {}})
    assert email.status_code == 403
    assert "sales-email-read" in email.text


def test_lifecycle_stage_only_goes_forward(portal):
    contact = portal.contact(lifecyclestage="opportunity")
    back = portal.objects(
        "PATCH", f"contacts/{contact}", {"properties": {"lifecyclestage": "lead"}}
    )
    assert back.status_code == 200
    assert back.json()["properties"]["lifecyclestage"] == "opportunity"
    for stage in ("", "lead"):
        portal.objects("PATCH", f"contacts/{contact}", {"properties": {"lifecyclestage": stage}})
    assert portal.read(contact, "lifecyclestage")["properties"]["lifecyclestage"] == "lead"
