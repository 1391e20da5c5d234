"""What breaks without anybody having foreseen it: the log says so, and holds neither a secret nor
an address, whichever hook, statement or door it was."""

import asyncio
import itertools
import logging
import re
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from sqlalchemy import Engine, create_engine
from sqlalchemy.event import listen, remove

import leadback.cli.main
import leadback.wiring
from leadback.base.logging import configure_logging, log_what_nobody_catches
from leadback.base.vault import new_key
from leadback.brokers import group
from leadback.brokers.consumer import Taken
from leadback.brokers.group import FAILURES, Group
from leadback.brokers.messages import Message
from leadback.cli.main import main
from leadback.hooks.outcomes import WebhookRequest
from leadback.service.browse import Browse
from leadback.service.connections import Wanted
from leadback.store import TokenRow
from leadback.store.database import upgrade
from leadback.wiring import App, open_app
from leadback.work import worker
from tests import hooks
from tests.acceptance.conftest import RULES, Program, event, sandbox, write_events
from tests.databases import Server
from tests.hooks import ADDRESS

OURS = {
    "HUBSPOT_TOKEN": "sandbox-token",
    "HUBSPOT_SECRET": "webhook-s3cret-of-acme",
    "LEADBACK_HUBSPOT_CLIENT_ID": "client-of-the-operator",
    "LEADBACK_HUBSPOT_CLIENT_SECRET": "client-s3cret-of-the-operator",
    "LEADBACK_SECRET_KEYS": new_key(),
}
WRITES = re.compile(r'^\s*(?:INSERT|UPDATE|DELETE)(?:\s+(?:OR\s+\w+\s+)?(?:INTO|FROM))?\s+"?(\w+)')
REFUSED = re.compile("IntegrityError|RaiseException")
"""What SQLAlchemy and psycopg call it."""
REFRESH = "refresh-token-0123456789"
CODE = "code-of-the-redirect-0123456789"
SECRETS = [value for name, value in OURS.items() if "CLIENT_ID" not in name]
"""And what is made on the way: `Told.secrets`."""


@dataclass
class Told:
    """What one hook was given, and how often it failed."""

    hook: str
    failed: int = 0
    secrets: set[str] = field(default_factory=set)

    def __call__(self, name: str, given: Any) -> None:
        if name == self.hook:
            self.failed += 1
            self.secrets |= set(hooks.secrets_of(given))
            hooks.fail(name, given)


class Scene:
    """A portal with a lead at work, one to take up, and events that wait: all that a hook needs."""

    def __init__(self, folder: Path, url: str) -> None:
        self.program = Program(folder, url)

    def prepare(self, database: str = "") -> None:
        self.program.set_up(database)
        one = self.program.new_contact(1, "tara@example.com")
        assert self.run() == 0
        self.program.new_contact(2, "tara@example.com", email=ADDRESS)
        added = self.add(
            event(1, "capacity_available", f"acme/{one}"),
            event(2, "email_sent", f"acme/{one}"),
            event(3, "email_opened", f"acme/{ADDRESS}"),
        )
        assert added == 0

    def command(self, *arguments: str) -> int:
        """As from a shell: what nobody catches, the interpreter hands to its hook."""
        try:
            main(arguments)
        except SystemExit as end:
            return int(end.code or 0)
        except Exception:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        return 1

    def within(self, work: Callable[[App], object]) -> None:
        with open_app() as app:
            try:
                work(app)
            except Exception:
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]

    def add(self, *events: dict[str, Any]) -> int:
        return self.command(
            "events", "add", str(write_events(self.program.folder / "e.jsonl", [*events]))
        )

    def run(self) -> int:
        return self.command("run", "--until-idle")

    def consent(self, app: App) -> None:
        page = app.connections.begin(
            Wanted("two", base_url=self.program.url),
            redirect_uri="http://localhost:8910/oauth/return",
        )
        state = parse_qs(urlsplit(page).query)["state"][0]
        app.connections.take({"state": state, "code": CODE})

    def renewal(self, app: App) -> None:
        """The token that is kept has ended."""
        sealed = app.accesses._tokens.seal("acme", "old-access-token-0123", REFRESH)
        row = TokenRow("acme", "oauth", sealed, 0, 0, (), "ann", 0, 0)
        with app.store.write() as tx:
            tx.tokens.put(row)
        app.accesses.of("acme")[0].token()

    def link(self, app: App) -> None:
        browse = Browse(
            app.store, app.clock, app.rules, app.decisions, app.accesses,
            app.leads.document, audit=app.audit,
        )  # fmt: skip
        [lead] = app.leads.list()
        browse.crm_url(f"acme/{lead['crm_id']}")

    def webhook(self, app: App) -> None:
        request = WebhookRequest("POST", "http://x/in/hubspot/acme", {}, b"[]", app.clock.now())
        app.webhooks.take("hubspot", "acme", request)


