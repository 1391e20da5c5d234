"""A lead: what happened, why, what was told to the CRM, who held it, and what can be done now."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from nicegui import events, ui

from leadback.base.names import checked_name
from leadback.service.actions import Action
from leadback.service.leads import came_through
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.dialogs import confirm
from leadback.web.pages.frame import LONG, keep_fresh, page
from leadback.web.pages.leads import named
from leadback.web.pages.parts import Column, card, chip, empty, facts, moment, note, records, text

_EFFECTS = (
    Column("created_at", "Ordered", "time"),
    Column("kind", "Effect"),
    Column("status", "Status", "chip"),
    Column("says", "Says"),
    Column("actions", "", "actions"),
)
_OWNERS = (
    Column("at", "When", "time"),
    Column("owner_before", "From"),
    Column("owner", "To"),
    Column("verdict", "What"),
    Column("why", "Why", wide=True),
)
SHOWN = 200
LONGEST = 300


class _Lead:
    """One lead on one open page."""

    def __init__(self, view: View, name: str) -> None:
        self._view, self._name = view, name
        self._lead: Mapping[str, Any] = {}
        self._event = ""
        self._answer: dict[str, Any] | None = None

    async def draw(self) -> None:
        """What people press and type in is drawn once; what tells of the lead, again and again."""
        lead = await self._view.ask(self._view.desk.app.leads.show, self._name)
        if lead is None:
            with card():
                empty(f"There is no lead {self._name}.")
            return
        self._lead = lead
        url = await self._view.ask(self._view.desk.browse.crm_url, self._name)
        with ui.element("div").classes("lb-head"):
            self._head()
            ui.element("span").classes("lb-grow")
            if url and urlsplit(url).scheme in ("http", "https"):
                ui.link("Open in the CRM", url, new_tab=True)
            if self._view.may("operator"):
                self._actions()
        with ui.element("div").classes("lb-two"):
            with ui.element("div"):
                self._past()
            with ui.element("div"):
                self._facts()
                self._why()
                self._owners()

    async def again(self) -> None:
        lead = await self._view.look(self._view.desk.app.leads.show, self._name)
        if lead is None or not self._lead:
            return
        self._lead = lead
        for part in (self._head, self._past, self._facts, self._owners):
            part.refresh()

    @ui.refreshable_method
    def _head(self) -> None:
        lead, states = self._lead, self._view.desk.app.rules.now().rules.states
        work = states[lead["state"]].work.value if lead["state"] in states else ""
        text(lead["name"] or lead["email"] or lead["id"], tag="h1")
        chip(lead["state"], work)
        if lead["sub_state"]:
            chip(lead["sub_state"])

    @ui.refreshable_method
    def _past(self) -> None:
        self._timeline(self._lead)
        self._effects(self._lead)

    def _actions(self) -> None:
        with ui.dropdown_button("Actions", auto_close=True).props("dense color=primary"):
            for action in self._view.desk.app.leads.actions():
                ui.item(action.label, on_click=lambda a=action: self._act(a)).props("role=menuitem")

    async def _act(self, action: Action) -> None:
        async def go() -> bool:
            done = await self._view.run(
                "operator", self._view.desk.app.leads.mark, self._name, action.name
            )
            if done is None:
                return False
            refused = done["result"] == "refused"
            words = done["because"] if refused else f"{done['from']} → {done['to']}"
            self._view.say(f"{'Refused' if refused else 'Done'}: {words}", bad=refused)
            await self.again()
            return True

        if action.final:
            explanation = f"The lead may come to {action.final}, and never leaves it."
            confirm(self._view, f"{action.label}?", explanation, action.label, go)
        else:
            await go()

    # ------------------------------------------------------------------ what happened

    def _timeline(self, lead: Mapping[str, Any]) -> None:
        steps = lead["history"]
        with card():
            text("What happened", tag="h2")
            if len(steps) > SHOWN:
                note(f"The last {SHOWN} of {len(steps)} events.")
            with ui.element("ol").classes("lb-time"):
                for step in reversed(steps[-SHOWN:]):
                    _step(step)

    def _effects(self, lead: Mapping[str, Any]) -> None:
        with card():
            text("What the CRM was told", tag="h2")
            if not lead["effects"]:
                empty("Nothing yet.")
                return
            rows = [self._effect(effect) for effect in reversed(lead["effects"][-SHOWN:])]
            records(_EFFECTS, rows, label="What the CRM was told", on_act=self._retry)

    def _effect(self, effect: Mapping[str, Any]) -> dict[str, Any]:
        parked = effect["status"] in ("failed", "uncertain")
        return {
            "id": effect["id"],
            "created_at": effect["created_at"],
            "kind": effect["kind"],
            "status": effect["status"],
            "status_kind": {"done": "good"}.get(effect["status"], effect["status"]),
            "says": effect["reason"] or effect.get("unreadable") or _says(effect["payload"]),
            "actions": "Retry" if parked and self._view.may("operator") else "",
        }

    async def _retry(self, _: str, item: str) -> None:
        done = await self._view.run("operator", self._view.desk.app.queue.retry, [item])
        if done is not None:
            self._view.say("It will be tried again now.")
            await self.again()

    # ------------------------------------------------------------------ what is

    @ui.refreshable_method
    def _facts(self) -> None:
        lead = self._lead
        with card():
            text("Lead", tag="h2")
            facts(
                {
                    "Email": lead["email"],
                    "Portal": lead["portal"],
                    "CRM id": lead["crm_id"],
                    "Assistant": lead["assistant"],
                    "Owner now": lead["owner"],
                    "Previous owner": lead["previous_owner"],
                    "Context": lead["context"],
                    "Follow-ups": "go on" if lead["followups_active"] else "are stopped",
                    **{named(k): v for k, v in lead["counters"].items()},
                    "Ended": lead["ended"],
                    **({"Counters": lead["unreadable"]} if "unreadable" in lead else {}),
                    "Changed": f"{moment(lead['updated_at'])} UTC",
                }
            )

    @ui.refreshable_method
    def _owners(self) -> None:
        lead = self._lead
        with card():
            text("Owners", tag="h2")
            if lead["owners"]:
                rows = [{**row, "id": n} for n, row in enumerate(lead["owners"])]
                records(_OWNERS, rows, label="Owners")
            else:
                empty("No change of owner is known.")

    def _why(self) -> None:
        rules = self._view.desk.app.rules.now().rules
        triggers = sorted({rule.trigger for rule in rules.rules if "timer." not in rule.trigger})
        with card():
            text("What if …", tag="h2")
            with ui.element("div").classes("lb-row"):
                chosen = ui.select(
                    triggers, label="this happened now", value=self._event or None, with_input=True
                )
                chosen.props("outlined dense options-dense").style("flex: 1")
            answer = ui.element("div").props("role=status")

            async def ask(event: events.ValueChangeEventArguments[Any]) -> None:
                self._event = str(event.value or "")
                why = self._view.desk.app.leads.why
                found = await self._view.ask(why, self._name, self._event) if self._event else None
                self._answer = found[0] if found else None
                answer.clear()
                with answer:
                    _what_if(self._answer)

            chosen.on_value_change(ask)
            with answer:
                _what_if(self._answer)


def _step(step: Mapping[str, Any]) -> None:
    with ui.element("li") as item:
        item.classes.append(step["result"])
        with ui.element("div").classes("lb-row"):
            when = text(moment(step["event_at"]), tag="time")
            when.props["datetime"] = step["event_at"]
            text(step["event"], tag="strong")
            if step["from"] != step["to"]:
                text(f"{step['from'] or 'new'} → {step['to']}", tag="span")
            if step["result"] in ("refused", "ignored"):
                chip(step["result"], "refused")
        for words in (step["because"], step.get("unreadable")):
            if words:
                text(words)
        read = ", ".join(f"{name} = {value}" for name, value in step["reads"].items())
        rule = " · ".join(p for p in (step["rule"], f"read {read}" if read else "") if p)
        if rule:
            text(rule, classes="lb-soft lb-mono")
        text(f"through {came_through(step)}", classes="lb-soft")


def _what_if(answer: Mapping[str, Any] | None) -> None:
    if answer is None:
        return
    moved = answer["from"] != answer["to"]
    text(f"{answer['from']} → {answer['to']}" if moved else f"It {answer['result']}.", tag="strong")
    for words in (answer["because"], answer["rule"], *answer["needed"]):
        if words:
            text(words, classes="lb-soft")


def _says(payload: Mapping[str, Any]) -> str:
    """An effect's payload in one line."""
    for name in ("text", "subject"):
        if payload.get(name):
            return str(payload[name])
    return ", ".join(f"{k} = {v}" for k, v in payload.items() if v not in (None, ""))


def register(desk: Desk) -> None:
    """/lead/{portal}/{lead}"""

    @ui.page("/lead/{portal}/{lead}", response_timeout=LONG)
    async def one(request: Request, portal: str, lead: str) -> None:
        name = checked_name(f"{portal}/{lead}", what="a lead", longest=LONGEST)
        with page(desk, request, name, at="leads") as view:
            shown = _Lead(view, name)
            mark = partial(desk.browse.mark_of, name)
            before = await view.look(mark)
            await shown.draw()
            keep_fresh(view, shown.again, changed=mark, drawn=before or "")
