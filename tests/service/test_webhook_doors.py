"""Who cannot sign learns nothing at the doors of webhooks, and the operator learns why."""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import structlog

from engine.base.clock import HOUR, ManualClock
from engine.base.settings import SHIPPED_RULES
from engine.lead.records import Portal
from engine.web.receivers import MAX_BODY, receiver_app
from engine.wiring import App, open_app
from tests.databases import database_in

NOW = 1_800_000_000_000
EVENT = {"portalId": 62515, "subscriptionType": "contact.deletion", "objectId": 17}
BODY = json.dumps([EVENT]).encode()
NOBODYS = ("/in/hubspot/nobody", "/in/other/acme", "/in/other/nobody", "/in/hubspot/bare")
"""No portal, no such plugin, neither; and a portal without a secret."""


def signed(body: bytes, *, by: str = "s3cret") -> dict[str, str]:
    """As HubSpot signs (v1)."""
    return {"X-HubSpot-Signature": hashlib.sha256(by.encode() + body).hexdigest()}


UNSIGNED: Mapping[str, tuple[bytes, Mapping[str, str]]] = {
    "no signature": (BODY, {}),
    "another secret": (BODY, signed(BODY, by="another")),
    "another body": (BODY, signed(b"[]")),
    "an unknown version": (BODY, {**signed(BODY), "X-HubSpot-Signature-Version": "v9"}),
    "v3 without a time": (BODY, {"X-HubSpot-Signature-v3": "AAAA"}),
    "v3 of long ago": (
        BODY, {"X-HubSpot-Signature-v3": "AAAA", "X-HubSpot-Request-Timestamp": "1"}
    ),
    "v3 that is wrong": (
        BODY, {"X-HubSpot-Signature-v3": "AAAA", "X-HubSpot-Request-Timestamp": str(NOW)}
    ),
    "no JSON": (b"{", {}),
    "nothing": (b"", {}),
    "too much": (b"x" * (MAX_BODY + 1), {}),
}  # fmt: skip


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setenv("SECRET", "s3cret")
    url, clock = database_in(tmp_path), ManualClock(NOW)
    with open_app(database=url, rules=SHIPPED_RULES, clock=clock) as opened:
        with opened.store.write() as tx:
            tx.portals.put(
                Portal("acme", "hubspot", "http://127.0.0.1:9", "TOKEN", "SECRET", "62515")
            )
            tx.portals.put(Portal("bare", "hubspot", "http://127.0.0.1:9", "TOKEN"))
        yield opened


def ask(app: App, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    async def send() -> httpx.Response:
        door = httpx.ASGITransport(receiver_app(app.webhooks.take, app.clock))
        async with httpx.AsyncClient(transport=door, base_url="http://localhost") as client:
            return await client.post(path, content=body, headers=dict(headers))

    return asyncio.run(send())


@pytest.mark.parametrize("how", UNSIGNED)
def test_without_a_signature_all_portals_answer_alike(app: App, how: str) -> None:
    body, headers = UNSIGNED[how]
    known = ask(app, "/in/hubspot/acme", body, headers)
    assert known.status_code in (401, 413)
    for path in NOBODYS:
        other = ask(app, path, body, headers)
        assert (other.status_code, other.content) == (known.status_code, known.content)
        assert dict(other.headers) == dict(known.headers)


def test_who_signs_is_taken_or_told_what_is_wrong(app: App) -> None:
    assert ask(app, "/in/hubspot/acme", BODY, signed(BODY)).json() == {"accepted": 1}
    odd = ask(app, "/in/hubspot/acme", b"{}", signed(b"{}"))
    assert (odd.status_code, "array" in odd.text) == (400, True)


def test_the_reason_is_in_the_log_once_until_a_webhook_is_good_again(app: App) -> None:
    def said() -> list[tuple[str, str]]:
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                for path in ("/in/hubspot/acme", *NOBODYS):
                    for body, headers in (UNSIGNED["no signature"], UNSIGNED["another secret"]):
                        ask(app, path, body, headers)
        return [(line["portal"], line["reason"]) for line in lines]

    first = said()
    reasons = sorted(reason for portal, reason in first if portal == "acme")
    assert reasons == ["the request has no HubSpot signature", "the signature (v1) is wrong"]
    assert [reason for portal, reason in first if portal != "acme"] == [
        "portal bare has no webhook secret: none is named; "
        "export VARIABLE=…, or name another one with: handback portal connect bare"
    ]
    assert said() == []
    ask(app, "/in/hubspot/acme", BODY, signed(BODY))
    assert sorted(reason for _, reason in said()) == reasons


def test_a_replayed_webhook_asks_for_one_reading_and_changes_nothing(app: App) -> None:
    """Without a time in it (v1) it is good for ever; what it says of a contact is not believed."""
    for _ in range(5):
        assert ask(app, "/in/hubspot/acme", BODY, signed(BODY)).json() == {"accepted": 1}
    with app.store.write() as tx:
        asked = tx.hints.claim("acme", now=NOW + HOUR, lease=HOUR, limit=100)
    assert [hint.crm_id for hint in asked] == ["17"]