def command(*arguments: str) -> Callable[[Scene], object]:
    return lambda scene: scene.command(*arguments)


def connect(scene: Scene, url: str = "") -> int:
    return scene.command(
        "portal", "connect", "two", "--base-url", url or scene.program.url,
        "--token-env", "HUBSPOT_TOKEN", "--webhook-secret-env", "HUBSPOT_SECRET",
    )  # fmt: skip


def set_up(scene: Scene) -> None:
    """A portal that has nothing yet."""
    with sandbox() as url:
        assert connect(scene, url) == 0
        scene.command("portal", "setup", "two", "--apply")


def within(work: Callable[[Scene, App], object]) -> Callable[[Scene], object]:
    return lambda scene: scene.within(partial(work, scene))


def add(scene: Scene) -> None:
    scene.add(event(9, "email_opened", "acme/1"))


RECONCILE = command("portal", "reconcile", "acme")
WAYS: dict[str, Callable[[Scene], object]] = {
    "crm_default_url": connect,
    "crm_notices": command("portal", "check", "acme"),
    "crm_contact_ids": add,
    "crm_starting_options": command("rules", "check", str(RULES)),
    "crm_batch_limit": Scene.run,
    "crm_calls_in_flight": Scene.run,
    "crm_deliver": Scene.run,
    "crm_read_contacts": Scene.run,
    "crm_find_contacts": Scene.run,
    "crm_assigned_contacts": RECONCILE,
    "crm_changed_contacts": Scene.run,
    "crm_resolve_fields": RECONCILE,
    "crm_find_records": RECONCILE,
    "crm_notified_accounts": within(Scene.webhook),
    "crm_receive": within(Scene.webhook),
    "crm_identify": connect,
    "crm_plan_setup": command("portal", "setup", "acme"),
    "crm_apply_setup": set_up,
    "crm_check_mapping": command("portal", "check", "acme"),
    "crm_field_options": within(lambda _, app: app.versions.options()),
    "crm_assistant_users": command("assistant", "list", "--portal", "acme"),
    "crm_contact_url": within(Scene.link),
    "crm_authorize_url": within(Scene.consent),
    "crm_exchange_code": within(Scene.consent),
    "crm_refresh_tokens": within(Scene.renewal),
}
"""What calls each hook."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch, sandbox("--search-lag", "0") as url:
        folder = tmp_path_factory.mktemp("scene")
        surroundings(patch, folder)
        made = Scene(folder, url)
        made.prepare()
        yield made


def surroundings(patch: pytest.MonkeyPatch, folder: Path) -> None:
    for name, value in OURS.items():
        patch.setenv(name, value)
    patch.setenv("LEADBACK_DATABASE_URL", f"sqlite:///{folder / 'leadback.db'}")
    patch.chdir(folder)


@pytest.fixture(params=[False, True], ids=["text", "json"])
def scene(
    prepared: Scene, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """As prepared(), on a copy of its database, with a log of its own."""
    surroundings(monkeypatch, tmp_path)
    for file in prepared.program.folder.glob("leadback.db*"):
        shutil.copy(file, tmp_path)
    log = partial(configure_logging, json=request.param)
    monkeypatch.setattr(leadback.wiring, "configure_logging", log)
    monkeypatch.setattr(leadback.cli.main, "configure_logging", log)
    monkeypatch.setattr(worker, "PATIENCE", 0)  # what failed is not waited for
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    before = logging.getLogger().handlers[:]
    log_what_nobody_catches()
    yield Scene(tmp_path, prepared.program.url)
    structlog.reset_defaults()
    logging.getLogger().handlers = before


def check(text: str, secrets: Iterable[str]) -> None:
    """secrets: beside those that the process has from its environment."""
    assert ADDRESS not in text
    assert [one for one in (*SECRETS, *secrets) if one in text] == []


def test_every_hook_has_a_way() -> None:
    assert set(WAYS) == set(hooks.HOOKS)


@pytest.mark.parametrize("hook", hooks.HOOKS)
def test_a_plugin_that_breaks_says_nothing_that_it_knows(
    hook: str, scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    told = Told(hook)
    with hooks.seen(told):
        WAYS[hook](scene)
    text = capfd.readouterr().err
    assert told.failed
    assert f"{hook} broke" in text, "the log says what it was"
    check(text, told.secrets)


class Database:
    """One that scenes get copies of."""

    def __init__(self, made: Scene) -> None:
        self.made = made

    def copy(self, folder: Path) -> str:
        """The URL of another one."""
        for file in folder.glob("leadback.db*"):
            file.unlink()
        for file in self.made.program.folder.glob("leadback.db*"):
            shutil.copy(file, folder)
        return f"sqlite:///{folder / 'leadback.db'}"

    def forbid(self, url: str, table: str) -> None:
        """Every statement that changes the table fails, with a secret and an address in its
        words."""
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            for verb in ("INSERT", "UPDATE", "DELETE"):
                connection.execute(
                    f"CREATE TRIGGER no_{verb}_{table} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{WHY}'); END"
                )


class PostgreSQL(Database):
    def __init__(self, made: Scene, server: Server, url: str) -> None:
        super().__init__(made)
        self._server, self._url = server, url

    def copy(self, folder: Path) -> str:
        return self._server.new(like=self._url)

    def forbid(self, url: str, table: str) -> None:
        engine = create_engine(Server.driver(url))
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE FUNCTION no() RETURNS trigger AS "
                f"$$ BEGIN RAISE '{WHY}'; END $$ LANGUAGE plpgsql"
            )
            connection.exec_driver_sql(
                f"CREATE TRIGGER no BEFORE INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION no()"
            )
        engine.dispose()


WHY = f"{OURS['HUBSPOT_TOKEN']} of {ADDRESS}"


@pytest.fixture(scope="module")
def on_postgresql(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    url = server.new()
    upgrade(url)
    with pytest.MonkeyPatch.context() as patch, sandbox("--search-lag", "0") as portal:
        folder = tmp_path_factory.mktemp("scene")
        surroundings(patch, folder)
        patch.setenv("LEADBACK_DATABASE_URL", url)
        made = Scene(folder, portal)
        made.prepare(url)
        yield PostgreSQL(made, server, url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    if request.param == "sqlite":
        return Database(request.getfixturevalue("prepared"))
    return request.getfixturevalue("on_postgresql")  # type: ignore[no-any-return]  # see there


def by_broker(scene: Scene) -> None:
    """As `events consume` takes what a broker hands over."""
    message = Message(events=(LATE,))

    async def take(app: App) -> None:
        loop, taken, enough = asyncio.get_running_loop(), Taken(app, "leads"), asyncio.Event()
        tries = itertools.count(1)

        def work(messages: Sequence[Message]) -> None:
            if next(tries) > FAILURES + 1:  # it is not even kept: it stays with the broker
                loop.call_soon_threadsafe(enough.set)
            taken.take(messages)

        group = Group(work)
        tasks = [asyncio.create_task(step) for step in (group.put([message]), enough.wait())]
        running = asyncio.create_task(group.run())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, *tasks):
            task.cancel()

    scene.within(lambda app: asyncio.run(take(app)))
    scene.run()


def by_file(scene: Scene) -> None:
    scene.add(LATE)
    scene.run()


LATE = event(10, "email_opened", f"acme/{ADDRESS}", note=OURS["HUBSPOT_TOKEN"])


@pytest.mark.parametrize("scene", [True], ids=["json"], indirect=True)
@pytest.mark.parametrize("way", [by_file, by_broker])
def test_a_statement_that_fails_says_nothing_of_its_values(
    way: Callable[[Scene], None],
    scene: Scene,
    database: Database,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of every table that is written when an event is taken in and worked on."""
    monkeypatch.setattr(group, "FIRST_WAIT", 0.01)
    scene = Scene(tmp_path, database.made.program.url)
    written: set[str] = set()

    def look(_: object, __: object, statement: str, *___: object) -> None:
        found = WRITES.match(statement)
        written.update(found.groups() if found else ())

    def work(table: str) -> str:
        """What is logged when nobody may change the table."""
        url = database.copy(tmp_path)
        monkeypatch.setenv("LEADBACK_DATABASE_URL", url)
        if table:
            database.forbid(url, table)
        capfd.readouterr()
        way(scene)
        return capfd.readouterr().err

    listen(Engine, "before_cursor_execute", look)
    try:
        assert "Error" not in work("")
    finally:
        remove(Engine, "before_cursor_execute", look)
    told = set()
    for table in sorted(written):
        text = work(table)
        check(text, ())
        if REFUSED.search(text):
            told.add(table)
    assert told >= {"inbox", "leads", "outbox", "history"}
