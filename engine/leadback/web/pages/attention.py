"""Attention: everything that waits for a person, with the button that settles it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from leadback.base.words import many
from leadback.web.guard import PAGES
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.dialogs import Given, confirm, dialog
from leadback.web.pages.frame import LONG, keep_fresh, page, title
from leadback.web.pages.parts import Column, card, empty, note, records, text

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
_UNDECIDED = (
    Column("at", "Since", "time", wide=True),
    Column("lead", "Lead", "link"),
    Column("kind", "Event"),
    Column("source", "From", wide=True),
    Column("reason", "Why"),
    Column("actions", "", "actions"),
)
_UNREAD = (
    Column("at", "Asked again", "time", wide=True),
    Column("lead", "Contact"),
    Column("attempts", "Attempts", "number", wide=True),
    Column("reason", "Why"),
    Column("actions", "", "actions"),
)
_HELD = (
    Column("at", "Held since", "time"),
    Column("lead", "Contact"),
    Column("kind", "Event"),
    Column("reason", "Why"),
    Column("actions", "", "actions"),
)
_UNRULED = (
    Column("at", "Last seen", "time", wide=True),
    Column("kind", "Event"),
    Column("field", "Field", wide=True),
    Column("value", "Value", "mono"),
    Column("events", "Events", "number"),
    Column("reason", "What to do"),
    Column("actions", "", "actions"),
)
_KEPT = (
    Column("at", "Since", "time"),
    Column("lead", "Lead", "link"),
    Column("why", "Why"),
)
RAW_SHOWN = 160
_LISTS: Mapping[str, tuple[str, Sequence[Column], str]] = {
    "effects": ("Effects that did not get through", _EFFECTS, "Retry|Give up"),
    "undecided": ("Events that could not be decided", _UNDECIDED, "Retry|Drop"),
    "quarantined": ("Events that were not understood", _EVENTS, "Edit|Discard"),
    "unread": ("Contacts that could not be understood", _UNREAD, "Retry"),
    "held": ("Events of contacts that never became leads", _HELD, "Keep|Drop"),
    "unruled": ("Intents nobody has a rule for", _UNRULED, "Dismiss"),
    "kept": ("Leads that no owner could take back", _KEPT, ""),
}
"""What there is of each: its name, its columns, and what can be done."""
_RETRIED = ("effects", "undecided", "unread")


@dataclass(frozen=True, slots=True)
class _List:
    """One list on the open page; out of sight while it is empty."""

    card: ui.element
    heading: TextElement
    table: ui.table


class _Board:
    """The lists of one open page. They are filled anew and never drawn anew: a row that stays keeps
    its buttons, also under the finger of somebody who is about to use one."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._shown: dict[str, Any] = {}
        self._notes = ui.element("div")
        with card() as self._nothing:
            empty("Nothing needs you. Everything that came in was understood and delivered.")
        self._lists = {kind: self._list(kind) for kind in _LISTS}
        for hidden in (self._nothing, *(one.card for one in self._lists.values())):
            hidden.set_visibility(False)

    async def again(self) -> None:
        """See what there is now."""
        found = await self._view.ask(self._view.desk.attention.everything)
        if found is not None:
            self._fill(found)

    async def look(self) -> bool:
        """The same, for all pages that are open at once."""
        everything = self._view.desk.attention.everything
        found, current = await self._view.share("attention page", everything)
        if found is not None and found != self._shown:
            self._fill(found)
        return current

    def _list(self, kind: str) -> _List:
        name, columns, acts = _LISTS[kind]
        with card() as place:
            with ui.element("div").classes("lb-head"):
                heading = text(name, tag="h2")
                ui.element("span").classes("lb-grow")
                if kind in _RETRIED and self._view.may("operator"):
                    again = partial(self._retry_all, kind)
                    ui.button("Retry all", on_click=again).props("outline dense")
            table = records(columns, [], label=name, on_act=self._act if acts else None)
        return _List(place, heading, table)

    def _fill(self, found: dict[str, Any]) -> None:
        self._shown = found
        self._nothing.set_visibility(not any(found.values()))
        self._notes.clear()
        with self._notes:
            self._portals(found)
        for kind, shown in self._lists.items():
            name, _, acts = _LISTS[kind]
            rows = found[kind]
            allowed = acts if self._view.may("operator") else ""
            shown.card.set_visibility(bool(rows))
            shown.heading.set_text(f"{name} ({len(rows)})")
            shown.table.rows = [{**_row(kind, row), "actions": allowed} for row in rows]

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
        for user in found["users"]:
            note(f"Assistant {user['assistant']} of {user['portal']}: {user['reason']}", "bad")

    # ------------------------------------------------------------------ what people do

    async def _act(self, action: str, item: str) -> None:
        match action:
            case "Retry":
                await self._retry([item])
            case "Give up":
                self._give_up(item)
            case "Drop":
                self._drop(item)
            case "Dismiss":
                await self._dismiss(item)
            case "Keep":
                await self._keep(item)
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

    async def _retry_all(self, kind: str) -> None:
        rows = await self._view.ask(self._view.desk.attention.everything)
        if rows is not None:
            await self._retry([row["id"] for row in rows[kind]])

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

    async def _keep(self, item: str) -> None:
        done = await self._view.run("operator", self._view.desk.app.queue.keep, [item])
        if done is not None:
            self._view.say("Kept: it goes on waiting for its contact.")
            await self.again()

    async def _dismiss(self, item: str) -> None:
        done = await self._view.run("operator", self._view.desk.app.queue.drop, [item], "dismissed")
        if done is not None:
            self._view.say("Dismissed, until an event with this value comes again.")
            await self.again()

    def _give_up(self, item: str) -> None:
        self._for_good(
            ("Give up on this effect?", "It will not be tried again. The reason stays with it."),
            ("Give up", "Given up."),
            lambda why: self._view.did("operator", self._view.desk.app.queue.give_up, item, why),
        )

    def _drop(self, item: str) -> None:
        self._for_good(
            ("Drop this event?", "It is deleted and never takes effect; its lead goes on without."),
            ("Drop", "Dropped."),
            lambda why: self._view.did("operator", self._view.desk.app.queue.drop, [item], why),
        )

    def _for_good(
        self,
        words: tuple[str, str],
        ends: tuple[str, str],
        act: Callable[[str], Awaitable[bool]],
    ) -> None:
        """Ask for a reason, then do it. words: question and consequence; ends: button, answer."""

        async def go(given: Given) -> bool:
            why = given.text("reason")
            if not why:
                self._view.say("Give a reason first.", bad=True)
                return False
            done = await act(why)
            if done:
                self._view.say(ends[1])
                await self.again()
            return done

        with dialog(self._view, *words, ends[0], go, danger=True) as form:
            form.text("reason", "Reason", longest=300)

    def _edit(self, item: str) -> None:
        async def go(given: Given) -> bool:
            mend = self._view.desk.attention.mend
            done = await self._view.run("operator", mend, item, given.text("raw"))
            if done is None:
                return False
            self._view.say(done["reason"] or "Taken in.", bad=bool(done["rejected"]))
            await self.again()
            return True

        with dialog(self._view, "Mend this event", "", "Take it in", go) as form:
            events = {row["id"]: row["raw"] for row in self._shown["quarantined"]}
            form.lines("raw", "CloudEvent as JSON", events.get(item, ""))


def _row(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    match kind:
        case "effects" | "undecided":
            lead = row["lead"]
            return {**row, "lead_href": f"{PAGES}/lead/{lead}", "status_kind": row["status"]}
        case "quarantined":
            return {**row, "raw": row["raw"][:RAW_SHOWN]}
        case "held" | "unruled" | "unread":
            return dict(row)
        case _:
            return {**row, "lead": row["id"], "lead_href": f"{PAGES}/lead/{row['id']}"}


def register(desk: Desk) -> None:
    """/attention"""

    @ui.page("/attention", response_timeout=LONG)
    async def attention(request: Request) -> None:
        with page(desk, request, "Attention", at="attention") as view:
            with ui.element("div").classes("lb-head"):
                title("Attention", "What cannot go on without a person.")
            board = _Board(view)
            await board.again()
            keep_fresh(view, board.look)
