"""The pages: what a sales user sees, escaped."""

import html
import re

import requests


def page(portal, path):
    return requests.get(portal.url + path, timeout=60)


def test_home_lists_portals(portal):
    assert f"/contacts/{portal.id}" in page(portal, "/").text


def test_contact_list_and_search(portal):
    contact = portal.contact(firstname="Ada", lastname="<b>Byrne", hubspot_owner_id="502")
    portal.contact(firstname="Someone")
    listed = page(portal, f"/contacts/{portal.id}").text
    assert f"/contacts/{portal.id}/record/0-1/{contact}" in listed
    assert "Ada &lt;b&gt;Byrne" in listed
    assert "<b>Byrne" not in listed
    found = page(portal, f'/contacts/{portal.id}?q=ADA"><i>').text
    assert 'value="ada&quot;&gt;&lt;i&gt;"' in found
    assert "No contacts here" in found
    assert "Someone" not in page(portal, f"/contacts/{portal.id}?q=ada").text


def test_the_list_goes_on_where_it_stopped(portal):
    action = {"action": "create_contact", "properties": {"company": 'A & "B"'}}
    portal.control("POST", "actions", [action] * 101)
    shown = page(portal, f"/contacts/{portal.id}?q=a+%26+%22").text
    assert shown.count("<small></small>") == 100
    (link,) = re.findall(r'class=button href="([^"]*)"', shown)
    rest = page(portal, f"/contacts/{portal.id}{html.unescape(link)}").text
    assert rest.count("<small></small>") == 1
    assert "class=button" not in rest


def test_record_shows_owner_history_and_timeline(portal):
    contact = portal.contact(firstname="Ada", hubspot_owner_id="502", hs_lead_status="IN_PROGRESS")
    portal.act("assign", contact=contact, owner="tara@example.com", by="hanna@example.com")
    association = [
        {
            "to": {"id": contact},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}],
        }
    ]
    for hour, text in ((9, "<p>Second &amp; last</p><script>alert(1)</script>"), (8, "First")):
        body = {
            "properties": {"hs_timestamp": f"2026-11-03T0{hour}:00:00Z", "hs_note_body": text},
            "associations": association,
        }
        assert portal.objects("POST", "notes", body).status_code == 201
    shown = page(portal, f"/contacts/{portal.id}/record/0-1/{contact}").text
    assert "Owner: <strong>Tara</strong>" in shown
    assert "In Progress" in shown
    assert "changed by Hanna" in shown
    assert shown.index("Second &amp; last") < shown.index("First")
    assert "<script>" not in shown


def test_missing_pages(portal):
    assert page(portal, "/contacts/1").status_code == 404
    assert page(portal, f"/contacts/{portal.id}/record/0-1/5").status_code == 404


def test_merged_record_says_so(portal):
    one, two = portal.contact(firstname="One"), portal.contact(firstname="Two")
    portal.act("merge", primary=one, merged=two)
    shown = page(portal, f"/contacts/{portal.id}/record/0-1/{two}")
    assert shown.status_code == 200
    assert "was merged into this one" in shown.text
