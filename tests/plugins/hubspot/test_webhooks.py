"""Webhooks: only HubSpot's, only fresh ones, only this portal's; any order, any number."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.api import Hint, Received, Refused, WebhookRequest
from leadback_hubspot.webhooks import (
    MOST_CONTACTS,
    check_signature,
    decode_url,
    receive,
    signature_v1,
)

SECRET = "a-client-secret"
URL = "https://leadback.example.com/in/hubspot/acme?x=a%2Fb%20c"
NOW = 1_793_707_200_000
VECTOR_BODY = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,'
    b'"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
)


def event(kind: str = "contact.propertyChange", object_id: Any = 17, **more: Any) -> dict[str, Any]:
    return {
        "eventId": 1,
        "portalId": 62515,
        "subscriptionType": kind,
        "objectId": object_id,
        "occurredAt": NOW - 1000,
        "attemptNumber": 0,
        "propertyName": "hubspot_owner_id",
        **more,
    }


def request(
    events: Any, *, secret: str = SECRET, sent_at: int = NOW, **changed: Any
) -> WebhookRequest:
    """As HubSpot signs: written out here, not with the code under test."""
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    signed = f"POST{URL.replace('%2F', '/')}".encode() + body + str(sent_at).encode()
    v3 = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {"X-HubSpot-Signature-v3": v3, "X-HubSpot-Request-Timestamp": str(sent_at),
               "X-HubSpot-Signature": hashlib.sha256(secret.encode() + body).hexdigest(),
               "X-HubSpot-Signature-Version": "v1"}  # fmt: skip
    given = {"method": "POST", "url": URL, "headers": headers, "body": body, "received_at": NOW}
    return WebhookRequest(**{**given, **changed})


def hints(*events: Any) -> tuple[Hint, ...]:
    taken = receive(request(list(events)), secret=SECRET, account_id="62515")
    assert isinstance(taken, Received)
    return taken.hints


def test_the_published_vector_of_signature_v1() -> None:
    expected = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    assert signature_v1("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", VECTOR_BODY) == expected


@given(body=st.binary(max_size=300), place=st.integers(0, 299), bit=st.integers(0, 7))
def test_any_changed_bit_of_the_body_is_refused(body: bytes, place: int, bit: int) -> None:
    good = request(body)
    assert check_signature(good, SECRET) is None
    spoilt = bytearray(body + b"x")
    spoilt[place % len(spoilt)] ^= 1 << bit
    headers = dict(good.headers)
    assert check_signature(request(b"", body=bytes(spoilt), headers=headers), SECRET) is not None


@pytest.mark.parametrize("ago", [300_001, -300_001, 86_400_000])
def test_an_old_or_future_signature_is_refused(ago: int) -> None:
    refused = receive(request([event()], sent_at=NOW - ago), secret=SECRET, account_id="62515")
    assert isinstance(refused, Refused)
    assert refused.status == 401


@pytest.mark.parametrize("ago", [300_000, -300_000, 0])
def test_five_minutes_are_fresh(ago: int) -> None:
    taken = receive(request([event()], sent_at=NOW - ago), secret=SECRET, account_id="62515")
    assert isinstance(taken, Received)


def test_another_secret_method_or_url_is_refused() -> None:
    good = request([event()])
    assert check_signature(good, "another-secret") is not None
    for change in ({"method": "PUT"}, {"url": "https://evil.example.com/in/hubspot/acme"}):
        assert check_signature(request([event()], **change), SECRET) is not None


def test_a_wrong_v3_is_not_saved_by_a_good_v1() -> None:
    good = request([event()])
    headers = {**good.headers, "X-HubSpot-Signature-v3": "AAAA"}
    assert check_signature(request([event()], headers=headers), SECRET) is not None


def test_v1_alone_is_enough_and_nothing_is_not() -> None:
    good = request([event()])
    only_v1 = {k: v for k, v in good.headers.items() if "v3" not in k and "Timestamp" not in k}
    assert check_signature(request([event()], headers=only_v1), SECRET) is None
    assert check_signature(request([event()], headers={}), SECRET) is not None
    other = {**only_v1, "X-HubSpot-Signature-Version": "v2"}
    assert check_signature(request([event()], headers=other), SECRET) is not None


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "9" * 30, "１７"])
def test_a_timestamp_that_is_none_is_refused(timestamp: str) -> None:
    headers = {**request([event()]).headers, "X-HubSpot-Request-Timestamp": timestamp}
    assert check_signature(request([event()], headers=headers), SECRET) is not None


@given(st.text(alphabet="ab%23FfCc/:?@", max_size=20))
def test_only_hubspots_escapes_are_decoded(text: str) -> None:
    decoded = decode_url(text)
    assert decode_url(decoded.replace("%", "")) == decoded.replace("%", "")
    assert len(decoded) <= len(text)


def test_an_escaped_escape_stays_one() -> None:
    assert decode_url("/a%2Fb%20%252F%3f") == "/a/b%20%252F?"


def test_ids_are_texts_and_doubles_are_one() -> None:
    assert hints(event(object_id=3_000_000_000), event(object_id="3000000000", occurredAt=5)) == (
        Hint("3000000000", NOW - 1000),
    )


def test_other_portals_events_are_left_out() -> None:
    assert hints(event(portalId=1), event(portalId="62515")) == (Hint("17", NOW - 1000),)


def test_what_a_lead_knows_of_its_contact_is_listened_to() -> None:
    changes = [event("contact.propertyChange", n, propertyName=p) for n, p in enumerate(
        ("hs_lead_status", "email", "lastname", "words", "context"), 1
    )]  # fmt: skip
    taken = receive(
        request(changes), secret=SECRET, account_id="62515", facts=("email", "lastname", "words")
    )
    assert isinstance(taken, Received)
    assert {hint.crm_id for hint in taken.hints} == {"2", "3", "4"}


def test_without_a_known_account_nothing_is_dropped_silently() -> None:
    taken = receive(request([event()]), secret=SECRET, account_id=None)
    assert isinstance(taken, Refused)
    assert taken.status == 503


def test_a_merge_is_about_all_of_its_contacts() -> None:
    merge = event("contact.merge", 17, primaryObjectId=17, mergedObjectIds=[18, 19], newObjectId=20)
    assert {hint.crm_id for hint in hints(merge)} == {"17", "18", "19", "20"}


@pytest.mark.parametrize("kind", ["merge", "deletion"])
def test_a_request_is_about_so_many_contacts_at_most(kind: str) -> None:
    """However they are packed: one merge may name as many as a thousand notifications do."""

    def about(number: int) -> list[dict[str, Any]]:
        if kind == "merge":
            return [event("contact.merge", 1, mergedObjectIds=list(range(2, number + 1)))]
        first = [event("contact.deletion", 1 + n) for n in range(min(number, 1_000))]
        rest = list(range(1_001, number + 1))
        return [*first[:-1], event("contact.merge", 1_000, mergedObjectIds=rest)]

    assert len(hints(*about(MOST_CONTACTS))) == MOST_CONTACTS
    taken = receive(request(about(MOST_CONTACTS + 1)), secret=SECRET, account_id="62515")
    assert isinstance(taken, Refused)
    assert taken.status == 413


@pytest.mark.parametrize("turn", [1, -1])
def test_a_privacy_deletion_is_known_in_either_order(turn: int) -> None:
    pair = [event("contact.deletion"), event("contact.privacyDeletion")][::turn]
    (hint,) = hints(*pair)
    assert hint.erased


def test_only_contacts_count() -> None:
    kinds = ["object.propertyChange", "object.deletion"]
    assert hints(*(event(kind, objectTypeId="0-2") for kind in kinds)) == ()
    assert hints(event("company.deletion"), event("deal.propertyChange")) == ()
    assert len(hints(*(event(kind, objectTypeId="0-1") for kind in kinds))) == 1


def test_changes_of_other_fields_are_nobodys_business() -> None:
    """Our own writes of both status fields echo by the thousand."""
    assert hints(event(propertyName="hs_lead_status"), event(propertyName="email")) == ()


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[", b"null", b"\xff\xfe", b"[" + b"1," * 1000 + b"1]"]
)
def test_a_signed_body_that_is_no_array_is_refused(body: bytes) -> None:
    taken = receive(request(body), secret=SECRET, account_id="62515")
    assert isinstance(taken, Refused)
    assert taken.status == 400


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["portalId", "subscriptionType", "objectId", "occurredAt", "newObjectId",
                         "mergedObjectIds", "objectTypeId"]), inner, max_size=5),
    max_leaves=10,
)  # fmt: skip


NONSENSE = st.builds(
    event,
    st.sampled_from(["contact.merge", "object.deletion"]),
    ANYTHING,
    mergedObjectIds=ANYTHING,
    occurredAt=ANYTHING,
)


@given(st.lists(ANYTHING | NONSENSE, max_size=5))
def test_signed_nonsense_does_no_harm(events: list[Any]) -> None:
    taken = receive(request(json.dumps(events).encode()), secret=SECRET, account_id="62515")
    assert isinstance(taken, Received)
    assert all(hint.crm_id.isdigit() for hint in taken.hints)
