"""`leadback rules apply`, `rollback`, `versions`: which rules are in use."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from leadback.base.clock import parse_time
from leadback.base.errors import InputError
from leadback.base.words import many
from leadback.cli.options import AsJson, AtClock, Config, Database, RulesFile
from leadback.cli.output import (
    ATTENTION,
    complain,
    difference,
    print_json,
    print_table,
    print_text,
    say,
)
from leadback.cli.rules_history import replaying, show_replay
from leadback.service.coverage import since
from leadback.service.replay import WhatIf
from leadback.wiring import App, open_app

LISTED = 20
"""Leads of a replay that are listed one by one; `rules what-if` lists more."""

Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
SetUp = Annotated[
    bool, typer.Option("--setup", help="First set up the portals that cannot show these rules.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Also if a portal cannot show them, or cannot be asked.")
]
Move = Annotated[
    list[str] | None,
    typer.Option("--move", metavar="OLD=NEW", help="Where leads of a state go that is gone."),
]


def apply(
    new: Annotated[Path, typer.Argument(help="The rules as they are to be.")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="ISO-TIME", help="Take over at this instant.")
    ] = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Also replay the real history by NEW.")
    ] = False,
    since_: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="--what-if only for leads of late, e.g. 90d."),
    ] = None,
    setup: SetUp = False,
    force: Force = False,
    yes: Yes = False,
    move: Move = None,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """Show what NEW would change for the leads there are, ask, and have it in use everywhere.

    Example: `leadback rules apply draft.yaml --at 2026-11-27T08:00:00Z`
    """
    text, moves, instant = _text(new), _moves(move), None if at is None else _instant(at)
    if since_ is not None and not what_if:
        raise InputError("--since is about the replay", fix="add --what-if")
    with open_app(database=database, rules=rules, config=config, clock=clock) as opened:
        start = None if since_ is None else since(since_, opened.clock.now())
        with replaying() if what_if else nullcontext() as progress:
            wish = WhatIf(start, progress) if progress is not None else None
            plan = opened.versions.plan(text, moves=moves, at=instant, what_if=wish, file=str(new))
        if not as_json:
            _show(plan)
        if not plan["ready"] or not (force or setup or _can_show(plan)):
            if as_json:
                print_json({"plan": plan, "done": None})
            raise typer.Exit(ATTENTION)
        _agree(yes, "Apply?")
        prepared = _prepare(opened, plan, text, as_json) if setup else []
        done = opened.versions.apply(
            text, expected=plan["expected"], at=instant, moves=moves, file=str(new), force=force
        )
    if as_json:
        print_json({"plan": plan, "setup": prepared, "done": done})
    else:
        say(f"{done['version']} {done['what']} at {done['at']}{_concerned(done['leads'])}")


def rollback(
    version: Annotated[
        str | None, typer.Argument(help="A version that was in use; default: the one before.")
    ] = None,
    scheduled: Annotated[
        bool, typer.Option("--scheduled", help="Only drop the version that is scheduled.")
    ] = False,
    setup: SetUp = False,
    force: Force = False,
    yes: Yes = False,
    move: Move = None,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """Go back to rules that were in use, or drop what is scheduled.

    Example: `leadback rules rollback --yes`
    """
    moves = _moves(move)
    with open_app(database=database, rules=rules, config=config, clock=clock) as opened:
        if scheduled:
            _agree(yes, "Drop what is scheduled?")
            done = opened.versions.cancel()
        else:
            _agree(yes, f"Go back to {version or 'the version before'}?")
            if setup:
                text = opened.versions.text(opened.versions.before(version))
                _prepare(opened, opened.versions.plan(text, moves=moves), text, as_json)
            done = opened.versions.rollback(version, moves=moves, force=force)
    if as_json:
        print_json(done)
    else:
        say(f"{done['version']} {done['what']}{_concerned(done['leads'])}")


def versions(
    show: Annotated[
        str | None, typer.Option("--show", metavar="VERSION", help="The file of one version.")
    ] = None,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Which rules are in use and were, who said so and when, and what is scheduled.

    Example: `leadback rules versions`
    """
    with open_app(database=database, rules=rules, config=config) as opened:
        if show is not None:
            print_text(opened.versions.text(show))
            return
        log, status = opened.versions.versions(), opened.versions.status()
    if as_json:
        print_json({**status, "log": log})
        return
    columns = ("at", "what", "version", "due_at", "who", "door", "file")
    print_table(columns, ([one[c] for c in columns] for one in log))
    say(f"in use: {status['in_use']}")
    if status["scheduled"]:
        say(f"scheduled: {status['scheduled']['version']} at {status['scheduled']['at']}")
    file = status["file"]
    if file["state"] != "in use":
        what = f"has {many(file['errors'], 'error')}" if file["errors"] else "is not what is in use"
        complain(f"{file['path']} {what}: leadback rules check, then leadback rules apply")
        raise typer.Exit(ATTENTION if file["errors"] else 0)


