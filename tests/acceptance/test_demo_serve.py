"""`leadback demo --serve`: the day is played, and then both doors stay open until Ctrl-C."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from leadback.base.shipped import RECORDED_DAY
from leadback.cli.demo_steps import read_lines
from tests.acceptance.conftest import ROOT

pytestmark = pytest.mark.long

CONTACTS = 6


def pack(file: Path, lines: bytes) -> None:
    file.write_bytes(gzip.compress(lines + b"\n"))


@pytest.fixture(scope="module")
def small_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first contacts of the recorded day that Acme's people gave to an assistant."""
    folder = tmp_path_factory.mktemp("day")
    lines = read_lines(RECORDED_DAY / "portal-actions.jsonl.gz")
    actions = [a for a in map(json.loads, lines) if a["portal"] == "acme"]
    given = [a["contact"] for a in actions if a["action"] == "assign" and "tara" in a["owner"]]
    chosen = set(given[:CONTACTS])
    portal = json.loads((RECORDED_DAY / "portal.json").read_bytes())["portals"][0]
    portal["contacts"] = [c for c in portal["contacts"] if c["id"] in chosen]
    (folder / "portal.json").write_text(json.dumps({"portals": [portal]}))
    kept = [json.dumps(a) for a in actions if a.get("contact") in chosen]
    pack(folder / "portal-actions.jsonl.gz", "\n".join(kept).encode())
    events = read_lines(RECORDED_DAY / "events.jsonl.gz")
    mine = [e for e in events if any(f"acme/{c}".encode() in e for c in chosen)]
    pack(folder / "events.jsonl.gz", b"\n".join(mine))
    return folder


@pytest.fixture(scope="module")
def demo(small_day: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    command = [sys.executable, str(ROOT / "runner.py"), "demo", "--serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, "--day", str(small_day)],
        env={k: v for k, v in os.environ.items() if not k.startswith("LEADBACK_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        lines = []
        while (line := process.stdout.readline()) not in (b"", b"}\n"):
            lines.append(line)
        yield process, json.loads(b"".join(lines) + b"}")
    finally:
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
        assert process.returncode == 0, complaints.decode()
        assert b"Traceback" not in complaints


def test_the_day_was_played_and_both_doors_are_open(
    demo: tuple[subprocess.Popen[bytes], dict[str, Any]],
) -> None:
    process, said = demo
    assert said["leads"] == CONTACTS
    assert said["differences"] == []
    assert process.poll() is None
    first = requests.get(said["first"], timeout=60)
    assert first.status_code == 200
    assert "password" in first.text
    portal = requests.get(said["sandbox"], timeout=60)
    assert f"{CONTACTS} contacts" in portal.text


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_the_local_hubspot_ends_with_the_demo(
    small_day: Path, tmp_path: Path, how: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "runner.py"), "demo", "--day", str(small_day)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        sandbox = _child_of(process)
        process.send_signal(how)
        _, complaints = process.communicate(timeout=30)
    assert b"Traceback" not in complaints
    assert b"Fatal" not in complaints
    _wait_until(lambda: not Path(f"/proc/{sandbox}").exists())
    if how is signal.SIGTERM:
        assert process.returncode == 128 + how
        assert list(tmp_path.iterdir()) == []


def _child_of(process: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("this kernel does not tell a process's children")
    _wait_until(lambda: children.read_text() != "")
    return int(children.read_text().split()[0])


def _wait_until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_leads_of_the_day_are_in_the_pages(
    demo: tuple[subprocess.Popen[bytes], dict[str, Any]],
) -> None:
    _, said = demo
    browser = requests.Session()
    home = browser.post(
        said["first"],
        data={"name": "ada", "password": "correct horse battery staple"},
        headers={"Origin": said["url"].rstrip("/")},
        timeout=60,
    )
    assert home.url.endswith("/app/leads")
    names = re.findall(r"lead/acme/(\d+)", home.text)
    assert len(set(names)) == CONTACTS
