"""`leadback events consume`: events from the broker that the senders run already."""

from typing import Annotated

import typer

from leadback.base.errors import ConfigurationError
from leadback.cli.options import AsJson, Config, Database, RulesFile
from leadback.cli.output import complain, print_json, say
from leadback.cli.serving import stopping
from leadback.wiring import open_app

EXTRA = ("faststream", "aio_pika", "redis")


def consume(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", envvar="LEADBACK_BROKER_URL", help="amqp(s)://… or redis(s)://…"
        ),
    ],
    queue: Annotated[
        str, typer.Option(help="RabbitMQ's queue, or the key of a Redis stream.")
    ] = "leadback",
    prefetch: Annotated[
        int, typer.Option(min=1, max=10_000, help="Messages in hand at most.")
    ] = 500,
    reclaim_after: Annotated[
        float, typer.Option(min=1, help="Redis: seconds until a dead process's are taken over.")
    ] = 60,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take CloudEvents from RabbitMQ or Redis until stopped (SIGTERM finishes what is begun).

    A message is acknowledged when its events are on the disk, or in quarantine with the reason.
    Put a URL with a password into LEADBACK_BROKER_URL: arguments can be seen by other users.

    Example: `leadback events consume amqp://localhost/ --queue lead-events`
    """
    try:
        from leadback.brokers.consumer import Taken, connector
        from leadback.brokers.consumer import consume as consume_from
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise ConfigurationError(
            "brokers need an extra", fix="install it: pip install 'leadback[brokers]'"
        ) from error
    connect = connector(url, queue, prefetch=prefetch, reclaim_seconds=reclaim_after)
    with (
        open_app(database=database, rules=rules, config=config, takes_rules=True) as opened,
        stopping() as stop,
    ):
        taken = Taken(opened, queue)
        complain(f"taking events from {queue} (Ctrl-C ends it)")
        consume_from(connect, taken.take, stop)
    added = taken.added
    counts = {"accepted": added.accepted, "duplicate": added.duplicate, "rejected": added.rejected}
    if as_json:
        print_json(counts)
    else:
        say(", ".join(f"{name} {count}" for name, count in counts.items()))
