"""Pieces that pages are made of. Whatever comes from leads goes in as data, never as markup."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

Kind = Literal["text", "mono", "link", "chip", "number", "time", "pick", "actions"]

_CELLS: Mapping[Kind, str] = {
    "text": "{{ props.row.NAME }}",
    "mono": '<span class="lb-mono">{{ props.row.NAME }}</span>',
    "number": "{{ props.row.NAME }}",
    "time": '<time :datetime="props.row.NAME" :title="props.row.NAME">'
    "{{ (props.row.NAME || '').replace(/^([^T]{10})T(.{5}).*/, '$1 $2') }}</time>",
    "link": '<a v-if="props.row.NAME_href" :href="props.row.NAME_href">{{ props.row.NAME }}</a>'
    "<span v-else>{{ props.row.NAME }}</span>",
    "chip": "<span v-if=\"props.row.NAME\" :class=\"'lb-chip ' + (props.row.NAME_kind || '')\">"
    "{{ props.row.NAME }}</span>",
    "pick": '<input type="checkbox" v-model="props.selected"'
    " :aria-label=\"'Select ' + props.row.NAME\">",
    "actions": '<span class="lb-row">'
    '<q-btn v-for="a in props.row.NAME ? props.row.NAME.split(`|`) : []" :key="a"'
    ' flat dense no-caps size="sm" color="primary" :label="a"'
    ' :aria-label="`${a} ${props.row.id}`"'
    " @click=\"$parent.$emit('act', {action: a, id: props.row.id})\"></q-btn></span>",
}
"""Templates by kind of cell; NAME is a column's own name, everything else is bound as data."""


_SHORT: tuple[Kind, ...] = ("number", "time", "chip", "pick", "actions")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. wide: left out on a phone. sort: the name to sort by, "" = not sortable.

    A link's row carries NAME_href beside NAME, a chip's NAME_kind; actions are labels with |
    between them.
    """

    name: str
    label: str
    kind: Kind = "text"
    wide: bool = False
    sort: str = ""

    @property
    def classes(self) -> str:
        return " ".join(
            word
            for word, on in (
                ("num", self.kind == "number"),
                ("lb-short", self.kind in _SHORT),
                ("lb-wide", self.wide),
            )
            if on
        )


def records(
    columns: Sequence[Column],
    rows: list[dict[str, Any]],
    *,
    row_key: str = "id",
    label: str,
    on_act: Callable[[str, str], Any] | None = None,
    on_sort: Callable[[str], Any] | None = None,
) -> ui.table:
    """A table of rows; on_act(action, row id), on_sort(sort name)."""
    picks = any(c.kind == "pick" for c in columns)
    with ui.element("div").classes("lb-scroll").props("tabindex=0 role=group") as frame:
        table = ui.table(
            columns=[{"name": c.name, "label": c.label, "field": c.name} for c in columns],
            rows=rows,
            row_key=row_key,
            selection="multiple" if picks else None,
        )
    frame.props["aria-label"] = label
    table.props('flat dense hide-bottom table-class="lb-table"').classes("w-full lb-records")
    table.add_slot("header", _header(columns))
    table.add_slot("body", _body(columns))
    if on_act is not None:
        table.on("act", lambda e: on_act(str(e.args["action"]), str(e.args["id"])))
    if on_sort is not None:
        table.on("sort", lambda e: on_sort(str(e.args)))
    return table


def _header(columns: Sequence[Column]) -> str:
    cells: list[str] = []
    for column in columns:
        inside = escape(column.label)
        if column.kind == "pick":
            inside = (
                '<input type="checkbox" v-model="props.selected" aria-label="Select all shown">'
            )
        elif column.sort:
            name = column.sort
            inside = (
                f'<button type="button" class="lb-sort" @click="$parent.$emit(\'sort\', '
                f"'{name}')\">{inside}</button>"
            )
        cells.append(f'<th scope="col" class="{column.classes}">{inside}</th>')
    return f"<tr>{''.join(cells)}</tr>"


def _body(columns: Sequence[Column]) -> str:
    cells = "".join(
        f'<td class="{c.classes}">{_CELLS[c.kind].replace("NAME", c.name)}</td>' for c in columns
    )
    return f'<tr :key="props.key">{cells}</tr>'


def text(content: str, *, tag: str = "p", classes: str = "") -> TextElement:
    """Words in an element of their own."""
    made = TextElement(tag=tag, text=content)
    made.classes.extend(classes.split())
    return made


def chip(word: str, kind: str = "") -> ui.label:
    made = ui.label(word).classes("lb-chip")
    made.classes.extend(kind.split())
    return made


def note(content: str, kind: str = "") -> ui.label:
    """A sentence in a coloured box."""
    made = ui.label(content).classes("lb-note")
    made.classes.extend(kind.split())
    return made


def empty(content: str) -> ui.label:
    return ui.label(content).classes("lb-empty")


def facts(values: Mapping[str, object]) -> None:
    """Names and values, a line each; None is a dash."""
    with ui.element("dl").classes("lb-facts"):
        for name, value in values.items():
            text(name, tag="dt")
            text("–" if value in (None, "") else str(value), tag="dd")


def moment(at: str | None) -> str:
    """An ISO time as people read it, to the minute, UTC; words instead of one stay as they are."""
    if not at or at[10:11] != "T":
        return at or ""
    return f"{at[:10]} {at[11:16]}"


def card() -> ui.element:
    return ui.element("section").classes("lb-card")
