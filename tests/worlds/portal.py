"""The portal of a world: like one that was set up once for all, and what arranges it."""

import os
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import orjson

from leadback.service.connections import Wanted
from leadback.wiring import App

TOKEN_ENV = "LEADBACK_WORLD_TOKEN"
TARA, HANNA, OMAR, MEI = "501", "502", "503", "504"
OWNERS = [
    {"id": TARA, "email": "tara@acme.example", "first_name": "Tara", "user_id": 9001},
    {"id": HANNA, "email": "hanna@acme.example", "first_name": "Hanna", "user_id": 9002},
    {"id": OMAR, "email": "omar@acme.example", "first_name": "Omar", "user_id": 9003},
    {"id": MEI, "email": "mei@acme.example", "first_name": "Mei", "user_id": 9004},
]
ADDRESS = {str(owner["id"]): str(owner["email"]) for owner in OWNERS}
MODEL = 19_999_999
"""The portal that is set up; that of a world has a number from 20,000,000 on."""
IDLE_SECONDS = 30
"""The sandbox closes a connection that is idle for a minute."""


class Sandbox:
    """What arranges the portals of a sandbox, on one connection. Tells it the time only when
    somebody is about to look: `now` is what the next call finds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.now: str | None = None
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._used = 0.0

    def make_portal(self, number: int, token: str, *, seed: int, like: int | None = None) -> None:
        wanted = {
            "portal_id": number, "token": token, "owners": OWNERS, "rate_limited": False,
            "seed": seed, "switches": {"property_lag": [0, 0], "search_lag": [0, 0]},
        }  # fmt: skip
        self.call("root-token", "POST", "portals", wanted | ({"like": like} if like else {}))

    def call(self, token: str, method: str, what: str, body: Any = None) -> Any:
        """One control call of the portal that has the token."""
        self.tell_time(token)
        return self._call(token, method, what, body)

    def tell_time(self, token: str) -> None:
        if self.now is not None:
            now, self.now = self.now, None
            self._call(token, "POST", "clock", {"now": now, "freeze": True})

    def close(self) -> None:
        self._connection.close()

    def _call(self, token: str, method: str, what: str, body: Any) -> Any:
        if time.monotonic() - self._used > IDLE_SECONDS:
            self._connection.close()
        self._connection.request(
            method,
            f"/_sandbox/{what}",
            None if body is None else orjson.dumps(body),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        assert answer.status < 400, content
        return orjson.loads(content) if content else None


def set_up_model(app: App, sandbox: Sandbox) -> None:
    """Make the portal that those of worlds are like, and connect it: a database that is copied
    from the app's needs only another number in it."""
    token = f"model-{os.getpid()}"
    sandbox.make_portal(MODEL, token, seed=0)
    os.environ[TOKEN_ENV] = token
    try:
        app.connections.connect(Wanted("acme", base_url=sandbox.url), token_env=TOKEN_ENV)
        app.portals.setup("acme", apply=True)
        app.portals.add_assistant("acme", ADDRESS[TARA], name="tara", context="mail")
    finally:
        del os.environ[TOKEN_ENV]
