"""`leadback run --metrics-port`: the figures of a worker that has no pages."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from leadback.base.errors import ConfigurationError, LeadbackError
from leadback.web.metrics import measured

ROOT = Path(__file__).resolve().parents[2]


def leadback(folder: Path, *arguments: str) -> list[str]:
    database = f"sqlite:///{folder / 'leadback.db'}"
    return [sys.executable, str(ROOT / "runner.py"), *arguments, "--database", database]


def test_a_worker_tells_prometheus_what_waits(tmp_path: Path) -> None:
    subprocess.run(
        leadback(tmp_path, "events", "add", "-"),
        input=b"no event\n",
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    worker = subprocess.Popen(
        leadback(tmp_path, "run", "--metrics-port", "0"), stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert worker.stderr is not None
    try:
        said = worker.stderr.readline().decode()
        url = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)
        assert url, said
        text = requests.get(url[0], timeout=60).text
    finally:
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(timeout=60)
        worker.stderr.close()
    assert code == 0
    for line in (
        "leadback_database_up 1.0",
        'leadback_inbox_events{status="quarantined"} 1.0',
        'leadback_inbox_events{status="due"} 0.0',
        'leadback_outbox_effects{status="pending"} 0.0',
        "leadback_oldest_due_seconds 0.0",
        'leadback_leads{state="Hot"} 0.0',
    ):
        assert line in text.splitlines(), text
    assert '{status="done"}' not in text  # each of them would have to be counted


def test_a_database_that_is_away_is_a_figure_and_no_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def away() -> dict[str, int]:
        raise LeadbackError("the database does not answer")

    with measured(0, away, away) as url:
        answer = requests.get(url, timeout=60)
    assert answer.status_code == 200
    figures = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert figures == ["leadback_database_up 0.0"]
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    def none() -> dict[str, int]:
        return {}

    with measured(0, none, none) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        with pytest.raises(ConfigurationError, match="--metrics-port"), measured(port, none, none):
            pass
