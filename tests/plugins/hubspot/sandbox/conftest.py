"""A real sandbox process for the whole run, and a fresh portal of it for every test."""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import hubspot
import pytest
import requests
import urllib3

from tests.acceptance.conftest import TOKEN
from tests.acceptance.conftest import sandbox as own_sandbox

OWNERS = [
    {"id": "501", "email": "tara@example.com", "first_name": "Tara", "user_id": 9001},
    {"id": "502", "email": "hanna@example.com", "first_name": "Hanna", "user_id": 9002},
    {"id": "503", "email": "omar@example.com", "first_name": "Omar", "user_id": 9003},
    {"id": "504", "email": "paul@example.com", "first_name": "Paul", "user_id": 9004,
     "archived": True},
]  # fmt: skip


def start(*options: str) -> tuple[subprocess.Popen[str], str]:
    """Start a sandbox on a free port; returns the process and its URL once it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "leadback_hubspot_sandbox", "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert process.stdout is not None
    process.stdout.close()


@dataclass
class Portal:
    """One portal of the running sandbox, through its API and its control API."""

    url: str
    id: int
    token: str
    version: str = "2026-09"
    session: requests.Session = field(default_factory=requests.Session)

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **options: Any
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return self.session.request(
            method, self.url + path, json=body, headers=headers, timeout=60, **options
        )

    def objects(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.call(method, f"/crm/objects/{self.version}/{path}", body)

    def properties(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.call(method, f"/crm/properties/{self.version}/{path}", body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(method, f"/_sandbox/{path}", body)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def act(self, action: str, **fields: Any) -> dict[str, Any]:
        return self.control("POST", "actions", {"action": action, **fields})

    def switch(self, **values: Any) -> None:
        self.control("PATCH", "switches", values)

    def contact(self, **properties: str) -> str:
        """A contact made by a person; returns its id."""
        return self.act("create_contact", properties=properties)["contact"]

    def read(self, contact: str, *names: str, history: str = "") -> dict[str, Any]:
        query = f"?properties={','.join(names)}"
        if history:
            query += f"&propertiesWithHistory={history}"
        answer = self.objects("GET", f"contacts/{contact}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sdk(self) -> Any:
        return hubspot.Client(
            access_token=self.token, host=self.url, retry=urllib3.Retry(0), pool_threads=1
        )


@pytest.fixture(scope="session")
def sandbox() -> Iterator[str]:
    """The process that most tests share; none of them sets its clock."""
    process, url = start("--token", "root-token", "--search-lag", "0", "--no-rate-limit")
    yield url
    stop(process)


@pytest.fixture(scope="session")
def clock_sandbox() -> Iterator[str]:
    """The process whose clock tests set, each to its own time."""
    process, url = start("--token", "root-token", "--no-rate-limit")
    yield url
    stop(process)


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Portal ids, with room between them for portals that tests make themselves."""
    return itertools.count(9_100_000, 1_000)


MakePortal = Callable[..., Portal]


@pytest.fixture
def make_portal(
    sandbox: str, numbers: Iterator[int], request: pytest.FixtureRequest
) -> Iterator[MakePortal]:
    """Makes portals with the owners above; answers are whole and properties appear at once.

    ``clock`` puts the portal into the process whose clock may be set, at that time.
    """
    made: list[Portal] = []

    def make(
        *, switches: dict[str, Any] | None = None, clock: str | None = None, **settings: Any
    ) -> Portal:
        number = next(numbers)
        url = sandbox if clock is None else request.getfixturevalue("clock_sandbox")
        portal = Portal(url, number, f"token-{number}")
        made.append(portal)
        body = {
            "portal_id": number,
            "token": portal.token,
            "owners": OWNERS,
            "switches": {
                "omit_optional_fields": False,
                "property_lag": [0, 0],
                "search_lag": [0, 0],
                **(switches or {}),
            },
            **settings,
        }
        answer = portal.call("POST", "/_sandbox/portals", body, token="root-token")
        assert answer.status_code == 201, answer.text
        if clock is not None:
            portal.control("POST", "clock", {"now": clock, "freeze": False})
        return portal

    yield make
    for portal in made:
        portal.session.close()


@pytest.fixture
def portal(make_portal: MakePortal) -> Portal:
    return make_portal()


@dataclass
class Receiver:
    """A web server that takes webhooks. ``statuses`` are answered first, then 200."""

    url: str
    requests: list[tuple[dict[str, str], bytes]]
    statuses: list[int]

    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in list(self.requests) for event in json.loads(body)]

    def wait(self, enough: Callable[[list[dict[str, Any]]], bool], seconds: float = 10) -> None:
        """Until the events received satisfy ``enough``; fails after ``seconds``."""
        end = time.monotonic() + seconds
        while not enough(self.events()):
            assert time.monotonic() < end, self.events()
            threading.Event().wait(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver("", [], [])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests.append((dict(self.headers), body))
            self.send_response(made.statuses.pop(0) if made.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}/hooks?x=1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def private_sandbox() -> Iterator[Callable[..., Portal]]:
    """Starts a sandbox of the test's own, for options and clocks; returns its first portal."""
    with ExitStack() as started:

        def begin(*options: str) -> Portal:
            portal = Portal(started.enter_context(own_sandbox(*options)), 8001001, TOKEN)
            started.callback(portal.session.close)
            return portal

        yield begin
