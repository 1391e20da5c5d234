"""Commands in processes of their own, which begin with everything imported.

A command of the tests works for a tenth of a second, and imports for a whole one, hundreds of
times. So one parent has imported the program, and forks a process for each command: with a memory,
an environment, files, signals and an end of its own, as from a shell. Another parent has imported
the pages, too, which takes four times as long. That the program starts from nothing is seen by
tests/cli/test_start.py and Program.start(), of `serve` by tests/acceptance/test_live.py.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
_sending = threading.Lock()


class Warm:
    """A running command. program: `leadback`, `sandbox`, or `pages`: tests.hooks, as it is run."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        files: tuple[int, int, int],
    ) -> None:
        order, order_end = os.pipe()
        reply, reply_end = os.pipe()
        with os.fdopen(order_end, "w") as out:
            json.dump(
                {"program": program, "argv": [*arguments], "cwd": str(cwd), "env": {**env}}, out
            )
        with _sending:
            door = _parent("pages" if program == "pages" else "commands")
            socket.send_fds(door, [b"\n"], [order, *files, reply_end])
        os.close(order)
        os.close(reply_end)
        self._reply = os.fdopen(reply, "rb", buffering=0)
        self.pid = int(self._line(180))
        self._code: int | None = None

    def wait(self, timeout: float) -> int:
        """Its exit code, -9 for SIGKILL. Raises TimeoutError, and kills it."""
        if self._code is not None:
            return self._code
        try:
            self._code = int(self._line(timeout))
            return self._code
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            raise
        finally:
            self._reply.close()

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, what: signal.Signals) -> None:
        """As subprocess does: to one that has ended already it is none of an error."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, what)

    def _line(self, timeout: float) -> bytes:
        if not select.select([self._reply], [], [], timeout)[0]:
            raise TimeoutError(f"nothing happened in {timeout} s")
        return self._reply.readline()


def run(
    program: str,
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str],
    stdin: bytes = b"",
    timeout: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end, as subprocess.run does."""
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        files = given.fileno(), out.fileno(), err.fileno()
        code = Warm(program, arguments, cwd=cwd, env=env, files=files).wait(timeout)
        return subprocess.CompletedProcess(arguments, code, _read(out), _read(err))


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


@cache
def _parent(imported: str) -> socket.socket:
    """The door of the process that forks; it ends when the door is closed, or its opener dies."""
    door, inner = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", str(inner.fileno()), imported],
        cwd=ROOT,
        pass_fds=[inner.fileno()],
    )
    inner.close()

    def end() -> None:
        door.close()
        process.wait(timeout=60)

    atexit.register(end)
    return door


# ---------------------------------------------------------------------- the parent


def _next_command(door: socket.socket) -> dict[str, Any]:
    """Forks for every order that comes; returns in the process of the command alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        some, files, _, _ = socket.recv_fds(door, 1, 5)
        if not some:
            os._exit(0)
        if os.fork() == 0:
            door.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _watched(*files)
        for file in files:
            os.close(file)


def _watched(order: int, stdin: int, stdout: int, stderr: int, reply: int) -> dict[str, Any]:
    """Forks once more: the one tells how the other ends."""
    with os.fdopen(order) as given:
        command: dict[str, Any] = json.load(given)
    child = os.fork()
    if child:
        for file in (stdin, stdout, stderr):
            os.close(file)
        os.write(reply, b"%d\n" % child)
        _, status = os.waitpid(child, 0)
        os.write(reply, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    os.close(reply)
    for number, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file, number)
        os.close(file)
    return command


def main() -> None:
    import typer.main

    import leadback_hubspot.hooks  # noqa: F401
    from leadback.base.shipped import SHIPPED_RULES
    from leadback.cli.lazy import everything
    from leadback.cli.main import app
    from leadback.cli.main import main as leadback
    from leadback.rules.loader import parse_file
    from leadback_hubspot_sandbox.__main__ import main as sandbox

    programs: dict[str, Callable[[], None]] = {"leadback": leadback, "sandbox": sandbox}
    for group in everything(typer.main.get_command(app)).values():  # type: ignore[arg-type]
        if hasattr(group, "commands"):
            everything(group)
    parse_file(SHIPPED_RULES)
    if sys.argv[2] == "pages":
        import leadback.web.server
        from tests.hooks import main as pages

        programs["pages"] = pages
    assert threading.active_count() == 1, "a thread would not be there after a fork"
    gc.freeze()
    command = _next_command(socket.socket(fileno=int(sys.argv[1])))
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["env"])
    sys.argv = [str(ROOT / "runner.py"), *command["argv"]]
    sys.exit(programs[command["program"]]())


if __name__ == "__main__":
    main()
