"""The command line: one small module per noun, put together here."""

import sys
from collections.abc import Sequence

import typer

from engine.base.errors import HandbackError
from engine.cli import (
    apikeys,
    assistants,
    connections,
    database,
    events,
    leads,
    portals,
    queue,
    rules,
    run,
)
from engine.cli.demo import demo
from engine.cli.output import complain

app = typer.Typer(
    name="handback",
    help="An assistant works a CRM contact by rules, and hands it back to its owner.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.add_typer(rules.app, name="rules")
app.add_typer(events.app, name="events")
app.add_typer(leads.app, name="lead")
app.add_typer(queue.app, name="queue")
app.add_typer(portals.app, name="portal")
app.add_typer(connections.keys, name="keys")
app.add_typer(assistants.app, name="assistant")
app.add_typer(database.app, name="db")
app.add_typer(apikeys.app, name="apikey")
app.command(name="run")(run.run)
app.command(name="serve")(run.serve)
app.command(name="mark")(leads.mark)
app.command(name="demo")(demo)
app.command(
    name="sandbox",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)(run.sandbox)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 needs attention, 2 wrong use or configuration."""
    try:
        app(args=list(arguments) if arguments is not None else None)
    except HandbackError as error:
        complain(f"handback: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
