"""`leadback lead …` and `leadback mark`: see leads, ask why, act by hand."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from leadback.base.errors import LeadbackError
from leadback.cli.lazy import new_app
from leadback.cli.options import AsJson, AtClock, Config, Database, RulesFile
from leadback.cli.output import ATTENTION, data_out, print_fields, print_json, print_table, say
from leadback.lead.machine import LeadMachine
from leadback.service.actions import actions_of
from leadback.service.leads import came_through
from leadback.service.ledger import write_csv
from leadback.wiring import open_app, rules_of_settings

app = typer.Typer(help="Leads.", no_args_is_help=True)

LeadName = Annotated[str, typer.Argument(metavar="LEAD", help="PORTAL/CRM-ID or PORTAL/EMAIL.")]


@app.command("list")
def list_leads(
    state: Annotated[str | None, typer.Option(help="Only leads in this state.")] = None,
    portal: Annotated[str | None, typer.Option(help="Only leads of this portal.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Leads, those that changed last first.

    Example: `leadback lead list --state Hot --json`
    """
    with open_app(database=database, rules=rules, config=config) as opened:
        found = opened.leads.list(portal=portal, state=state, limit=limit)
    if as_json:
        print_json(found)
        return
    columns = ("id", "email", "state", "sub_state", "assistant", "owner", "updated_at")
    print_table(columns, ([lead[c] for c in columns] for lead in found))


@app.command()
def show(
    lead: LeadName,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """One lead with its history and its effects.

    Example: `leadback lead show acme/501`
    """
    with open_app(database=database, rules=rules, config=config) as opened:
        found = opened.leads.show(lead)
    if as_json:
        print_json(found)
        return
    counted = ", ".join(f"{name} {count}" for name, count in found["counters"].items())
    shown = {k: v for k, v in found.items() if not isinstance(v, list)}
    print_fields({**shown, "counters": counted})
    _table(found["history"], ("at", "event", "from", "to", "rule", "via"), "history")
    _table(found["effects"], ("kind", "status", "attempts", "created_at", "reason"), "effects")
    _table(found["owners"], ("at", "owner", "verdict", "why"), "owners")


@app.command()
def why(
    lead: LeadName,
    event: Annotated[
        str | None, typer.Option(help="What this event would do now, and why (not).")
    ] = None,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """The rule behind every step of a lead, and the values that it read.

    Example: `leadback lead why acme/501 --event email_opened`
    """
    with open_app(database=database, rules=rules, config=config, clock=clock) as opened:
        steps = opened.leads.why(lead, event)
    if as_json:
        print_json(steps)
        return
    for step in steps:
        say(_sentence(step))


@app.command()
def owners(
    lead: Annotated[
        str | None, typer.Argument(metavar="[LEAD]", help="PORTAL/CRM-ID or PORTAL/EMAIL.")
    ] = None,
    portal: Annotated[str | None, typer.Option(help="All leads of this portal.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Who held a lead, when, and why; of one lead, or of all leads of a portal.

    Example: `leadback lead owners acme/501`, `leadback lead owners --portal acme --csv`
    """
    if (lead is None) == (portal is None):
        raise typer.BadParameter("give a lead, or --portal NAME for all of its leads")
    with open_app(database=database, rules=rules, config=config) as opened:
        if as_csv:
            rows = opened.ledger.of_lead(lead) if lead else opened.ledger.of_portal(portal or "")
            with data_out() as file:
                write_csv(rows, file)
            return
        columns: tuple[str, ...] = ("at", "owner", "verdict", "why")
        if lead is not None:
            found = opened.leads.show(lead)["owners"]
        else:
            found = list(opened.ledger.of_portal(portal or ""))
            columns = ("contact", "at", "owner_after", "what", "why")
    if as_json:
        print_json(found)
    else:
        print_table(columns, ([row[c] for c in columns] for row in found))


def mark(
    lead: LeadName,
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="What to do, as the rules in use call it.")
    ],
    database: Database = None,
    rules: RulesFile = None,
    config: Config = None,
    clock: AtClock = None,
    as_json: AsJson = False,
) -> None:
    """A person's action on a lead. A refusal says why, and the exit code is 1.

    Example: `leadback mark acme/501 hot`
    """
    with open_app(database=database, rules=rules, config=config, clock=clock) as opened:
        done = opened.leads.mark(lead, action)
    if as_json:
        print_json(done)
    else:
        say(_sentence(done))
    if done["result"] == "refused":
        raise typer.Exit(ATTENTION)


class _Mark(TyperCommand):
    """Its --help names the actions, which are the rules'."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.help = f"{self.help}\n\n{_actions_said()}"
        super().format_help(ctx, formatter)


def _actions_said() -> str:
    """What ACTION can be, by the rules of the settings: those in use, or the file's."""
    try:
        found = actions_of(LeadMachine(rules_of_settings()))
    except LeadbackError:
        return "The rules in use say which actions there are."
    return "ACTION: " + "; ".join(f"{one.name} ({one.label})" for one in found)


_shell = new_app()
_shell.command("mark", cls=_Mark)(mark)
mark_command = typer.main.get_command(_shell)


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...], title: str) -> None:
    if rows:
        say("")
        print_table(columns, ([row.get(c) for c in columns] for row in rows), title=title)


def _sentence(step: dict[str, Any]) -> str:
    reads = ", ".join(f"{k} = {v}" for k, v in step["reads"].items())
    parts = [
        f"{step['at']}  {step['event']}: {step['from'] or '(no lead)'} → {step['to']}"
        f" ({step['result']})",
        f"rule {step['rule']} at {step['rule_at']}" if step["rule"] else "",
        f"read {reads}" if reads else "",
        step["because"],
        step.get("unreadable", ""),
        f"through {came_through(step)}" if "via" in step else "",
        *step.get("needed", []),
    ]
    return "\n    ".join(part for part in parts if part)
