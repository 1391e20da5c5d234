"""The event API as programs meet it, on a running server."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from fastapi import HTTPException

from leadback.base.clock import SECOND, ManualClock
from leadback.lead.records import Portal
from leadback.service.apikeys import ApiKeys
from leadback.web.eventapi import BYTES_AT_ONCE, BYTES_PER_SECOND, REQUESTS_AT_ONCE, keeper_of
from leadback.web.guard import MAX_BODY
from leadback.wiring import open_app
from leadback.work.binding import BATCH, STRUCTURED
from tests.acceptance.conftest import event, wait_until
from tests.databases import database_in
from tests.web.conftest import House

WRITE, READ, METRICS = "events:write", "leads:read", "metrics:read"
SEE, SET = "assistants:read", "assistants:write"


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
        assert "leadback apikey add" in answer.json()["error"]
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
    kept = b"".join(p.read_bytes() for p in house.program.folder.glob("leadback.db*"))
    assert secret.encode() not in kept
    assert key not in json.dumps(house.program.json("apikey", "list"))


def test_who_knocks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    clock = ManualClock(1_800_000_000_000)
    with open_app(database=database_in(tmp_path), clock=clock) as app:
        keys = ApiKeys(app.store, app.clock, app.audit)
        hasty, other = (keys.add(name, [READ])["key"] for name in ("hasty", "other"))
        keeper = keeper_of(keys, clock)
        for _ in range(REQUESTS_AT_ONCE):
            asyncio.run(keeper.check(hasty, READ))
        with pytest.raises(HTTPException) as refused:
            asyncio.run(keeper.check(hasty, READ))
        assert refused.value.status_code == 429
        assert int((refused.value.headers or {})["Retry-After"]) >= 1
        asyncio.run(keeper.check(other, READ))
        clock.advance(SECOND)
        asyncio.run(keeper.check(hasty, READ))


def test_a_key_of_the_mailer_can_neither_erase_nor_mark_a_lead(house: House, lead: str) -> None:
    """Nor be told that it may, whatever else is in the batch."""
    subject = f"acme/{lead}"
    forbidden = [
        event(n, kind, subject, **data)
        for n, (kind, data) in enumerate(
            [
                ("contact_erased", {}),
                ("contact_merged", {"into": "900"}),
                ("unassigned", {}),
                ("assigned", {"assistant": "tara@example.com"}),
                ("marked", {"action": "unsubscribed"}),
                ("followup_stopped", {}),
            ],
            900,
        )
    ]
    alone = post(house, forbidden[0])
    assert alone.status_code == 403
    assert alone.json()["error"].endswith(
        "lacks the scope contacts:write, which contact_erased needs"
    )
    mixed = post(house, [*forbidden, event(950, "link_clicked", subject)], BATCH)
    assert mixed.status_code == 207
    assert (mixed.json()["accepted"], mixed.json()["forbidden"]) == (1, len(forbidden))
    needed = [reason["reason"].split()[6].strip(",") for reason in mixed.json()["reasons"]]
    assert needed == ["contacts:write"] * 4 + ["actions:write"] * 2
    read = house.bearer(READ)

    def last() -> dict[str, Any]:
        found = house.get(f"/leads/acme/{lead}", headers=read).json()["history"][-1]
        assert isinstance(found, dict)
        return found

    wait_until(lambda: last()["event"] == "link_clicked")
    assert (last()["via"], last()["internal"]) == (f"key: {name_of(house, WRITE)}", False)
    kept = house.program.json("queue", "list", "--quarantined")
    assert not any("contact_erased" in item["raw"] for item in kept)
    with_scope = post(house, forbidden[5], scope="actions:write")
    assert (with_scope.status_code, with_scope.json()["accepted"]) == (202, 1)


def name_of(house: House, scope: str) -> str:
    """Of the key that the house has for one scope."""
    keys = house.program.json("apikey", "list")
    return next(str(k["name"]) for k in keys if house.key(scope).split("_")[1] == k["id"])


def test_what_a_key_may_not_send_it_cannot_send_by_way_of_the_quarantine(
    house: House, lead: str
) -> None:
    """An event that is odd today is retried by a person tomorrow: in the name of its sender."""
    odd = event(960, "contact_erased", f"acme/{lead}") | {"specversion": "0.3"}
    assert post(house, odd).status_code == 422
    (item,) = [
        row["id"]
        for row in house.program.json("queue", "list", "--quarantined")
        if "contact_erased" in row["raw"]
    ]
    store = house.accounts()._store
    with store.write() as tx:  # as if a later version understood it
        (kept,) = [row for row in tx.quarantine.list() if f"quarantine:{row.id}" == item]
        tx.quarantine.delete([kept.id])
        tx.quarantine.add([replace(kept, raw=kept.raw.replace('"0.3"', '"1.0"'))])
    done = house.program.json("queue", "retry", "--all", code=1)
    assert done["rejected"] >= 1
    (row,) = [
        row
        for row in house.program.json("queue", "list", "--quarantined")
        if "contact_erased" in row["raw"]
    ]
    assert "lacks the scope contacts:write" in row["reason"]
    assert row["via"] == f"key: {name_of(house, WRITE)}"


def test_a_key_for_one_portal_sees_and_changes_no_other(house: House, lead: str) -> None:
    with house.accounts()._store.write() as tx:
        tx.portals.put(Portal("beta", "hubspot", "http://127.0.0.1:9", "TOKEN"))
    scopes = (WRITE, READ, SEE, SET)
    options = [word for scope in scopes for word in ("--scope", scope)]
    made = house.program.json(
        "apikey", "add", "narrow", *options, "--portal", "beta", "--type", "replied"
    )
    assert (made["portals"], made["types"]) == (["beta"], ["replied"])
    headers = {"Authorization": f"Bearer {made['key']}"}

    def send(number: int, kind: str, portal: str) -> requests.Response:
        return requests.post(
            f"{house.url}/events",
            data=json.dumps(event(number, kind, f"{portal}/77", intent="AgreedToMeet")),
            headers={**headers, "Content-Type": STRUCTURED},
            timeout=60,
        )

    assert send(970, "replied", "beta").status_code == 202
    assert "not for the portal acme" in send(971, "replied", "acme").json()["error"]
    assert "not for events of the type" in send(972, "email_opened", "beta").json()["error"]
    assert house.get("/leads", headers=headers).json() == []
    assert house.get("/leads?portal=acme", headers=headers).status_code == 403
    assert house.get(f"/leads/acme/{lead}", headers=headers).status_code == 403
    assert house.get("/assistants", headers=headers).json() == []
    assert house.get("/assistants?portal=acme", headers=headers).status_code == 403
    url = f"{house.url}/assistants/acme/tara/off-days"
    put = requests.put(url, json={"off_days": []}, headers=headers, timeout=60)
    assert put.status_code == 403
    for wrong, why in (
        (("--scope", METRICS, "--portal", "beta"), "figures of all portals"),
        (("--scope", WRITE, "--portal", "gamma"), "there is no portal"),
        (("--scope", WRITE, "--type", "replid"), "there is no event"),
        (("--scope", WRITE, "--type", "marked"), "need the scope actions:write"),
        (("--scope", READ, "--type", "replied"), "need the scope events:write"),
    ):
        refused = house.program.run("apikey", "add", "odd", *wrong, code=None)
        assert refused.returncode != 0
        assert why in refused.stderr.decode()


def test_a_key_has_a_pace_of_events_and_bytes(house: House) -> None:
    """Nothing of a request that is too much is taken."""
    made = house.program.json("apikey", "add", "flood", "--scope", WRITE)
    headers = {"Authorization": f"Bearer {made['key']}", "Content-Type": BATCH}
    blank = b"[" + b" " * (MAX_BODY - 2) + b"]"
    for _ in range(BYTES_AT_ONCE // MAX_BODY + 20):
        answer = requests.post(f"{house.url}/events", data=blank, headers=headers, timeout=60)
        if answer.status_code == 429:
            break
        assert answer.status_code == 202
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= MAX_BODY / BYTES_PER_SECOND + 1


def test_figures_for_prometheus(house: House, lead: str) -> None:
    text = house.get("/metrics", headers=house.bearer(METRICS)).text
    for name in (
        'leadback_inbox_events{status="due"}',
        'leadback_outbox_effects{status="failed"}',
        "leadback_oldest_due_seconds",
        'leadback_leads{state="Cold"}',
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
