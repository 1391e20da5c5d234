"""One key's batches wait for each other, and nobody else for them."""

import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from fastapi import FastAPI

from leadback.base.clock import SystemClock
from leadback.service.apikeys import ApiKeys
from leadback.web.eventapi import BATCHES_AT_ONCE, OF_A_KEY, event_api, keeper_of
from leadback.web.patience import Patience
from leadback.wiring import App, open_app
from leadback.work.binding import BATCH
from leadback.work.intake import Added
from tests.acceptance.conftest import event
from tests.web.conftest import House
from tests.web.test_patience import listening

MANY = 60
"""More than a process has threads for requests (40)."""


def request(key: str, number: int) -> bytes:
    body = json.dumps([event(number, "email_opened", "acme/1")]).encode()
    head = (
        f"POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {BATCH}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def test_batches_that_wait_for_the_database_keep_nobody_from_reading(bare: House) -> None:
    parts, key = urlsplit(bare.url), bare.key("events:write")
    reader = bare.bearer("leads:read")
    database = sqlite3.connect(bare.program.folder / "leadback.db", isolation_level=None)
    with closing(database), ExitStack() as open_ones:
        database.execute("BEGIN IMMEDIATE")  # as a slow disk, or another program, would
        wires = []
        for number in range(MANY):
            wire = open_ones.enter_context(
                socket.create_connection((parts.hostname, parts.port), timeout=60)
            )
            wire.sendall(request(key, number))
            wires.append(wire)
        for _ in range(20):
            assert requests.get(f"{bare.url}/readyz", timeout=15).status_code == 200
        assert requests.get(f"{bare.url}/leads", headers=reader, timeout=15).status_code == 200
        database.execute("ROLLBACK")
        for wire in wires:
            assert wire.recv(65536).startswith(b"HTTP/1.1 4")  # there is no portal: in quarantine


@contextmanager
def listening_to(door: FastAPI) -> Iterator[Callable[[str], None]]:
    """A function that sends one event with a key."""
    with listening(Patience(), door) as place:

        def post(key: str) -> None:
            answer = requests.post(
                f"http://{place[0]}:{place[1]}/events",
                json=[event(1, "email_opened", "acme/1")],
                headers={"Authorization": f"Bearer {key}", "Content-Type": BATCH},
                timeout=60,
            )
            assert answer.status_code == 202, answer.text

        yield post


class Store:
    """Takes events in when it is told to, and says whose are at it."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.came, self.go = threading.Semaphore(0), threading.Event()

    def add(self, lines: Any, *, name: str, sender: Any) -> Added:
        self.inside.append(name)
        self.came.release()
        self.go.wait(60)
        return Added(1, 0)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with open_app(database=f"sqlite:///{tmp_path}/keys.db") as opened:
        yield opened


def test_a_key_has_its_turns_and_leaves_some_to_others(app: App) -> None:
    store, clock = Store(), SystemClock()
    keys = ApiKeys(app.store, clock, app.audit)
    door = FastAPI()
    door.include_router(event_api(keeper_of(keys, clock), store.add, app.leads))
    with listening_to(door) as post:
        greedy, other = (keys.add(name, ["events:write"])["key"] for name in ("greedy", "other"))
        crowd = [threading.Thread(target=post, args=(greedy,)) for _ in range(3 * BATCHES_AT_ONCE)]
        for one in crowd:
            one.start()
        for _ in range(OF_A_KEY):
            assert store.came.acquire(timeout=60)
        late = threading.Thread(target=post, args=(other,))
        late.start()
        assert store.came.acquire(timeout=60)
        assert store.inside == ["api:greedy"] * OF_A_KEY + ["api:other"]
        store.go.set()
        for one in (*crowd, late):
            one.join()
    assert len(store.inside) == 3 * BATCHES_AT_ONCE + 1
