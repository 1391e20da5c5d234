"""The HubSpot sandbox as a process, and what people do in its pages, for the demo.

Talks to the sandbox's control API only; everything that a CRM plugin does goes through the plugin.
"""

import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import requests

from leadback.base.clock import Millis, format_time
from leadback.base.errors import LeadbackError

SANDBOX = "leadback_hubspot_sandbox"
TIMEOUT = 30


class DemoPortals:
    """One sandbox process with several portals, each with a token of its own."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self._token = url, token
        self._session = requests.Session()
        self.tokens: dict[str, str] = {}

    def make(self, portal: dict[str, Any]) -> None:
        """A portal with its owners and contacts; it sends no webhooks yet."""
        name = portal["name"]
        token = self.tokens[name] = secrets.token_hex(16)
        self._call(
            "POST",
            "portals",
            self._token,
            {
                "portal_id": portal["portal_id"],
                "token": token,
                "owners": portal["owners"],
                # The recorded day names contacts by the ids that they had before a merge.
                "switches": {"webhook_delay": [0.0, 0.02], "merge_new_id": False},
            },
        )
        self.act(
            name,
            [
                {"action": "create_contact", "id": contact["id"], "properties": _values(contact)}
                for contact in portal["contacts"]
            ],
        )

    def send_webhooks(self, portal: str, url: str, secret: str) -> None:
        """From now on the portal tells this address what matters to owners and contacts."""
        wanted = {"url": url, "secret": secret, "properties": ["hubspot_owner_id"]}
        self._call("PATCH", "webhooks", self.tokens[portal], wanted)

    def act(self, portal: str, actions: Sequence[dict[str, Any]]) -> None:
        """What people do in the portal's pages. Raises LeadbackError when one cannot be done."""
        wanted = [{k: v for k, v in action.items() if k != "portal"} for action in actions]
        answers = self._call("POST", "actions", self.tokens[portal], wanted)
        for action, answer in zip(wanted, answers, strict=True):
            if not answer["ok"]:
                raise LeadbackError(f"the sandbox refused {action}: {answer['error']}")

    def set_clock(self, now: Millis) -> None:
        self._call("POST", "clock", self._token, {"now": format_time(now), "freeze": True})

    def let_time_run(self, now: Millis) -> None:
        self._call("POST", "clock", self._token, {"now": format_time(now), "freeze": False})

    def stats(self, portal: str) -> dict[str, Any]:
        return dict(self._call("GET", "stats", self.tokens[portal], None))

    def dump(self, portal: str) -> dict[str, Any]:
        return dict(self._call("GET", "dump", self.tokens[portal], None))

    def _call(self, method: str, what: str, token: str, body: Any) -> Any:
        answer = self._session.request(
            method,
            f"{self.url}/_sandbox/{what}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
        )
        if answer.status_code >= 400:
            raise LeadbackError(f"the sandbox answers {answer.status_code}: {answer.text[:200]}")
        return answer.json()


@contextlib.contextmanager
def sandbox_process() -> Iterator[DemoPortals]:
    """Start a sandbox on a free port; it ends with the block."""
    token = secrets.token_hex(16)
    process = subprocess.Popen(  # noqa: S603 — our own module, no shell
        [sys.executable, "-m", SANDBOX, "--port", "0", "--empty", "--token", token,
         "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the demo, which still has calls to finish
    )  # fmt: skip
    try:
        assert process.stdout is not None  # noqa: S101 — it is piped
        line = process.stdout.readline()
        if not line:
            raise LeadbackError(
                f"the sandbox did not start (exit code {process.wait()})",
                fix="run `leadback sandbox` to see why",
            )
        yield DemoPortals(json.loads(line)["url"], token)
    finally:
        process.terminate()
        process.wait(timeout=10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _values(contact: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in contact["properties"].items() if key != "context"}


def contexts(portal: dict[str, Any]) -> list[dict[str, Any]]:
    """The contacts' own contexts, to be typed in once set-up has made the field."""
    found = [(contact["id"], _context(contact)) for contact in portal["contacts"]]
    return [
        {"action": "set", "contact": crm_id, "properties": {"context": context}}
        for crm_id, context in found
        if context
    ]


def _context(contact: dict[str, Any]) -> str:
    return str(contact.get("context") or contact["properties"].get("context") or "")
