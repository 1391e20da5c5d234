"""Connecting by consent and by a stored token, with the real OAuth server of a sandbox."""

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from leadback.base.clock import MINUTE, SystemClock, format_time
from leadback.base.errors import ConfigurationError, InputError
from leadback.base.vault import Vault, new_key
from leadback.hooks.errors import PortalDisconnected, PortalUnavailable
from leadback.service.connections import Wanted
from leadback.wiring import App, open_app
from tests.acceptance.conftest import TOKEN, Program, event, write_events
from tests.databases import database_in

PORTAL = 8001001
CLIENT, SECRET = "our-app", "the-client-secret-of-our-app"
REDIRECT = "https://leadback.example.com/oauth/return"


def ahead(by: int) -> str:
    """An instant from now, as the command line takes it."""
    return format_time(SystemClock().now() + by)


class Office:
    """An operator's app in the sandbox, and an engine with a clock that can be set."""

    def __init__(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program, self.url = program, program.url
        self.key = new_key()
        program.environment |= {
            "LEADBACK_HUBSPOT_CLIENT_ID": CLIENT,
            "LEADBACK_HUBSPOT_CLIENT_SECRET": SECRET,
            "LEADBACK_SECRET_KEYS": self.key,
        }
        for name, value in program.environment.items():
            monkeypatch.setenv(name, value)
        self.seen: list[str] = [SECRET, self.key]
        self.register(REDIRECT)

    def register(self, redirect: str) -> None:
        app = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [redirect]}
        self.program.control("POST", "apps", app)

    def refreshes(self) -> int:
        """Answers of the token endpoint so far, good and bad."""
        calls = self.program.control("GET", "stats")["calls"]
        return sum(sum(s.values()) for route, s in calls.items() if "oauth" in route)

    def open(self, after: int = 0) -> Any:
        clock = None if not after else format_time(SystemClock().now() + after)
        return open_app(database=database_in(self.program.folder), clock=clock)

    def agree(self, page: str, decision: str = "allow") -> dict[str, str]:
        """What an admin's browser brings back."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(page).query).items()}
        answer = requests.post(
            f"{self.url}/oauth/authorize",
            data={**asked, "portal_id": PORTAL, "decision": decision},
            allow_redirects=False,
            timeout=60,
        )
        back = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {key: values[0] for key, values in back.items()}

    def connect(self, app: App) -> None:
        page = app.connections.begin(Wanted("acme", base_url=self.url), redirect_uri=REDIRECT)
        app.connections.take(self.agree(page))
        self.seen.append(self.token(app))

    def token(self, app: App) -> str:
        access, _ = app.accesses.of("acme")
        return access.token()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def office(program: Program, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    return Office(program, monkeypatch)


def test_an_admin_agrees_once_for_all_assistants(office: Office) -> None:
    with office.open() as app:
        office.connect(app)
        found = app.connections.of("acme")
        assert found["how"] == "consent"
        assert "crm.objects.contacts.write" in found["scopes"]
        app.portals.add_assistant("acme", "tara@example.com", name="tara")
        app.portals.add_assistant("acme", "hanna@example.com", name="hanna")
        statuses = {a["status"] for a in app.portals.list_assistants("acme")}
        assert statuses == {"ASSISTANT_EXISTS_AS_USER_IN_CRM"}


def test_an_answer_counts_once_in_its_session_and_time(office: Office) -> None:
    wanted = Wanted("acme", base_url=office.url)
    with office.open() as app:
        page = app.connections.begin(wanted, redirect_uri=REDIRECT, session="ann's")
        answer = office.agree(page)
        for wrong in ({**answer, "state": answer["state"] + "x"}, {**answer, "state": ""}):
            with pytest.raises(InputError, match="no authorisation that is under way"):
                app.connections.take(wrong, session="ann's")
        with pytest.raises(InputError, match="where it was begun"):
            app.connections.take(answer, session="bob's")
        assert app.connections.take(answer, session="ann's")["account_id"] == "8001001"
        with pytest.raises(InputError, match="no authorisation that is under way"):
            app.connections.take(answer, session="ann's")
        late = office.agree(app.connections.begin(wanted, redirect_uri=REDIRECT))
    with (
        office.open(after=11 * MINUTE) as app,
        pytest.raises(InputError, match="no authorisation that is under way"),
    ):
        app.connections.take(late)


def test_who_declines_connects_nothing(office: Office) -> None:
    with office.open() as app:
        page = app.connections.begin(Wanted("acme", base_url=office.url), redirect_uri=REDIRECT)
        with pytest.raises(InputError, match="was not connected"):
            app.connections.take(office.agree(page, "deny"))
        assert app.portals.list() == []


def test_without_an_app_or_a_key_nothing_is_begun(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Wanted("acme", base_url=office.url)
    monkeypatch.delenv("LEADBACK_HUBSPOT_CLIENT_SECRET")
    with (
        office.open() as app,
        pytest.raises(ConfigurationError, match="LEADBACK_HUBSPOT_CLIENT_SECRET not set"),
    ):
        app.connections.begin(wanted, redirect_uri=REDIRECT)
    monkeypatch.delenv("LEADBACK_SECRET_KEYS")
    with office.open() as app, pytest.raises(ConfigurationError, match="leadback keys new"):
        app.connections.begin(wanted, redirect_uri=REDIRECT)


def test_a_token_is_renewed_at_80_percent_by_one_of_many_processes(office: Office) -> None:
    with office.open() as app:
        office.connect(app)
        app.portals.add_assistant("acme", "tara@example.com", name="tara")
    before = office.refreshes()
    office.program.run("run", "--until-idle", "--clock", ahead(20 * MINUTE))
    assert office.refreshes() == before
    at = ahead(25 * MINUTE)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: office.program.run("run", "--until-idle", "--clock", at), range(5)))
    assert office.refreshes() == before + 1


@pytest.mark.parametrize("kind", ["429", "503", "html", "reset", "cut-off"])
def test_a_hiccup_while_renewing_disconnects_nobody(office: Office, kind: str) -> None:
    with office.open() as app:
        office.connect(app)
        first = office.token(app)
    office.program.control("POST", "faults", {"kind": kind, "route": "oauth", "count": 1})
    with office.open(after=25 * MINUTE) as app:
        assert office.token(app) == first
        assert app.connections.of("acme")["trouble"]
        assert app.connections.of("acme")["authorised"]
    office.program.control("POST", "faults", {"kind": kind, "route": "oauth", "count": 1})
    with (
        office.open(after=31 * MINUTE) as app,
        pytest.raises(PortalUnavailable, match="tried again"),
    ):
        office.token(app)
    with office.open(after=40 * MINUTE) as app:
        assert office.token(app) != first
        assert app.connections.of("acme")["trouble"] == ""


def test_a_token_that_ends_in_the_middle_is_renewed_there(office: Office) -> None:
    """HubSpot's clock, not ours, says when a token is over."""
    with office.open() as app:
        office.connect(app)
        app.portals.setup("acme", apply=True)
        app.portals.add_assistant("acme", "tara@example.com", name="tara")
        app.portals.status("acme")
        assign(office, "171590000101")
        app.worker().run_until_idle()
        office.program.control("POST", "clock", {"now": ahead(40 * MINUTE)})
        assign(office, "171590000102")
        app.worker().run_until_idle()
        assert {lead["crm_id"] for lead in app.leads.list()} == {
            "171590000101",
            "171590000102",
        }
        assert app.queue.status()["outbox"]["pending"] == 0
        assert app.queue.status()["paused"] == []


