"""Which rules decide: a plan before a draft is activated, what was in use, what watches beside.

Nothing takes over before a person saw what it does to the leads that there are.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from nicegui import ui

from leadback.base.clock import Millis, parse_time
from leadback.base.errors import InputError
from leadback.base.words import many
from leadback.web.pages.desk import ALL, View
from leadback.web.pages.dialogs import Given, confirm, dialog
from leadback.web.pages.hindered import ask_about_portals, forced, prepared
from leadback.web.pages.parts import Column, card, chip, moment, note, records, text
from leadback.web.pages.rules_plan import draw_findings, draw_plan

_LOG = (
    Column("at", "When", "time"),
    Column("who", "Who"),
    Column("door", "From", wide=True),
    Column("what", "What"),
    Column("version", "Version", "mono"),
    Column("due_at", "Takes over", "time", wide=True),
    Column("used", "", "chip"),
    Column("actions", "", "actions"),
)
_DISAGREEMENTS = (
    Column("at", "When", "time"),
    Column("lead", "Lead", "link"),
    Column("event", "Event"),
    Column("in_use", "The rules in use"),
    Column("shadow", "The draft"),
)
_NOBODY = (
    "No rules watch. A draft that watches decides each event, too; only what it would have "
    "decided otherwise is kept, and nothing else happens."
)
_TAKES = ("started", "applied", "rolled back", "took effect")
LOST = "R071"
"""The finding that leads are in a state that the rules do not have."""

Again = Callable[[Mapping[str, str]], Awaitable[None]]
"""Plans once more, with moves: state that is gone → state that its leads go to."""

BACK, LOAD = "Go back to it", "Load into the editor"


@dataclass(frozen=True, slots=True)
class Draft:
    """The text that is activated, and how to keep it as the file; None: it is the file's."""

    text: str
    keep: Callable[[], Awaitable[bool]] | None


