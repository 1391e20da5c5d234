"""The audit trail and the list of log-ins, newest first, a page at a time."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from leadback.web.pages.desk import View
from leadback.web.pages.parts import Column, card, empty, records, text

PAGE = 100

_TRAIL = (
    Column("at", "When", "time"),
    Column("who", "Who"),
    Column("door", "Through", wide=True),
    Column("what", "What"),
    Column("subject", "On"),
    Column("outcome", "Outcome"),
)
_LOG_INS = (
    Column("at", "When", "time"),
    Column("who", "Who"),
    Column("address", "From"),
    Column("outcome", "Outcome"),
)


class Trail:
    """Both lists of one open page; an admin's."""

    def __init__(self, view: View) -> None:
        self._view, self._desk = view, view.desk
        self._pages: dict[str, list[int | None]] = {"Audit trail": [None], "Log-ins": [None]}

    @ui.refreshable_method
    async def draw(self) -> None:
        place = self._pages["Audit trail"][-1]
        entries = await self._view.run("admin", self._desk.audit.list, limit=PAGE, before=place)
        if entries is not None:
            self._card("Audit trail", _TRAIL, entries)
        place = self._pages["Log-ins"][-1]
        entries = await self._view.run("admin", self._desk.audit.log_ins, limit=PAGE, before=place)
        if entries is not None:
            self._card("Log-ins", _LOG_INS, entries)

    def _card(self, title: str, columns: tuple[Column, ...], rows: list[dict[str, Any]]) -> None:
        pages = self._pages[title]

        def older() -> None:
            pages.append(rows[-1]["id"])
            self.draw.refresh()

        def newer() -> None:
            pages.pop()
            self.draw.refresh()

        with card():
            text(title, tag="h2")
            if rows:
                records(columns, rows, label=title)
            else:
                empty("Nothing older.")
            with ui.element("div").classes("lb-row"):
                if len(pages) > 1:
                    _button(f"Newer {title.lower()}", newer)
                if len(rows) == PAGE:
                    _button(f"Older {title.lower()}", older)


def _button(words: str, act: Callable[[], None]) -> None:
    ui.button(words, on_click=act).props("outline dense no-caps")
