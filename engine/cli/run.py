"""`handback run`, `serve`, `sandbox`: the long-running commands."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn

from engine.cli.options import AsJson, AtClock, Config, Database, RulesFile
from engine.cli.output import ATTENTION, complain, print_json, say
from engine.web.receivers import receiver_app
from engine.wiring import open_app

SANDBOX = "plugins.hubspot.sandbox"


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
    with open_app(database=database, rules=rules, config=config, clock=clock) as opened:
        if not until_idle:
            with _stopping() as stop:
                opened.worker(workers).run(stop)
            return
        report = opened.worker(workers).run_until_idle()
        status = opened.queue.status()
    if as_json:
        print_json({**report, **status})
    else:
        say(
            f"decided {report['decided']} events, delivered {report['delivered']} effects, "
            f"looked up {report['looked_up']} contacts"
        )
    needs = status["outbox"]["failed"] + status["outbox"]["uncertain"]
    if needs or status["paused"]:
        for pause in status["paused"]:
            complain(f"portal {pause['portal']} waits until {pause['until']}: {pause['reason']}")
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
) -> None:
    """Take webhooks at /in/PLUGIN/PORTAL, and run a worker beside.

    Example: `handback serve --port 8080`
    """
    if host not in ("127.0.0.1", "localhost", "::1"):
        complain(f"warning: listening on {host} without TLS; put a proxy with TLS in front of it")
    with open_app(database=database, rules=rules, config=config) as opened, _stopping() as stop:
        door = receiver_app(
            opened.webhooks.take, opened.clock, public_url=opened.settings.public_url
        )
        server = uvicorn.Server(
            uvicorn.Config(door, host=host, port=port, log_level="warning", access_log=False)
        )
        threads = [threading.Thread(target=_serve, args=(server, stop), name="door")]
        if worker:
            threads.append(
                threading.Thread(target=opened.worker(1).run, args=(stop,), name="worker")
            )
        for thread in threads:
            thread.start()
        stop.wait()
        server.should_exit = True
        for thread in threads:
            thread.join()


def sandbox(context: typer.Context) -> None:
    """A local HubSpot portal to try things on; see its own --help.

    Example: `handback sandbox --port 8765 --token sandbox-token`
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", SANDBOX, *context.args])  # noqa: S606 — our own module, no shell


def _serve(server: uvicorn.Server, stop: threading.Event) -> None:
    try:
        server.run()
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