class Activation:
    """What one page shows of the versions. changed: called after another one is in use."""

    def __init__(
        self,
        view: View,
        *,
        draft: Callable[[], Awaitable[Draft]],
        load: Callable[[str], Awaitable[None]],
        changed: Callable[[], object],
    ) -> None:
        self._view, self._draft, self._load, self._changed = view, draft, load, changed
        self._versions, self._watching = view.desk.app.versions, view.desk.app.shadow
        self._may = view.may("editor")

    # ------------------------------------------------------------------ what is in use

    @ui.refreshable_method
    async def status(self) -> None:
        found = await self._view.ask(self._versions.status)
        if found is None:
            return
        with ui.element("div").classes("lb-row").props('role=region aria-label="In use"'):
            chip(f"version {found['in_use']}", "good")
            ui.label(f"in use since {moment(found['since'])}, by {found['who']}")
        later = found["scheduled"]
        if later is not None:
            with ui.element("div").classes("lb-row lb-note"):
                ui.label(
                    f"Version {later['version']} takes over at {moment(later['at'])} UTC, "
                    f"says {later['who']}."
                )
                if self._may:
                    ui.button("Drop it", on_click=self._cancel).props("flat dense")
        file = found["file"]
        if file["state"] == "broken":
            note(f"The file on disk has {many(file['errors'], 'error')}; it is not in use.", "bad")
        elif file["state"] == "differs":
            note("The file on disk is not what is in use. Activate… has it in use.", "warn")

    def _refresh(self) -> None:
        self.status.refresh()
        self.history.refresh()
        self._changed()

    def _cancel(self) -> None:
        async def go() -> bool:
            done = await self._view.run("editor", self._versions.cancel)
            self._refresh()
            return done is not None

        confirm(self._view, "Drop what is scheduled?", "The rules in use stay.", "Drop it", go)

    # ------------------------------------------------------------------ another one takes over

    async def activate(self, moves: Mapping[str, str] | None = None) -> None:
        """Show what the draft would do to the leads that there are; then have it in use."""
        draft = await self._draft()
        plan = await self._view.ask_portal(ALL, self._versions.plan, draft.text, moves=moves)
        if plan is None:
            return
        if not plan["ready"]:
            self._not_ready(plan, self.activate)
            return

        async def go(given: Given) -> bool:
            at = _instant(given.text("at"))
            if draft.keep and given.checked("keep") and not await draft.keep():
                return False
            name = self._view.desk.app.settings.rules_file.name
            if not await prepared(self._view, given, plan, draft.text):
                return False
            return self._say(
                await self._view.run_portal(
                    "editor",
                    ALL,
                    self._versions.apply,
                    draft.text,
                    expected=plan["expected"],
                    at=at,
                    moves=moves,
                    file=name,
                    force=forced(given, plan),
                )
            )

        with dialog(self._view, "Activate these rules?", "", "Activate", go) as form:
            draw_plan(self._view, plan, draft.text)
            ask_about_portals(form, plan)
            form.text("at", "At (UTC; empty: now)", kind="datetime-local")
            if draft.keep:
                form.check("keep", "Keep it as the file, too", value=True)

    async def _back(self, version: str, moves: Mapping[str, str] | None = None) -> None:
        old = await self._view.ask(self._versions.text, version)
        if old is None:
            return
        plan = await self._view.ask_portal(ALL, self._versions.plan, old, moves=moves)
        if plan is None:
            return
        if not plan["ready"]:
            self._not_ready(plan, partial(self._back, version))
            return

        async def go(given: Given) -> bool:
            if not await prepared(self._view, given, plan, old):
                return False
            return self._say(
                await self._view.run_portal(
                    "editor",
                    ALL,
                    self._versions.rollback,
                    version,
                    expected=plan["expected"],
                    moves=moves,
                    force=forced(given, plan),
                )
            )

        with dialog(self._view, f"Go back to version {version}?", "", "Go back", go) as form:
            draw_plan(self._view, plan, old)
            ask_about_portals(form, plan)

    def _say(self, done: Mapping[str, Any] | None) -> bool:
        if done is None:
            return False
        leads = f"; it concerns {many(done['leads'], 'lead')}" if done["leads"] else ""
        self._view.say(f"Version {done['version']} {done['what']}, {moment(done['at'])} UTC{leads}")
        self._refresh()
        return True

    def _not_ready(self, plan: Mapping[str, Any], again: Again) -> None:
        if plan.get("gone") and not _others(plan["findings"]):
            self._choose(plan, again)
            return
        same = plan.get("same")
        words = "" if same else "It stays a draft until these are mended."
        title = "These rules are in use already" if same else "These rules cannot take over"
        with dialog(self._view, title, words, "Close", _close):
            if not same:
                draw_findings(plan["findings"])

    def _choose(self, plan: Mapping[str, Any], again: Again) -> None:
        """A picker for each state that is gone and still holds leads; then the plan once more."""
        gone = [str(one["state"]) for one in plan["gone"]]

        async def go(given: Given) -> bool:
            moves = {state: given.text(state) for state in gone}
            if not all(moves.values()):
                self._view.say("Choose a state for each of them.", bad=True)
                return False
            await again(moves)
            return True

        words = "These rules do not have some states that leads are in."
        title = "Where do these leads go?"
        with dialog(self._view, title, words, "Look at the plan", go) as form:
            for one in plan["gone"]:
                label = f"{one['state']} ({many(one['leads'], 'lead')}) becomes"
                form.choice(str(one["state"]), label, plan["states"], None)

    # ------------------------------------------------------------------ what was in use

    @ui.refreshable_method
    async def history(self) -> None:
        with card():
            text("Versions", tag="h2")
            found = await self._view.ask(self._versions.versions) or []
            took = [one for one in found if one["what"] in _TAKES]
            now = next((one["number"] for one in took if one["in_use"]), None)
            been = {one["version"] for one in took}
            rows = [self._row(one, now=now, been=been) for one in found]
            records(_LOG, rows, label="Versions", on_act=self._act)

    def _row(self, one: Mapping[str, Any], *, now: int | None, been: set[str]) -> dict[str, Any]:
        back = [BACK] if one["version"] in been and not one["in_use"] else []
        return {
            **one,
            "id": one["number"],
            "used": "in use" if one["number"] == now else "",
            "used_kind": "good",
            "actions": "|".join([*back, LOAD]) if self._may else "",
        }

    async def _act(self, action: str, number: str) -> None:
        log = await self._view.ask(self._versions.versions) or []
        version = next((one["version"] for one in log if str(one["number"]) == number), None)
        if version is None:
            return
        if action == BACK:
            await self._back(version)
            return
        found = await self._view.ask(self._versions.text, version)
        if found is not None:
            await self._load(found)
            self._view.say(f"Version {version} is in the editor.")

    # ------------------------------------------------------------------ the shadow

    @ui.refreshable_method
    async def shadow(self) -> None:
        found = await self._view.ask(self._watching.found, limit=200)
        if found is None:
            return
        with card():
            with ui.element("div").classes("lb-head"):
                text("In the shadow", tag="h2")
                ui.element("span").classes("lb-grow")
                if self._may:
                    ui.button("Let the draft watch", on_click=self._watch).props("outline dense")
                    if found["version"]:
                        ui.button("Stop", on_click=self._unwatch).props("flat dense")
            if found["version"]:
                since = moment(found["since"])
                note(f"Version {found['version']} watches since {since}, says {found['who']}.")
            else:
                note(_NOBODY)
            rows = [
                {**one, "id": n, "lead_href": f"lead/{one['lead']}"}
                for n, one in enumerate(found["disagreements"])
            ]
            if rows:
                records(_DISAGREEMENTS, rows, label="What the draft decides otherwise")

    async def _watch(self) -> None:
        name = self._view.desk.app.settings.rules_file.name
        draft = await self._draft()
        await self._view.run("editor", self._watching.watch, draft.text, file=name)
        self.shadow.refresh()

    async def _unwatch(self) -> None:
        await self._view.did("editor", self._watching.unwatch)
        self.shadow.refresh()


def _others(findings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there are errors that no picker mends."""
    return any(one["severity"] == "error" and one["code"] != LOST for one in findings)


async def _close(_: Given) -> bool:
    return True


def _instant(given: str) -> Millis | None:
    """What a datetime-local field holds, as UTC. Raises InputError."""
    if not given:
        return None
    try:
        return parse_time(f"{given}:00Z"[:19] + "Z")
    except ValueError as error:
        raise InputError(
            f"{given[:40]!r} is no time", fix="give one such as 2027-01-31T08:00, or none"
        ) from error
