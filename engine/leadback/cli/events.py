"""`leadback events …`: what happened to leads comes in here."""

import os
import sys
from io import BufferedReader
from pathlib import Path
from typing import Annotated

import typer

from leadback.base.errors import InputError
from leadback.cli.consume import consume
from leadback.cli.options import AsJson, AtClock, Config, Database, RulesFile
from leadback.cli.output import ATTENTION, DONE, complain, print_json, say
from leadback.wiring import open_app

app = typer.Typer(help="Events about leads.", no_args_is_help=True)
SHOWN = 20
app.command(name="consume")(consume)


@app.command()
def add(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON Lines or a JSON array.")],
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """Take CloudEvents; prints accepted, duplicate, rejected.

    A rejected line is kept in quarantine with the reason, and the exit code is 1.

    Example: `leadback events add day.jsonl`
    """
    with open_app(
        database=database, rules=rules, config=config, clock=clock, takes_rules=True
    ) as opened:
        if file == "-":
            added = opened.events.add(os.fdopen(sys.stdin.fileno(), "rb", closefd=False), name="-")
        else:
            with _open(Path(file)) as stream:
                added = opened.events.add(stream, name=file)
    if as_json:
        print_json(
            {
                "accepted": added.accepted,
                "duplicate": added.duplicate,
                "rejected": added.rejected,
                "reasons": [{"line": line, "reason": why} for line, why in added.reasons],
                "warnings": added.warnings,
            }
        )
    else:
        say(f"accepted {added.accepted}, duplicate {added.duplicate}, rejected {added.rejected}")
        for line, why in added.reasons[:SHOWN]:
            complain(f"{file}:{line}: {why}")
        if added.rejected > SHOWN:
            complain(f"… and {added.rejected - SHOWN} more; see: leadback queue list --quarantined")
        for warning in added.warnings:
            complain(f"{file}: {warning}")
    raise typer.Exit(ATTENTION if added.rejected else DONE)


def _open(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(
            f"cannot read it: {error.strerror}", where=str(path), fix="give a file of CloudEvents"
        ) from error
