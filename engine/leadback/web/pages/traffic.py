"""What goes between a portal and us: connected or why not, when it was heard of, its budget."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from leadback.web.pages.desk import View
from leadback.web.pages.parts import note, text

LOOK_SECONDS = 3.0


class Traffic:
    """Of one portal's card; kept fresh from the database, without asking the portal."""

    def __init__(self, view: View, portal: str) -> None:
        self._view, self._portal = view, portal
        self._shown: Mapping[str, Any] | None = None

    def draw(self) -> None:
        self._place = ui.element("div").props("role=group")
        self._place.props["aria-label"] = f"Traffic of {self._portal}"
        ui.timer(0.05, self._look, once=True)
        ui.timer(LOOK_SECONDS, self._look)

    async def _look(self) -> None:
        found = await self._view.look(self._view.desk.app.portals.heard, self._portal)
        if found is None or found == self._shown:
            return
        self._shown = found
        self._place.clear()
        with self._place:
            _draw(found)


def _draw(found: Mapping[str, Any]) -> None:
    until, why = found["paused_until"], found["paused_because"]
    if until is not None:
        note(f"Nothing is sent or asked before {_second(until)}: {why}", "warn")
    with ui.element("dl").classes("lb-facts"):
        connected = "yes" if found["connected"] else f"no: {why}"
        _fact("Connected", connected if until is None else "yes, but paused")
        _fact("Last poll", _second(found["last_poll_at"]))
        _fact("Last comparison of all contacts", _second(found["last_comparison_at"]))
        _fact("Last webhook", _second(found["last_webhook_at"]))
        for lane, one in found["budget"].items():
            text(f"Rate budget, {lane}", tag="dt")
            with ui.element("dd"):
                words = f"{one['used']} of {one['limit']} calls in {one['window_seconds']:g} s"
                meter = ui.element("meter").classes("lb-meter")
                meter.props["min"], meter.props["max"] = 0, one["limit"]
                meter.props["value"], meter.props["aria-label"] = one["used"], words
                text(words, tag="span")


def _fact(name: str, value: str) -> None:
    text(name, tag="dt")
    text(value, tag="dd")


def _second(at: str | None) -> str:
    return f"{at[:19].replace('T', ' ')} UTC" if at else "never"
