"""Pictures of the rules: Mermaid for pages and documents, SVG with counts for a live database."""

import math
from collections.abc import Mapping
from html import escape

from leadback.base.words import many
from leadback.rules.check_graph import arrows
from leadback.rules.model import PREVIOUS, Rules, Work
from leadback.rules.wording import guard

Arrow = tuple[str, str]
_MOST_LABELS = 3
_STYLE: Mapping[Work, tuple[str, str]] = {
    Work.WAITS: ("#fff7e0", "#b98900"),
    Work.GOES_ON: ("#e6f1fb", "#2a6db0"),
    Work.DONE: ("#e7f6ec", "#2b8a4b"),
    Work.FINAL: ("#eeeeee", "#555555"),
}


def labels(rules: Rules) -> dict[Arrow, list[str]]:
    """Every arrow between two states, with the events (and guards) that take it."""
    found: dict[Arrow, list[str]] = {}
    graph = arrows(rules.rules)
    direct = {(s, r.to) for r in rules.rules if r.to not in (None, PREVIOUS) for s in r.sources}
    for rule in rules.rules:
        if rule.to is None:
            continue
        when = f" [{guard(rule.guard)}]" if rule.guard else ""
        for source in rule.sources:
            if rule.to == PREVIOUS:
                back = [goal for goal in graph.get(source, ()) if (goal, source) in direct]
                goals = sorted(back, key=list(rules.states).index)
            else:
                goals = [rule.to]
            for goal in goals:
                if goal != source:
                    found.setdefault((source, goal), []).append(f"{rule.trigger}{when}")
    return found


def mermaid(
    rules: Rules,
    *,
    leads: Mapping[str, int] | None = None,
    traffic: Mapping[Arrow, int] | None = None,
    every_label: bool = False,
) -> str:
    """A Mermaid state diagram. leads: how many are in each state; traffic: moves per arrow.

    every_label: all events on an arrow, not only the first three and how many more.
    """
    lines = ["stateDiagram-v2", "    direction LR", f"    [*] --> {rules.start.to}"]
    for state in rules.states.values():
        count = f" ({leads.get(state.name, 0)})" if leads is not None else ""
        lines.append(f"    {state.name}: {state.name}{count}")
    for (source, goal), found in labels(rules).items():
        shown = found if every_label else found[:_MOST_LABELS]
        more = [f"… {len(found) - len(shown)} more"] if len(shown) < len(found) else []
        moved = [f"{traffic.get((source, goal), 0)} moves"] if traffic is not None else []
        label = "<br/>".join(_text(part) for part in [*moved, *shown, *more])
        lines.append(f"    {source} --> {goal}: {label}")
    lines += [f"    {name} --> [*]" for name, s in rules.states.items() if s.work is Work.FINAL]
    for work, (fill, stroke) in _STYLE.items():
        names = [state.name for state in rules.states.values() if state.work is work]
        if names:
            lines.append(f"    classDef {work.value} fill:{fill},stroke:{stroke},color:#222")
            lines.append(f"    class {','.join(names)} {work.value}")
    return "\n".join(lines) + "\n"


def _text(label: str) -> str:
    """Characters that mean something to Mermaid, as entities."""
    for char in "#;<>":
        label = label.replace(char, f"#{ord(char)}§")
    return label.replace("§", ";")


def svg(
    rules: Rules,
    *,
    leads: Mapping[str, int] | None = None,
    traffic: Mapping[Arrow, int] | None = None,
) -> str:
    """A drawing that needs no browser: states in a circle, arrows as thick as their traffic.

    Without traffic every arrow of the rules is drawn; with it, arrows that nobody took are faint.
    Each arrow's tooltip names its events.
    """
    names = list(rules.states)
    radius = max(220.0, 34.0 * len(names))
    size = 2 * (radius + 110)
    places = {
        name: (
            size / 2 + radius * math.sin(2 * math.pi * number / len(names)),
            size / 2 - radius * math.cos(2 * math.pi * number / len(names)),
        )
        for number, name in enumerate(names)
    }
    most = max([1, *(traffic or {}).values()])
    parts = [_HEAD.format(size=round(size))]
    for arrow, found in labels(rules).items():
        moved = None if traffic is None else traffic.get(arrow, 0)
        parts.append(_arrow(places, arrow, found, moved, most, size / 2))
    for name, state in rules.states.items():
        count = "" if leads is None else many(leads.get(name, 0), "lead")
        parts.append(_box(places[name], name, count, _STYLE[state.work]))
    return "\n".join([*parts, "</svg>"]) + "\n"


_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" \
font-family="sans-serif" font-size="13">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" \
orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0 8 4 0 8z" fill="#567"/></marker></defs>"""


def _arrow(
    places: Mapping[str, tuple[float, float]],
    arrow: Arrow,
    found: list[str],
    moved: int | None,
    most: int,
    middle: float,
) -> str:
    (x1, y1), (x2, y2) = places[arrow[0]], places[arrow[1]]
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    x1, y1, x2, y2 = x1 + 52 * ux, y1 + 24 * uy, x2 - 56 * ux, y2 - 26 * uy
    cx = (x1 + x2) / 2 * 0.85 + middle * 0.15 - uy * 18  # both directions stay apart
    cy = (y1 + y2) / 2 * 0.85 + middle * 0.15 + ux * 18
    width = 1.0 if moved is None else 1.0 + 5.0 * moved / most
    faint = 0.15 if moved == 0 else 0.75
    tip = escape(f"{arrow[0]} → {arrow[1]}: {', '.join(found)}")
    number = "" if not moved else _number((x1 + 2 * cx + x2) / 4, (y1 + 2 * cy + y2) / 4, moved)
    return (
        f'<path d="M{x1:.0f} {y1:.0f}Q{cx:.0f} {cy:.0f} {x2:.0f} {y2:.0f}" fill="none" '
        f'stroke="#567" stroke-width="{width:.1f}" opacity="{faint}" marker-end="url(#tip)">'
        f"<title>{tip}</title></path>{number}"
    )


def _number(x: float, y: float, moved: int) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" stroke="#fff" stroke-width="4" '
        f'paint-order="stroke" fill="#234">{moved}</text>'
    )


def _box(place: tuple[float, float], name: str, count: str, style: tuple[str, str]) -> str:
    x, y = place
    fill, stroke = style
    second = f'<tspan x="{x:.0f}" dy="15" fill="#555">{count}</tspan>' if count else ""
    return (
        f'<rect x="{x - 52:.0f}" y="{y - 20:.0f}" width="104" height="40" rx="8" fill="{fill}" '
        f'stroke="{stroke}"/><text x="{x:.0f}" y="{y - 3 if count else y + 5:.0f}" '
        f'text-anchor="middle">{escape(name)}{second}</text>'
    )