@pytest.mark.parametrize("end", ["uninstall", "revoke"])
def test_an_ended_authorisation_is_shown_and_work_waits_for_the_next(
    office: Office, end: str
) -> None:
    with office.open() as app:
        office.connect(app)
        app.portals.setup("acme", apply=True)
        app.portals.add_assistant("acme", "tara@example.com", name="tara")
        app.portals.status("acme")
        assign(office, "171590000101")
        app.worker().run_until_idle()
        finish(office, end, app)
        app.leads.mark("acme/171590000101", "hot")
        app.worker().run_until_idle(poll=False)
        found = app.connections.of("acme")
        assert not found["authorised"]
        assert "in HubSpot" in found["why_not"]
        with pytest.raises(PortalDisconnected, match="connect it again"):
            office.token(app)
        paused = app.queue.status()["paused"]
        assert [pause["portal"] for pause in paused] == ["acme"]
        assert app.queue.status()["outbox"]["pending"] > 0
        office.connect(app)
        app.worker().run_until_idle()
        assert app.queue.status()["outbox"]["pending"] == 0
        shown = office.program.control("GET", "dump")["contacts"]["171590000101"]["properties"]
        assert shown["lead_connection_status"] == "Hot"


def test_a_stored_token_is_kept_encrypted_and_keys_are_rotated(office: Office) -> None:
    program = office.program
    connect = ("portal", "connect", "acme", "--base-url", office.url)
    program.run(*connect, "--token-stdin", stdin=f"{TOKEN}\n".encode())
    assert b"8001001" in program.run("portal", "list").stdout
    old, new = office.key, program.run("keys", "new").stdout.decode().strip()
    program.environment["LEADBACK_SECRET_KEYS"] = f"{new} {old}"
    assert b"1 portals" in program.run("portal", "rekey").stdout
    program.environment["LEADBACK_SECRET_KEYS"] = old
    refused = program.run("portal", "check", "acme", code=2).stderr.decode()
    assert "cannot be decrypted" in refused
    program.environment["LEADBACK_SECRET_KEYS"] = new
    program.run("portal", "check", "acme", code=None)
    assert TOKEN not in everything_in(program.folder)


