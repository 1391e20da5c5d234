"""`leadback db …`: the database's schema, and what it need not keep for ever."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from leadback.base.clock import SystemClock
from leadback.base.errors import InputError
from leadback.cli.options import AsJson, Config, Database
from leadback.cli.output import print_json, say
from leadback.rules.durations import parse_duration
from leadback.service.archive import pruned
from leadback.service.audit import Audit
from leadback.wiring import backup_database, database_status, open_database, upgrade_database

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade(database: Database = None, config: Config = None) -> None:
    """Bring the schema up to this version. Safe to run again.

    Example: `leadback db upgrade --database postgresql://localhost/leadback`
    """
    say(upgrade_database(database, config))


@app.command()
def status(database: Database = None, config: Config = None, as_json: AsJson = False) -> None:
    """Which schema the database has, and which one this version needs.

    Example: `leadback db status`
    """
    found = database_status(database, config)
    if as_json:
        print_json(found)
    else:
        say(f"{found['database']}: schema {found['schema']}, needed {found['needed']}")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    database: Database = None,
    config: Config = None,
) -> None:
    """Copy a SQLite database to a new file, whole and checked, while others go on writing it.

    Example: `leadback db backup leadback-monday.db`
    """
    size = backup_database(database, config, file)
    say(f"{file}: {size:,} bytes; to restore it, stop Leadback and put it in the database's place")


@app.command()
def prune(
    older_than: Annotated[str, typer.Option(help="Keep this much, e.g. 90d.")],
    archive: Annotated[
        Path | None, typer.Option(help="Append what goes to this file first, as JSON Lines.")
    ] = None,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Forget history, decided events and settled effects that are older; open work is kept.

    Example: `leadback db prune --older-than 90d --archive leadback-2026.jsonl`
    """
    length = parse_duration(older_than)
    if not length:
        raise InputError(f"--older-than {older_than!r} is no duration", fix="write e.g. 90d")
    with open_database(database, config) as store:
        clock = SystemClock()
        gone = asdict(pruned(store, before=clock.now() - length, archive=archive))
        words = ", ".join(f"{count} {name}" for name, count in gone.items())
        Audit(store, clock).command("prune", subject=f"older than {older_than}", outcome=words)
    if as_json:
        print_json(gone)
    else:
        say(f"gone: {words}")
