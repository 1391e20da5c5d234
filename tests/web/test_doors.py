"""Who comes in, and who does not: logins, sessions, origins, hosts, sizes, headers."""

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from leadback.service.accounts import TRIES
from tests.acceptance.conftest import ROOT, Program
from tests.web.conftest import COOKIE, PASSWORD, House, close_house, nonce_of, open_house

PAGES = ("leads", "attention", "overview", "crm", "assistants", "rules", "people", "account")


def test_the_first_admin_is_made_by_the_one_time_link(bare: House) -> None:
    assert bare.first
    assert requests.get(bare.first, timeout=60).status_code == 200
    data = {"name": "ada", "password": PASSWORD}
    made = requests.post(
        bare.first, data=data, headers={"Origin": bare.url}, timeout=60, allow_redirects=False
    )
    assert made.status_code == 303
    assert bare.get("/app/leads", cookies=made.cookies).status_code == 200
    assert requests.get(bare.first, timeout=60).status_code == 404
    again = requests.post(bare.first, data=data, headers={"Origin": bare.url}, timeout=60)
    assert again.status_code == 404
    assert [u["role"] for u in bare.accounts().list()] == ["admin"]


def test_a_guessed_link_opens_nothing(bare: House) -> None:
    assert bare.get("/first/guessed").status_code == 404
    assert bare.get("/first/%C3%A9").status_code == 404
    assert not bare.accounts().any()


@pytest.mark.parametrize("page", PAGES)
def test_without_a_session_every_page_leads_to_the_login(house: House, page: str) -> None:
    answer = house.get(f"/app/{page}?x=1")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/login?next=%2Fapp%2F{page}%3Fx%3D1"
    forged = house.get(f"/app/{page}", cookies={COOKIE: "forged"})
    assert forged.status_code == 303


def test_the_export_needs_a_session_too(house: House) -> None:
    assert house.get("/app/leads.csv").status_code == 303


def test_a_web_socket_without_a_session_is_refused(house: House) -> None:
    assert _handshake(house, cookie="", origin=house.url) == 403
    token = house.session("viewer").cookies[COOKIE]
    assert _handshake(house, cookie=f"{COOKIE}={token}", origin="http://evil.example") == 403
    assert _handshake(house, cookie=f"{COOKIE}={token}", origin=house.url) == 101


def _handshake(house: House, *, cookie: str, origin: str) -> int:
    parts = urlsplit(house.url)
    path = "/app/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    lines = [
        f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: Upgrade",
        "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Origin: {origin}",
    ]  # fmt: skip
    if cookie:
        lines.append(f"Cookie: {cookie}")
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as wire:
        wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(wire.recv(200).split()[1])


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(house: House) -> None:
    cookie = house.log_in("viewer").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age" in cookie


def test_a_wrong_password_says_nothing_about_who_exists(house: House) -> None:
    known = house.log_in("viewer", "wrong password here")
    unknown = house.log_in("nobody", "wrong password here")
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("viewer", "X") == unknown.text.replace("nobody", "X")


def test_after_too_many_failures_the_right_password_is_refused_as_well(house: House) -> None:
    house.add_login("locked", "viewer")
    for _ in range(TRIES):
        assert house.log_in("locked", "wrong password here").status_code == 401
    assert house.log_in("locked").status_code == 401
    assert house.log_in("viewer").status_code == 303


def test_logging_out_ends_the_session_itself(house: House) -> None:
    browser = house.session("viewer")
    stolen = dict(browser.cookies)
    assert house.get("/app/leads", cookies=stolen).status_code == 200
    out = browser.post(f"{house.url}/logout", headers={"Origin": house.url}, timeout=60)
    assert out.ok
    assert '"storage"' in out.history[0].headers["Clear-Site-Data"]
    assert house.get("/app/leads", cookies=stolen).status_code == 303