def test_an_api_version_that_ends_is_said_so_wherever_a_person_looks(office: Office) -> None:
    program = office.program
    connect = ("portal", "connect", "acme", "--base-url", office.url, "--token-stdin")
    token = f"{TOKEN}\n".encode()
    told = program.run(*connect, "--api-version", "v3", stdin=token).stdout.decode()
    assert "2027-03-30" in told
    assert "leadback portal set acme api_version=2026-09" in told
    assert "2027-03-30" in program.run("portal", "check", "acme", code=None).stdout.decode()
    assert "2027-03-30" in program.run("portal", "setup", "acme", code=None).stdout.decode()
    quiet = program.run("portal", "set", "acme", "api_version=2026-09").stdout.decode()
    assert "2027-03-30" not in quiet
    assert "2027-03-30" not in program.run("portal", "check", "acme", code=None).stdout.decode()
    again = program.run("portal", "set", "acme", "api_version=v3").stdout.decode()
    assert "2027-03-30" in again


def test_a_token_is_no_argument_and_one_way_has_to_be_chosen(office: Office) -> None:
    program = office.program
    connect = ("portal", "connect", "acme", "--base-url", office.url)
    for options in ((), ("--oauth", "--token-env", "HUBSPOT_TOKEN")):
        assert b"one of --token-env" in program.run(*connect, *options, code=2).stderr
    refused = program.run(*connect, "--token-stdin", stdin=b"", code=2)
    assert b"no token on standard input" in refused.stderr


