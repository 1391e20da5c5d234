"""Leads: all of them, by the page; filters that live in the address; acting on many at once."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import StreamingResponse
from nicegui import app as pages
from nicegui import ui

from leadback.base.errors import LeadbackError
from leadback.service.actions import Action
from leadback.service.browse import COUNTED, MOST, today, wanted_from
from leadback.store.listing import LeadsWanted
from leadback.web.guard import PAGES
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.dialogs import Given, dialog
from leadback.web.pages.frame import LONG, keep_fresh, page, title, visitor_of
from leadback.web.pages.parts import Column, card, empty, records

ROWS = 50
_COLUMNS = (
    Column("id", "", "pick"),
    Column("who", "Lead", "link", sort="email"),
    Column("state", "State", "chip", sort="state"),
    Column("sub_state", "Reason", wide=True),
    Column("assistant", "Assistant", wide=True, sort="assistant"),
    Column("owner", "Owner", wide=True),
    Column("counted", "Counted", wide=True),
    Column("updated_at", "Changed", "time", sort="changed"),
)
_TEXTS = ("portal", "state", "sub_state", "assistant", "owner", "since", "until", "finished")


class _List:
    """The list of one open page."""

    def __init__(self, view: View, given: Mapping[str, str], choices: dict[str, list[str]]) -> None:
        self._view, self._given, self._choices = view, dict(given), choices
        self._offset, self._all = 0, False
        self._work = {s.name: s.work.value for s in view.desk.app.rules.now().rules.states.values()}
        self._total: int | None = 0

    def wanted(self) -> LeadsWanted | None:
        """The filters as they stand; None, and a message, for some that cannot be read."""
        try:
            return wanted_from(self._given)
        except LeadbackError as error:
            self._view.say(str(error), bad=True)
            return None

    async def draw(self) -> None:
        self._filters()
        with card():
            with ui.element("div").classes("lb-scroll"):
                self._table = records(_COLUMNS, [], label="Leads", on_sort=self._sort)
            self._nothing = empty("No lead fits these filters.")
            with ui.element("div").classes("lb-row") as self._cut:
                self._looked = ui.label().props("role=status")
                ui.button("Look at all", on_click=self._look_at_all).props("outline dense")
            with ui.element("div").classes("lb-head").style("margin: .75rem 0 0"):
                self._count = ui.label().classes("lb-soft").props("role=status")
                ui.element("span").classes("lb-grow")
                self._back = ui.button("Previous", on_click=lambda: self._turn(-ROWS))
                self._on = ui.button("Next", on_click=lambda: self._turn(ROWS))
                self._back.props("flat dense")
                self._on.props("flat dense")
        await self.load()

    async def again(self) -> bool:
        return await self.load(by_itself=True)

    async def load(self, *, by_itself: bool = False) -> bool:
        """Fetch the page that is asked for; what was picked stays picked while it is shown.
        Whether it is as new as the beat: see keep_fresh."""
        wanted = self.wanted()
        if wanted is None:
            return True
        asked = (wanted, self._offset, self._all)
        page = partial(
            self._view.desk.browse.page,
            wanted,
            limit=ROWS,
            offset=self._offset,
            all_of_them=self._all,
        )
        current = True
        if by_itself:
            found, current = await self._view.share(("leads", *asked), page)
        else:
            found = await self._view.ask(page)
        if found is not None and asked == (self.wanted(), self._offset, self._all):
            self._show(found)  # otherwise something else is wanted by now, and on its way
        return current

    def _show(self, found: Mapping[str, Any]) -> None:
        rows = [self._row(lead) for lead in found["rows"]]
        shown = {row["id"] for row in rows}
        if self._table.selected:
            self._table.selected = [row for row in self._table.selected if row["id"] in shown]
        if rows != self._table.rows:
            self._table.rows = rows
        self._total = found["total"]
        self._nothing.set_visibility(not rows and not found["looked"])
        self._cut.set_visibility(bool(found["looked"]))
        self._looked.set_text(
            f"Only the first {found['looked'] or 0:,} leads in this order were looked at."
        )
        last = self._offset + len(rows)
        self._count.set_text(_range(self._offset + 1, last, self._total) if rows else "0 leads")
        self._back.set_enabled(self._offset > 0)
        self._on.set_enabled(
            len(rows) == ROWS
            and (self._total is None or last < self._total or self._total >= COUNTED)
        )

    def _row(self, lead: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **{c.name: lead.get(c.name) for c in _COLUMNS},
            "counted": _counted(lead["counters"]),
            "who": lead["name"] or lead["email"] or lead["id"],
            "who_href": f"{PAGES}/lead/{lead['id']}",
            "state_kind": self._work.get(lead["state"], ""),
        }

    # ------------------------------------------------------------------ filters

    def _filters(self) -> None:
        with ui.element("div").classes("lb-filters").props('role=search aria-label="Leads"'):
            search = ui.input("Search", value=self._given.get("search", ""))
            search.props("outlined dense clearable debounce=250 maxlength=200").classes("lb-search")
            search.tooltip("Part of a name or of an email address, or a CRM id")
            search.on_value_change(lambda e: self._set("search", e.value))
            self._choice("State", "state", self._choices["states"])
            self._choice("Assistant", "assistant", self._choices["assistants"])
            if len(self._choices["portals"]) > 1:
                self._choice("Portal", "portal", self._choices["portals"])
            self._choice("Work", "finished", {"no": "goes on", "yes": "is done"})
            with ui.button("More", icon="tune").props("flat dense"), ui.menu() as menu:
                menu.props("persistent")
                self._more(menu)

    def _choice(self, label: str, name: str, options: Any) -> None:
        value = self._given.get(name)
        chosen = ui.select(options, label=label, value=value if value in options else None)
        chosen.props("outlined dense clearable options-dense")
        chosen.on_value_change(lambda e: self._set(name, e.value))

    def _more(self, menu: ui.menu) -> None:
        with ui.column().classes("q-pa-md gap-2"):
            for name, label in (("sub_state", "Reason"), ("owner", "Previous owner")):
                field = ui.input(label, value=self._given.get(name, ""))
                field.props("outlined dense clearable debounce=300")
                field.on_value_change(lambda e, name=name: self._set(name, e.value))
            for name, label in (("since", "Changed from"), ("until", "Changed until")):
                date = ui.input(label, value=self._given.get(name, ""))
                date.props("outlined dense type=date stack-label")
                date.on_value_change(lambda e, name=name: self._set(name, e.value))
            for counter in self._choices["counters"]:
                name = f"min_{counter}"
                number = ui.input(f"{named(counter)}, at least", value=self._given.get(name, ""))
                number.props("outlined dense clearable type=number min=0 debounce=300")
                number.on_value_change(lambda e, name=name: self._set(name, e.value))
            ui.button("Close", on_click=menu.close).props("flat dense")

    async def _set(self, name: str, value: object) -> None:
        if value in (None, ""):
            self._given.pop(name, None)
        else:
            self._given[name] = str(value)
        self._offset, self._all = 0, False
        ui.navigate.history.replace(f"?{self.query()}")
        await self.load()

    async def _look_at_all(self) -> None:
        self._all = True
        await self.load()

    async def _sort(self, order: str) -> None:
        same = self._given.get("order", "changed") == order
        down = self._given.get("direction") != "up"
        self._given["direction"] = (
            "up" if (same and down) or not (same or order == "changed") else "down"
        )
        await self._set("order", order)

    async def _turn(self, by: int) -> None:
        self._offset = max(0, self._offset + by)
        await self.load()

    def query(self) -> str:
        return urlencode(self._given)

    # ------------------------------------------------------------------ acting on many

    async def act(self, action: Action) -> None:
        names = [str(row["id"]) for row in self._table.selected]
        what = f"the {len(names)} selected" if names else "everything filtered"
        wanted = self.wanted()
        if not names and wanted is not None:
            names = await self._view.ask(self._view.desk.browse.ids, wanted) or []
        if not names:
            self._view.say("There is no lead to act on.", bad=True)
            return
        seen = await self._view.run("operator", self._view.desk.browse.preview, names, action.name)
        if seen is None:
            return

        async def go(_: Given) -> bool:
            if not seen["done"]:
                return True
            done = await self._view.run("operator", self._view.desk.browse.act, names, action.name)
            if done is not None:
                self._table.selected = []
                self._view.say(f"{action.label}: {seen['done']} of {done['leads']} leads.")
                await self.load()
            return done is not None

        some = f" (the first {MOST:,})" if len(names) == MOST else ""
        with dialog(
            self._view,
            f"{action.label}?",
            f"{seen['done']} of {seen['leads']} leads, {what}{some}.",
            action.label if seen["done"] else "Close",
            go,
        ):
            if seen["refused"]:
                ui.label(f"{seen['refused']} are refused:").classes("lb-note warn")
                for reason in seen["reasons"]:
                    ui.label(f"{reason['leads']} × {reason['reason']}")


def named(counter: str) -> str:
    """A counter as a heading."""
    return counter.replace("_", " ").capitalize()


def _counted(counters: Mapping[str, int]) -> str:
    """What was counted at all, in a few words; a lead's page has them all."""
    words = [f"{named(name).lower()} {count:,}" for name, count in counters.items() if count]
    return ", ".join(words[:6]) + (", …" if len(words) > 6 else "")


