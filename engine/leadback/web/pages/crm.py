"""CRM details: is each portal connected, set up and working, and what to do when it is not."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui import ui

from leadback.base.errors import LeadbackError
from leadback.service.connections import RETURN_PATH, Wanted, not_mapped
from leadback.web.pages.assistants import FRESH, STATUS_KINDS
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.dialogs import Given, confirm, dialog
from leadback.web.pages.frame import LONG, page, title
from leadback.web.pages.parts import Column, card, chip, empty, facts, note, records, text
from leadback.web.pages.traffic import Traffic

_MEANS: Mapping[str, str] = {
    "ASSISTANT_NOT_YET_CREATED": "Add an assistant under Assistants.",
    "ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM": (
        "The portal has no active user with the assistant’s email address. Invite one there."
    ),
    "ASSISTANT_EXISTS_AS_USER_IN_CRM": "Make the assistant the owner of a contact in the CRM.",
    "ALL_WORKING_WELL": "Contacts are assigned and worked on.",
}
_ASSISTANTS = (
    Column("assistant", "Assistant"),
    Column("email", "Email", wide=True),
    Column("status", "Status", "chip"),
    Column("means", "What next"),
)
_PROOF = (
    Column("severity", "", "chip"),
    Column("state", "State"),
    Column("column", "Field", wide=True),
    Column("message", "What"),
    Column("fix", "What to do"),
)
_MARKS: Mapping[str, tuple[str, str]] = {
    "planned": ("to do", "warn"),
    "done": ("done", "good"),
    "needs_person": ("needs a person", "bad"),
}


class _Portal:
    """One portal's card."""

    def __init__(self, view: View, portal: Mapping[str, Any]) -> None:
        self._view, self._portal = view, portal
        self._name = str(portal["name"])
        self._opened: Mapping[str, Any] = portal["connection"]

    def draw(self) -> None:
        with card() as place:
            place.props["aria-label"] = f"Portal {self._name}"
            with ui.element("div").classes("lb-head"):
                text(self._name, tag="h2")
                self._mark = ui.element("span").props("role=status")
                ui.element("span").classes("lb-grow")
                ui.button("Refresh", on_click=self.refresh).props("outline dense")
                ui.button("Check set-up", on_click=self.plan).props("outline dense")
                ui.button("Prove the mapping", on_click=self.prove).props("outline dense")
                if self._view.may("admin"):
                    ui.button("Disconnect", on_click=self._disconnect).props(
                        "flat dense color=negative"
                    )
            facts(
                {
                    "CRM": self._portal["crm"],
                    "Account": self._portal["account_id"],
                    "Address": self._portal["base_url"],
                    "Authorised": _authorised(self._opened),
                    "Webhook secret from": (
                        f"environment variable {self._portal['webhook_secret_env']}"
                        if self._portal["webhook_secret_env"]
                        else "none: the portal is polled"
                    ),
                    "Fallback owner": self._portal["fallback_owner"],
                }
            )
            if self._opened["disconnected_at"] is not None:
                note(f"Not connected: {self._opened['why_not']}. What waits for it stays.", "bad")
            elif self._opened.get("trouble"):
                note(f"No new token yet: {self._opened['trouble']}. It is tried again.", "warn")
            if not self._portal["mapped"]:
                words = not_mapped(self._portal["crm"])
                note(f"{words[0].upper()}{words[1:]}.", "warn")
            Traffic(self._view, self._name).draw()
            self._status = ui.element("div")
            self._result = ui.element("div")

    async def refresh(self) -> None:
        """Ask the CRM for the status of every assistant now."""
        self._show_status(await self._view.ask_portal(self._name, self._ask_status))

    async def look(self) -> None:
        """The same, asked once for all pages that are opened."""
        key = ("status", self._name)
        self._show_status(
            await self._view.share_portal(key, self._name, self._ask_status, fresh=FRESH)
        )

    def _show_status(self, found: Mapping[str, Any] | None) -> None:
        if found is None:
            return
        self._mark.clear()
        self._status.clear()
        with self._mark:
            if found["trouble"]:
                chip("not reachable", "bad")
            else:
                chip(found["status"], STATUS_KINDS.get(found["status"], ""))
        with self._status:
            if found["trouble"]:
                note(found["trouble"], "bad")
                return
            rows = [
                {
                    **row,
                    "id": row["email"],
                    "status_kind": STATUS_KINDS.get(row["status"], ""),
                    "means": _MEANS.get(row["status"], ""),
                }
                for row in found["assistants"]
            ]
            if rows:
                records(_ASSISTANTS, rows, label=f"Assistants of {self._name}")
            else:
                empty(_MEANS["ASSISTANT_NOT_YET_CREATED"])

    def _ask_status(self) -> dict[str, Any]:
        try:
            return {**self._view.desk.app.portals.status(self._name), "trouble": ""}
        except LeadbackError as error:
            return {"trouble": str(error)}

    async def plan(self) -> None:
        """What set-up would do."""
        setup = self._view.desk.app.portals.setup
        found = await self._view.ask_portal(self._name, setup, self._name, apply=False)
        if found is not None:
            self._show_steps(found)

    def _show_steps(self, found: Mapping[str, Any]) -> None:
        self._result.clear()
        with self._result:
            text("Set-up", tag="h2")
            if not found["steps"]:
                note("The portal has everything that the rules need.", "good")
            for step in found["steps"]:
                word, kind = _MARKS[step["status"]]
                with ui.element("div").classes("lb-row"):
                    chip(word, kind)
                    ui.label(step["what"])
            for words in found["notes"]:
                note(words)
            planned = sum(step["status"] == "planned" for step in found["steps"])
            if planned and self._view.may("editor"):
                plan_id = str(found["plan_id"])
                ui.button(f"Apply {planned} changes", on_click=lambda: self._apply(plan_id)).props(
                    "dense"
                )

    async def _apply(self, plan_id: str) -> None:
        setup = self._view.desk.app.portals.setup
        done = await self._view.run_portal(
            "editor", self._name, setup, self._name, apply=True, plan_id=plan_id
        )
        if done is not None:
            self._view.say("The portal is set up.")
            self._show_steps(done)

    async def prove(self) -> None:
        """Whether every mapped value can be written."""
        check = self._view.desk.app.portals.check
        found = await self._view.ask_portal(self._name, check, self._name)
        if found is None:
            return
        self._result.clear()
        with self._result:
            text("Mapping", tag="h2")
            if not any(p["severity"] == "error" for p in found):
                note("Every state of the rules can be shown in this portal.", "good")
            if found:
                rows = [{**p, "id": n, "severity_kind": p["severity"]} for n, p in enumerate(found)]
                records(_PROOF, rows, label="What the mapping meets")

    def _disconnect(self) -> None:
        async def go() -> bool:
            remove = self._view.desk.app.connections.disconnect
            done = await self._view.did("admin", remove, self._name)
            if done:
                ui.navigate.reload()
            return done

        confirm(
            self._view,
            f"Disconnect {self._name}?",
            "What opens it is forgotten, and nothing is sent to it or taken from it any more. "
            "Leads, assistants and what waits stay, and go on when it is connected again.",
            "Disconnect",
            go,
            danger=True,
        )


