"""Real servers on free ports, from Debian's packages: each started once, killed and restarted at
will."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from leadback.lead.records import Portal
from leadback.store import open_store
from tests.acceptance.conftest import Program, wait_until
from tests.databases import database_in

pytest.importorskip("faststream", reason="needs the extra: pip install 'leadback[brokers]'")

PASSWORD = "p4ss-w0rd-of-a-broker"
RABBIT = Path("/usr/lib/rabbitmq/bin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, hello: bytes = b"", answer: bytes = b"") -> bool:
    """Whether somebody listens, and says `answer` to `hello`."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(("127.0.0.1", port))
            probe.sendall(hello)
            return not hello or answer in probe.recv(1000)
        except OSError:
            return False


@dataclass
class Server:
    """A broker's process. url: with the password."""

    command: list[str]
    environment: dict[str, str]
    port: int
    url: str
    folder: Path
    hello: bytes = b""
    answer: bytes = b""
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        wait_until(lambda: answers(self.port, self.hello, self.answer))

    def stop(self, number: int = signal.SIGTERM) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)
        self.process.wait(timeout=60)
        wait_until(lambda: not answers(self.port))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("needs Debian's redis-server")
    folder = Path(tempfile.mkdtemp(prefix="lb-redis-"))
    port = free_port()
    server = Server(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
         "--requirepass", PASSWORD, "--appendonly", "yes", "--appendfsync", "always"],
        {}, port, f"redis://:{PASSWORD}@127.0.0.1:{port}/0", folder,
        f"AUTH {PASSWORD}\r\nPING\r\n".encode(), b"+PONG",
    )  # fmt: skip
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[Server]:
    if not (RABBIT / "rabbitmq-server").exists():
        pytest.skip("needs Debian's rabbitmq-server")
    folder = Path(tempfile.mkdtemp(prefix="lb-rabbit-"))
    port, mapper = free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        f"default_user = leadback\ndefault_pass = {PASSWORD}\n"
        "log.console = false\ndisk_free_limit.absolute = 1MB\n"
    )
    environment = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"leadback{os.getpid()}@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +S 1",
        "ERL_EPMD_PORT": str(mapper),
    }
    url = f"amqp://leadback:{PASSWORD}@127.0.0.1:{port}/"
    server = Server([str(RABBIT / "rabbitmq-server")], environment, port, url, folder)
    server.start()
    yield server
    server.stop()
    subprocess.run(
        ["epmd", "-kill"],
        env={**os.environ, "ERL_EPMD_PORT": str(mapper)},
        capture_output=True,
        check=False,
    )
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def queue() -> str:
    return f"events-{secrets.token_hex(4)}"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """With a portal that is never asked anything: events name contacts by id."""
    store = open_store(database_in(tmp_path))
    with store.write() as tx:
        tx.portals.put(Portal("acme", "hubspot", "http://crm.example", "TOKEN"))
    store.close()
    return Program(tmp_path, "")
