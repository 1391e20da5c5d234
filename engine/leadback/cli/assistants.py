"""`leadback assistant …`: the automated sales assistants of a portal."""

from typing import Annotated

import typer

from leadback.cli.options import AsJson, Config, Database
from leadback.cli.output import print_json, print_table, say
from leadback.wiring import open_app

app = typer.Typer(help="Sales assistants.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What people call the assistant.")]
PortalName = Annotated[str, typer.Option("--portal", metavar="PORTAL", help="Where it works.")]
Context = Annotated[
    str | None, typer.Option(help="What it writes about unless the contact says otherwise.")
]
Fallback = Annotated[
    str | None,
    typer.Option("--fallback-owner", metavar="EMAIL", help="Takes contacts nobody else can."),
]
Followups = Annotated[int | None, typer.Option(min=1, max=100, help="Emails in a sequence.")]
Days = Annotated[int | None, typer.Option(min=1, max=365, help="Days between two emails.")]

OffDays = Annotated[
    str | None,
    typer.Option(help='Days without follow-ups, e.g. "sat, sun, 2026-12-25"; "" for none.'),
]


@app.command()
def add(
    name: Name,
    portal: PortalName,
    email: Annotated[str, typer.Option(metavar="EMAIL", help="The address of its CRM user.")],
    context: Context = None,
    fallback_owner: Fallback = None,
    followups: Followups = None,
    days_between: Days = None,
    off_days: OffDays = None,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add an assistant. Its CRM user must have the same email address.

    Example: `leadback assistant add tara --portal acme --email tara@example.com`
    """
    with open_app(database=database, config=config) as opened:
        added = opened.portals.add_assistant(
            portal,
            email,
            name=name,
            context=context,
            fallback_owner=fallback_owner,
            followups=followups,
            days_between=days_between,
            off_days=off_days,
        )
    if as_json:
        print_json(added)
    else:
        say(f"{name} <{added['email']}> works in {portal}: {added['status']}")


@app.command()
def edit(
    name: Name,
    portal: PortalName,
    email: Annotated[str | None, typer.Option(metavar="EMAIL")] = None,
    context: Context = None,
    fallback_owner: Fallback = None,
    followups: Followups = None,
    days_between: Days = None,
    off_days: OffDays = None,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; the rest stays.

    Example: `leadback assistant edit tara --portal acme --context "spring offer"`
    """
    with open_app(database=database, config=config) as opened:
        edited = opened.portals.edit_assistant(
            portal,
            name,
            email=email,
            context=context,
            fallback_owner=fallback_owner,
            followups=followups,
            days_between=days_between,
            off_days=off_days,
        )
    if as_json:
        print_json(edited)
    else:
        say(f"{edited['name']} <{edited['email']}> changed: {edited['status']}")


@app.command("list")
def list_assistants(
    portal: Annotated[str | None, typer.Option(metavar="PORTAL")] = None,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """All assistants with their integration status, asked of the CRM now.

    Example: `leadback assistant list --json`
    """
    with open_app(database=database, config=config) as opened:
        found = opened.portals.list_assistants(portal)
    if as_json:
        print_json(found)
        return
    columns = ("name", "email", "portal", "status", "context", "fallback_owner", "off_days")
    print_table(columns, ([row[c] for c in columns] for row in found))
