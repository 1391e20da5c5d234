"""How it went: leads by state, and what was used of each portal's calls, over a day to a month."""

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from leadback.web.pages.desk import View
from leadback.web.pages.parts import card, text

AGAIN_SECONDS = 60.0
LINES = 8
"""Portals with more calls than the others, when there are many."""
_SPANS = {"day": "Day", "week": "Week", "month": "Month"}
_COLOURS = (
    "#8493a3", "#2f7fd0", "#2b8a4b", "#c9791a", "#8a56c2", "#c04a43", "#1d8f96", "#a3852c",
    "#5d6fd6", "#4b5865", "#b0568e", "#6a9a3b",
)  # fmt: skip
_AXIS = {"axisLabel": {"color": "#556372"}, "axisLine": {"lineStyle": {"color": "#dbe2ea"}}}


class Trends:
    """Two plots of one open page, each with its table."""

    def __init__(self, view: View) -> None:
        self._view, self._span = view, "day"

    async def draw(self) -> None:
        with card():
            with ui.element("div").classes("lb-head"):
                text("Leads by state over time", tag="h2")
                ui.element("span").classes("lb-grow")
                chosen = ui.toggle(
                    _SPANS, value=self._span, on_change=lambda e: self._take(e.value)
                )
                chosen.props('dense no-caps unelevated role=group aria-label="How far back"')
            self._states = ui.echart(_plot({}, [], "")).style("height: 300px")
            self._states.props('role=img aria-label="Leads by state over time; a table follows"')
            self._states_table = ui.element("details")
        with card():
            text("API budget used", tag="h2")
            self._budget = ui.echart(_plot({}, [], "%")).style("height: 220px")
            self._budget.props('role=img aria-label="API budget used; a table follows"')
            self._budget_table = ui.element("details")
        await self.look()
        ui.timer(AGAIN_SECONDS, self.look)

    async def look(self) -> None:
        span = self._span
        trends = self._view.desk.overview.trends
        found, _ = await self._view.share(("trends", span), lambda: trends(span))
        if found is None or span != self._span:
            return
        busiest = dict(sorted(found["budget"].items(), key=lambda one: -_sum(one[1]))[:LINES])
        times = [_short(at, span) for at in found["at"]]
        self._states.options.update(_plot(found["states"], times, "", stacked=True))
        self._budget.options.update(_plot(busiest, times[:-1], "%"))
        self._states.update()
        self._budget.update()
        _table(self._states_table, "Leads by state over time", _WAYS, _ways(found["states"]))
        _table(self._budget_table, "API budget used", _USES, _uses(busiest))

    async def _take(self, span: str) -> None:
        self._span = span
        await self.look()


_WAYS = ("State", "At first", "Least", "Most", "Now")
_USES = ("Portal, limit", "On average", "Most")
Line = Sequence[float | None]


def _ways(lines: Mapping[str, Line]) -> list[tuple[str, ...]]:
    found = []
    for name, line in lines.items():
        known = [value for value in line if value is not None]
        cells = (known[0], min(known), max(known), known[-1])
        found.append((name, *(f"{value:,.0f}" for value in cells)))
    return found


def _uses(lines: Mapping[str, Line]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, line in lines.items():
        known = [value for value in line if value is not None] or [0.0]
        found.append((name, f"{sum(known) / len(known):.1f} %", f"{max(known):.1f} %"))
    return found


def _table(
    place: ui.element, label: str, heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    place.clear()
    with place:
        text("As a table", tag="summary")
        with ui.element("table").classes("lb-table") as table:
            table.props["aria-label"] = label
            with ui.element("tr"):
                for head in heads:
                    numbers = "" if head == heads[0] else "num"
                    text(head, tag="th", classes=numbers).props("scope=col")
            for name, *cells in rows:
                with ui.element("tr"):
                    text(name, tag="th").props("scope=row")
                    for cell in cells:
                        text(cell, tag="td", classes="num")


def _plot(
    lines: Mapping[str, Line], times: Sequence[str], unit: str, *, stacked: bool = False
) -> dict[str, Any]:
    series = [
        {
            "name": name,
            "type": "line",
            "showSymbol": sum(value is not None for value in line) < 3,
            "connectNulls": True,
            "lineStyle": {"width": 1.5},
            "color": _COLOURS[number % len(_COLOURS)],
            "data": list(line),
            **({"stack": "all", "areaStyle": {"opacity": 0.55}} if stacked else {}),
        }
        for number, (name, line) in enumerate(lines.items())
    ]
    return {
        "animation": False,
        "grid": {"left": 16, "right": 24, "top": 56, "bottom": 8, "containLabel": True},
        "legend": {"type": "scroll", "data": list(lines), "top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "boundaryGap": False, "data": list(times), **_AXIS},
        "yAxis": {
            "type": "value",
            "min": 0,
            "minInterval": 0 if unit else 1,
            "axisLabel": {"formatter": f"{{value}}{unit}"},
        },
        "series": series,
    }


def _short(at: str, span: str) -> str:
    return at[11:16] if span == "day" else f"{at[5:10]} {at[11:16]}"


def _sum(line: Line) -> float:
    return sum(value or 0 for value in line)
