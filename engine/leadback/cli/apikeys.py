"""`leadback apikey …`: keys for programs that use the event API."""

from typing import Annotated

import typer

from leadback.cli.options import AsJson, Config, Database
from leadback.cli.output import print_json, print_table, say
from leadback.service.apikeys import SCOPES, ApiKeys
from leadback.wiring import open_app

app = typer.Typer(help="Keys of the event API.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")]


@app.command()
def add(
    name: Name,
    scope: Annotated[list[str], typer.Option(help=f"One or more of: {', '.join(SCOPES)}.")],
    portal: Annotated[
        list[str] | None, typer.Option(help="Only for this portal; can be given again.")
    ] = None,
    event_type: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only for events of this type; can be given again."),
    ] = None,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed this once; only its hash is kept.

    Example: `leadback apikey add mailer --scope events:write --portal acme`
    """
    with open_app(database=database, config=config) as opened:
        made = ApiKeys(opened.store, opened.clock, opened.audit).add(
            name,
            scope,
            portals=portal or (),
            types=event_type or (),
            rules=opened.rules.now().rules,
        )
    if as_json:
        print_json(made)
    else:
        say(made["key"])


@app.command("list")
def list_keys(database: Database = None, config: Config = None, as_json: AsJson = False) -> None:
    """All keys, without what would open a door.

    Example: `leadback apikey list`
    """
    with open_app(database=database, config=config) as opened:
        found = ApiKeys(opened.store, opened.clock, opened.audit).list()
    if as_json:
        print_json(found)
        return
    columns = ("name", "scopes", "portals", "types", "created_at", "created_by", "revoked_at")
    rows = (
        {**key, **{name: " ".join(key[name]) for name in ("scopes", "portals", "types")}}
        for key in found
    )
    print_table(columns, ([row[c] for c in columns] for row in rows))


@app.command()
def revoke(name: Name, database: Database = None, config: Config = None) -> None:
    """The key opens nothing from now on.

    Example: `leadback apikey revoke mailer`
    """
    with open_app(database=database, config=config) as opened:
        ApiKeys(opened.store, opened.clock, opened.audit).revoke(name)
    say(f"{name} opens nothing any more")