def _range(first: int, last: int, total: int | None) -> str:
    shown = f"{first:,}–{last:,}"
    if total is None:
        return f"{shown}, and more"
    return f"{shown} of {'more than ' if total >= COUNTED else ''}{total:,}"


def register(desk: Desk) -> None:
    """/leads and its export."""

    @ui.page("/leads", response_timeout=LONG)
    async def leads(request: Request) -> None:
        with page(desk, request, "Leads", at="leads") as view:
            choices = await view.ask(desk.browse.choices)
            if choices is None:
                return
            shown = _List(view, dict(request.query_params), choices)
            with ui.element("div").classes("lb-head"):
                title("Leads")
                ui.element("span").classes("lb-grow")
                if view.may("operator"):
                    with ui.dropdown_button("Act on them", auto_close=True).props("outline dense"):
                        for action in desk.app.leads.actions():
                            ui.item(action.label, on_click=lambda a=action: shown.act(a)).props(
                                "role=menuitem"
                            )
                ui.button(
                    "Export CSV",
                    on_click=lambda: ui.navigate.to(f"/leads.csv?{shown.query()}"),
                ).props("outline dense")
            await shown.draw()
            keep_fresh(view, shown.again)

    @pages.get("/leads.csv")
    def export(request: Request) -> StreamingResponse:
        wanted = wanted_from(dict(request.query_params))
        name = f"leads-{today(desk.app.clock)}.csv"
        return StreamingResponse(
            desk.browse.export(wanted, by=visitor_of(request).name),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
