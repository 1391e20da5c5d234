"""The event API as programs meet it, on a running server."""

import json
from typing import Any

import pytest
import requests

from engine.web.guard import MAX_BODY
from engine.web.server import EVENTS_AT_ONCE
from engine.work.binding import BATCH, STRUCTURED
from tests.acceptance.conftest import event, wait_until
from tests.web.conftest import House

WRITE, READ, METRICS = "events:write", "leads:read", "metrics:read"


def post(
    house: House, body: Any, kind: str = STRUCTURED, scope: str = WRITE, **headers: str
) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(
        f"{house.url}/events",
        data=data,
        headers={**house.bearer(scope), "Content-Type": kind, **headers},
        timeout=60,
    )


@pytest.fixture(scope="module")
def lead(house: House) -> str:
    """A contact that the assistant was given: its CRM id."""
    crm_id = house.program.new_contact(1, "tara@example.com")
    read = house.bearer(READ)
    wait_until(lambda: house.get(f"/leads/acme/{crm_id}", headers=read).ok)
    return crm_id


@pytest.mark.parametrize("path", ["/leads", "/leads/acme/1", "/metrics"])
def test_without_a_key_there_is_only_401(house: House, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = house.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "handback apikey add" in answer.json()["error"]
    assert requests.post(f"{house.url}/events", json={}, timeout=60).status_code == 401


def test_a_session_is_no_key(house: House) -> None:
    assert house.session("admin").get(f"{house.url}/leads", timeout=60).status_code == 401


def test_a_key_opens_only_what_its_scopes_say(house: House) -> None:
    assert house.get("/leads", headers=house.bearer(WRITE)).status_code == 403
    assert house.get("/metrics", headers=house.bearer(READ)).status_code == 403
    assert post(house, event(1, "email_opened", "acme/1"), scope=READ).status_code == 403


def test_an_event_is_taken_once(house: House, lead: str) -> None:
    opened = event(100, "capacity_available", f"acme/{lead}")
    first, second = post(house, opened), post(house, opened)
    assert (first.status_code, first.json()["accepted"]) == (202, 1)
    assert (second.status_code, second.json()["duplicate"]) == (202, 1)
    read = house.bearer(READ)
    wait_until(lambda: house.get(f"/leads/acme/{lead}", headers=read).json()["state"] == "Cold")


def test_binary_mode_and_batches(house: House, lead: str) -> None:
    binary = post(
        house, {}, "application/json", **{
            "ce-specversion": "1.0", "ce-id": "b-1", "ce-source": "mailer",
            "ce-type": "email_opened", "ce-subject": f"acme/{lead}",
        },
    )  # fmt: skip
    assert (binary.status_code, binary.json()["accepted"]) == (202, 1)
    many = [event(n, "email_opened", f"acme/{lead}") for n in range(200, 210)]
    batch = post(house, many, BATCH)
    assert (batch.status_code, batch.json()["accepted"]) == (202, 10)


def test_what_is_not_understood_is_said_and_kept(house: House, lead: str) -> None:
    wrong = event(300, "email_opnd", f"acme/{lead}")
    answer = post(house, wrong)
    assert answer.status_code == 422
    assert "email_opened" in answer.json()["reasons"][0]["reason"]
    mixed = post(house, [wrong, event(301, "email_opened", f"acme/{lead}")], BATCH)
    assert mixed.status_code == 207
    assert (mixed.json()["accepted"], mixed.json()["rejected"]) == (1, 1)
    kept = house.program.json("queue", "list", "--quarantined")
    assert sum("email_opnd" in item["raw"] for item in kept) == 2


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", STRUCTURED, 400),
        (b"[]", STRUCTURED, 422),
        (b"{}", BATCH, 400),
        (b"<xml/>", "text/xml", 415),
        (b" " * (MAX_BODY + 1), STRUCTURED, 413),
    ],
)
def test_bad_bodies_are_refused_with_a_reason(
    house: House, body: bytes, kind: str, status: int
) -> None:
    answer = post(house, body, kind)
    assert answer.status_code == status
    assert answer.json().get("error") or answer.json()["reasons"][0]["reason"]


def test_a_body_without_a_length_is_cut_off_too(house: House) -> None:
    def endless() -> Any:
        for _ in range(MAX_BODY // 50_000 + 2):
            yield b" " * 50_000

    answer = requests.post(
        f"{house.url}/events",
        data=endless(),
        headers={**house.bearer(WRITE), "Content-Type": STRUCTURED},
        timeout=60,
    )
    assert answer.status_code == 413


def test_leads_are_listed_and_shown(house: House, lead: str) -> None:
    read = house.bearer(READ)
    listed = house.get("/leads?limit=1000", headers=read).json()
    assert f"acme/{lead}" in [one["id"] for one in listed]
    shown = house.get(f"/leads/acme/{lead}", headers=read).json()
    assert shown["assistant"] == "tara@example.com"
    assert shown["history"][0]["event"] == "assigned"
    by_email = house.get("/leads/acme/lead1@example.org", headers=read)
    assert by_email.json()["id"] == f"acme/{lead}"
    assert house.get("/leads/acme/404", headers=read).status_code == 404
    assert house.get("/leads?state=Nowhere", headers=read).status_code == 400
    assert house.get("/leads?limit=0", headers=read).status_code == 422
    assert house.get("/leads?portal=%00", headers=read).status_code == 422


def test_a_revoked_key_opens_nothing(house: House) -> None:
    key = house.program.json("apikey", "add", "short", "--scope", READ)["key"]
    headers = {"Authorization": f"Bearer {key}"}
    assert house.get("/leads", headers=headers).ok
    house.program.run("apikey", "revoke", "short")
    assert house.get("/leads", headers=headers).status_code == 401


def test_a_key_is_kept_as_a_hash_only(house: House) -> None:
    key = house.key(READ)
    secret = key.split("_", 2)[2]
    kept = b"".join(p.read_bytes() for p in house.program.folder.glob("handback.db*"))
    assert secret.encode() not in kept
    assert key not in json.dumps(house.program.json("apikey", "list"))


def test_who_knocks_too_often_is_told_when_to_come_back(house: House) -> None:
    key = house.program.json("apikey", "add", "hasty", "--scope", READ)["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with requests.Session() as quick:
        quick.headers.update(headers)
        for _ in range(EVENTS_AT_ONCE * 5):
            answer = quick.get(f"{house.url}/leads/acme/404", timeout=60)
            if answer.status_code == 429:
                break
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert house.get("/leads", headers=house.bearer(READ)).ok


def test_figures_for_prometheus(house: House, lead: str) -> None:
    text = house.get("/metrics", headers=house.bearer(METRICS)).text
    for name in (
        'handback_inbox_events{status="due"}',
        'handback_outbox_effects{status="failed"}',
        "handback_oldest_due_seconds",
        'handback_leads{state="Cold"}',
    ):
        assert name in text
    assert "lead1@example.org" not in text


def test_probes_say_that_it_lives_and_nothing_else(house: House) -> None:
    assert house.get("/healthz").text == "ok\n"
    assert house.get("/readyz").text == "ready\n"


def test_the_reference_is_open_and_complete(house: House) -> None:
    document = house.get("/openapi.json").json()
    assert set(document["paths"]) == {"/events", "/leads", "/leads/{portal}/{lead}"}
    page = house.get("/docs").text
    assert all(path in page for path in document["paths"])
