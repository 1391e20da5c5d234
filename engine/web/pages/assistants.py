"""Assistants: who writes to the leads, about what, how often, and who gets what nobody can take."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui import ui

from engine.web.pages.desk import Desk, View
from engine.web.pages.dialogs import dialog
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
        async def go() -> bool:
            done = await self._view.run(
                "editor",
                self._view.desk.app.portals.add_assistant,
                str(portal.value or ""),
                fields.email(),
                name=fields.name(),
                **fields.rest(),
            )
            return await self._finish(done)

        with dialog(self._view, "New assistant", "", "Add", go):
            portal = ui.select(portals, label="Portal", value=portals[0]).props("outlined dense")
            fields = _Fields({})

    async def _edit(self, _: str, key: str) -> None:
        before = self._rows[key]

        async def go() -> bool:
            done = await self._view.run(
                "editor",
                self._view.desk.app.portals.edit_assistant,
                before["portal"],
                before["email"],
                email=fields.email(),
                rename=fields.name(),
                **fields.rest(),
            )
            return await self._finish(done)

        with dialog(self._view, f"Edit {before['name']}", "", "Save", go):
            fields = _Fields(before)

    async def _finish(self, done: Mapping[str, Any] | None) -> bool:
        if done is None:
            return False
        self._view.say(f"{done['name']} is saved: {done['status']}")
        await self.again()
        return True


class _Fields:
    """What can be said about an assistant."""

    def __init__(self, before: Mapping[str, Any]) -> None:
        self._name = ui.input("Name", value=before.get("name", ""))
        self._email = ui.input("Email of its user in the CRM", value=before.get("email", ""))
        self._context = ui.input("Default context", value=before.get("context") or "")
        self._fallback = ui.input(
            "Fallback owner (email)", value=before.get("fallback_owner") or ""
        )
        self._followups = ui.number(
            "Emails in a sequence", value=before.get("followups", 4), min=1, max=100, precision=0
        )
        self._days = ui.number(
            "Days between two", value=before.get("days_between", 3), min=1, max=365, precision=0
        )
        self._off = ui.input(
            "Off-days, e.g. sat, sun, 2026-12-25", value=before.get("off_days") or ""
        )
        for field in (
            self._name, self._email, self._context, self._fallback, self._followups, self._days,
            self._off,
        ):  # fmt: skip
            field.props("outlined dense")

    def name(self) -> str:
        return str(self._name.value or "").strip()

    def email(self) -> str:
        return str(self._email.value or "").strip()

    def rest(self) -> dict[str, Any]:
        return {
            "context": str(self._context.value or "").strip(),
            "fallback_owner": str(self._fallback.value or "").strip() or None,
            "followups": int(self._followups.value or 1),
            "days_between": int(self._days.value or 1),
            "off_days": str(self._off.value or ""),
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
