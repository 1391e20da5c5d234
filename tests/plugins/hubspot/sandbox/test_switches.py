"""The unconfirmed points: both readings of each can be had, the stricter one by default."""

import time

import pytest

NOTE = {"hs_timestamp": "2026-11-03T10:00:00Z"}


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
    return True


def test_switches_are_listed_with_their_meaning(portal):
    switches = portal.control("GET", "switches")
    assert switches["update_trace_207"] == {
        "value": False,
        "meaning": switches["update_trace_207"]["meaning"],
    }
    assert all(entry["meaning"] for entry in switches.values())


@pytest.mark.parametrize(
    "wanted",
    [{"no_such": True}, {"retry_after": "yes"}, {"search_lag": [5, 1]}, {"limits_clock": "slow"},
     {"conditional_required": [{"property": "country"}]}, {"association_delay": -1}],
)  # fmt: skip
def test_wrong_switches_change_nothing(portal, wanted):
    before = portal.control("GET", "switches")
    answer = portal.call("PATCH", "/_sandbox/switches", {"merge_new_id": False, **wanted})
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert portal.control("GET", "switches") == before


def test_optional_fields_are_left_out_at_random(portal):
    portal.switch(omit_optional_fields=True)
    contact = portal.contact(firstname="A")
    bad = {"inputs": [{"id": contact, "properties": {"hs_lead_status": "NOPE"}}]}
    bodies = [portal.objects("POST", "contacts/batch/update", bad).json() for _ in range(40)]
    assert {"errors" in body for body in bodies} == {True, False}
    assert all("INVALID_OPTION" in body["message"] for body in bodies)
    missing = {"inputs": [{"id": "1"}]}
    partial = [portal.objects("POST", "contacts/batch/read", missing).json() for _ in range(40)]
    assert {"numErrors" in body for body in partial} == {True, False}


def test_batch_results_are_shuffled(portal):
    ids = [portal.contact(city=str(number)) for number in range(20)]
    body = {"inputs": [{"id": key} for key in ids]}

    def order():
        answer = portal.objects("POST", "contacts/batch/read", body).json()
        return [one["id"] for one in answer["results"]]

    assert order() != ids
    assert sorted(order()) == sorted(ids)
    portal.switch(shuffle_results=False)
    assert order() == ids


def test_write_rules_hold_from_2026_09_on(portal):
    contact = portal.contact(country="FR")
    portal.switch(
        conditional_required=[{"property": "country", "value": "FR", "required": ["state"]}],
        creator_required=["phone"],
    )
    body = {"properties": {"hs_lead_status": "OPEN"}}
    refused = portal.objects("PATCH", f"contacts/{contact}", body)
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert error["code"] == "MISSING_CONDITIONAL_REQUIRED_PROPERTY"
    assert error["context"] == {"propertyName": ["state"]}
    for path in ("/crm/v3/objects", "/crm/objects/2026-03"):
        assert portal.call("PATCH", f"{path}/contacts/{contact}", body).status_code == 200
    assert (
        portal.call("POST", "/crm/v3/objects/contacts", {"properties": {"city": "Ulm"}}).status_code
        == 201
    )
    created = portal.objects("POST", "contacts", {"properties": {"city": "Ulm"}})
    assert created.json()["errors"][0]["code"] == "MISSING_REQUIRED_PROPERTY"
    body["properties"]["state"] = "Alsace"
    assert portal.objects("PATCH", f"contacts/{contact}", body).status_code == 200


def test_a_merge_makes_a_new_id_unless_the_account_keeps_the_primarys(portal):
    one, two, three = (portal.contact(city=city) for city in "ABC")
    winner = portal.act("merge", primary=one, merged=two)["contact"]
    assert winner not in (one, two)
    assert portal.read(one)["id"] == portal.read(two)["id"] == winner
    portal.switch(merge_new_id=False)
    assert portal.act("merge", primary=winner, merged=three)["contact"] == winner


def test_comments_are_stripped_from_notes(portal):
    body = {"properties": {**NOTE, "hs_note_body": "<p>a</p><!-- ref: 5 --><p>b</p>"}}
    made = portal.objects("POST", "notes", body).json()
    assert made["properties"]["hs_note_body"] == "<p>a</p><p>b</p>"
    portal.switch(strip_note_comments=False)
    made = portal.objects("POST", "notes", body).json()
    assert "ref: 5" in made["properties"]["hs_note_body"]


def test_duplicate_ids_in_a_read(portal):
    contact = portal.contact(city="Ulm")
    body = {"inputs": [{"id": contact}, {"id": contact}]}
    assert portal.objects("POST", "contacts/batch/read", body).status_code == 400
    portal.switch(duplicate_reads_accepted=True)
    answer = portal.objects("POST", "contacts/batch/read", body)
    assert [one["id"] for one in answer.json()["results"]] == [contact]


def test_reading_by_a_secondary_address(portal):
    winner = portal.contact(email="first@example.com")
    loser = portal.contact(email="second@example.com")
    winner = portal.act("merge", primary=winner, merged=loser)["contact"]
    path = "contacts/second@example.com?idProperty=email"
    assert portal.objects("GET", path).status_code == 404
    portal.switch(secondary_email_lookup=True)
    assert portal.objects("GET", path).json()["id"] == winner


