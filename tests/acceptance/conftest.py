"""Real processes: the program as users start it, and a sandbox portal for each test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from leadback.service.connections import Wanted
from leadback.wiring import open_app
from tests import warm
from tests.databases import database_in
from tests.warm import Warm

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "rules" / "lead_states.yaml"
TOKEN = "sandbox-token"
PATIENCE = 60.0


@contextmanager
def sandbox(*options: str) -> Iterator[str]:
    """A sandbox process on a free port; its URL once it is ready."""
    said, stdout = os.pipe()
    arguments = ("--port", "0", "--token", TOKEN, *options)
    with Path(os.devnull).open("rb") as nothing, os.fdopen(said) as lines:
        files = nothing.fileno(), stdout, sys.stderr.fileno()
        process = Warm("sandbox", arguments, cwd=ROOT, env=os.environ, files=files)
        os.close(stdout)
        try:
            yield str(json.loads(lines.readline())["url"])
        finally:
            process.terminate()
            process.wait(timeout=60)


@dataclass
class Program:
    """`leadback …` in an empty folder, with a sandbox to talk to."""

    folder: Path
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    door: str = ""
    """Where `leadback serve` listens."""

    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("LEADBACK_")}
        return {**kept, "HUBSPOT_TOKEN": TOKEN, "HUBSPOT_SECRET": "s3cret", **self.environment}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "runner.py"), *arguments]

    def run(self, *arguments: str, stdin: bytes = b"", code: int | None = 0) -> Any:
        """Run to the end; what it printed. code None accepts any exit code."""
        done = warm.run(
            "leadback",
            *arguments,
            cwd=self.folder,
            env=self.environ(),
            stdin=stdin,
            timeout=3 * PATIENCE,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        if code is not None:
            assert done.returncode == code, (arguments, done.returncode, done.stderr.decode())
        return done

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def set_up(self, database: str = "") -> None:
        """What set_up_as_spelled does, without four processes. database: a URL; "" = as always."""
        os.environ["HUBSPOT_TOKEN"] = TOKEN
        with open_app(database=database or database_in(self.folder), rules=RULES) as app:
            wanted = Wanted("acme", base_url=self.url, webhook_secret_env="HUBSPOT_SECRET")
            app.connections.connect(wanted, token_env="HUBSPOT_TOKEN")
            app.portals.setup("acme", apply=True)
            app.portals.add_assistant(
                "acme", "tara@example.com", name="tara", context="AI sales assistant"
            )

    def set_up_as_spelled(self) -> None:
        """Connect, set up, add the assistant: as the README says."""
        self.run(
            "portal", "connect", "acme", "--crm", "hubspot", "--base-url", self.url,
            "--token-env", "HUBSPOT_TOKEN", "--webhook-secret-env", "HUBSPOT_SECRET",
        )  # fmt: skip
        self.run("portal", "setup", "acme", "--apply")
        self.run(
            "assistant", "add", "tara", "--portal", "acme", "--email", "tara@example.com",
            "--context", "AI sales assistant",
        )  # fmt: skip

    # ------------------------------------------------------------------ the portal's side

    def control(self, method: str, what: str, body: Any = None) -> Any:
        answer = requests.request(
            method,
            f"{self.url}/_sandbox/{what}",
            json=body,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def act(self, *actions: dict[str, Any]) -> list[Any]:
        answers = self.control("POST", "actions", list(actions))
        assert all(answer["ok"] for answer in answers), answers
        return list(answers)

    def delete(self, kind: str, record: str) -> None:
        """A person deletes a note, an email or a task."""
        answer = requests.delete(
            f"{self.url}/crm/objects/2026-09/{kind}/{record}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
        )
        assert answer.ok, answer.text

    def dump(self) -> Any:
        return self.control("GET", "dump")

    def contact(self, crm_id: str) -> dict[str, Any]:
        return dict(self.dump()["contacts"][crm_id])

    def owners(self) -> dict[str, str]:
        """Address → owner id."""
        return {owner["email"]: id_ for id_, owner in self.dump()["owners"].items()}

    def new_contact(self, number: int, owner: str | None = None, **properties: str) -> str:
        values = {"email": f"lead{number}@example.org", "firstname": f"Lead{number}", **properties}
        if owner is not None:
            values["hubspot_owner_id"] = self.owners()[owner]
        answer = self.act({"action": "create_contact", "properties": values})[0]
        return str(answer["contact"])


def event(number: int, kind: str, subject: str, /, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"m-{number}",
        "source": "mailer",
        "type": kind,
        "subject": subject,
        "time": "2026-11-02T09:00:00Z",
        "data": data,
    }


def write_events(file: Path, events: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(e) + "\n" for e in events))
    return file


def wait_until(what: Any, seconds: float = PATIENCE) -> None:
    """Until `what()` is true; fails after a while."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    code = process.wait(timeout=PATIENCE)
    assert process.stderr is not None
    process.stderr.close()
    return code


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    with sandbox("--search-lag", "0") as url:
        yield url


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with sandbox("--search-lag", "0") as url:
        yield Program(tmp_path, url)


@pytest.fixture
def ready(program: Program) -> Program:
    """A program whose portal is connected, set up, and has its assistant."""
    program.set_up()
    return program
