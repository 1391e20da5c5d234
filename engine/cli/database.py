"""`handback db …`: the database's schema."""

import typer

from engine.cli.options import AsJson, Config, Database
from engine.cli.output import print_json, say
from engine.wiring import database_status, upgrade_database

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade(database: Database = None, config: Config = None) -> None:
    """Bring the schema up to this version. Safe to run again.

    Example: `handback db upgrade --database postgresql://localhost/handback`
    """
    say(upgrade_database(database, config))


@app.command()
def status(database: Database = None, config: Config = None, as_json: AsJson = False) -> None:
    """Which schema the database has, and which one this version needs.

    Example: `handback db status`
    """
    found = database_status(database, config)
    if as_json:
        print_json(found)
    else:
        say(f"{found['database']}: schema {found['schema']}, needed {found['needed']}")
