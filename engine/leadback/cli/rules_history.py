"""`leadback rules coverage`, `what-if`: rules against what really happened. Writes nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from leadback.base.clock import SystemClock
from leadback.base.words import many
from leadback.cli.options import AsJson, Config, Database, RulesFile
from leadback.cli.output import print_json, print_table, say
from leadback.service.coverage import covered, since
from leadback.service.replay import Progress as ReplayProgress
from leadback.service.replay import replayed
from leadback.service.rules import rules_file
from leadback.service.sound import load
from leadback.wiring import open_database


def coverage(
    since_: Annotated[
        str, typer.Option("--since", metavar="TIME", help="How far back, e.g. 30d or 12h.")
    ] = "30d",
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Rules that never fired, states never entered, events never seen.

    Example: `leadback rules coverage --since 30d`
    """
    model = load(rules_file(rules, config))
    start = since(since_, SystemClock().now())
    with open_database(database, config) as store, store.read() as tx:
        found = covered(model, tx, since=start)
    if as_json:
        print_json(found)
        return
    for rule in found["rules"]:
        say(f"{rule['at']} never fired: {rule['rule']}")
    for what in ("states", "events"):
        if found[what]:
            verb = "entered" if what == "states" else "seen"
            say(f"{what} never {verb}: {', '.join(found[what])}")
    say(
        f"of {len(model.rules)} rules, {len(model.states)} states and {len(model.events)} events, "
        f"{len(found['rules'])}, {len(found['states'])} and {len(found['events'])} never happened"
    )


def what_if(
    new: Annotated[Path, typer.Argument(help="The rules as they could be.")],
    since_: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only leads with a decision since, e.g. 90d."),
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="How many leads to list.")] = 20,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Replay the real history by other rules: who would end elsewhere, and what would be written.

    Example: `leadback rules what-if draft.yaml --since 90d`
    """
    before, after = load(rules_file(rules, config)), load(new)
    start = None if since_ is None else since(since_, SystemClock().now())
    began = time.monotonic()
    with open_database(database, config) as store, store.read() as tx, replaying() as progress:
        found = replayed(tx, before, after, since=start, progress=progress)
    found["seconds"] = round(time.monotonic() - began, 3)
    if as_json:
        print_json(found)
    else:
        show_replay(found, show, f" in {found['seconds']:.1f} s")


@contextmanager
def replaying() -> Iterator[ReplayProgress]:
    """A bar on the terminal, fed by a replay; nothing where nobody looks."""
    console = Console(stderr=True)
    with Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("replaying")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show_replay(found: dict[str, Any], most: int, took: str = "") -> None:
    """The report of a replay, with at most so many leads one by one."""
    elsewhere, handbacks = found["elsewhere"], found["handbacks"]
    columns = ("lead", "old", "new", "event", "at", "new_rule")
    if elsewhere and most:
        print_table(columns, ([one[c] for c in columns] for one in elsewhere[:most]))
        say("")
    say(f"{many(found['events'], 'event')} of {many(found['leads'], 'lead')}{took}")
    say(f"{many(len(elsewhere), 'lead')} would end elsewhere")
    for kind, count in found["writes"].items():
        if count["old"] != count["new"]:
            say(f"{kind}: {count['new']:,} instead of {count['old']:,}")
    say(f"{many(len(handbacks), 'lead')} would be handed back more or less often")
    for event, count in found["unknown_events"].items():
        say(f"{event}: {many(count, 'event')} that the new rules do not know")
    if found["without_beginning"]:
        say(f"left out: {many(found['without_beginning'], 'lead')} whose beginning is not kept")
    cost = found["cost"]
    say(
        f"to bring the CRM there: {many(cost['contacts'], 'contact')} and "
        f"{many(cost['handbacks'], 'handback')}, {many(cost['api_calls'], 'call')}, "
        f"{cost['minutes']} minutes"
    )
