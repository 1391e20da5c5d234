"""People in the portal: actions, owner history with its authors, merges, deletion, interference."""

import pytest

OWNER = "hubspot_owner_id"


def history(portal, contact, name=OWNER):
    return portal.read(contact, history=name)["propertiesWithHistory"][name]


def app_sets_owner(portal, contact, owner):
    body = {"inputs": [{"id": contact, "properties": {OWNER: owner}}]}
    answer = portal.objects("POST", "contacts/batch/update", body)
    assert answer.status_code == 200, answer.text


def test_history_tells_people_from_apps(portal):
    contact = portal.contact(firstname="A", hubspot_owner_id="502")
    portal.act("assign", contact=contact, owner="tara@example.com", by="hanna@example.com")
    app_sets_owner(portal, contact, "502")
    portal.act("assign", contact=contact, owner="")
    entries = history(portal, contact)
    assert [entry["value"] for entry in entries] == ["", "502", "501", "502"]
    assert [entry["sourceType"] for entry in entries] == [
        "CRM_UI", "INTEGRATION", "CRM_UI", "CRM_UI",
    ]  # fmt: skip
    assert entries[2]["sourceId"] == "userId:9002"
    assert entries[2]["updatedByUserId"] == 9002
    assert entries[1]["sourceId"] == "1160452"
    assert "updatedByUserId" not in entries[1]
    stamps = [entry["timestamp"] for entry in entries]
    assert stamps == sorted(stamps, reverse=True)
    assert len(set(stamps)) == 4


def test_two_changes_never_share_a_moment(make_portal):
    portal = make_portal(clock="2026-11-02T09:00:00Z")
    portal.control("POST", "clock", {"now": "2026-11-02T09:00:00Z", "freeze": True})
    contact = portal.contact(hubspot_owner_id="502")
    portal.act("assign", contact=contact, owner="tara@example.com")
    portal.act("assign", contact=contact, owner="", at="2020-01-01T00:00:00Z")
    assert [(entry["value"], entry["timestamp"]) for entry in history(portal, contact)] == [
        ("", "2026-11-02T09:00:00.002Z"),
        ("501", "2026-11-02T09:00:00.001Z"),
        ("502", "2026-11-02T09:00:00.000Z"),
    ]


def test_actions_carry_their_own_time(portal):
    contact = portal.act(
        "create_contact", id="171599999999", at="2026-01-02T03:04:05Z", properties={OWNER: "502"}
    )["contact"]
    assert contact == "171599999999"
    portal.act("assign", contact=contact, owner="omar@example.com", at="2026-01-03T00:00:00Z")
    read = portal.read(contact, history=OWNER)
    assert read["createdAt"] == "2026-01-02T03:04:05.000Z"
    assert [one["timestamp"] for one in read["propertiesWithHistory"][OWNER]] == [
        "2026-01-03T00:00:00.000Z",
        "2026-01-02T03:04:05.000Z",
    ]


def test_a_person_writes_a_note(portal):
    contact = portal.contact(firstname="A")
    note = portal.act("add_note", contact=contact, body="<p>Called her</p>")["note"]
    dump = portal.control("GET", "dump")
    assert dump["contacts"][contact]["notes"] == [note]
    assert dump["notes"][note]["properties"]["hs_note_body"] == "<p>Called her</p>"
    assert dump["notes"][note]["properties"]["hs_object_source"] == "CRM_UI"


def test_actions_answer_one_by_one(portal):
    contact = portal.contact(firstname="A")
    answers = portal.control(
        "POST",
        "actions",
        [
            {"action": "assign", "contact": contact, "owner": "hanna@example.com", "portal": 1},
            {"action": "assign", "contact": contact, "owner": "paul@example.com"},
            {"action": "assign", "contact": "1", "owner": ""},
            {"action": "dance"},
            {"action": "set", "contact": contact, "properties": {"hs_lead_status": "NOPE"}},
            {"action": "set", "contact": contact, "properties": {"city": "Ulm"}},
        ],
    )
    assert [answer["ok"] for answer in answers] == [True, False, False, False, False, True]
    assert "deactivated" in answers[1]["error"]
    assert "assign" in answers[3]["error"]
    read = portal.read(contact, "city", OWNER)["properties"]
    assert (read["city"], read[OWNER]) == ("Ulm", "502")


