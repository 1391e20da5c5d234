"""Assistants: who writes to the leads, about what, how often, and who gets what nobody can take."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui import ui

from engine.web.pages.desk import Desk, View
from engine.web.pages.dialogs import Form, Given, dialog
from engine.web.pages.frame import page, title
from engine.web.pages.parts import Column, card, empty, records

STATUS_KINDS: Mapping[str, str] = {
    "ALL_WORKING_WELL": "good",
    "ASSISTANT_EXISTS_AS_USER_IN_CRM": "goes_on",
    "ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM": "bad",
    "ASSISTANT_NOT_YET_CREATED": "warn",
}
_COLUMNS = (
    Column("name", "Name"),
    Column("email", "Email"),
    Column("portal", "Portal", wide=True),
    Column("context", "Context", wide=True),
    Column("followups", "Emails", "number", wide=True),
    Column("days_between", "Days between", "number", wide=True),
    Column("off_days", "Off-days", wide=True),
    Column("fallback_owner", "Fallback owner", wide=True),
    Column("status", "Status in the CRM", "chip"),
    Column("actions", "", "actions"),
)


class _Team:
    """The list of one open page."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._rows: dict[str, dict[str, Any]] = {}

    @ui.refreshable_method
    async def draw(self) -> None:
        found = await self._view.ask(self._view.desk.app.portals.list_assistants)
        acts = "Edit" if self._view.may("editor") else ""
        self._rows = {f"{row['portal']}/{row['name']}": row for row in found or ()}
        with card():
            if not self._rows:
                empty("There is no assistant yet.")
                return
            rows = [
                {
                    **row,
                    "id": key,
                    "status_kind": STATUS_KINDS.get(row["status"], "warn"),
                    "actions": acts,
                }
                for key, row in self._rows.items()
            ]
            records(_COLUMNS, rows, label="Assistants", on_act=self._edit)

    async def again(self) -> None:
        await self.draw.refresh()

    def add(self, portals: list[str]) -> None:
        async def go(given: Given) -> bool:
            done = await self._view.run(
                "editor",
                self._view.desk.app.portals.add_assistant,
                given.text("portal"),
                given.text("email"),
                name=given.text("name"),
                **_rest(given),
            )
            return await self._finish(done)

        with dialog(self._view, "New assistant", "", "Add", go) as form:
            form.choice("portal", "Portal", portals, portals[0])
            _fields(form, {})

    async def _edit(self, _: str, key: str) -> None:
        before = self._rows.get(key)
        if before is None:
            return
        portal, email = before["portal"], before["email"]

        async def go(given: Given) -> bool:
            done = await self._view.run(
                "editor",
                self._view.desk.app.portals.edit_assistant,
                portal,
                email,
                email=given.text("email"),
                rename=given.text("name"),
                **_rest(given),
            )
            return await self._finish(done)

        with dialog(self._view, f"Edit {before['name']}", "", "Save", go) as form:
            _fields(form, before)

    async def _finish(self, done: Mapping[str, Any] | None) -> bool:
        if done is None:
            return False
        self._view.say(f"{done['name']} is saved: {done['status']}")
        await self.again()
        return True


def _fields(form: Form, before: Mapping[str, Any]) -> None:
    """What can be said about an assistant."""
    form.text("name", "Name", before.get("name", ""))
    form.text("email", "Email of its user in the CRM", before.get("email", ""))
    form.text("context", "Default context", before.get("context") or "", longest=2_000)
    form.text("fallback", "Fallback owner (email)", before.get("fallback_owner") or "")
    form.number("followups", "Emails in a sequence", before.get("followups", 4), least=1, most=100)
    form.number("days", "Days between two", before.get("days_between", 3), least=1, most=365)
    form.text(
        "off_days",
        "Off-days, e.g. sat, sun, 2026-12-25",
        before.get("off_days") or "",
        longest=10_000,
    )


def _rest(given: Given) -> dict[str, Any]:
    return {
        "context": given.text("context"),
        "fallback_owner": given.text("fallback") or None,
        "followups": given.number("followups"),
        "days_between": given.number("days"),
        "off_days": given.text("off_days"),
    }


def register(desk: Desk) -> None:
    """/assistants"""

    @ui.page("/assistants", response_timeout=20)
    async def assistants(request: Request) -> None:
        with page(desk, request, "Assistants", at="assistants") as view:
            team = _Team(view)
            with ui.element("div").classes("hb-head"):
                title("Assistants", "Each has a user of its own in the CRM, with the same address.")
                ui.element("span").classes("hb-grow")
                ui.button("Refresh", on_click=team.again).props("outline dense")
                portals = [p["name"] for p in await view.ask(desk.app.portals.list) or ()]
                if view.may("editor") and portals:
                    ui.button("New assistant", on_click=lambda: team.add(portals)).props("dense")
            await team.draw()
