"""Overview: where the leads are, what flows, how far behind the work is; seen, not read."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from nicegui import ui

from leadback.web.pages.desk import Desk, View
from leadback.web.pages.frame import LONG, keep_fresh, page, title
from leadback.web.pages.parts import card, text
from leadback.web.pages.trends import Trends

MINUTE_SECONDS = 30.0

_COLOURS: Mapping[str, str] = {
    "waits": "#8493a3", "goes_on": "#2f7fd0", "done": "#2b8a4b", "final": "#4b5865",
}  # fmt: skip
_MEANS: Mapping[str, str] = {
    "waits": "the assistant waits",
    "goes_on": "the assistant goes on",
    "done": "done, handed back",
    "final": "done for good",
}
_AXIS = {"axisLabel": {"color": "#556372"}, "axisLine": {"lineStyle": {"color": "#dbe2ea"}}}


class _Board:
    """The figures of one open page."""

    def __init__(self, view: View, found: Mapping[str, Any]) -> None:
        self._view = view
        self._in_table: Mapping[str, int] = {}
        with ui.element("div").classes("lb-tiles").props("role=group aria-label=Figures"):
            self._tiles = {name: _tile(label) for name, label in _TILES}
        with card():
            text("Leads by state", tag="h2")
            _legend()
            self._states = ui.echart(_states(found)).style("height: 320px")
            self._states.props('role=img aria-label="Leads by state"')
            self._states.on_point_click(
                lambda e: ui.navigate.to(f"/leads?{urlencode({'state': e.name})}")
            )
            self._table = ui.element("details")
        with card():
            text("Events and effects per minute, last hour", tag="h2")
            self._flow = ui.echart(_flow(found)).style("height: 260px")
            self._flow.props('role=img aria-label="Events and effects per minute"')
        self._numbers(found)

    async def look(self) -> bool:
        found, current = await self._view.share("overview", self._view.desk.overview.look)
        if found is not None:
            _show(self._states, _states(found))
            _show(self._flow, _flow(found))
            self._numbers(found)
        return current

    def _numbers(self, found: Mapping[str, Any]) -> None:
        values = {
            "leads": sum(found["states"].values()),
            "handbacks": found["handbacks"],
            "due": found["due"],
            "pending": found["pending"],
            "lag": _lag(found["oldest_due_seconds"]),
            "parked": found["parked"],
        }
        for name, value in values.items():
            self._tiles[name].set_text(f"{value:,}" if isinstance(value, int) else value)
        if found["states"] == self._in_table:
            return
        self._in_table = found["states"]
        self._table.clear()
        with self._table:
            text("As a table", tag="summary")
            with ui.element("table").classes("lb-table").props('aria-label="Leads by state"'):
                for state, count in found["states"].items():
                    with ui.element("tr"):
                        text(state, tag="th").props("scope=row")
                        text(f"{count:,}", tag="td", classes="num")


_TILES = (
    ("leads", "leads"),
    ("handbacks", "handed back, 24 h"),
    ("due", "events due"),
    ("pending", "effects on their way"),
    ("lag", "oldest due"),
    ("parked", "parked"),
)


def _show(plot: ui.echart, options: dict[str, Any]) -> None:
    """Sent only when it is another picture."""
    if any(plot.options.get(name) != value for name, value in options.items()):
        plot.options.update(options)
        plot.update()


def _tile(label: str) -> Any:
    with ui.element("div").classes("lb-tile"):
        number = text("", tag="b")
        text(label, tag="span")
    return number


def _legend() -> None:
    with ui.element("div").classes("lb-row lb-soft"):
        for work, means in _MEANS.items():
            with ui.element("span").classes("lb-row").style("gap: .3rem"):
                dot = ui.element("span").style("width: .8rem; height: .8rem; border-radius: 3px")
                dot.style["background"] = _COLOURS[work]
                text(means, tag="span")


def _states(found: Mapping[str, Any]) -> dict[str, Any]:
    names = list(found["states"])
    bars = [
        {
            "value": found["states"][name],
            "label": {"show": found["states"][name] > 0},
            "itemStyle": {"color": _COLOURS.get(found["work"].get(name, ""), "#8493a3")},
        }
        for name in names
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 24, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "xAxis": {
            "type": "category", "data": names, **_AXIS,
            "axisLabel": {"interval": 0, "rotate": 35, "color": "#556372"},
        },
        "yAxis": {"type": "value", "minInterval": 1, **_AXIS},
        "series": [
            {
                "type": "bar", "data": bars, "barMaxWidth": 48,
                "label": {"show": True, "position": "top"},
            }
        ],
    }  # fmt: skip


def _flow(found: Mapping[str, Any]) -> dict[str, Any]:
    minutes: Sequence[Mapping[str, Any]] = found["minutes"]
    lines = [
        {
            "name": name,
            "type": "line",
            "showSymbol": False,
            "areaStyle": {"opacity": 0.12},
            "lineStyle": {"width": 2},
            "color": colour,
            "data": [minute[name] for minute in minutes],
        }
        for name, colour in (("events", "#2f7fd0"), ("effects", "#2b8a4b"))
    ]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 12, "top": 32, "bottom": 8, "containLabel": True},
        "legend": {"data": ["events", "effects"], "top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": [m["at"][11:16] for m in minutes], **_AXIS},
        "yAxis": {"type": "value", "minInterval": 1, **_AXIS},
        "series": lines,
    }


def _lag(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def register(desk: Desk) -> None:
    """/overview"""

    @ui.page("/overview", response_timeout=LONG)
    async def overview(request: Request) -> None:
        with page(desk, request, "Overview", at="overview") as view:
            with ui.element("div").classes("lb-head"):
                title("Overview", "Times are UTC.")
            found = await view.ask(desk.overview.look)
            if found is not None:
                board = _Board(view, found)
                await Trends(view).draw()
                keep_fresh(view, board.look)
                ui.timer(MINUTE_SECONDS, board.look)  # the hour goes on without events