def test_a_value_written_again_leaves_no_trace_unless_switched(portal):
    contact = portal.contact(hs_lead_status="NEW")
    body = {"properties": {"hs_lead_status": "NEW"}}
    before = portal.read(contact)["updatedAt"]
    portal.objects("PATCH", f"contacts/{contact}", body)
    assert len(history(portal, contact, "hs_lead_status")) == 1
    assert portal.read(contact)["updatedAt"] == before
    portal.switch(noop_write_history=True)
    portal.objects("PATCH", f"contacts/{contact}", body)
    assert len(history(portal, contact, "hs_lead_status")) == 2


@pytest.mark.parametrize("new_id", [False, True])
def test_merged_ids(portal, new_id):
    primary = portal.contact(firstname="P", hubspot_owner_id="502")
    loser = portal.contact(firstname="L", city="Ulm", hubspot_owner_id="503")
    before = portal.read(primary)["updatedAt"]
    winner = portal.act("merge", primary=primary, merged=loser, new_id=new_id)["contact"]
    assert (winner != primary) is new_id
    for asked in (primary, loser):
        read = portal.read(asked, "city", "firstname", OWNER, "hs_merged_object_ids")
        assert read["id"] == winner
        assert read["properties"]["city"] == "Ulm"
        assert read["properties"]["firstname"] == "P"
        assert read["properties"][OWNER] == "502"
        assert loser in read["properties"]["hs_merged_object_ids"].split(";")
        assert read["updatedAt"] == before
    batch = portal.objects("POST", "contacts/batch/read", {"inputs": [{"id": loser}]})
    assert batch.status_code == 200
    assert [one["id"] for one in batch.json()["results"]] == [winner]
    body = {"inputs": [{"id": loser, "properties": {"city": "Bonn"}}]}
    dropped = portal.objects("POST", "contacts/batch/update", body)
    assert dropped.status_code == 200
    assert dropped.json()["results"] == []
    assert "errors" not in dropped.json()
    patched = portal.objects("PATCH", f"contacts/{loser}", {"properties": {"city": "Jena"}})
    assert patched.json()["id"] == winner
    assert portal.read(winner, "city")["properties"]["city"] == "Jena"


def test_merge_moves_notes_and_can_join_histories(portal):
    portal.switch(merge_history="union")
    primary = portal.contact(hubspot_owner_id="502")
    loser = portal.contact(hubspot_owner_id="503")
    note = portal.objects(
        "POST",
        "notes",
        {
            "properties": {"hs_timestamp": "2026-11-03T10:00:00Z"},
            "associations": [
                {
                    "to": {"id": loser},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}],
                }
            ],
        },
    ).json()["id"]
    portal.act("merge", primary=primary, merged=loser, new_id=False)
    dump = portal.control("GET", "dump")
    assert dump["contacts"][primary]["notes"] == [note]
    assert dump["notes"][note]["contacts"] == [primary]
    assert dump["merged"] == {loser: primary}
    assert [entry["value"] for entry in history(portal, primary)] == ["502", "503"]


def test_delete_and_restore(portal):
    contact = portal.contact(email="back@example.com")
    portal.act("delete", contact=contact)
    assert portal.objects("GET", f"contacts/{contact}").status_code == 404
    assert portal.objects("PATCH", f"contacts/{contact}", {"properties": {}}).status_code == 404
    archived = portal.objects("GET", f"contacts/{contact}?archived=true")
    assert archived.json()["archived"] is True
    assert "archivedAt" in archived.json()
    assert portal.objects("GET", "contacts").json()["results"] == []
    portal.act("restore", contact=contact)
    assert portal.read(contact, "email")["properties"]["email"] == "back@example.com"


