"""Without leadback[web] the doors for webhooks are open all the same, and serve says what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT, Program
from tests.web.conftest import close_house, open_house


@pytest.fixture
def program(tmp_path: Path) -> Program:
    library = tmp_path / "library"
    library.mkdir()
    missing = "raise ModuleNotFoundError('No module named nicegui', name='nicegui')\n"
    (library / "nicegui.py").write_text(missing)
    return Program(tmp_path, "", {"PYTHONPATH": str(library)})


def test_the_demo_says_at_once_that_it_has_no_pages(program: Program) -> None:
    command = [sys.executable, str(ROOT / "runner.py"), "demo", "--serve", "--port", "0"]
    done = subprocess.run(command, env=program.environ(), capture_output=True, timeout=60)
    assert done.returncode == 2
    assert b"leadback[web]" in done.stderr
    assert done.stdout == b""


def test_webhooks_come_in_without_the_extra(program: Program, tmp_path: Path) -> None:
    house = open_house(program, "--no-worker", cold=True)
    try:
        assert house.first == ""
        assert house.get("/healthz").text == "ok\n"
        assert house.get("/app/leads").status_code == 404
        assert "leadback[web]" in (tmp_path / "serve.log").read_text()
    finally:
        close_house(house)
