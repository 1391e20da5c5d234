"""Attention: everything that waits for a person, with the button that settles it."""

from functools import partial
from typing import Any

from fastapi import Request
from nicegui import ui

from engine.base.words import many
from engine.web.guard import PAGES
from engine.web.pages.desk import Desk, View
from engine.web.pages.dialogs import confirm, dialog
from engine.web.pages.frame import keep_fresh, page, title
from engine.web.pages.parts import Column, card, empty, note, records, text

_EFFECTS = (
    Column("at", "Since", "time", wide=True),
    Column("lead", "Lead", "link"),
    Column("kind", "Effect"),
    Column("status", "Status", "chip"),
    Column("attempts", "Attempts", "number", wide=True),
    Column("reason", "Reason"),
    Column("actions", "", "actions"),
)
_EVENTS = (
    Column("at", "Since", "time", wide=True),
    Column("source", "From", wide=True),
    Column("reason", "Why it was not understood"),
    Column("raw", "What came", "mono"),
    Column("actions", "", "actions"),
)
_KEPT = (
    Column("at", "Since", "time"),
    Column("lead", "Lead", "link"),
    Column("why", "Why"),
)
RAW_SHOWN = 160


class _Board:
    """The lists of one open page."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._raw: dict[str, str] = {}
        self._shown: dict[str, Any] = {}

    @ui.refreshable_method
    async def draw(self) -> None:
        found = await self._view.ask(self._view.desk.attention.everything)
        if found is None:
            return
        self._shown = found
        self._raw = {row["id"]: row["raw"] for row in found["quarantined"]}
        if not any(found.values()):
            with card():
                empty("Nothing needs you. Everything that came in was understood and delivered.")
        self._portals(found)
        self._effects(found["effects"])
        self._events(found["quarantined"])
        self._kept(found["kept"])

    async def again(self) -> None:
        await self.draw.refresh()

    async def look(self) -> bool:
        """Drawn anew only when something else needs a person: somebody may be reading."""
        everything = self._view.desk.attention.everything
        found, current = await self._view.share("attention page", everything)
        if found is not None and found != self._shown:
            await self.again()
        return current

    def _portals(self, found: dict[str, Any]) -> None:
        if found["broken_rules"]:
            note(
                f"The rules file on disk has {many(found['broken_rules'], 'error')}. The rules "
                "in use are not touched; mend the file before the next start.",
                "bad",
            )
        for pause in found["paused"]:
            until = f"waits until {pause['until']}: " if pause["until"] else "is "
            note(f"Portal {pause['portal']} {until}{pause['reason']}", "bad")

    def _effects(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        acts = "Retry|Give up" if self._view.may("operator") else ""
        with card():
            with ui.element("div").classes("hb-head"):
                text(f"Effects that did not get through ({len(rows)})", tag="h2")
                ui.element("span").classes("hb-grow")
                if acts:
                    ui.button("Retry all", on_click=self._retry_all).props("outline dense")
            records(
                _EFFECTS,
                [
                    {
                        **row,
                        "lead_href": f"{PAGES}/lead/{row['lead']}",
                        "status_kind": row["status"],
                        "actions": acts,
                    }
                    for row in rows
                ],
                label="Effects that did not get through",
                on_act=self._act,
            )

    def _events(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        acts = "Edit|Discard" if self._view.may("operator") else ""
        with card():
            text(f"Events that were not understood ({len(rows)})", tag="h2")
            records(
                _EVENTS,
                [{**row, "raw": row["raw"][:RAW_SHOWN], "actions": acts} for row in rows],
                label="Events that were not understood",
                on_act=self._act,
            )

    def _kept(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        with card():
            text(f"Leads that no owner could take back ({len(rows)})", tag="h2")
            linked = [{**r, "lead": r["id"], "lead_href": f"{PAGES}/lead/{r['id']}"} for r in rows]
            records(_KEPT, linked, label="Leads that no owner could take back")

    # ------------------------------------------------------------------ what people do

    async def _act(self, action: str, item: str) -> None:
        match action:
            case "Retry":
                await self._retry([item])
            case "Give up":
                self._give_up(item)
            case "Edit":
                self._edit(item)
            case "Discard":
                confirm(
                    self._view,
                    "Discard this event?",
                    "It is deleted and will never take effect.",
                    "Discard",
                    partial(self._discard, item),
                    danger=True,
                )

    async def _retry_all(self) -> None:
        rows = await self._view.ask(self._view.desk.attention.everything)
        if rows is not None:
            await self._retry([row["id"] for row in rows["effects"]])

    async def _retry(self, ids: list[str]) -> None:
        done = await self._view.run("operator", self._view.desk.app.queue.retry, ids)
        if done is not None:
            self._view.say(f"Trying again now: {done['retried']}.")
            await self.again()

    async def _discard(self, item: str) -> bool:
        done = await self._view.did("operator", self._view.desk.attention.discard, item)
        if done:
            self._view.say("Discarded.")
            await self.again()
        return done

    def _give_up(self, item: str) -> None:
        async def go() -> bool:
            words = (reason.value or "").strip()
            if not words:
                self._view.say("Give a reason first.", bad=True)
                return False
            done = await self._view.did("operator", self._view.desk.app.queue.give_up, item, words)
            if done:
                self._view.say("Given up.")
                await self.again()
            return done

        with dialog(
            self._view,
            "Give up on this effect?",
            "It will not be tried again. The reason stays with it.",
            "Give up",
            go,
            danger=True,
        ):
            reason = ui.input("Reason").props('outlined maxlength="300"')

    def _edit(self, item: str) -> None:
        async def go() -> bool:
            mend = self._view.desk.attention.mend
            done = await self._view.run("operator", mend, item, raw.value or "")
            if done is None:
                return False
            self._view.say(done["reason"] or "Taken in.", bad=bool(done["rejected"]))
            await self.again()
            return True

        with dialog(self._view, "Mend this event", "", "Take it in", go):
            raw = ui.textarea("CloudEvent as JSON", value=self._raw.get(item, ""))
            raw.props('outlined autogrow input-class="hb-mono"')


def register(desk: Desk) -> None:
    """/attention"""

    @ui.page("/attention")
    async def attention(request: Request) -> None:
        with page(desk, request, "Attention", at="attention") as view:
            with ui.element("div").classes("hb-head"):
                title("Attention", "What cannot go on without a person.")
            board = _Board(view)
            await board.draw()
            keep_fresh(view, board.look)
