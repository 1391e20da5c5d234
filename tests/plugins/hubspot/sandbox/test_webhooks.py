"""Webhooks: real signatures, arrays, echoes of API writes, retries with their attempt number."""

import base64
import hashlib
import hmac
import random
import time
from urllib.parse import urlsplit

import pytest

from leadback_hubspot_sandbox.webhooks import (
    SenderSettings,
    WebhookSender,
    decode_uri,
    signature_v1,
)

SECRET = "s3cret"
QUICK = {
    "webhook_delay": [0, 0.01],
    "webhook_duplicates": 0,
    "webhook_time_compression": 100_000,
    "new_contacts_are_leads": False,  # the lifecycle stage of each would be told, too
}


@pytest.fixture
def hooked(make_portal, receiver):
    return make_portal(webhook_url=receiver.url, webhook_secret=SECRET, switches=QUICK)


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end


def kinds(events):
    return sorted(event["subscriptionType"] for event in events)


def test_v1_vector_of_hubspots_documentation():
    body = (
        '[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
        '"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,'
        '"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
    )
    assert signature_v1("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", body) == (
        "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    )


def test_only_the_listed_escapes_are_decoded():
    assert decode_uri("https://x.co/a%3Ab%2fc%3F%20d%26?e=%2C") == "https://x.co/a:b/c?%20d%26?e=,"


def test_signatures_of_a_delivery(hooked, receiver):
    hooked.contact(firstname="A")
    receiver.wait(bool)
    headers, body = receiver.requests[0]
    assert headers["X-HubSpot-Signature"] == (hashlib.sha256(SECRET.encode() + body).hexdigest())
    stamp = headers["X-HubSpot-Request-Timestamp"]
    raw = f"POST{receiver.url}".encode() + body + stamp.encode()
    expected = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest())
    assert headers["X-HubSpot-Signature-v3"] == expected.decode()
    assert abs(int(stamp) - time.time() * 1000) < 60_000
    assert urlsplit(receiver.url).query == "x=1"


def test_assignment_by_a_person_and_echo_of_our_write(hooked, receiver):
    contact = hooked.contact(firstname="A")
    hooked.act("assign", contact=contact, owner="tara@example.com", by="hanna@example.com")
    body = {"inputs": [{"id": contact, "properties": {"hubspot_owner_id": "503"}}]}
    hooked.objects("POST", "contacts/batch/update", body)
    receiver.wait(lambda events: len(events) == 4)
    owner_events = sorted(
        (one for one in receiver.events() if one.get("propertyName") == "hubspot_owner_id"),
        key=lambda one: one["occurredAt"],
    )
    human, echo = owner_events
    assert human["objectId"] == int(contact)
    assert human["portalId"] == hooked.id
    assert human["propertyValue"] == "501"
    assert (human["changeSource"], human["sourceId"]) == ("CRM_UI", "userId:9002")
    assert (echo["changeSource"], echo["sourceId"]) == ("INTEGRATION", "1160452")
    assert human["attemptNumber"] == 0
    assert "previousValue" not in human
    assert kinds(receiver.events()) == ["contact.creation"] + ["contact.propertyChange"] * 3


def test_life_events(hooked, receiver):
    one, two, three = (hooked.contact(city=str(number)) for number in range(3))
    hooked.act("delete", contact=one)
    hooked.act("restore", contact=one)
    merged = hooked.act("merge", primary=one, merged=two, new_id=True)["contact"]
    hooked.act("erase", contact=three)
    receiver.wait(lambda events: len(events) == 8)
    assert kinds(receiver.events()) == [
        "contact.creation", "contact.creation", "contact.creation", "contact.deletion",
        "contact.deletion", "contact.merge", "contact.privacyDeletion", "contact.restore",
    ]  # fmt: skip
    event = next(one for one in receiver.events() if one["subscriptionType"] == "contact.merge")
    assert event["objectId"] == event["primaryObjectId"] == int(one)
    assert event["mergedObjectIds"] == [int(two)]
    assert event["newObjectId"] == int(merged)


def test_refused_deliveries_come_again(hooked, receiver):
    receiver.statuses[:] = [500, 404, 302]
    hooked.contact(city="Ulm")
    receiver.wait(lambda events: len(events) == 4)
    assert [event["attemptNumber"] for event in receiver.events()] == [0, 1, 2, 3]
    assert len({event["eventId"] for event in receiver.events()}) == 1
    until(lambda: hooked.control("GET", "webhooks")["requests"] == 4)
    tally = hooked.control("GET", "webhooks")
    assert (tally["failed_requests"], tally["retried"], tally["notifications"]) == (3, 3, 1)


def test_given_up_after_ten_retries(hooked, receiver):
    receiver.statuses[:] = [500] * 20
    hooked.contact(city="Ulm")
    receiver.wait(lambda events: len(events) == 11)
    until(lambda: hooked.control("GET", "webhooks")["dropped"] == 1)
    assert len(receiver.events()) == 11


def test_arrays_of_a_hundred_at_most(receiver):
    settings = SenderSettings(url=receiver.url, delay=(0, 0))
    sender = WebhookSender(1, random.Random(1), lambda: 0, settings)
    # Held back until all are due: the dispatcher needs the same lock.
    with sender._ready:
        for number in range(250):
            sender.emit({"subscriptionType": "contact.creation", "objectId": number})
    receiver.wait(lambda events: len(events) == 250)
    assert sorted(body.count(b'"eventId"') for _, body in receiver.requests) == [50, 100, 100]
    assert {event["objectId"] for event in receiver.events()} == set(range(250))
    assert [event["objectId"] for event in receiver.events()] != list(range(250))


def test_duplicates_and_generic_subscriptions(make_portal, receiver):
    switches = {**QUICK, "webhook_duplicates": 1, "webhook_generic": True}
    portal = make_portal(webhook_url=receiver.url, switches=switches)
    contact = portal.contact(city="Ulm")
    receiver.wait(lambda events: len(events) == 2)
    first, second = receiver.events()
    assert first == second
    assert first["subscriptionType"] == "object.creation"
    assert first["objectTypeId"] == "0-1"
    assert first["objectId"] == int(contact)