def test_association_delay(portal):
    portal.switch(association_delay=0.3)
    contact = portal.contact(firstname="A")
    links = [
        {
            "to": {"id": contact},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}],
        }
    ]
    portal.objects("POST", "notes", {"properties": NOTE, "associations": links})
    path = "/crm/associations/2026-09/contacts/notes/batch/read"

    def listed():
        return portal.call("POST", path, {"inputs": [{"id": contact}]}).json()

    first = listed()
    assert first["results"] == []
    assert first["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    until(lambda: listed()["results"])


def test_association_to_a_merged_contact(portal):
    winner, loser = portal.contact(city="A"), portal.contact(city="B")
    winner = portal.act("merge", primary=winner, merged=loser)["contact"]
    body = {
        "properties": NOTE,
        "associations": [
            {
                "to": {"id": loser},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}],
            }
        ],
    }
    assert portal.objects("POST", "notes", body).status_code == 400
    portal.switch(merged_association_accepted=True)
    note = portal.objects("POST", "notes", body).json()["id"]
    assert portal.control("GET", "dump")["notes"][note]["contacts"] == [winner]


def test_unique_property_on_notes(portal):
    definition = {
        "name": "leadback_ref", "label": "Ref", "groupName": "note", "type": "string",
        "fieldType": "text", "hasUniqueValue": True,
    }  # fmt: skip
    refused = portal.properties("POST", "notes", definition)
    assert refused.status_code == 403
    assert refused.json()["category"] == "MISSING_SCOPES"
    portal.switch(engagement_properties="allowed")
    assert portal.properties("POST", "notes", definition).status_code == 201
    item = {
        "id": "ref-1",
        "idProperty": "leadback_ref",
        "objectWriteTraceId": "t1",
        "properties": {**NOTE, "leadback_ref": "ref-1", "hs_note_body": "one"},
        "associations": [{"to": {"id": "5"}}],
    }
    answers = [portal.objects("POST", "notes/batch/upsert", {"inputs": [item]}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = (answer.json()["results"][0] for answer in answers)
    assert (first["new"], second["new"]) == (True, False)
    assert first["id"] == second["id"]
    found = portal.objects("GET", "notes/ref-1?idProperty=leadback_ref&associations=contacts")
    assert found.json()["id"] == first["id"]
    assert "associations" not in found.json()
    again = portal.objects("POST", "notes", {"properties": item["properties"]})
    assert again.status_code == 400
    assert again.json()["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"
    keyed = {"id": "ref-2", "idProperty": "leadback_ref", "properties": NOTE}
    portal.objects("POST", "notes/batch/upsert", {"inputs": [keyed]})
    found = portal.objects("GET", "notes/ref-2?idProperty=leadback_ref&properties=leadback_ref")
    assert found.json()["properties"]["leadback_ref"] == "ref-2"
    by_body = {"id": "x", "idProperty": "hs_note_body", "properties": NOTE}
    refused = portal.objects("POST", "notes/batch/upsert", {"inputs": [by_body]})
    assert refused.status_code == 400


def test_upsert_rules(portal):
    item = {"id": "a@example.com", "idProperty": "email", "properties": {"firstname": "A"}}

    def upsert(**changes):
        body = {"inputs": [{**item, **changes}]}
        return portal.objects("POST", "contacts/batch/upsert", body)

    assert upsert().status_code == 200
    whole = {"firstname": "A", "email": "a@example.com"}
    traced = upsert(properties=whole, objectWriteTraceId="t")
    assert traced.status_code == 400
    portal.switch(email_upsert_trace_ids=True)
    assert upsert(properties=whole, objectWriteTraceId="t").status_code == 200
    body = {"inputs": [{"id": "a@example.com", "properties": whole}]}
    assert portal.objects("POST", "contacts/batch/upsert", body).status_code == 400


def test_search_index_lags_behind(portal):
    contact = portal.contact(city="Ulm")
    query = {
        "filterGroups": [
            {"filters": [{"propertyName": "city", "operator": "EQ", "value": "BONN"}]}
        ],
        "properties": ["city"],
    }
    portal.switch(search_lag=[0.3, 0.3])
    portal.objects("PATCH", f"contacts/{contact}", {"properties": {"city": "Bonn"}})
    assert portal.objects("POST", "contacts/search", query).json()["total"] == 0
    until(lambda: portal.objects("POST", "contacts/search", query).json()["total"] == 1)
    portal.act("delete", contact=contact)
    assert portal.objects("POST", "contacts/search", query).json()["total"] == 1
    until(lambda: portal.objects("POST", "contacts/search", query).json()["total"] == 0)


def test_an_older_write_never_overtakes_a_newer_one_in_the_index(portal):
    contact, other = portal.contact(city="Ulm"), portal.contact(city="Ulm")

    def move(key, city, lag):
        portal.switch(search_lag=[lag, lag])
        portal.objects("PATCH", f"contacts/{key}", {"properties": {"city": city}})

    def cities():
        found = portal.objects("POST", "contacts/search", {"properties": ["city"]}).json()
        return {one["id"]: one["properties"]["city"] for one in found["results"]}

    move(contact, "Old", 0.3)
    move(contact, "New", 0)
    move(other, "Later", 0.3)
    assert cities() == {contact: "New", other: "Ulm"}
    until(lambda: cities()[other] == "Later")
    assert cities()[contact] == "New"


def test_new_property_appears_after_a_moment(portal):
    portal.switch(property_lag=[0.4, 0.4])
    contact = portal.contact(city="Ulm")
    definition = {
        "name": "context", "label": "Context", "groupName": "contactinformation",
        "type": "string", "fieldType": "textarea",
    }  # fmt: skip
    assert portal.properties("POST", "contacts", definition).status_code == 201
    assert portal.properties("GET", "contacts/context").status_code == 404
    assert portal.properties("POST", "contacts", definition).status_code == 409
    body = {"properties": {"context": "x"}}
    early = portal.objects("PATCH", f"contacts/{contact}", body)
    assert early.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    until(lambda: portal.properties("GET", "contacts/context").status_code == 200)
    assert portal.objects("PATCH", f"contacts/{contact}", body).status_code == 200
