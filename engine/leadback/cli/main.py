"""The command line: one small module per noun, put together here and imported when called."""

import sys
from collections.abc import Sequence
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from leadback.base.errors import LeadbackError
from leadback.base.logging import configure_logging, log_what_nobody_catches
from leadback.cli.lazy import Later, LazyGroup, new_app
from leadback.cli.output import complain, say

HELP = "An assistant works a CRM contact by rules, and hands it back to its owner."


class Commands(LazyGroup):
    """Every command and noun, in the order of --help."""

    later = (
        Later(
            "run",
            "run:run",
            "The worker: decide, fire timers, deliver, until stopped (SIGTERM finishes what is"
            " begun).",
        ),
        Later(
            "serve",
            "run:serve",
            "Open the pages, the event API and the doors for webhooks; run a worker beside.",
        ),
        Later(
            "mark",
            "leads:mark_command",
            "A person's action on a lead. A refusal says why, and the exit code is 1.",
        ),
        Later(
            "demo",
            "demo:demo",
            "Play a recorded day against a local HubSpot and compare every contact with the rules.",
        ),
        Later(
            "sandbox",
            "sandbox:sandbox",
            "A local HubSpot portal to try things on; see its own --help.",
            context_settings={
                "allow_extra_args": True,
                "ignore_unknown_options": True,
                "help_option_names": [],
            },
        ),
        Later("rules", "rules:app", "The rules file."),
        Later("events", "events:app", "Events about leads."),
        Later("lead", "leads:app", "Leads."),
        Later("queue", "queue:app", "Events and effects that wait."),
        Later("portal", "portals:app", "Customers' CRM accounts."),
        Later("keys", "connections:keys", "Keys that stored tokens are encrypted with."),
        Later("assistant", "assistants:app", "Sales assistants."),
        Later("db", "database:app", "The database."),
        Later("apikey", "apikeys:app", "Keys of the event API."),
        Later(
            "audit",
            "audit:audit",
            "Who did what through which door, newest first; with --log-ins, who came in and who"
            " tried.",
        ),
    )


app = new_app(name="leadback", help=HELP, cls=Commands)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(version_of("leadback"))
        raise typer.Exit


@app.callback()
def leadback(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """What every command has in common."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 needs attention, 2 wrong use or configuration."""
    configure_logging("INFO")  # until the settings are read: what fails before is said as safely
    log_what_nobody_catches()
    command = typer.main.get_command(app)  # app() would put a hook of Typer's in place of ours
    try:
        command(args=list(arguments) if arguments is not None else None)
    except LeadbackError as error:
        first, *more = error.lines()
        complain(f"leadback: {first}")
        for line in more:
            complain(line)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
