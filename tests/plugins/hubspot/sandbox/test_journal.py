"""The webhooks journal: app token, subscriptions, walking offsets, presigned files, expiry."""

import threading
import time

import pytest
import requests

SCOPE = (
    "developer.webhooks_journal.read developer.webhooks_journal.subscriptions.read"
    " developer.webhooks_journal.subscriptions.write"
)
JOURNAL = "/webhooks-journal/journal/2026-09"
SUBSCRIPTIONS = "/webhooks-journal/subscriptions/2026-09"
REDIRECT = "https://leadback.example.com/callback"


def credentials(portal):
    return {"client_id": f"app-{portal.id}", "client_secret": "secret"}


def app_token(portal, scope=SCOPE):
    form = {**credentials(portal), "grant_type": "client_credentials", "scope": scope}
    answer = requests.post(f"{portal.url}/oauth/2026-09/token", data=form, timeout=60)
    assert answer.status_code == 200, answer.text
    assert "refresh_token" not in answer.json()
    return answer.json()["access_token"]


@pytest.fixture
def portal(make_portal):
    """A portal with an app of its own, so that every test has an empty journal."""
    made = make_portal(clock="2026-11-02T09:00:00Z")
    app = {"client_id": f"app-{made.id}", "client_secret": "secret", "app_id": made.id}
    made.control("POST", "apps", app)
    made.control("POST", "install", {**app, "redirect_uri": REDIRECT})
    return made


def wanted(portal, **changes):
    return {
        "subscriptionType": "OBJECT",
        "portalId": portal.id,
        "objectTypeId": "0-1",
        "actions": ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"],
        "properties": ["hubspot_owner_id", "hs_lead_status"],
        "objectIds": [],
        **changes,
    }


def walk(portal, token, enough, seconds=10):
    """All events from the earliest file on, once ``enough`` of them are there."""
    end = time.monotonic() + seconds
    while True:
        events, files, path = [], [], f"{JOURNAL}/earliest"
        while (answer := portal.call("GET", path, token=token)).status_code == 200:
            pointer = answer.json()
            file = requests.get(pointer["url"], timeout=60).json()
            assert file["offset"] == pointer["currentOffset"]
            events += file["journalEvents"]
            files.append(file["offset"])
            path = f"{JOURNAL}/offset/{file['offset']}/next"
        assert answer.status_code == 204
        if enough(events):
            return events, files
        assert time.monotonic() < end, events
        threading.Event().wait(0.05)


def distinct(events):
    return list({(one["objectId"], one["action"], str(one)): one for one in events}.values())


def test_changes_of_a_day(portal):
    token = app_token(portal)
    made = portal.call("POST", SUBSCRIPTIONS, wanted(portal), token=token)
    assert made.status_code == 200
    contact = portal.contact(city="Ulm")
    portal.act("set", contact=contact, properties={"city": "Bonn"})
    portal.act("assign", contact=contact, owner="tara@example.com")
    portal.act("assign", contact=contact, owner="")
    other = portal.contact(city="Jena")
    winner = portal.act("merge", primary=contact, merged=other, new_id=True)["contact"]
    portal.act("delete", contact=winner)
    events, files = walk(portal, token, lambda found: len(distinct(found)) >= 6)
    updates = [one["propertyChanges"] for one in distinct(events) if one["action"] == "UPDATE"]
    assert sorted(updates, key=str) == sorted(
        [{"hubspot_owner_id": "501"}, {"hubspot_owner_id": None}], key=str
    )
    merge = next(one for one in events if one["action"] == "MERGE")
    assert merge["mergedObjectIds"] == [int(other)]
    assert merge["newObjectId"] == int(winner)
    assert {one["objectId"] for one in events if one["action"] == "CREATE"} == {
        int(contact),
        int(other),
    }
    batch = portal.call("GET", f"{JOURNAL}/batch/earliest/100", token=token).json()
    assert [one["currentOffset"] for one in batch["results"]] == files
    last = portal.call("GET", f"{JOURNAL}/latest", token=token).json()
    assert last["currentOffset"] == files[-1]


def test_presigned_urls(portal):
    token = app_token(portal)
    portal.call("POST", SUBSCRIPTIONS, wanted(portal), token=token)
    portal.contact(city="Ulm")
    walk(portal, token, bool)
    url = portal.call("GET", f"{JOURNAL}/earliest", token=token).json()["url"]
    with_bearer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert with_bearer.status_code == 400
    forged = requests.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=60)
    assert forged.status_code == 403
    portal.control("POST", "clock", {"now": "2026-11-02T09:20:00Z"})
    assert requests.get(url, timeout=60).status_code == 403


def test_files_last_three_days(portal):
    token = app_token(portal)
    portal.call("POST", SUBSCRIPTIONS, wanted(portal), token=token)
    portal.contact(city="Ulm")
    _, files = walk(portal, token, bool)
    portal.control("POST", "clock", {"now": "2026-11-05T09:30:00Z"})
    token = app_token(portal)
    assert portal.call("GET", f"{JOURNAL}/earliest", token=token).status_code == 204
    gone = portal.call("GET", f"{JOURNAL}/offset/{files[0]}/next", token=token)
    assert gone.status_code == 404


def test_who_may_read(portal):
    assert portal.call("GET", f"{JOURNAL}/earliest").status_code == 403
    narrow = app_token(portal, "developer.webhooks_journal.read")
    refused = portal.call("POST", SUBSCRIPTIONS, wanted(portal), token=narrow)
    assert refused.status_code == 403
    assert refused.json()["category"] == "MISSING_SCOPES"
    crm = portal.call("GET", "/crm/objects/2026-09/contacts", token=app_token(portal))
    assert crm.status_code == 403


def test_subscriptions(portal):
    token = app_token(portal)
    for change in (
        {"portalId": 5},
        {"actions": ["EXPLODE"]},
        {"objectTypeId": "0-2"},
        {"properties": None},
        {"subscriptionType": "LIST_MEMBERSHIP"},
    ):
        refused = portal.call("POST", SUBSCRIPTIONS, wanted(portal, **change), token=token)
        assert refused.status_code == 400, change
    made = portal.call("POST", SUBSCRIPTIONS, wanted(portal), token=token).json()
    assert portal.call("POST", SUBSCRIPTIONS, wanted(portal), token=token).status_code == 409
    path = f"{SUBSCRIPTIONS}/{made['id']}"
    assert portal.call("GET", path, token=token).json() == made
    assert portal.call("GET", SUBSCRIPTIONS, token=token).json()["results"] == [made]
    assert portal.call("DELETE", path, token=token).status_code == 204
    assert portal.call("GET", path, token=token).status_code == 404
    portal.control("POST", "uninstall", {"app_id": portal.id})
    assert portal.call("POST", SUBSCRIPTIONS, wanted(portal), token=token).status_code == 400
