"""Plays the recorded day: people act in the sandbox, events arrive, work is done, time passes."""

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn

from leadback.base.clock import ManualClock, ShiftedClock, SystemClock
from leadback.base.errors import LeadbackError
from leadback.cli.demo_portal import DemoPortals, contexts
from leadback.cli.demo_steps import Step, read_steps
from leadback.service.connections import Wanted
from leadback.web.receivers import receiver_app
from leadback.wiring import App, open_app
from leadback.work.intake import Added

WEBHOOK_PATIENCE_SECONDS = 60.0

Progress = Callable[[int, int], None]
"""(steps played, steps in all)."""


class Day:
    """The recorded day, set up in a sandbox and ready to be played."""

    def __init__(self, portals: DemoPortals, folder: Path, database: Path) -> None:
        self.portals = portals
        self.steps: list[Step] = read_steps(folder)
        self.clock = ManualClock(self.steps[0].at_ms)
        self.scenery: list[dict[str, Any]] = json.loads((folder / "portal.json").read_bytes())[
            "portals"
        ]
        self.names = [portal["name"] for portal in self.scenery]
        self.added = Added()
        self._secrets: dict[str, str] = {}
        self._database = f"sqlite:///{database}"

    @contextlib.contextmanager
    def opened(self) -> Iterator[App]:
        """Set everything up the way a person would, through the same services."""
        with open_app(database=self._database, clock=self.clock) as app, _door(app) as url:
            self.portals.set_clock(self.clock.now())
            for portal in self.scenery:
                self._connect(app, portal, url)
            yield app

    def _connect(self, app: App, portal: dict[str, Any], url: str) -> None:
        name = portal["name"]
        token_env, secret_env = f"LEADBACK_DEMO_{name}_TOKEN", f"LEADBACK_DEMO_{name}_SECRET"
        os.environ[secret_env] = self._secrets[name] = secrets.token_hex(16)
        self.portals.make(portal)
        os.environ[token_env] = self.portals.tokens[name]
        wanted = Wanted(
            name,
            base_url=self.portals.url,
            webhook_secret_env=secret_env,
            fallback_owner=portal.get("fallback_owner"),
        )
        app.connections.connect(wanted, token_env=token_env)
        for assistant in portal["assistants"]:
            app.portals.add_assistant(
                name,
                assistant["email"],
                name=assistant["name"],
                context=assistant["context"],
                fallback_owner=assistant["fallback_owner"],
            )
        app.portals.setup(name, apply=True)
        self.portals.act(name, contexts(portal))
        self._ring_at(name, url)

    def _ring_at(self, name: str, url: str) -> None:
        self.portals.send_webhooks(name, f"{url}/in/hubspot/{name}", self._secrets[name])

    @contextlib.contextmanager
    def going_on(self, url: str) -> Iterator[App]:
        """After the day: time runs again from its end; webhooks come to the door at url."""
        with open_app(database=self._database, clock=ShiftedClock(self.clock.now())) as app:
            self.portals.let_time_run(self.clock.now())
            for name in self.names:
                self._ring_at(name, url)
            yield app

    def play(self, app: App, progress: Progress) -> None:
        """Every step: the clock moves, timers fire, people act, events arrive, work is done."""
        worker = app.worker()
        for number, step in enumerate(self.steps):
            self.clock.set(max(step.at_ms, self.clock.now()))
            self.portals.set_clock(self.clock.now())
            worker.run_until_idle(poll=False)
            for name in self.names:
                self.portals.act(name, [a for a in step.actions if a["portal"] == name])
            if step.actions:
                self._settle_webhooks()
            self.added += app.events.add_lines(step.raw_lines, name="events.jsonl")
            worker.run_until_idle(poll=False)
            self._settle_webhooks()
            worker.run_until_idle(poll=False)
            progress(number + 1, len(self.steps))

    def _settle_webhooks(self) -> None:
        """Wait until the sandbox has delivered what it has to say."""
        deadline = time.monotonic() + WEBHOOK_PATIENCE_SECONDS
        while any(self.portals.stats(name)["webhooks"]["waiting"] for name in self.names):
            if time.monotonic() > deadline:
                raise LeadbackError("the sandbox's webhooks do not arrive")
            time.sleep(0.01)


@contextlib.contextmanager
def _door(app: App) -> Iterator[str]:
    """The webhook door on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    door = receiver_app(app.webhooks.take, SystemClock(), public_url=url)
    server = uvicorn.Server(uvicorn.Config(door, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, args=([listener],), name="door")
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