def test_what_is_open_to_strangers_is_what_the_page_on_security_lists(house: House) -> None:
    page = (ROOT / "docs/explain/security.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"Nothing else opens a door;\n +(.*?) are open", page, re.DOTALL)
    said = set(re.findall(r"`(/[\w./]*)`", listed))
    assert said >= {"/healthz", "/login", "/docs"}
    code = "".join(file.read_text("utf-8") for file in (ROOT / "engine/leadback/web").glob("*.py"))
    paths = set(re.findall(r'Route\(\s*"(/[^"]*)"', code))
    paths |= set(house.get("/openapi.json").json()["paths"]) | {"/openapi.json", "/oauth/return"}
    assert len(paths) > 15
    found = set()
    for path in paths:
        answer = house.get(re.sub(r"\{\w+\}", "x", path))
        if answer.ok and answer.status_code != 303:
            found.add(path)
        elif answer.status_code == 303:
            assert answer.headers["Location"].startswith(("/login", "/app/")), path
    assert found == {
        path for path in paths if path in said or any(path.startswith(f"{one}/") for one in said)
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {},
        {"Origin": "SAME", "Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_another_sites_page_changes_nothing(
    house: House, path: str, headers: dict[str, str]
) -> None:
    headers = {k: house.url if v == "SAME" else v for k, v in headers.items()}
    data = {"name": "viewer", "password": PASSWORD}
    answer = requests.post(f"{house.url}{path}", data=data, headers=headers, timeout=60)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/login", "/app/\\evil", "javascript:1"]
)
def test_the_login_leads_nowhere_else(house: House, target: str) -> None:
    data = {"name": "viewer", "password": PASSWORD, "next": target}
    answer = requests.post(
        f"{house.url}/login",
        data=data,
        headers={"Origin": house.url},
        timeout=60,
        allow_redirects=False,
    )
    assert answer.headers["Location"] == "/app/leads"


def test_a_name_that_is_not_ours_is_not_answered(house: House) -> None:
    assert house.get("/login", headers={"Host": "rebound.example"}).status_code == 421
    assert house.get("/login", headers={"Host": "localhost"}).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/healthz", "/leads", "/docs", "/static/leadback.css"])
def test_every_answer_carries_the_security_headers(house: House, path: str) -> None:
    answer = house.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "server" not in answer.headers


def test_a_pages_own_scripts_carry_a_fresh_nonce_and_no_others_run(house: House) -> None:
    browser = house.session("viewer")
    first = browser.get(f"{house.url}/app/leads", timeout=60)
    second = browser.get(f"{house.url}/app/leads", timeout=60)
    assert nonce_of(first) != nonce_of(second)
    policy = first.headers["Content-Security-Policy"]
    scripts = next(p for p in policy.split("; ") if p.startswith("script-src"))
    assert "unsafe-inline" not in scripts
    found = re.findall(r"<script[^>]*>", first.text)
    assert found
    assert all(f'nonce="{nonce_of(first)}"' in tag for tag in found)


def test_pages_are_not_kept_by_browsers_or_proxies(house: House) -> None:
    answer = house.session("viewer").get(f"{house.url}/app/account", timeout=60)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_form_that_is_too_large_is_refused(house: House) -> None:
    answer = house.log_in("viewer", "x" * 30_000)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("host", "public_url", "warns"),
    [
        ("0.0.0.0", "", True),  # noqa: S104
        ("0.0.0.0", "http://leadback.example", True),  # noqa: S104
        ("0.0.0.0", "https://leadback.example", False),  # noqa: S104
    ],
)
def test_listening_to_the_world_without_tls_is_said_loudly(
    tmp_path: Path, host: str, public_url: str, warns: bool
) -> None:
    program = Program(tmp_path, "", {"LEADBACK_PUBLIC_URL": public_url})
    close_house(open_house(program, "--no-worker", "--host", host))
    said = (tmp_path / "serve.log").read_bytes()
    assert said.startswith(b"WARNING:") == warns, said
    assert (b"without TLS" in said) == warns


