"""What `serve` and `demo --serve` share: a listening door, threads behind it, an orderly end."""

import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from leadback.base.clock import Clock
from leadback.base.collector import collect_often
from leadback.base.errors import ConfigurationError
from leadback.base.memory import keep_little
from leadback.cli.output import complain
from leadback.web.accepting import Room, Server
from leadback.web.patience import Patience
from leadback.web.receivers import receiver_app
from leadback.wiring import App

MOST_CONNECTIONS = 10_000
SWITCH_SECONDS = 0.001
OTHER_FILES = 200
"""For the database, logs, the CRM: what a process opens besides."""


def doors_of(opened: App, host: str, *, portals_clock: Clock | None = None) -> tuple[ASGIApp, str]:
    """What to serve, and the path of the one-time link; without the extra only webhooks.

    portals_clock: by which the CRMs date what they sign, when that is not the engine's.
    """
    sent_by = portals_clock or opened.clock
    doors = _doors()
    if doors is None:
        complain(
            "webhooks only: pages and the event API need the extra: pip install 'leadback[web]'"
        )
        receive = receiver_app(opened.webhooks.take, sent_by, public_url=opened.settings.public_url)
        return receive, ""
    made = doors(opened, host=host, portals_clock=sent_by)
    return made.asgi, made.first


def require_pages(what: str) -> None:
    """Raises ConfigurationError when what the pages are made with is not installed."""
    if _doors() is None:
        raise ConfigurationError(
            f"{what} needs the pages, which are not installed",
            fix="pip install 'leadback[web]'",
        )


def _doors() -> Callable[..., Any] | None:
    """leadback.web.server.doors; None without the extra `web`."""
    try:
        from leadback.web.server import doors
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "nicegui", "argon2", "zxcvbn"):
            raise
        return None
    return doors


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block as an exception does, so that it clears up: exit code 143."""

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def served(
    opened: App, door: ASGIApp, listener: socket.socket, stop: threading.Event, *, worker: bool
) -> Iterator[None]:
    """The door is open, and a worker works, during the block; the end waits for what is begun."""
    _share_well()
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    patience, room = Patience(), room_of(files=files)
    server = Server(
        uvicorn.Config(
            door,
            log_config=None,  # our own log says it, without secrets
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(opened.settings.proxies),
            forwarded_allow_ips=opened.settings.proxies,
            ws_max_size=1_000_000,
            http=patience.protocol(),
            limit_concurrency=room.full,
            timeout_graceful_shutdown=5,
        ),
        patience,
        room,
    )
    threads = [threading.Thread(target=_serve, args=(server, listener, stop), name="door")]
    if worker:
        threads.append(threading.Thread(target=opened.worker(1).run, args=(stop,), name="worker"))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        server.should_exit = True
        for thread in threads:
            thread.join()


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening socket and its URL."""

    socket: socket.socket
    url: str


@contextmanager
def listen(host: str, port: int) -> Iterator[Listening]:
    """Listen during the block; port 0 takes a free one. Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(2048)  # who knocks before the server is up waits, and is let in
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                fix="use another --port, or --port 0 for a free one",
            ) from error
        shown = f"[{host}]" if ":" in host else host
        yield Listening(listener, f"http://{shown}:{listener.getsockname()[1]}")


def _share_well() -> None:
    """Set up this process for many threads and pages, for as long as it runs."""
    collect_often()
    keep_little()
    # Whoever computes keeps the interpreter from the door for as long each time that it sends,
    # receives or takes in a connection: with Python's own 5 ms that adds up to a second.
    sys.setswitchinterval(SWITCH_SECONDS)


def room_of(*, files: int) -> Room:
    """For connections, of a process that may open so many files: below that, so that it can still
    read its database and answer (503) those that are too many."""
    without_limit = files == resource.RLIM_INFINITY
    full = MOST_CONNECTIONS if without_limit else min(files - OTHER_FILES, MOST_CONNECTIONS)
    full = max(100, full)
    return Room(most=full * 3 // 4, full=full)


def _serve(server: Server, listener: socket.socket, stop: threading.Event) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()


@contextmanager
def ending() -> Iterator[None]:
    """Around a command that runs until it is stopped: it ends although calls to a CRM hang.

    Python would wait for their threads. What they do is on record with a lease.
    """
    yield
    if any(not one.daemon for one in threading.enumerate() if one is not threading.main_thread()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        if stop.is_set():
            os._exit(128 + number)
        complain("stopping: finishing what is begun (again: at once)")
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