def _authorised(opened: Mapping[str, Any]) -> str:
    """How, by whom and since when, in words."""
    if not opened["authorised"]:
        return "no"
    if opened["how"] == "variable":
        return "yes, by a token in an environment variable"
    how = "an admin’s consent" if opened["how"] == "consent" else "a stored token"
    until = (
        f"; the token is renewed before {opened['expires_at']}" if "expires_at" in opened else ""
    )
    return f"yes, by {how} ({opened['authorised_by']}, {opened['authorised_at']}){until}"


def _connect(view: View, returns_to: str) -> None:
    """returns_to: where the CRM sends the admin's browser after the consent."""

    async def go(given: Given) -> bool:
        connections = view.desk.app.connections
        wanted = Wanted(
            given.text("name"),
            given.text("crm"),
            given.text("url") or None,
            given.text("secret") or None,
            given.text("fallback") or None,
        )
        variable = given.text("token")
        if variable:
            connect = connections.connect
            done = await view.run_portal(
                "admin", wanted.name, connect, wanted, token_env=variable, from_afar=True
            )
            if done is not None:
                ui.navigate.reload()
            return done is not None
        page = await view.run(
            "admin",
            connections.begin,
            wanted,
            redirect_uri=returns_to,
            session=view.visitor.session,
            from_afar=True,
        )
        if page is not None:
            ui.navigate.to(page)
        return page is not None

    explanation = (
        "Without a variable you are sent to the CRM, to agree there as an admin of the account. "
        "A token in an environment variable of this server is never stored."
    )
    with dialog(view, "Connect a portal", explanation, "Connect", go) as form:
        form.text("name", "Your name for it")
        form.text("crm", "CRM", "hubspot")
        form.text("url", "Address of its API (empty: the CRM’s own)")
        form.text("token", "Environment variable with the access token (empty: by consent)")
        form.text("secret", "Environment variable with the webhook secret")
        form.text("fallback", "Fallback owner (email)")


def _described(desk: Desk) -> list[dict[str, Any]]:
    of, rules = desk.app.connections.of, desk.app.rules.now().rules
    return [
        {
            **portal,
            "connection": of(portal["name"]),
            "mapped": rules.mapping(portal["crm"], portal["name"]) is not None,
        }
        for portal in desk.app.portals.list()
    ]


def _returns_to(desk: Desk, request: Request) -> str:
    base = desk.app.settings.public_url or str(request.base_url)
    return base.rstrip("/") + RETURN_PATH


def register(desk: Desk) -> None:
    """/crm"""

    @ui.page("/crm", response_timeout=LONG)
    async def crm(request: Request) -> None:
        with page(desk, request, "CRM details", at="crm") as view:
            back = _returns_to(desk, request)
            with ui.element("div").classes("lb-head"):
                title("CRM details")
                ui.element("span").classes("lb-grow")
                if view.may("admin"):
                    ui.button("Connect a portal", on_click=lambda: _connect(view, back)).props(
                        "dense"
                    )
            portals = [_Portal(view, p) for p in await view.ask(_described, desk) or ()]
            for portal in portals:
                portal.draw()
            if not portals:
                with card():
                    empty("No portal is connected yet.")

            for portal in portals:
                ui.timer(0.1, portal.look, once=True)
