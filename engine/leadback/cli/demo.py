"""`leadback demo`: a HubSpot sandbox, the recorded day, and what HubSpot shows afterwards."""

import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from leadback.base.clock import SystemClock, format_time, parse_time
from leadback.base.shipped import RECORDED_DAY
from leadback.cli.demo_day import Day
from leadback.cli.demo_portal import DemoPortals, sandbox_process
from leadback.cli.demo_report import compare
from leadback.cli.options import AsJson
from leadback.cli.output import ATTENTION, print_json, print_table, say
from leadback.cli.serving import (
    Listening,
    doors_of,
    listen,
    require_pages,
    served,
    stopping,
    terminable,
)
from leadback.wiring import App

SHOWN_STATES = ("Hot", "LeadAtRisk", "UnSubscribed", "Warm")
FIELDS = ("hs_lead_status", "lead_connection_status", "hubspot_owner_id")


def demo(
    serve: Annotated[
        bool, typer.Option("--serve", help="Leave the pages and the local HubSpot open to look at.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the pages with --serve; 0 takes a free one.")
    ] = 8080,
    folder: Annotated[
        Path, typer.Option("--day", exists=True, file_okay=False, hidden=True)
    ] = RECORDED_DAY,
    as_json: AsJson = False,
) -> None:
    """Play a recorded day against a local HubSpot and compare every contact with the rules.

    Needs no account, no network and no settings, and leaves nothing behind.

    Example: `leadback demo --serve`
    """
    if serve:
        require_pages("demo --serve")
    started = time.monotonic()
    with (
        terminable(),
        tempfile.TemporaryDirectory(prefix="leadback-demo-") as scratch,
        sandbox_process() as portals,
        listen("127.0.0.1", port) if serve else nullcontext() as listening,
    ):
        day = Day(portals, folder, Path(scratch) / "demo.db")
        with day.opened() as app:
            before = {name: portals.dump(name) for name in day.names}
            with Progress(
                console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True
            ) as bar:
                task = bar.add_task("playing the recorded day", total=len(day.steps))
                day.play(app, lambda done, total: bar.update(task, completed=done, total=total))
            report = _report(app, day, portals, before, time.monotonic() - started)
        if listening is None:
            _tell(report, {}, as_json)
        else:
            _leave_open(day, report, listening, as_json)
    if report["differences"]:
        raise typer.Exit(ATTENTION)


def _leave_open(day: Day, report: dict[str, Any], listening: Listening, as_json: bool) -> None:
    """Pages, webhooks and a worker go on until somebody ends it."""
    with day.going_on(listening.url) as app, stopping() as stop:
        door, first = doors_of(app, "127.0.0.1", portals_clock=SystemClock())
        with served(app, door, listening.socket, stop, worker=True):
            links = {
                "url": f"{listening.url}/",
                "first": f"{listening.url}{first}",
                "sandbox": f"{day.portals.url}/",
            }
            _tell(report, links, as_json)
            stop.wait()


