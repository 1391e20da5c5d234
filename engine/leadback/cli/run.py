"""`leadback run`, `serve`: the long-running commands."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

from leadback.base.hosts import LOCAL
from leadback.base.words import many
from leadback.cli.options import AsJson, AtClock, Config, Database, RulesFile
from leadback.cli.output import ATTENTION, complain, paused, print_json, say
from leadback.cli.serving import doors_of, ending, listen, served, stopping
from leadback.service.overview import Overview
from leadback.web.metrics import measured
from leadback.wiring import App, open_app


def run(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is due any more.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Deciding threads.")] = 1,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Figures for Prometheus on 127.0.0.1; 0 takes a free port."
        ),
    ] = None,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """The worker: decide, fire timers, deliver, until stopped (SIGTERM finishes what is begun).

    Example: `leadback run --until-idle`
    """
    options: dict[str, Any] = {"database": database, "rules": rules, "config": config}
    if not until_idle:
        with (
            ending(),
            open_app(**options, clock=clock, takes_rules=True) as opened,
            stopping() as stop,
            _measured(opened, metrics_port),
        ):
            opened.worker(workers).run(stop)
        return
    with open_app(**options, clock=clock, takes_rules=True) as opened:
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
        complain("the rules file is broken, the last good version decided: leadback rules check")
    undecided = status["inbox"]["undecided"]
    unread = status["inbox"]["unread"]
    if needs or undecided or unread or status["paused"] or broken:
        for pause in status["paused"]:
            complain(paused(pause))
        if undecided:
            complain(f"{many(undecided, 'event')} could not be decided: leadback queue list")
        if unread:
            complain(f"{many(unread, 'contact')} made no sense: leadback queue list")
        if needs:
            complain(f"{many(needs, 'effect')} to look at: leadback queue list")
        raise typer.Exit(ATTENTION)


@contextmanager
def _measured(opened: App, port: int | None) -> Iterator[None]:
    if port is None:
        yield
        return
    overview = Overview(opened.store, opened.clock, opened.rules)
    with measured(port, partial(opened.queue.status, done=False), overview.states) as url:
        complain(f"figures for Prometheus: {url}")
        yield


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

    Example: `leadback serve --port 8080`
    """
    with (
        ending(),
        open_app(database=database, rules=rules, config=config, takes_rules=True) as opened,
        stopping() as stop,
        listen(host, port) as listening,
    ):
        url = listening.url
        if host not in LOCAL and not opened.settings.public_url.startswith("https://"):
            complain(
                f"WARNING: {url} is open to the network without TLS. Put a proxy with TLS in front "
                "of it and set LEADBACK_PUBLIC_URL=https://…, or listen on 127.0.0.1."
            )
        door, first = doors_of(opened, host)
        with served(opened, door, listening.socket, stop, worker=worker):
            _announce(url, first, as_json)
            stop.wait()


def _announce(url: str, first: str, as_json: bool) -> None:
    if as_json:
        say(json.dumps({"url": url, "first": f"{url}{first}" if first else ""}))
    else:
        say(f"Leadback is open at {url}/ (Ctrl-C ends it)")
        if first:
            say(f"There is no login yet. Make the first admin's, once: {url}{first}")
