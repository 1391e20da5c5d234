"""Assistants: who writes to the leads, about what, how often, and who gets what nobody can take."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import Request
from nicegui import ui

from leadback.base.clock import SECOND, Millis
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.dialogs import Form, Given, dialog
from leadback.web.pages.frame import LONG, page, title
from leadback.web.pages.parts import Column, card, empty, records

FRESH: Millis = 15 * SECOND
"""How old a status may be that a page shows when it is opened."""

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
    """The list of one open page. It is drawn from the database; what portals say of each assistant
    is filled in when they answer, one portal after its own time."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._rows: dict[str, dict[str, Any]] = {}
        self._table: ui.table | None = None
        self._fresh = FRESH

    @ui.refreshable_method
    async def draw(self) -> None:
        found = await self._view.ask(self._view.desk.app.portals.kept_assistants)
        acts = "Edit" if self._view.may("editor") else ""
        known = {key: row.get("status", "") for key, row in self._rows.items()}
        self._rows = {f"{row['portal']}/{row['name']}": row for row in found or ()}
        for key, row in self._rows.items():
            row |= {"id": key, "off_days": ", ".join(row["off_days"]), "actions": acts}
            _mark(row, known.get(key, ""))
        with card():
            if not self._rows:
                empty("There is no assistant yet.")
                return
            rows = list(self._rows.values())
            self._table = records(_COLUMNS, rows, label="Assistants", on_act=self._edit)
        for portal in dict.fromkeys(row["portal"] for row in self._rows.values()):
            ui.timer(0.1, partial(self._look, portal), once=True)

    async def _look(self, portal: str) -> None:
        """What the portal says, asked once for all pages that are opened."""
        call = partial(self._view.desk.app.portals.list_assistants, portal)
        key = ("assistants", portal)
        self._fill(await self._view.share_portal(key, portal, call, fresh=self._fresh))

    def _fill(self, found: list[dict[str, Any]] | None) -> None:
        for one in found or ():
            row = self._rows.get(f"{one['portal']}/{one['name']}")
            if row is not None:
                _mark(row, one["status"])
        if found and self._table is not None:
            self._table.rows = [dict(row) for row in self._rows.values()]

    async def again(self) -> None:
        """As it is by now, in the CRM too."""
        self._fresh = 0
        await self.draw.refresh()

    async def refresh(self) -> None:
        """Ask all portals now."""
        if self._view.paced():
            await self.again()

    def add(self, portals: list[str]) -> None:
        async def go(given: Given) -> bool:
            add = self._view.desk.app.portals.add_assistant
            portal = given.text("portal")
            done = await self._view.run_portal(
                "editor",
                portal,
                add,
                portal,
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
            edit = self._view.desk.app.portals.edit_assistant
            done = await self._view.run_portal(
                "editor",
                portal,
                edit,
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


def _mark(row: dict[str, Any], status: str) -> None:
    row["status"], row["status_kind"] = status, STATUS_KINDS.get(status, "warn")


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

    @ui.page("/assistants", response_timeout=LONG)
    async def assistants(request: Request) -> None:
        with page(desk, request, "Assistants", at="assistants") as view:
            team = _Team(view)
            with ui.element("div").classes("lb-head"):
                title("Assistants", "Each has a user of its own in the CRM, with the same address.")
                ui.element("span").classes("lb-grow")
                ui.button("Refresh", on_click=team.refresh).props("outline dense")
                portals = [p["name"] for p in await view.ask(desk.app.portals.list) or ()]
                if view.may("editor") and portals:
                    ui.button("New assistant", on_click=lambda: team.add(portals)).props("dense")
            await team.draw()
