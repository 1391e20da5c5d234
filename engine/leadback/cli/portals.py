"""`leadback portal …`: connect a customer's CRM account, set it up, prove that it works."""

import shlex
from typing import Annotated

import typer

from leadback.base.words import many
from leadback.cli import connections
from leadback.cli.connections import Name
from leadback.cli.options import AsJson, Config, Database, RulesFile
from leadback.cli.output import ATTENTION, print_json, print_table, say
from leadback.service.sound import load
from leadback.wiring import open_app

app = typer.Typer(help="Customers' CRM accounts.", no_args_is_help=True)

app.command()(connections.connect)
app.command()(connections.disconnect)
app.command()(connections.rekey)


@app.command("set")
def set_settings(
    name: Name,
    settings: Annotated[
        list[str], typer.Argument(metavar="SETTING=VALUE...", help="SETTING= for the default.")
    ],
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Change a portal's own settings; they are proved by a call.

    Example: `leadback portal set acme budget_share=0.7`
    """
    changes: dict[str, object] = {}
    for given in settings:
        key, equals, value = given.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{given!r}: give SETTING=VALUE")
        changes[key] = _value(value)
    with open_app(database=database, config=config) as opened:
        portal = opened.portals.configure(name, changes)
    if as_json:
        print_json(portal)
    else:
        for key, value in sorted(portal["settings"].items()):
            say(f"{key} = {value}")
        say(f"{name} uses these settings from now on" if portal["settings"] else "all defaults")
        for notice in portal["notices"]:
            say(f"note: {notice}")


def _value(text: str) -> object:
    """A number where it looks like one, None for the default."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text or None


@app.command()
def setup(
    name: Name,
    apply: Annotated[bool, typer.Option("--apply", help="Do what the plan says.")] = False,
    plan_id: Annotated[
        str | None,
        typer.Option("--plan", metavar="ID", help="Apply only if it is still this plan."),
    ] = None,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Fields and options that the rules need in the portal: the plan, and with --apply the deed.

    By the rules in use, or by the file that --rules names.

    Example: `leadback portal setup acme --apply`
    """
    draft = None if rules is None else load(rules)
    with open_app(database=database, rules=rules, config=config) as opened:
        report = opened.portals.setup(name, apply=apply, plan_id=plan_id, rules=draft)
    if as_json:
        print_json(report)
    else:
        marks = {"planned": "+", "done": "✓", "needs_person": "!"}
        for step in report["steps"]:
            say(f"{marks[step['status']]} {step['what']}")
        for note in report["notes"]:
            say(f"  {note}")
        if not report["steps"]:
            say(f"{name} has everything that the rules need")
        elif not apply:
            changes = sum(step["status"] == "planned" for step in report["steps"])
            by = "" if rules is None else f" --rules {shlex.quote(str(rules))}"
            again = f"leadback portal setup {name}{by} --apply --plan {report['plan_id']}"
            say(f"{changes} to add or change, nothing was done; do exactly this with: {again}")
    if any(step["status"] == "needs_person" for step in report["steps"]):
        raise typer.Exit(ATTENTION)


@app.command()
def check(
    name: Name,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Prove against the live portal that every state's values can be written.

    By the rules in use, or by the file that --rules names.

    Example: `leadback portal check acme`
    """
    draft = None if rules is None else load(rules)
    with open_app(database=database, rules=rules, config=config) as opened:
        problems = opened.portals.check(name, rules=draft)
    if as_json:
        print_json(problems)
    else:
        for problem in problems:
            fix = f" — {problem['fix']}" if problem["fix"] else ""
            say(f"{problem['severity']}: {problem['message']}{fix}")
        if not any(problem["column"] for problem in problems):
            say(f"{name} can show every state")
    if any(problem["severity"] == "error" for problem in problems):
        raise typer.Exit(ATTENTION)


@app.command()
def reconcile(
    name: Name,
    apply: Annotated[bool, typer.Option("--apply", help="Repair what the plan names.")] = False,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compare every lead with the portal: fields, vanished contacts, notes, contacts to take over.

    Example: `leadback portal reconcile acme --apply`
    """
    with open_app(database=database, rules=rules, config=config) as opened:
        report = opened.reconcile.run(name, apply=apply)
    if as_json:
        print_json(report)
    else:
        for step in report["steps"]:
            say(f"{'✓' if apply else '+'} {step['contact']}: {step['what']} ({step['repair']})")
        unseen = report["differences"] - len(report["steps"])
        if unseen:
            say(f"… and {unseen:,} more")
        differences = many(report["differences"], "difference")
        say(f"compared {many(report['compared'], 'lead')}: {differences}")
        if report["steps"]:
            say(
                "repairs are on their way: leadback run"
                if apply
                else f"nothing was changed; do it with: leadback portal reconcile {name} --apply"
            )
    if report["steps"] and not apply:
        raise typer.Exit(ATTENTION)


@app.command()
def status(
    name: Name,
    database: Database = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """The integration status of every assistant of the portal, asked of the CRM now.

    Example: `leadback portal status acme`
    """
    with open_app(database=database, config=config) as opened:
        report = opened.portals.status(name)
    if as_json:
        print_json(report)
        return
    say(f"{name}: {report['status']}")
    columns = ("assistant", "status")
    print_table(columns, ([row[c] for c in columns] for row in report["assistants"]))
    for what in ("last_poll_at", "last_comparison_at", "last_webhook_at"):
        say(f"{what.replace('_', ' ')}: {report[what] or 'never'}")
    if not report["connected"]:
        say(f"not connected: {report['paused_because']}")
    elif report["paused_until"]:
        say(f"paused until {report['paused_until']}: {report['paused_because']}")
    for lane, one in report["budget"].items():
        calls = f"{one['used']} of {one['limit']} calls in {one['window_seconds']:g} s"
        say(f"budget {lane}: {calls}")


@app.command("list")
def list_portals(database: Database = None, config: Config = None, as_json: AsJson = False) -> None:
    """The connected portals.

    Example: `leadback portal list`
    """
    with open_app(database=database, config=config) as opened:
        found = opened.portals.list()
    if as_json:
        print_json(found)
        return
    columns = ("name", "crm", "account_id", "base_url")
    print_table(columns, ([row[c] for c in columns] for row in found))