def _tell(report: dict[str, Any], links: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json({**report, **links})
    else:
        _print(report)
    if links and not as_json:
        say("")
        say(f"The pages: {links['url']} Make yourself a login, once: {links['first']}")
        say(f"The local HubSpot: {links['sandbox']}")
        say("Time goes on from the day's end. Ctrl-C ends both.")


def _report(
    app: App, day: Day, portals: DemoPortals, before: dict[str, Any], seconds: float
) -> dict[str, Any]:
    after = {name: portals.dump(name) for name in day.names}
    comparisons = [compare(app, name, after[name]) for name in day.names]
    calls = sum(portals.stats(name)["total"] for name in day.names)
    leads = app.leads.list(limit=100_000)
    with app.store.read() as tx:
        naive = sum(tx.outbox.count_done(name) for name in day.names)
        verdicts = Counter(
            entry.what
            for lead in leads
            for entry in tx.ledger.of_lead(lead["portal"], lead["id"].partition("/")[2])
            if entry.by == "leadback"
        )
    return {
        "events": {
            "accepted": day.added.accepted,
            "duplicate": day.added.duplicate,
            "rejected": day.added.rejected,
        },
        "leads": len(leads),
        "leads_by_state": dict(Counter(lead["state"] for lead in leads).most_common()),
        "notes": sum(len(dump["notes"]) for dump in after.values()),
        "emails": sum(len(dump["emails"]) for dump in after.values()),
        "tasks": sum(len(dump["tasks"]) for dump in after.values()),
        "handbacks": dict(verdicts.most_common()),
        "api_calls": calls,
        "api_calls_one_per_change": naive,
        "contacts": [
            _contact(lead, before[lead["portal"]], after[lead["portal"]])
            for lead in _examples(leads)
        ],
        "compared": sum(c.compared for c in comparisons),
        "differences": [line for c in comparisons for line in c.differences],
        "simulated_days": round((app.clock.now() - day.steps[0].at_ms) / 86_400_000, 1),
        "seconds": round(seconds, 1),
    }


def _examples(leads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One lead per telling state, the same ones every time."""
    there = sorted((lead for lead in leads if not lead["ended"]), key=lambda lead: lead["id"])
    firsts = (next((x for x in there if x["state"] == s), None) for s in SHOWN_STATES)
    return [lead for lead in firsts if lead is not None]


def _contact(lead: dict[str, Any], before: Any, after: Any) -> dict[str, Any]:
    crm_id = lead["crm_id"]
    record = after["contacts"][crm_id]
    timeline = [
        (entry["properties"]["hs_timestamp"], kind.rstrip("s"), _headline(entry["properties"]))
        for kind in ("notes", "emails", "tasks")
        for entry in (after[kind][id_] for id_ in record[kind])
    ]
    return {
        "id": lead["id"],
        "name": lead["name"],
        "state": lead["state"],
        "before": _shown(before["contacts"][crm_id], before["owners"]),
        "after": _shown(record, after["owners"]),
        "timeline": [
            {"at": format_time(parse_time(at)), "kind": kind, "text": text}
            for at, kind, text in sorted(timeline)
        ],
    }


def _shown(record: Any, owners: Any) -> dict[str, Any]:
    values = {name: record["properties"].get(name) or None for name in FIELDS}
    owner = owners.get(values.pop("hubspot_owner_id") or "")
    return {**values, "owner": owner["email"] if owner else None}


def _headline(properties: dict[str, str]) -> str:
    for name in ("hs_email_subject", "hs_task_subject", "hs_note_body"):
        if properties.get(name):
            arrow = "← " if properties.get("hs_email_direction") == "INCOMING_EMAIL" else ""
            return arrow + properties[name].split("<br")[0].split("</p>")[0].removeprefix("<p>")
    return ""


def _print(report: dict[str, Any]) -> None:
    events = report["events"]
    say(
        f"Played {report['simulated_days']} days: {events['accepted']} events accepted, "
        f"{events['duplicate']} duplicates dropped, {events['rejected']} lines quarantined."
    )
    say("")
    print_table(("state", "leads"), report["leads_by_state"].items())
    for contact in report["contacts"]:
        say("")
        say(f"{contact['name']}, {contact['id']}, now {contact['state']}")
        rows = [(f, contact["before"][f], contact["after"][f]) for f in contact["after"]]
        print_table(("in HubSpot", "before", "after"), rows)
        for entry in contact["timeline"][-6:]:
            say(f"  {entry['at']}  {entry['kind']:5}  {entry['text'][:90]}")
    say("")
    handbacks = ", ".join(f"{count} {what}" for what, count in report["handbacks"].items())
    say(
        f"In HubSpot: {report['notes']} notes, {report['emails']} emails, {report['tasks']} tasks; "
        f"handbacks: {handbacks}."
    )
    say(
        f"API calls: {report['api_calls']} "
        f"(one call per change would be {report['api_calls_one_per_change']}). "
        f"Time: {report['seconds']} s."
    )
    if not report["differences"]:
        say(f"Compared {report['compared']} contacts with what the rules demand: all agree.")
        return
    say(f"Compared {report['compared']} contacts; {len(report['differences'])} differences:")
    for line in report["differences"][:20]:
        say(f"  {line}")
