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
    assert set(document["paths"]) == {
        "/events",
        "/leads",
        "/leads/{portal}/{lead}",
        "/assistants",
        "/assistants/{portal}/{assistant}/off-days",
    }
    page = house.get("/docs").text
    assert all(path in page for path in document["paths"])


# ---------------------------------------------------------------------- assistants

SEE, SET = "assistants:read", "assistants:write"


def put_off_days(
    house: House, body: Any, *, assistant: str = "tara", scope: str = SET
) -> requests.Response:
    return requests.put(
        f"{house.url}/assistants/acme/{assistant}/off-days",
        json=body,
        headers=house.bearer(scope),
        timeout=20,
    )


def test_off_days_are_put_as_a_whole_and_read_by_whoever_sends(house: House) -> None:
    days = ["2026-12-26", "sun", "sat", "2026-12-25", "sun"]
    done = put_off_days(house, {"off_days": days})
    assert (done.status_code, done.json()["off_days"]) == (
        200,
        ["sat", "sun", "2026-12-25", "2026-12-26"],
    )
    listed = house.get("/assistants?portal=acme", headers=house.bearer(SEE)).json()
    assert [one for one in listed if one["name"] == "tara"] == [done.json()]
    shown = house.program.json("assistant", "list")
    assert shown[0]["off_days"] == "sat, sun, 2026-12-25, 2026-12-26"
    again = put_off_days(house, {"off_days": []}, assistant="tara@example.com")
    assert (again.status_code, again.json()["off_days"]) == (200, [])
    store = house.accounts()._store
    with store.read() as tx:
        trail = [(e.who, e.door, e.outcome) for e in tx.accounts.audit(limit=99)]
    key = next(k["name"] for k in house.program.json("apikey", "list") if k["scopes"] == [SET])
    assert (f"key {key}", "API", "none") in trail


@pytest.mark.parametrize(
    "body",
    [
        {"off_days": ["someday"]},
        {"off_days": ["2026-02-30"]},
        {"off_days": "sat"},
        {"off_days": ["sat"] * 401},
        {"off_days": [], "name": "eve"},
        {},
        [],
    ],
)
def test_what_is_no_list_of_days_changes_nothing(house: House, body: Any) -> None:
    put_off_days(house, {"off_days": ["fri"]})
    answer = put_off_days(house, body)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error"}
    listed = house.get("/assistants", headers=house.bearer(SEE)).json()
    assert listed[0]["off_days"] == ["fri"]


def test_off_days_need_their_scope_and_an_assistant(house: House) -> None:
    assert put_off_days(house, {"off_days": []}, scope=SEE).status_code == 403
    assert put_off_days(house, {"off_days": []}, scope=WRITE).status_code == 403
    assert house.get("/assistants", headers=house.bearer(SET)).status_code == 403
    assert house.get("/assistants").status_code == 401
    missing = put_off_days(house, {"off_days": []}, assistant="nobody")
    assert (missing.status_code, "nobody" in missing.json()["error"]) == (404, True)
    url = f"{house.url}/assistants/acme/tara/off-days"
    assert requests.put(url, json={"off_days": []}, timeout=10).status_code == 401
    browser = house.session("admin")
    answer = browser.put(url, json={"off_days": []}, headers={"Origin": house.url}, timeout=10)
    assert answer.status_code == 401
