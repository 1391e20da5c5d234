"""`leadback queue …`: what waits, what is parked, and how to let it go on."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from leadback.base.words import many
from leadback.cli.options import AsJson, AtClock, Config, Database
from leadback.cli.output import ATTENTION, paused, print_fields, print_json, print_table, say
from leadback.wiring import open_app

SHOWN = 10
"""Values that no rule knows; the latest."""

app = typer.Typer(help="Events and effects that wait.", no_args_is_help=True)


@app.command()
def status(
    database: Database = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """How much waits where; exit 1 when something needs a person.

    Example: `leadback queue status --json`
    """
    with open_app(database=database, config=config, clock=clock) as opened:
        found = {**opened.queue.status(), "rules": opened.versions.status()}
    if as_json:
        print_json(found)
    else:
        print_fields({f"inbox {k}": v for k, v in found["inbox"].items()})
        print_fields({f"outbox {k}": v for k, v in found["outbox"].items()})
        print_fields({"oldest due, seconds": found["oldest_due_seconds"]})
        print_fields({f"rules {k}": found["rules"][k] for k in ("in_use", "since")})
        file = found["rules"]["file"]
        if file["state"] != "in use":
            say(f"rules file {file['path']}: {file['state']}, {many(file['errors'], 'error')}")
        for pause in found["paused"]:
            say(paused(pause))
        for user in found["users"]:
            say(f"assistant {user['assistant']} of {user['portal']}: {user['reason']}")
        _tell_unruled(found["unruled"])
    if needs_a_person(found):
        raise typer.Exit(ATTENTION)


def needs_a_person(found: Mapping[str, Any]) -> bool:
    """Whether the queue's status has something that does not go on by itself."""
    inbox, outbox = found["inbox"], found["outbox"]
    parked = ("quarantined", "undecided", "held_long", "unread")
    return bool(
        any(inbox[name] for name in parked)
        or outbox["failed"]
        or outbox["uncertain"]
        or found["unruled"]
        or any(pause["until"] is None for pause in found["paused"])
        or any(user["missing"] for user in found["users"])
    )


def _tell_unruled(rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        say(f"intents nobody has a rule for: {len(rows)}")
    for row in rows[:SHOWN]:
        say(f"  {row['id']}  {row['kind']}, {many(row['events'], 'event')}: {row['reason']}")
    if len(rows) > SHOWN:
        say(f"  … and {len(rows) - SHOWN} more; see --json")


@app.command("list")
def list_queue(
    quarantined: Annotated[bool, typer.Option(help="Events that were not understood.")] = False,
    undecided: Annotated[
        bool, typer.Option(help="Events and contacts that could not be understood or decided.")
    ] = False,
    held: Annotated[bool, typer.Option(help="Events of contacts that are no leads yet.")] = False,
    waiting: Annotated[
        bool, typer.Option(help="Leads whose next effect waits, and until when.")
    ] = False,
    status: Annotated[
        str | None, typer.Option(help="Effects: pending, leased, uncertain, failed, done.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """What waits or is parked, with the reason. Without options: all that needs a person.

    Example: `leadback queue list --status failed`
    """
    with open_app(database=database, config=config) as opened:
        rows = opened.queue.list(
            quarantined=quarantined,
            undecided=undecided,
            held=held,
            waiting=waiting,
            status=status,
            limit=limit,
        )
    if as_json:
        print_json(rows)
        return
    columns = ("id", "kind", "status", "lead", "at", "reason")
    print_table(columns, ([row.get(c) for c in columns] for row in rows))


@app.command()
def retry(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is parked.")] = False,
    database: Database = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """Try parked effects, and events and contacts that were not understood or decided, again.

    Example: `leadback queue retry --all`
    """
    if bool(ids) == everything:
        raise typer.BadParameter("give ids (see: leadback queue list) or --all")
    with open_app(database=database, config=config, clock=clock) as opened:
        outcome = opened.queue.retry(ids)
    if as_json:
        print_json(outcome)
    else:
        say(f"tried again: {outcome['retried']}, still not understood: {outcome['rejected']}")
    if outcome["rejected"] or outcome["unknown"]:
        raise typer.Exit(ATTENTION)


_Events = Annotated[list[str], typer.Argument(metavar="ID...", help="Of events.")]
_Dropped = Annotated[list[str], typer.Argument(metavar="ID...", help="Of events, or of values.")]


@app.command()
def drop(
    ids: _Dropped,
    reason: Annotated[str, typer.Option(help="Why; it goes on the audit trail.")],
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Delete events that were not understood, could not be decided, or are held; dismiss values
    that no rule knows.

    Example: `leadback queue drop event:acme:17 --reason "sent by a test"`
    """
    with open_app(database=database, config=config) as opened:
        outcome = opened.queue.drop(ids, reason)
    _tell(outcome, "dropped", as_json)


@app.command()
def keep(
    ids: _Events, database: Database = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Let events that are held go on waiting for their contact to become a lead.

    Example: `leadback queue keep event:acme:17`
    """
    with open_app(database=database, config=config) as opened:
        outcome = opened.queue.keep(ids)
    _tell(outcome, "kept", as_json)


def _tell(outcome: Mapping[str, Any], done: str, as_json: bool) -> None:
    if as_json:
        print_json(outcome)
    else:
        say(f"{done}: {outcome[done]}, not there any more: {outcome['unknown']}")
    if outcome["unknown"]:
        raise typer.Exit(ATTENTION)
