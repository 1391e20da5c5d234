"""`leadback audit`: who did what, and who came in."""

from typing import Annotated

import typer

from leadback.base.clock import parse_time
from leadback.base.errors import InputError
from leadback.cli.options import AsJson, Config, Database
from leadback.cli.output import print_json, print_table
from leadback.service.audit import KEPT
from leadback.wiring import open_app


def audit(
    log_ins: Annotated[
        bool, typer.Option("--log-ins", help="Log-ins and refused tries instead.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many entries.")] = KEPT,
    before: Annotated[
        int | None, typer.Option(metavar="ID", help="Older than this entry: the next page.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="ISO-TIME", help="Not older than this.")
    ] = None,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Who did what through which door, newest first; with --log-ins, who came in and who tried.

    Example: `leadback audit --since 2026-11-01T00:00:00Z`
    """
    try:
        instant = parse_time(since) if since else 0
    except ValueError as error:
        raise InputError(
            f"--since {since!r} cannot be read: {error}", fix="give e.g. 2026-11-01T00:00:00Z"
        ) from error
    with open_app(database=database, config=config) as opened:
        read = opened.audit.log_ins if log_ins else opened.audit.list
        entries = read(limit=limit, before=before, since=instant)
    if as_json:
        print_json(entries)
        return
    what = ("address",) if log_ins else ("door", "what", "subject")
    columns = ("id", "at", "who", *what, "outcome")
    print_table(columns, ([entry[c] for c in columns] for entry in entries))
