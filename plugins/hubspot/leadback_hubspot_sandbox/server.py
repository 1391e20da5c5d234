"""The server process: a listening socket, a ready line on standard output, a quick end."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from leadback_hubspot_sandbox.wire import SandboxProtocol


class _Server(uvicorn.Server):
    """Says when it is ready, and takes SIGTERM and SIGINT as the wish to end, not as an error."""

    def __init__(self, config: uvicorn.Config, ready_line: str) -> None:
        super().__init__(config)
        self._ready_line = ready_line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._ready_line, flush=True)  # the one line that scripts wait for

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        former = {
            number: signal.signal(number, lambda *_: self._end())
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _end(self) -> None:
        self.should_exit = True
        self.force_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; ``port=0`` takes a free one. Raises OSError when it is taken."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def serve(app: ASGIApp, listener: socket.socket, *, url: str, portal_id: int) -> None:
    """Serve until a signal comes. Prints the ready line once connections are accepted."""
    config = uvicorn.Config(
        app,
        http=SandboxProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        backlog=1024,
    )
    ready = json.dumps({"url": url, "portal_id": portal_id})
    _Server(config, ready).run(sockets=[listener])
    sys.stdout.flush()