def test_by_default_it_is_open_to_this_machine_alone(bare: House) -> None:
    parts = urlsplit(bare.url)
    assert parts.hostname == "127.0.0.1"
    assert "WARNING" not in (bare.program.folder / "serve.log").read_text()
    elsewhere = "127.0.0.2"  # this machine too, by another of its addresses
    with socket.socket() as wire:
        assert wire.connect_ex((elsewhere, parts.port or 0)) != 0


def test_a_taken_port_is_a_sentence_with_a_fix(bare: House) -> None:
    port = str(urlsplit(bare.url).port)
    done = bare.program.run("serve", "--port", port, code=2)
    assert b"--port 0" in done.stderr


def test_the_audit_trail_tells_commands_and_a_list_of_its_own_log_ins(house: House) -> None:
    house.log_in("admin", "wrong password here")
    assert house.log_in("admin").status_code == 303
    store = house.accounts()._store
    with store.read() as tx:
        trail = [(e.who, e.door, e.what, e.outcome) for e in tx.accounts.audit(limit=500)]
        came = [(e.who, e.address, e.outcome, e.good) for e in tx.log_ins.list(limit=500)]
    assert ("admin", "127.0.0.1", "refused", False) in came
    assert ("admin", "127.0.0.1", "done", True) in came
    commands = {what for _, door, what, _ in trail if door == "command line"}
    assert {"connect portal", "set up portal", "add assistant"} <= commands


@pytest.mark.parametrize("tail", ["nonsense", "3.18.0/static/none.js", "x%0dFAKE%1b[31mRED", ""])
def test_below_the_assets_there_is_nothing_for_strangers(house: House, tail: str) -> None:
    answer = house.get(f"/app/_nicegui/{tail}")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("_nicegui/nonsense", 404),
        ("nonsense", 404),
        ("x%0dFAKE%1b[31mRED", 404),
        ("_nicegui/x%0dFAKE%1b[31mRED", 404),
        ("leads", 200),
    ],
)
def test_what_does_not_exist_is_answered_before_a_page_is_made_of_it(
    house: House, path: str, status: int
) -> None:
    answer = house.session("viewer").get(f"{house.url}/app/{path}", timeout=60)
    assert answer.status_code == status
    if status == 404:
        assert answer.text == "there is no such page\n"
    assert "FAKE" not in (house.program.folder / "serve.log").read_text()


def test_the_pages_own_assets_are_there_with_a_session(house: House) -> None:
    browser = house.session("viewer")
    page = browser.get(f"{house.url}/app/leads", timeout=60).text
    found = set(re.findall(r'"(/app/_nicegui/[^"]+\.(?:js|css))"', page))
    assert found
    for path in sorted(found)[:3]:
        assert browser.get(f"{house.url}{path}", timeout=60).status_code == 200


@pytest.mark.parametrize(("query", "status"), [("//[", 200), ("http://[::1", 200)])
def test_an_odd_way_on_is_no_way(house: House, query: str, status: int) -> None:
    answer = house.get("/login", params={"next": query})
    assert (answer.status_code, "[" in answer.text) == (status, False)


def test_odd_hosts_and_forms_are_refused_with_the_headers_of_every_answer(house: House) -> None:
    odd_host = house.get("/healthz", headers={"Host": "["})
    form = "&".join(f"f{n}=x" for n in range(11))
    kind = {"Origin": house.url, "Content-Type": "application/x-www-form-urlencoded"}
    odd_form = requests.post(f"{house.url}/login", data=form, headers=kind, timeout=60)
    for answer in (odd_host, odd_form):
        assert answer.status_code == 400
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.example"])
def test_another_sites_page_reads_nothing_of_the_socket(house: House, origin: str) -> None:
    browser, path = house.session("viewer"), "/app/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    refused = browser.get(f"{house.url}{path}", headers={"Origin": origin}, timeout=60)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert browser.get(f"{house.url}{path}", headers={"Origin": house.url}, timeout=60).ok