def shadow(
    new: Annotated[
        Path | None, typer.Argument(help="Rules to watch by; none: list what was found.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Stop watching.")] = False,
    show: Annotated[int, typer.Option(min=0, help="How many to list.")] = 50,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """Let NEW decide beside the rules in use, on live events, without writing.

    Example: `leadback rules shadow draft.yaml`
    """
    with open_app(database=database, rules=rules, config=config, clock=clock) as opened:
        if off:
            opened.shadow.unwatch()
        elif new is not None:
            opened.shadow.watch(_text(new), file=str(new))
        found = opened.shadow.found(limit=show)
    if as_json:
        print_json(found)
        return
    columns = ("at", "lead", "event", "in_use", "shadow")
    if found["disagreements"]:
        print_table(columns, ([one[c] for c in columns] for one in found["disagreements"]))
    elif found["version"]:
        say("no disagreement so far")
    say(f"{found['version']} watches since {found['since']}" if found["version"] else "off")


def _concerned(leads: int) -> str:
    return f"; it concerns {many(leads, 'lead')}" if leads else ""


def _show(plan: dict[str, Any]) -> None:
    for one in plan["findings"]:
        place = f"{one['file']}:{one['line']}:{one['column']}"
        say(f"{place} {one['code']} {one['message']} — {one['fix']}")
    if "version" not in plan:
        return
    if plan["same"]:
        say(f"version {plan['version']} is in use already")
        return
    for one in plan["differences"]:
        say(difference(one))
    for one in plan["migrate"]:
        say(f"from {one['state']} to {one['to']}: {many(one['leads'], 'lead')}")
    _show_leads(plan)
    _show_portals(plan["portals"])
    if plan["replaces"]:
        say(f"instead of {plan['replaces']['version']}, which is scheduled")


def _show_leads(plan: dict[str, Any]) -> None:
    cost, at_once = plan["rewrites"], plan["at_once"]
    say(f"to write again: {many(cost['contacts'], 'contact')}, {cost['minutes']} minutes")
    if at_once["handbacks"]:
        say(f"to hand back at once: {many(at_once['handbacks'], 'contact')}")
    if plan["timers"]:
        say(
            f"timers set anew: {many(plan['timers'], 'lead')}; "
            f"{at_once['timers']:,} of them fire at once"
        )
    if plan["what_if"] is not None:
        say("had these rules always been in use:")
        show_replay(plan["what_if"], LISTED)


def _show_portals(portals: list[dict[str, Any]]) -> None:
    for one in portals:
        for problem in one["problems"]:
            what = f"{problem['severity']}: {problem['message']} — {problem['fix']}"
            say(f"portal {one['portal']}: {what}")
        if "unreachable" in one:
            say(f"portal {one['portal']} was not asked: {one['unreachable']}")


def _can_show(plan: dict[str, Any]) -> bool:
    """Says which portals stand in the way."""
    for one in plan["hindered"]:
        complain(f"portal {one['portal']} cannot show these rules: {one['why']}")
    if plan["hindered"]:
        complain("nothing was changed; set them up first: --setup; or go on all the same: --force")
    return not plan["hindered"]


def _prepare(opened: App, plan: dict[str, Any], text: str, as_json: bool) -> list[Any]:
    """Set up the portals that stand in the way, and say what was done."""
    reports = opened.portals.prepare(plan["hindered"], text)
    for report in reports if not as_json else ():
        for step in report.get("steps", ()):
            mark = "✓" if step["status"] == "done" else "!"
            say(f"{mark} portal {report['portal']}: {step['what']}")
        if "trouble" in report:
            complain(f"portal {report['portal']} was not set up: {report['trouble']}")
    return reports


def _agree(yes: bool, question: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("nobody was there to agree", fix="look at the plan, then add --yes")
    typer.confirm(question, abort=True, err=True)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the file cannot be read: {error}", where=str(file)) from error


def _instant(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise InputError(
            f"--at {text!r} cannot be read: {error}", fix="give e.g. 2026-11-27T08:00:00Z"
        ) from error


def _moves(given: list[str] | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in given or ()]
    odd = next((one for one in pairs if not one[0] or not one[2]), None)
    if odd is not None:
        raise InputError(f"--move {''.join(odd)} cannot be read", fix="write --move OLD=NEW")
    return {old: new for old, _, new in pairs}