def test_the_console_waits_for_the_consent(office: Office, free_port: int) -> None:
    program = office.program
    office.register(f"http://localhost:{free_port}/oauth/return")
    arguments = ("portal", "connect", "acme", "--base-url", office.url, "--oauth")
    process = subprocess.Popen(
        program.command(*arguments, "--redirect-port", str(free_port), "--json"),
        cwd=program.folder,
        env=program.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        assert process.stdout is not None
        process.stderr.readline()
        page = process.stderr.readline().decode().strip()
        assert SECRET not in page
        answer = office.agree(page)
        home = f"http://127.0.0.1:{free_port}"
        assert requests.get(f"{home}/elsewhere", timeout=60).status_code == 404
        shown = requests.get(f"{home}/oauth/return", params=answer, timeout=60)
        assert "close this page" in shown.text
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
        assert b'"account_id": "8001001"' in output
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        process.stderr.close()  # type: ignore[union-attr]


def test_no_secret_is_in_the_database_the_output_or_the_log(
    office: Office, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADBACK_LOG_LEVEL", "debug")
    with office.open() as app:
        office.connect(app)
    office.program.control("POST", "faults", {"kind": "html", "route": "oauth", "count": 1})
    with office.open(after=25 * MINUTE) as app:
        office.token(app)
    with office.open(after=40 * MINUTE) as app:
        office.seen.append(office.token(app))
        app.connections.disconnect("acme")
        with pytest.raises(PortalDisconnected) as ended:
            office.token(app)
        trail = repr(app.audit.list())
    written = capfd.readouterr()
    shown = f"{ended.value!r} {trail} {written.out} {written.err}"
    shown += everything_in(office.program.folder)
    assert "refresh" in written.err
    assert len(set(office.seen)) == 4
    assert [secret for secret in office.seen if secret in shown] == []


def test_set_up_does_the_plan_that_was_looked_at_or_nothing(office: Office) -> None:
    program = office.program
    program.run(
        "portal", "connect", "acme", "--base-url", office.url, "--token-env", "HUBSPOT_TOKEN"
    )
    seen = program.json("portal", "setup", "acme")["plan_id"]
    said = program.run("portal", "setup", "acme").stdout.decode()
    assert f"--apply --plan {seen}" in said
    change = {"action": "add_option", "property": "hs_lead_status", "value": "LUKEWARM"}
    program.control("POST", "actions", change)
    setup = ("portal", "setup", "acme", "--apply", "--plan")
    assert b"is stale" in program.run(*setup, seen, code=2).stderr
    new = program.json("portal", "setup", "acme")["plan_id"]
    assert new != seen
    done = program.json(*setup, new)
    assert {step["status"] for step in done["steps"]} == {"done"}
    assert program.json("portal", "setup", "acme")["steps"] == []


ELSEWHERE = (
    "https://evil.example",
    "https://api.hubapi.com.evil.example",
    "https://10.0.0.1",
    "https://api.hubapi.com/elsewhere",
    "https://api.hubapi.com:8443",
)


def test_from_afar_only_the_crm_or_this_machine_is_connected(office: Office) -> None:
    """The command itself refuses, whatever was checked before it; at the console all are free."""
    with office.open() as app:
        ways = app.connections
        for url in ELSEWHERE:
            wanted = Wanted("afar", base_url=url)
            with pytest.raises(InputError, match="use the console"):
                ways.connect(wanted, token_env="LEADBACK_PORTAL_A", from_afar=True)
            with pytest.raises(InputError, match="use the console"):
                ways.begin(wanted, redirect_uri=REDIRECT, from_afar=True)
            assert ways.begin(wanted, redirect_uri=REDIRECT)
        assert app.portals.list() == []
        told = [one["outcome"] for one in app.audit.list() if one["subject"] == "afar"]
        assert sum("failed: from here" in words for words in told) == 2 * len(ELSEWHERE)


def test_from_afar_only_variables_that_the_operator_named_are_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADBACK_PORTAL_A", TOKEN)
    before = office.program.control("GET", "stats")["calls"]
    plain = Wanted("afar", base_url=office.url)
    with office.open() as app:
        ways = app.connections
        for variable in ("LEADBACK_SECRET_KEYS", "LEADBACK_HUBSPOT_CLIENT_SECRET", "HUBSPOT_TOKEN"):
            hooked = replace(plain, webhook_secret_env=variable)
            with pytest.raises(InputError, match="cannot be named"):
                ways.connect(plain, token_env=variable, from_afar=True)
            with pytest.raises(InputError, match="cannot be named"):
                ways.connect(hooked, token_env="LEADBACK_PORTAL_A", from_afar=True)
            with pytest.raises(InputError, match="cannot be named"):
                ways.begin(hooked, redirect_uri=REDIRECT, from_afar=True)
    assert office.program.control("GET", "stats")["calls"] == before


def test_from_afar_a_named_variable_connects(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADBACK_PORTAL_A", TOKEN)
    monkeypatch.setenv("LEADBACK_PORTAL_A_HOOKS", "s3cret")
    monkeypatch.setenv("HUBSPOT_TOKEN", TOKEN)
    wanted = Wanted("afar", base_url=office.url, webhook_secret_env="LEADBACK_PORTAL_A_HOOKS")
    with office.open() as app:
        kept = app.connections.connect(wanted, token_env="LEADBACK_PORTAL_A", from_afar=True)
        assert kept["token_env"] == "LEADBACK_PORTAL_A"
        other = Wanted("console", base_url=office.url, webhook_secret_env="HOME")
        assert app.connections.connect(other, token_env="HUBSPOT_TOKEN")["name"] == "console"


def test_an_event_by_address_waits_while_nobody_can_be_asked(office: Office) -> None:
    with office.open() as app:
        office.connect(app)
        app.connections.disconnect("acme")
    line = event(1, "email_opened", "acme/someone@example.org")
    file = write_events(office.program.folder / "e.jsonl", [line])
    office.program.run("events", "add", str(file))
    office.program.run("run", "--until-idle", code=1)
    inbox = office.program.json("queue", "status", code=1)["inbox"]
    assert (inbox["due"] + inbox["waiting"], inbox["quarantined"]) == (1, 0)


def test_a_pause_that_is_over_holds_nobody_up(office: Office) -> None:
    with office.open() as app:
        office.connect(app)
        app.portals.add_assistant("acme", "tara@example.com", name="tara")
        app.portals.status("acme")
        with app.store.write() as tx:
            tx.portals.pause("acme", until=app.clock.now() - 1, reason="too many calls")
        assign(office, "171590000101")
        app.worker().run_until_idle()
        assert [lead["crm_id"] for lead in app.leads.list()] == ["171590000101"]


def assign(office: Office, contact: str) -> None:
    action = {"action": "assign", "contact": contact, "owner": "tara@example.com"}
    office.program.control("POST", "actions", action)


def finish(office: Office, how: str, app: App) -> None:
    """Somebody at the customer's ends it; our token is over soon after."""
    if how == "uninstall":
        office.program.control("POST", "uninstall", {})
        return
    with app.store.read() as tx:
        row = tx.tokens.get("acme")
    assert row is not None
    kept = Vault(lambda: (office.key,)).open("acme", "tokens", row.sealed)
    requests.post(
        f"{office.url}/oauth/2026-09/token/revoke",
        data={"client_id": CLIENT, "client_secret": SECRET, "token": kept["refresh"]},
        timeout=60,
    ).raise_for_status()
    office.program.control("POST", "clock", {"now": ahead(40 * MINUTE)})


def everything_in(folder: Path) -> str:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return re.sub(r"\s", "", "".join(f.read_bytes().decode("latin-1") for f in files))
