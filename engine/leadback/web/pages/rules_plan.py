"""What other rules would do to the leads that there are, before they take over."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from leadback.base.words import many
from leadback.web.pages.desk import View
from leadback.web.pages.parts import Column, empty, facts, note, records, text

REPLAYED_DAYS = 30

_DIFFERENCES = (
    Column("what", "What"),
    Column("where", "Where"),
    Column("when", "For which leads", wide=True),
    Column("old", "Now"),
    Column("new", "Then"),
    Column("leads", "Leads", "number"),
)
_FINDINGS = (
    Column("severity", "", "chip"),
    Column("line", "Line", "number"),
    Column("message", "What"),
    Column("fix", "What to do"),
)


def draw_plan(view: View, plan: Mapping[str, Any], draft: str) -> None:
    """Into the dialog that stands open. draft: the text that the plan is for."""
    with ui.element("div").classes("lb-scroll").style("max-height: 55vh"):
        if plan["differences"]:
            records(_DIFFERENCES, _differences(plan), label="Differences")
        else:
            empty("It decides and shows the same as the rules in use.")
        text("What it costs", tag="h2").classes("lb-gap")
        facts(_cost(plan))
        for one in plan["portals"]:
            _portal(one)
        result = ui.element("div").props('role=region aria-label="Replay"')
    if plan["replaces"]:
        note(f"Version {plan['replaces']['version']}, which is scheduled, is dropped.", "warn")

    async def replay() -> None:
        found = await view.ask(view.desk.rulebook.what_if, draft, days=REPLAYED_DAYS)
        result.clear()
        if found is not None:
            with result:
                _replayed(found)

    words = f"What if it had been in use? Replay the last {REPLAYED_DAYS} days"
    ui.button(words, on_click=replay).props("outline dense")


def draw_findings(found: list[dict[str, Any]]) -> None:
    """What stands in the way."""
    rows = [{**f, "id": n, "severity_kind": f["severity"]} for n, f in enumerate(found)]
    with ui.element("div").classes("lb-scroll").style("max-height: 55vh"):
        records(_FINDINGS, rows, label="Findings")


def _differences(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            **one,
            "id": number,
            "where": ", ".join(part for part in (one["state"], one["event"]) if part),
            "old": one["old"] or "nothing",
            "new": one["new"] or "nothing",
        }
        for number, one in enumerate(plan["differences"])
    ]


def _cost(plan: Mapping[str, Any]) -> dict[str, object]:
    cost = plan["rewrites"]
    moved = [f"{one['leads']:,} from {one['state']} to {one['to']}" for one in plan["migrate"]]
    return {
        "Contacts written again": f"{cost['contacts']:,}",
        "API calls": f"{cost['api_calls']:,}, {cost['minutes']} minutes at the least",
        "Leads that move": "; ".join(moved) or "none",
        "Timers set anew": many(plan["timers"], "lead"),
    }


def _portal(one: Mapping[str, Any]) -> None:
    if "unreachable" in one:
        kind = "bad" if one["hinders"] else "warn"
        note(f"Portal {one['portal']} was not asked: {one['unreachable']}", kind)
    for problem in one["problems"]:
        if problem["severity"] == "error" or not problem["state"]:
            kind = "bad" if problem["severity"] == "error" else "warn"
            note(f"Portal {one['portal']}: {problem['message']}. To do: {problem['fix']}", kind)


def _replayed(found: Mapping[str, Any]) -> None:
    cost = found["cost"]
    facts(
        {
            "Replayed": f"{many(found['events'], 'event')} of {many(found['leads'], 'lead')}",
            "Leads that would be elsewhere": f"{len(found['elsewhere']):,}",
            "Handed back more or less often": f"{len(found['handbacks']):,}",
            "Effects": ", ".join(
                f"{kind} {count['new']:,} instead of {count['old']:,}"
                for kind, count in found["writes"].items()
                if count["new"] != count["old"]
            )
            or "the same",
            "To bring the CRM there": (
                f"{many(cost['contacts'], 'contact')}, {many(cost['api_calls'], 'call')}"
            ),
        }
    )
    if found["elsewhere"]:
        columns = (Column("lead", "Lead", "link"), Column("old", "Now"), Column("new", "Then"))
        rows = [
            {**o, "id": o["lead"], "lead_href": f"lead/{o['lead']}"} for o in found["elsewhere"]
        ]
        records(columns, rows[:100], label="Leads that would be elsewhere")
