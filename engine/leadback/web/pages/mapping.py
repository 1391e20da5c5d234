"""What the CRM shows for each state, as a table to pick from: for all portals, or for one alone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from nicegui import events, ui

from leadback.base.clock import SECOND, Millis
from leadback.web.pages.desk import ALL, View
from leadback.web.pages.parts import card, chip, note, text

NOTHING = "(nothing)"
OFFERED: Millis = 30 * SECOND
"""How old what portals offer may be."""


class MappingTable:
    """One page's. text: the draft as it is now; put: what the draft is from now on."""

    def __init__(
        self, view: View, text: Callable[[], str], put: Callable[[str], Awaitable[None]]
    ) -> None:
        self._view, self._text, self._put = view, text, put
        self._may = view.may("editor")
        self._picking = asyncio.Lock()
        self._offered: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]] = {}
        self._pickers: list[tuple[ui.select, str, str, Sequence[str]]] = []
        self._own_marks: dict[tuple[str, str, str], ui.label] = {}
        self._portal = ""

    async def settled(self) -> None:
        """Wait until the draft has the value that was picked a moment ago."""
        async with self._picking:
            pass

    @ui.refreshable_method
    async def show(self) -> None:
        """The table, and who is shown it."""
        book = self._view.desk.rulebook
        portals = await self._view.ask(book.portals, self._text()) or ()
        if self._portal not in portals:
            self._portal = ""
        found = await self._view.ask(book.mappings, self._text(), self._portal)
        self._pickers.clear()
        self._own_marks.clear()
        if portals:
            self._portal_picker(portals)
        self._heard = ui.element("div").props("role=status")
        if self._may:
            ui.timer(0.1, self._ask_portals, once=True)
        for table in found or ():
            with card():
                text(f"What the CRM shows for each state ({table['crm']})", tag="h2")
                with (
                    ui.element("div").classes("lb-scroll"),
                    ui.element("table").classes("lb-table"),
                ):
                    self._mapping_head(table["columns"])
                    with ui.element("tbody"):
                        for row in table["rows"]:
                            self._mapping_row(table, row)

    def _portal_picker(self, portals: Sequence[str]) -> None:
        def pick(event: events.ValueChangeEventArguments[str]) -> None:
            self._portal = event.value or ""
            self.show.refresh()

        names = {"": "all portals", **{name: name for name in portals}}
        shown = ui.select(names, value=self._portal, label="Shown in", on_change=pick)
        shown.props("outlined dense")
        if self._portal:
            words = (
                f"What is changed here is for {self._portal} alone; a value of its own is marked."
            )
            text(words, classes="lb-soft")

    def _mapping_head(self, columns: Sequence[str]) -> None:
        with ui.element("thead"), ui.element("tr"):
            for label in ("State", *columns):
                text(label, tag="th").props("scope=col")

    def _mapping_row(self, table: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        with ui.element("tr"):
            text(row["state"], tag="th").props("scope=row")
            for column in table["columns"]:
                value = row["values"][column]
                with ui.element("td"):
                    mark = chip("own", "good")
                    mark.set_visibility(column in row["own"])
                    self._own_marks[table["crm"], row["state"], column] = mark
                    if not self._may:
                        text(value or NOTHING, tag="span", classes="lb-mono")
                        continue
                    crm, known = table["crm"], table["known"][column]
                    picker = ui.select(
                        self._choices(crm, column, known),
                        value=value or NOTHING,
                        with_input=True,
                        new_value_mode="add-unique",
                    )
                    picker.props("outlined dense options-dense hide-dropdown-icon")
                    picker.props["aria-label"] = f"{row['state']}: {column}"
                    picker.on_value_change(partial(self._map, crm, row["state"], column))
                    self._pickers.append((picker, crm, column, known))

    def _choices(self, crm: str, column: str, known: Sequence[str]) -> list[str]:
        """What portals offer first, then what the file says already."""
        kind, name = ("own", self._portal) if self._portal else ("options", crm)
        offered = self._offered.get(kind, {}).get(name, {}).get(column, ())
        return list(dict.fromkeys([NOTHING, *offered, *known]))

    async def _ask_portals(self) -> None:
        """Fill the pickers with what portals offer; the page does not wait for their answers."""
        options = self._view.desk.app.versions.options
        found = await self._view.share_portal("options", ALL, options, fresh=OFFERED)
        if found is None:
            return
        self._offered = {"options": found["options"], "own": found["own"]}
        for picker, crm, column, known in self._pickers:
            new = self._choices(crm, column, known)
            picker.set_options(list(dict.fromkeys([*new, *picker.options])))
        self._heard.clear()
        with self._heard:
            asked = [name for name in found["asked"] if self._portal in ("", name)]
            if asked:
                names = ", ".join(asked)
                text(f"The values to choose from are those of {names}.", classes="lb-soft")
            for one in found["unreachable"]:
                note(f"{one['portal']} did not say what it offers: {one['why']}", "warn")

    async def _map(
        self, crm: str, state: str, column: str, event: events.ValueChangeEventArguments[Any]
    ) -> None:
        value = None if event.value in (None, NOTHING) else str(event.value)
        with_value = self._view.desk.rulebook.with_value
        async with self._picking:
            changed = await self._view.run(
                "editor", with_value, self._text(), crm, state, column, value, self._portal
            )
            if changed is not None:
                await self._put(changed)
                await self._mark_own()

    async def _mark_own(self) -> None:
        """Which values are the portal's own now; the pickers stay, and the focus in one of them."""
        book = self._view.desk.rulebook
        for table in await self._view.ask(book.mappings, self._text(), self._portal) or ():
            for row in table["rows"]:
                for column in table["columns"]:
                    mark = self._own_marks[table["crm"], row["state"], column]
                    mark.set_visibility(column in row["own"])
