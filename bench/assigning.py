"""From "assigned in HubSpot" to "lead exists, note on the contact, both fields set", live.

Real processes: the sandbox sends signed webhooks to `leadback serve`, which runs its worker.
"""

import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from bench.figures import FULL, Figure
from leadback.base.shipped import RECORDED_DAY
from leadback.cli.demo_day import Day
from leadback.cli.demo_portal import sandbox_process

ROOT = Path(__file__).resolve().parents[1]
ASSISTANT = "tara@example.com"
CONTACTS = 60
PACE_SECONDS = 0.15
PATIENCE_SECONDS = 60.0
WINDOW_SECONDS = 10.0
"""A portal counts calls over so long; those of the set-up are no part of what is measured."""


def measure() -> Iterator[Figure]:
    with serving() as (portal, _):
        time.sleep(WINDOW_SECONDS)
        waits = _assign(portal)
    cuts = statistics.quantiles(waits, n=100)
    yield Figure("assigned_to_ready_p50_s", cuts[49], "s")
    yield Figure("assigned_to_ready_p95_s", cuts[94], "s", "< 3")
    if not FULL:
        return  # the day takes a minute; `make demo` plays it, too
    calls, changes, seconds = _recorded_day()
    yield Figure("recorded_day_api_calls", calls, "calls")
    yield Figure("recorded_day_to_one_call_per_change", calls / changes, "ratio")
    yield Figure("recorded_day_s", seconds, "s")


class Portal:
    def __init__(self, url: str, token: str) -> None:
        self.url, self.session = url, requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def control(self, method: str, what: str, body: Any = None) -> Any:
        answer = self.session.request(method, f"{self.url}/_sandbox/{what}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ready(self) -> set[str]:
        """Contacts that show the state and have their note."""
        return {
            crm_id
            for crm_id, contact in self.control("GET", "dump")["contacts"].items()
            if contact["notes"] and contact["properties"].get("lead_connection_status") == "New"
        }


@contextmanager
def serving(*options: str) -> Iterator[tuple[Portal, Path]]:
    """An empty portal that sends webhooks to `leadback serve`, and the folder of its database."""
    token, secret = secrets.token_hex(8), secrets.token_hex(8)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    door = f"http://127.0.0.1:{port}/in/hubspot/acme"
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "leadback_hubspot_sandbox", "--port", "0", "--token", token,
         "--empty", "--webhook-url", door, "--webhook-secret", secret, *options],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert sandbox.stdout is not None
        portal = Portal(json.loads(sandbox.stdout.readline())["url"], token)
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "T": token, "S": secret}
            with _serve(portal, folder, port, environment):
                yield portal, Path(folder)
    finally:
        sandbox.terminate()
        sandbox.wait()


@contextmanager
def _serve(portal: Portal, folder: str, port: int, environment: dict[str, str]) -> Iterator[None]:
    leadback = [sys.executable, str(ROOT / "runner.py")]

    def run(*arguments: str) -> None:
        subprocess.run([*leadback, *arguments], cwd=folder, env=environment, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip

    run("portal", "connect", "acme", "--base-url", portal.url, "--token-env", "T",
        "--webhook-secret-env", "S")  # fmt: skip
    run("portal", "setup", "acme", "--apply")
    run("assistant", "add", "tara", "--portal", "acme", "--email", ASSISTANT)
    server = subprocess.Popen(
        [*leadback, "serve", "--port", str(port)], cwd=folder, env=environment
    )
    try:
        _wait_for_door(port)
        yield
    finally:
        server.terminate()
        server.wait()


def _assign(portal: Portal) -> list[float]:
    contacts = [
        portal.control(
            "POST", "actions",
            {"action": "create_contact", "properties": {"email": f"live{n}@example.org"}},
        )["contact"]
        for n in range(CONTACTS)
    ]  # fmt: skip
    assigned: dict[str, float] = {}
    took: dict[str, float] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(took) < CONTACTS and time.monotonic() < deadline:
        if len(assigned) < CONTACTS:
            crm_id = contacts[len(assigned)]
            action = {"action": "assign", "contact": crm_id, "owner": ASSISTANT}
            portal.control("POST", "actions", action)
            assigned[crm_id] = time.monotonic()
        time.sleep(PACE_SECONDS / 3)
        ready = portal.ready()
        now = time.monotonic()
        took.update((c, now - assigned[c]) for c in ready if c in assigned and c not in took)
    assert len(took) == CONTACTS, f"only {len(took)} of {CONTACTS} became leads"
    return list(took.values())


def _wait_for_door(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_SECONDS).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise TimeoutError("leadback serve did not open its door")


def _recorded_day() -> tuple[int, int, float]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, sandbox_process() as portals:
        day = Day(portals, RECORDED_DAY, Path(folder) / "day.db")
        with day.opened() as app:
            day.play(app, lambda *_: None)
            with app.store.read() as tx:
                changes = sum(tx.outbox.count_done(name) for name in day.names)
        calls = sum(portals.stats(name)["total"] for name in day.names)
    return calls, changes, time.monotonic() - started
