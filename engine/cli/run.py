"""`handback run`, `serve`, `sandbox`: the long-running commands."""

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
import uvicorn
from starlette.types import ASGIApp

from engine.base.errors import ConfigurationError
from engine.cli.options import AsJson, AtClock, Config, Database, RulesFile
from engine.cli.output import ATTENTION, complain, paused, print_json, say
from engine.web.receivers import receiver_app
from engine.wiring import App, open_app

SANDBOX = "plugins.hubspot.sandbox"
LOCAL = ("127.0.0.1", "localhost", "::1")


def run(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is due any more.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Deciding threads.")] = 1,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """The worker: decide, fire timers, deliver, until stopped (SIGTERM finishes what is begun).

    Example: `handback run --until-idle`
    """
    with open_app(
        database=database, rules=rules, config=config, clock=clock, takes_rules=True
    ) as opened:
        if not until_idle:
            with _stopping() as stop:
                opened.worker(workers).run(stop)
            return
        report = opened.worker(workers).run_until_idle()
        status = opened.queue.status()
        broken = opened.versions.status()["file"]["errors"]
    if as_json:
        print_json({**asdict(report), **status})
    else:
        say(
            f"decided {report.decided} events, delivered {report.delivered} effects, "
            f"looked up {report.looked_up} contacts"
        )
    needs = status["outbox"]["failed"] + status["outbox"]["uncertain"]
    if broken:
        complain("the rules file is broken, the last good version decided: handback rules check")
    if needs or status["paused"] or broken:
        for pause in status["paused"]:
            complain(paused(pause))
        if needs:
            complain(f"{needs} effects need a look: handback queue list")
        raise typer.Exit(ATTENTION)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    worker: Annotated[bool, typer.Option(help="Run a worker too.")] = True,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Open the pages, the event API and the doors for webhooks; run a worker beside.

    The first start prints a one-time link that makes the first admin.

    Example: `handback serve --port 8080`
    """
    with (
        open_app(database=database, rules=rules, config=config, takes_rules=True) as opened,
        _stopping() as stop,
    ):
        listener = _listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}"
        if host not in LOCAL and not opened.settings.public_url.startswith("https://"):
            complain(
                f"WARNING: {url} is open to the network without TLS. Put a proxy with TLS in front "
                "of it and set HANDBACK_PUBLIC_URL=https://…, or listen on 127.0.0.1."
            )
        door, first = _doors(opened, host)
        server = uvicorn.Server(
            uvicorn.Config(
                door,
                log_level="warning",
                access_log=False,
                server_header=False,
                ws_max_size=1_000_000,
                timeout_graceful_shutdown=5,
            )
        )
        threads = [threading.Thread(target=_serve, args=(server, listener, stop), name="door")]
        if worker:
            threads.append(
                threading.Thread(target=opened.worker(1).run, args=(stop,), name="worker")
            )
        for thread in threads:
            thread.start()
        _announce(url, first, as_json)
        stop.wait()
        server.should_exit = True
        for thread in threads:
            thread.join()


def _doors(opened: App, host: str) -> tuple[ASGIApp, str]:
    """What to serve, and the path of the one-time link; without the extra only webhooks."""
    try:
        from engine.web.server import doors
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "nicegui", "argon2"):
            raise
        complain(
            "webhooks only: pages and the event API need the extra: pip install 'handback[web]'"
        )
        receive = receiver_app(
            opened.webhooks.take, opened.clock, public_url=opened.settings.public_url
        )
        return receive, ""
    made = doors(opened, host=host)
    return made.asgi, made.first


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # who knocks before the server is up waits, and is let in
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            fix="use another --port, or --port 0 for a free one",
        ) from error
    return listener


def _announce(url: str, first: str, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"url": url, "first": f"{url}{first}" if first else ""}) + "\n")
    else:
        say(f"Handback is open at {url}/ (Ctrl-C ends it)")
        if first:
            say(f"There is no login yet. Make the first admin's, once: {url}{first}")
    sys.stdout.flush()


def sandbox(context: typer.Context) -> None:
    """A local HubSpot portal to try things on; see its own --help.

    Example: `handback sandbox --port 8765 --token sandbox-token`
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", SANDBOX, *context.args])  # noqa: S606 — our own module, no shell


def _serve(server: uvicorn.Server, listener: socket.socket, stop: threading.Event) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()


@contextmanager
def _stopping() -> Iterator[threading.Event]:
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
