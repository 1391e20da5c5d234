"""A real `leadback serve` beside a real sandbox, and browsers and scripts that knock at it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from leadback.base.clock import SystemClock
from leadback.service.accounts import Accounts, Role
from leadback.service.audit import Audit
from leadback.store import open_store
from tests.acceptance.conftest import ROOT, Program, sandbox
from tests.hooks import OFFLINE
from tests.warm import Warm

PASSWORD = "correct horse battery staple"
CALLS = "hooks.jsonl"
MAY_WAIT = ("look-up", "deliver", "poll-", "pages-portal", "consent")
"""Threads of the worker, of the pages for what asks a portal, and of who comes back from a CRM."""
COOKIE = "leadback_session"


class _From(HTTPAdapter):
    """Comes from another address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self._address, 0), **more)


@dataclass
class House:
    """leadback serve, running. program: the folder and the portal it works with."""

    program: Program
    url: str
    first: str
    process: Warm | subprocess.Popen[bytes]
    said: IO[bytes]
    """The rest of its standard output."""
    keys: dict[tuple[str, ...], str] = field(default_factory=dict)
    sessions: int = 0

    def accounts(self) -> Accounts:
        store = open_store(f"sqlite:///{self.program.folder / 'leadback.db'}")
        return Accounts(store, SystemClock(), Audit(store, SystemClock()))

    def add_login(self, name: str, role: Role) -> None:
        self.accounts().add(name, PASSWORD, role)

    def key(self, *scopes: str) -> str:
        """An API key with these scopes."""
        if scopes not in self.keys:
            options = [word for scope in scopes for word in ("--scope", scope)]
            name = f"k{len(self.keys)}"
            self.keys[scopes] = self.program.json("apikey", "add", name, *options)["key"]
        return self.keys[scopes]

    def bearer(self, *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key(*scopes)}"}

    def log_in(
        self,
        name: str,
        password: str = PASSWORD,
        *,
        browser: requests.Session | None = None,
        **more: Any,
    ) -> requests.Response:
        """What the login form sends, from the login page."""
        return (browser or requests).post(
            f"{self.url}/login",
            data={"name": name, "password": password},
            headers={"Origin": self.url},
            allow_redirects=False,
            timeout=60,
            **more,
        )

    def session(self, name: str) -> requests.Session:
        """A browser without a screen, logged in. Each comes from an address of its own: they would
        use up the tries of one."""
        made = requests.Session()
        self.sessions += 1
        with requests.Session() as elsewhere:
            elsewhere.mount("http://", _From(f"127.0.0.{2 + self.sessions % 250}"))
            answer = self.log_in(name, browser=elsewhere)
        assert answer.status_code == 303, answer.text
        made.cookies.update(answer.cookies)
        return made

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=60, allow_redirects=False, **more)


def open_house(program: Program, *options: str, cold: bool = False) -> House:
    """Start serve on a free port; ready when it has said where it is.

    cold: it imports everything itself, with this process' limits and program's PYTHONPATH.
    """
    log, environment = program.folder / "serve.log", program.environ()
    paths = [*filter(None, [environment.get("PYTHONPATH")]), str(ROOT)]
    environment |= {"LEADBACK_POLL_SECONDS": "5", "PYTHONPATH": os.pathsep.join(paths)}
    arguments = [str(program.folder / CALLS), "serve", "--port", "0", "--json", *options]
    process: Warm | subprocess.Popen[bytes]
    reading, writing = os.pipe()
    said = os.fdopen(reading, "rb")
    with (
        Path(os.devnull).open("rb") as stdin,
        os.fdopen(writing, "wb") as stdout,
        log.open("ab") as stderr,
    ):
        if cold:
            command = [sys.executable, "-m", "tests.hooks", *arguments]
            process = subprocess.Popen(
                command, cwd=program.folder, env=environment, stdout=stdout, stderr=stderr
            )
        else:
            files = stdin.fileno(), stdout.fileno(), stderr.fileno()
            process = Warm("pages", arguments, cwd=program.folder, env=environment, files=files)
    line = said.readline()
    if not line:
        pytest.fail(f"serve did not start: {log.read_text()[-2000:]}")
    ready = json.loads(line)
    return House(program, ready["url"], ready["first"], process, said)


def close_house(house: House) -> None:
    house.said.close()
    house.process.terminate()
    house.process.wait(timeout=30)
    log = (house.program.folder / "serve.log").read_text()
    assert "Traceback" not in log, log[-4000:]
    assert waiting_doors(house) == []


def waiting_doors(house: House) -> list[dict[str, str]]:
    """Calls of hooks that wait for a CRM, on threads that others wait for."""
    calls = house.program.folder / CALLS
    made = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
    return [
        one for one in made if one["hook"] not in OFFLINE and not one["thread"].startswith(MAY_WAIT)
    ]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Connected, set up, one login per role (named as the role), a worker beside."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "rules").mkdir()
    shipped = Path(__file__).resolve().parents[2] / "rules" / "lead_states.yaml"
    (folder / "rules" / "lead_states.yaml").write_bytes(shipped.read_bytes())
    with sandbox("--search-lag", "0", "--no-rate-limit") as url:
        program = Program(folder, url)
        program.set_up()
        opened = open_house(program)
        try:
            for role in ("viewer", "operator", "editor", "admin"):
                opened.add_login(role, role)
            yield opened
        finally:
            close_house(opened)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[House]:
    """serve on an empty database, without a worker and without logins."""
    opened = open_house(Program(tmp_path, ""), "--no-worker")
    try:
        yield opened
    finally:
        close_house(opened)


def nonce_of(answer: requests.Response) -> str:
    found = re.search(r"'nonce-([\w-]+)'", answer.headers["Content-Security-Policy"])
    assert found is not None
    return found[1]


def environment_without(*names: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in names}
