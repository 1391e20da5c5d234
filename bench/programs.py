"""Programs of ours as processes of their own, for benchmarks that watch them from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

RUNNER = Path(__file__).parents[1] / "runner.py"
PASSWORD = "correct horse battery staple"  # noqa: S105 — of a database that is thrown away


@contextmanager
def program(
    folder: str, database: str, *words: str, before: Callable[[], None] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`leadback WORDS…`, its log beside the database; before: runs in the new process."""
    with open(Path(folder) / f"{words[0]}.log", "wb") as log:
        started = subprocess.Popen(
            [sys.executable, str(RUNNER), *words, "--database", database],
            cwd=folder,
            env={**os.environ, "LEADBACK_LOG_LEVEL": "warning"},
            stdout=subprocess.PIPE,
            stderr=log,
            preexec_fn=before,
        )
        try:
            yield started
        finally:
            started.send_signal(signal.SIGCONT)
            started.terminate()
            started.communicate(timeout=30)


def login(url: str) -> dict[str, str]:
    answer = requests.post(
        f"{url}/login",
        data={"name": "viewer", "password": PASSWORD},
        headers={"Origin": url},
        allow_redirects=False,
        timeout=30,
    )
    assert answer.status_code == 303, answer.text
    return dict(answer.cookies)
