"""`leadback portal connect · disconnect · rekey` and `leadback keys`: what opens the portals."""

import sys
from typing import Annotated

import typer

from leadback.base.errors import InputError
from leadback.base.vault import KEYS, new_key
from leadback.cli.consent import wait_for_consent
from leadback.cli.options import AsJson, Config, Database
from leadback.cli.output import complain, print_json, say
from leadback.service.connections import Wanted
from leadback.service.reach import MAX_TOKEN
from leadback.wiring import open_app

keys = typer.Typer(help="Keys that stored tokens are encrypted with.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Your name for the portal.")]


def connect(
    name: Name,
    token_env: Annotated[
        str | None,
        typer.Option(metavar="VARIABLE", help="Environment variable with the access token."),
    ] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token here, and keep it encrypted.")
    ] = False,
    oauth: Annotated[
        bool, typer.Option("--oauth", help="By the consent of an admin of the account.")
    ] = False,
    redirect_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of http://localhost:PORT/oauth/return.")
    ] = 8910,
    crm: Annotated[str, typer.Option(help="The plugin.")] = "hubspot",
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="The CRM's API.")] = None,
    webhook_secret_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="Environment variable with the secret.")
    ] = None,
    fallback_owner: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Takes contacts nobody else can.")
    ] = None,
    api_version: Annotated[str | None, typer.Option(help="The CRM's API version.")] = None,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Connect a portal (or change its connection); proves that the token works.

    One of --token-env, --token-stdin and --oauth. One connection serves all assistants.

    Example: `leadback portal connect acme --crm hubspot --token-env HUBSPOT_TOKEN`
    """
    if [token_env is not None, token_stdin, oauth].count(True) != 1:
        raise typer.BadParameter(
            "give one of --token-env VARIABLE, --token-stdin, --oauth", param_hint="connect"
        )
    wanted = Wanted(name, crm, base_url, webhook_secret_env, fallback_owner, api_version)
    with open_app(database=database, config=config) as opened:
        if oauth:
            portal = wait_for_consent(opened.connections, wanted, redirect_port)
        elif token_stdin:
            portal = opened.connections.connect(wanted, token=_given_token())
        else:
            portal = opened.connections.connect(wanted, token_env=token_env)
    if as_json:
        print_json(portal)
    else:
        say(f"connected {name}: {crm} account {portal['account_id']} at {portal['base_url']}")
        for notice in portal["notices"]:
            say(f"note: {notice}")
        say(f"next: leadback portal setup {name} --apply")


def disconnect(name: Name, database: Database = None, config: Config = None) -> None:
    """Forget what opens a portal. Leads and what waits for it stay, until it is connected again.

    Example: `leadback portal disconnect acme`
    """
    with open_app(database=database, config=config) as opened:
        opened.connections.disconnect(name)
    say(f"disconnected {name}; nothing is sent to it: leadback portal connect {name} goes on")


def rekey(database: Database = None, config: Config = None) -> None:
    """Encrypt all stored tokens with the first key: the last step before an old key is removed.

    Example: `leadback portal rekey`
    """
    with open_app(database=database, config=config) as opened:
        done = opened.connections.rekey()
    say(f"encrypted the tokens of {done} portals with the first key of {KEYS}")


@keys.command("new")
def make_key() -> None:
    """Print a new key. Several keys, separated by spaces, are a rotation: the first encrypts.

    Example: `export LEADBACK_SECRET_KEYS="$(leadback keys new)"`
    """
    say(new_key())
    complain(f"put it into {KEYS}, and keep a copy: without it stored tokens cannot be read")


def _given_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Access token", hide_input=True))
    given = sys.stdin.read(MAX_TOKEN + 2)
    if not given.strip():
        raise InputError("there is no token on standard input", fix="pipe it in: … < token.txt")
    return given