def test_erasure_blocks_the_address(portal):
    contact = portal.contact(email="gone@example.com")
    portal.act("erase", contact=contact)
    body = {"properties": {"email": "gone@example.com"}}
    assert portal.objects("POST", "contacts", body).status_code == 400
    portal.switch(gdpr_blocks_recreate=False)
    assert portal.objects("POST", "contacts", body).status_code == 201


def test_deactivated_owner(portal):
    contact = portal.contact(hubspot_owner_id="502")
    portal.act("deactivate_owner", owner="hanna@example.com")
    assert portal.read(contact, OWNER)["properties"][OWNER] == "502"
    assert portal.call("GET", "/crm/owners/2026-09/502").status_code == 404
    archived = portal.call("GET", "/crm/owners/2026-09/502?archived=true").json()
    assert archived["userId"] is None
    body = {"properties": {OWNER: "502"}}
    other = portal.contact(firstname="B")
    assert portal.objects("PATCH", f"contacts/{other}", body).status_code == 400
    portal.switch(deactivated_owner_accepted=True)
    assert portal.objects("PATCH", f"contacts/{other}", body).status_code == 200
    portal.act("activate_owner", owner="502")
    assert portal.call("GET", "/crm/owners/2026-09/502").status_code == 200


def test_option_renamed_hidden_and_archived(portal):
    contact = portal.contact(firstname="A")

    def write(value):
        body = {"properties": {"hs_lead_status": value}}
        return portal.objects("PATCH", f"contacts/{contact}", body).status_code

    option = {"property": "hs_lead_status", "value": "OPEN"}
    portal.act("rename_option", **option, label="Offen")
    assert write("OPEN") == 200
    assert write("Offen") == 400
    portal.act("hide_option", property="hs_lead_status", value="NEW")
    assert write("NEW") == 400
    portal.act("archive_option", **option)
    assert write("OPEN") == 400
    portal.act("add_option", property="hs_lead_status", value="QUALIFIED")
    assert write("QUALIFIED") == 200


def test_automation_moves_the_owner_after_our_write(portal):
    contact = portal.contact(hubspot_owner_id="502")
    portal.switch(workflow_owner="503", workflow_source="AUTOMATION_JOURNEY")
    app_sets_owner(portal, contact, "501")
    entries = history(portal, contact)
    assert [entry["value"] for entry in entries] == ["503", "501", "502"]
    assert entries[0]["sourceType"] == "AUTOMATION_JOURNEY"
    app_sets_owner(portal, contact, "503")
    assert len(history(portal, contact)) == 3
    portal.switch(workflow_owner="502", workflow_source="AUTOMATION_PLATFORM")
    app_sets_owner(portal, contact, "501")
    assert history(portal, contact)[0]["sourceType"] == "AUTOMATION_PLATFORM"
    portal.act("workflow_assign", contact=contact, owner="omar@example.com")
    assert history(portal, contact)[0]["value"] == "503"


@pytest.mark.parametrize(("when", "values"), [("before", "501 502"), ("after", "502 501")])
def test_owner_race(portal, when, values):
    contact = portal.contact(hubspot_owner_id="503")
    portal.control(
        "POST", "faults", {"kind": "owner_race", "when": when, "owner": "hanna@example.com"}
    )
    app_sets_owner(portal, contact, "501")
    entries = history(portal, contact)
    assert [entry["value"] for entry in entries][:2] == values.split()
    human = next(entry for entry in entries if entry["value"] == "502")
    assert human["sourceType"] == "CRM_UI"
    assert portal.control("GET", "faults")["races"] == [
        {"contact": contact, "owner": "502", "when": when}
    ]
