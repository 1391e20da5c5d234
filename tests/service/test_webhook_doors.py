"""Who cannot sign learns nothing at the doors of webhooks, and the operator learns why."""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import structlog

from leadback.base.clock import HOUR, ManualClock
from leadback.base.shipped import SHIPPED_RULES
from leadback.lead.records import Portal
from leadback.web.receivers import MAX_BODY, receiver_app
from leadback.wiring import App, open_app
from tests.databases import database_in

NOW = 1_800_000_000_000
EVENT = {"portalId": 62515, "subscriptionType": "contact.deletion", "objectId": 17}
BODY = json.dumps([EVENT]).encode()
NOBODYS = ("/in/hubspot/nobody", "/in/other/acme", "/in/other/nobody", "/in/hubspot/bare")
"""No portal, no such plugin, neither; and a portal without a secret."""
ONE = {"accepted": 1, "unknown_accounts": 0}


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
    assert ask(app, "/in/hubspot/acme", BODY, signed(BODY)).json() == ONE
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
        "export VARIABLE=…, or name another one with: leadback portal connect bare"
    ]
    assert said() == []
    ask(app, "/in/hubspot/acme", BODY, signed(BODY))
    assert sorted(reason for _, reason in said()) == reasons


def test_a_replayed_webhook_asks_for_one_reading_and_changes_nothing(app: App) -> None:
    """Without a time in it (v1) it is good for ever; what it says of a contact is not believed."""
    for _ in range(5):
        assert ask(app, "/in/hubspot/acme", BODY, signed(BODY)).json() == ONE
    with app.store.write() as tx:
        asked = tx.hints.claim("acme", now=NOW + HOUR, lease=HOUR, limit=100)
    assert [hint.crm_id for hint in asked] == ["17"]


# ---------------------------------------------------------------------- one address for all

OURS = {"acme": 62515, "beta": 8002002, "gamma": 8003003}
"""gamma has an app of its own, and so another secret."""
STRANGER = 777


@pytest.fixture
def several(app: App, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("OTHER_SECRET", "0ther")
    with app.store.write() as tx:
        for name, secret in (("beta", "SECRET"), ("gamma", "OTHER_SECRET")):
            account = str(OURS[name])
            tx.portals.put(Portal(name, "hubspot", "http://127.0.0.1:9", "TOKEN", secret, account))
    return app


def about(*accounts: int) -> bytes:
    return json.dumps([{**EVENT, "portalId": account} for account in accounts]).encode()


def waiting(app: App) -> set[str]:
    """Portals with contacts to be read."""
    with app.store.read() as tx:
        return {name for name in OURS if tx.hints.portals(NOW + HOUR).count(name)}


@pytest.mark.parametrize("door", ["acme", "beta", "gamma", "removed"])
@pytest.mark.parametrize("names", [("beta",), ("acme",), ("acme", "beta")])
def test_a_webhook_reaches_its_portal_by_whatever_door(
    several: App, door: str, names: tuple[str, ...]
) -> None:
    body = about(*(OURS[name] for name in names))
    answer = ask(several, f"/in/hubspot/{door}", body, signed(body))
    assert answer.json() == {"accepted": len(names), "unknown_accounts": 0}
    assert waiting(several) == set(names)
    with several.store.read() as tx:
        heard = {name for name in OURS if tx.listening.of(name).hooked_at is not None}
    assert heard == set(names)


@pytest.mark.parametrize("door", OURS)
@pytest.mark.parametrize("names", [("gamma",), ("acme", "gamma")])
def test_one_apps_secret_says_nothing_about_a_portal_of_another(
    several: App, door: str, names: tuple[str, ...]
) -> None:
    """Not 200 either: what is meant for a connected portal and not taken is sent again."""
    body = about(*(OURS[name] for name in names))
    with structlog.testing.capture_logs() as lines:
        answer = ask(several, f"/in/hubspot/{door}", body, signed(body))
    assert answer.status_code == 401
    assert waiting(several) == set(names) - {"gamma"}
    assert [line["portal"] for line in lines] == ["gamma"]
    own = ask(several, f"/in/hubspot/{door}", body, signed(body, by="0ther"))
    assert own.status_code == (200 if names == ("gamma",) else 401)
    assert "gamma" in waiting(several)


def test_an_account_without_a_portal_is_counted_and_told_once(several: App) -> None:
    body, both = about(STRANGER), about(STRANGER, OURS["acme"])
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            answer = ask(several, "/in/hubspot/beta", body, signed(body))
            assert answer.status_code == 200, "HubSpot sends again what is not answered so"
            assert answer.json() == {"accepted": 0, "unknown_accounts": 1}
    assert [(line["account"], line["log_level"]) for line in lines] == [(str(STRANGER), "warning")]
    assert ask(several, "/in/hubspot/beta", both, signed(both)).json()["accepted"] == 1
    assert several.webhooks.strangers() == 4
    unsigned = ask(several, "/in/hubspot/beta", body, {})
    assert unsigned.status_code == 401
    assert several.webhooks.strangers() == 4


def test_what_nobody_signed_is_not_parsed(several: App) -> None:
    deep = b'[{"portalId": 8002002, "x": ' + b"[" * 900_000
    for door in ("acme", "removed"):
        assert ask(several, f"/in/hubspot/{door}", deep, {}).status_code == 401
    assert ask(several, "/in/hubspot/removed", deep, signed(deep)).status_code == 400


def test_a_door_of_a_crm_that_nobody_uses_loads_no_plugin(
    several: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    real = several.accesses.hooks
    monkeypatch.setattr(several.accesses, "hooks", lambda crm: loaded.append(crm) or real(crm))
    assert ask(several, "/in/example/acme", BODY, signed(BODY)).status_code == 401
    assert loaded == []
