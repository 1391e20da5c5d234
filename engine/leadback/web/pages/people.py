"""People and keys: logins with roles, keys of programs, the audit trail; and one's own password."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui import ui

from leadback.service.accounts import ROLES
from leadback.service.apikeys import SCOPES, rights, sending
from leadback.service.sign_in import identity_of
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.dialogs import Form, Given, confirm, dialog
from leadback.web.pages.frame import LONG, page, title
from leadback.web.pages.parts import Column, card, note, records, text
from leadback.web.pages.trail import Trail

_PEOPLE = (
    Column("name", "Name"),
    Column("role", "Role", "chip"),
    Column("how", "Logs in by", wide=True),
    Column("state", "", "chip"),
    Column("created_at", "Since", "time", wide=True),
    Column("actions", "", "actions"),
)
_INVITE = (
    "Take the person’s address as the name and leave the password empty for single sign-on alone."
)
_SCOPES = "; ".join(f"{scope}: {what}" for scope, what in sending().items())
_KEYS = (
    Column("name", "Name"),
    Column("rights", "May"),
    Column("created_by", "Made by", wide=True),
    Column("created_at", "Since", "time", wide=True),
    Column("state", "", "chip"),
    Column("actions", "", "actions"),
)


class _Office:
    """The lists of one open page; every one of them needs an admin."""

    def __init__(self, view: View) -> None:
        self._view, self._desk = view, view.desk
        self._issuer = view.desk.app.settings.oidc_issuer

    @ui.refreshable_method
    async def draw(self) -> None:
        people = await self._view.run("admin", self._desk.accounts.list)
        keys = await self._view.run("admin", self._desk.keys.list)
        if people is None or keys is None:
            return
        with card():
            _head("People", "New login", self._add)
            rows = [self._person(p) for p in people]
            records(_PEOPLE, rows, row_key="id", label="People", on_act=self._act_person)
        with card():
            _head("API keys", "New key", self._add_key)
            rows = [_key(k) for k in keys]
            records(_KEYS, rows, label="API keys", on_act=self._revoke)
        await Trail(self._view).draw()

    async def again(self) -> None:
        await self.draw.refresh()

    def _person(self, person: Mapping[str, Any]) -> dict[str, Any]:
        mine = person["name"] == self._view.visitor.name
        state = "disabled" if person["disabled"] else "locked" if person["locked"] else ""
        acts = "Change role|" + ("Enable" if person["disabled"] else "Disable")
        if person["identity"] or self._issuer:
            acts += "|Unlink" if person["identity"] else "|Link"
        ways = (("password", person["password"]), ("single sign-on", person["identity"]))
        return {
            **person,
            "id": person["name"],
            "how": ", ".join(way for way, there in ways if there) or "invited",
            "state": state,
            "state_kind": "bad",
            "actions": "" if mine else acts,
        }

    def _add(self) -> None:
        async def go(given: Given) -> bool:
            who, secret, role = given.text("name"), given.text("password"), given.text("role")
            accounts = self._desk.accounts
            if secret or not self._issuer:
                done = await self._view.did("admin", accounts.add, who, secret, role)
            else:
                done = await self._view.did("admin", accounts.invite, who, role)
            return await self._told(done)

        words = _INVITE if self._issuer else ""
        with dialog(self._view, "New login", words, "Add", go) as form:
            form.text("name", "Name")
            form.secret(
                "password", "First password, at least 12 characters", autocomplete="new-password"
            )
            form.choice("role", "Role", ROLES, "viewer")

    async def _act_person(self, action: str, name: str) -> None:
        if action in ("Change role", "Link"):
            (self._change_role if action == "Change role" else self._link)(name)
            return
        if action == "Unlink":
            self._unlink(name)
            return
        disabled = action == "Disable"

        async def go() -> bool:
            done = await self._view.did(
                "admin", self._desk.accounts.change, name, disabled=disabled
            )
            return await self._told(done)

        confirm(self._view, f"{action} {name}?", "Open sessions end at once.", action, go)

    def _change_role(self, name: str) -> None:
        async def go(given: Given) -> bool:
            role = given.text("role")
            done = await self._view.did("admin", self._desk.accounts.change, name, role=role)
            return await self._told(done)

        words = "Open sessions end at once."
        with dialog(self._view, f"Role of {name}", words, "Change", go) as form:
            form.choice("role", "Role", ROLES, "viewer")

    def _link(self, name: str) -> None:
        async def go(given: Given) -> bool:
            subject = given.text("person")
            if not subject:
                self._view.say("Give the id that the provider has for this person.", bad=True)
                return False
            identity = identity_of(self._issuer, subject)
            done = await self._view.did("admin", self._desk.accounts.link, name, identity)
            return await self._told(done)

        words = "For a provider that vouches for no addresses. Refused ids are among the log-ins."
        with dialog(self._view, f"Link {name}", words, "Link", go) as form:
            form.text("person", "Id at the provider (sub)")

    def _unlink(self, name: str) -> None:
        async def go() -> bool:
            done = await self._view.did("admin", self._desk.accounts.link, name, None)
            return await self._told(done)

        words = "Open sessions end. Whoever has this verified address next is linked anew."
        confirm(self._view, f"Unlink {name}?", words, "Unlink", go)

    async def _add_key(self) -> None:
        rules = self._desk.app.rules.now().rules
        known = await self._view.ask(self._desk.browse.choices)

        async def go(given: Given) -> bool:
            made = await self._view.run(
                "admin", self._desk.keys.add, given.text("name"), given.words("scopes"),
                portals=given.words("portals"), types=given.words("types"), rules=rules,
            )  # fmt: skip
            if made is None:
                return False
            await self._told(True)
            self._show_key(made["key"])
            return True

        with dialog(self._view, "New API key", _SCOPES, "Make it", go) as form:
            form.text("name", "Name")
            form.choices("scopes", "Scopes", SCOPES, SCOPES[:1])
            form.choices("portals", "Only for these portals", (known or {}).get("portals", ()), ())
            form.choices("types", "Only for these events", tuple(rules.events), ())

    def _show_key(self, key: str) -> None:
        async def go(_: Given) -> bool:
            return True

        with dialog(self._view, "The new key", "It is shown this once. Copy it now.", "Done", go):
            ui.input("Key", value=key).props('outlined dense readonly input-class="lb-mono"')

    async def _revoke(self, _: str, name: str) -> None:
        async def go() -> bool:
            done = await self._view.did("admin", self._desk.keys.revoke, name)
            return await self._told(done)

        words = "Programs that use it are refused at once."
        confirm(self._view, f"Revoke {name}?", words, "Revoke", go, danger=True)

    async def _told(self, done: bool) -> bool:
        """Say so, and show the lists as they are now."""
        if done:
            self._view.say("Done.")
            await self.again()
        return done


def _key(key: Mapping[str, Any]) -> dict[str, Any]:
    revoked = key["revoked_at"] is not None
    return {
        **key,
        "id": key["name"],
        "rights": rights(key),
        "state": "revoked" if revoked else "",
        "actions": "" if revoked else "Revoke",
    }


def _head(words: str, button: str, act: Any) -> None:
    with ui.element("div").classes("lb-head"):
        text(words, tag="h2")
        ui.element("span").classes("lb-grow")
        ui.button(button, on_click=act).props("outline dense")


def _own_password(view: View) -> None:
    async def change(given: Given) -> bool:
        done = await view.did(
            "viewer", view.desk.accounts.set_password, view.visitor.name,
            given.text("new"), old=given.text("old"),
        )  # fmt: skip
        if done:
            ui.navigate.to("/leads")  # the guard shows the login instead
        return done

    form = Form()
    with card().style("max-width: 28rem"):
        text("Your password", tag="h2")
        form.secret("old", "Old password", autocomplete="current-password")
        form.secret("new", "New password, at least 12 characters", autocomplete="new-password")
        form.button(view, "Change it", change)
        text("All your sessions end, this one too.", classes="lb-soft")


def register(desk: Desk) -> None:
    """/people, /account"""

    @ui.page("/people", response_timeout=LONG)
    async def people(request: Request) -> None:
        with page(desk, request, "People & keys", at="people") as view:
            with ui.element("div").classes("lb-head"):
                title("People & keys")
            if view.may("admin"):
                await _Office(view).draw()
            else:
                note("Only an admin sees this page.", "bad")

    @ui.page("/account", response_timeout=LONG)
    async def account(request: Request) -> None:
        with page(desk, request, "Your account", at="account") as view:
            with ui.element("div").classes("lb-head"):
                title(view.visitor.name, f"You are {view.visitor.role} here.")
            mine = await view.ask(desk.accounts.has_password, view.visitor.name)
            if mine:
                _own_password(view)
            else:
                note("You log in by single sign-on; there is no password here.")
