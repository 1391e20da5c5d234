"""Loading what each CRM shows: one line of values per state."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from leadback.base.names import one_line
from leadback.rules.draft import Draft
from leadback.rules.grammar import COLUMN_PATTERN, CRM, MAX_VALUE, PORTAL_PATTERN
from leadback.rules.model import CrmMapping, Position
from leadback.rules.reader import Items, Node, Scalar, Table
from leadback.rules.shapes import (
    braces,
    declared_name,
    fields,
    is_name,
    is_refused,
    items,
    kind_of,
    name_of,
    nearest,
    pairs,
    suggestion,
    wrong_kind,
)

_COLUMN = re.compile(COLUMN_PATTERN)
_PORTAL = re.compile(PORTAL_PATTERN)


def load_crm(draft: Draft, node: Node) -> None:
    for key, value in pairs(draft.report, node, "crm"):
        name = declared_name(draft.report, key, "a CRM")
        found = fields(draft.report, value, CRM, f"crm {name}")
        if found is None or name in draft.crm or "columns" not in found or "states" not in found:
            continue
        columns = _columns(draft, name, found["columns"])
        at = (key.at, found["columns"].at)
        table = _mapping(draft, name, at, columns, found["states"])
        if "portals" in found:
            table = replace(table, portals=dict(_portals(draft, table, found["portals"])))
        draft.crm[name] = table


def _portals(draft: Draft, table: CrmMapping, node: Node) -> Iterator[tuple[str, CrmMapping]]:
    """The mapping of each portal that is shown something else than the table says."""
    seen: dict[str, object] = {}
    for key, value in pairs(draft.report, node, f"portals of crm {table.crm}"):
        name = name_of(key)
        if not _PORTAL.fullmatch(name):
            fix = "write the name under which the portal was connected"
            draft.report.add("R010", key.at, f"{name[:40]!r} cannot name a portal", fix=fix)
        if seen.setdefault(name, key.value) != key.value:  # 7 and "7" are two keys to the reader
            message = f"portal {name[:64]} is given twice"
            draft.report.add("R004", key.at, message, fix="put its values together")
        shown = _with_cells(draft, replace(table, at=key.at), value, f"portal {name[:64]}")
        if shown != table:
            yield name, shown


def _with_cells(draft: Draft, table: CrmMapping, node: Node, what: str) -> CrmMapping:
    states, value_at = dict(table.states), dict(table.value_at)
    for key, cells in pairs(draft.report, node, what):
        state = draft.known(name_of(key), draft.states, key.at, what)
        where = f"{state} in {what}"
        values = list(states.get(state, [None] * len(table.columns)))
        for column, cell in pairs(draft.report, cells, where):
            number = _column(draft, table, column, where)
            value = _value(draft, cell, where)
            if number is not None:
                values[number], value_at[state, table.columns[number]] = value, cell.at
        states[state] = tuple(values)
    return replace(table, states=states, value_at=value_at)


def _column(draft: Draft, table: CrmMapping, node: Scalar, what: str) -> int | None:
    name = name_of(node)
    if name in table.columns:
        return table.columns.index(name)
    near = nearest(name, table.columns)
    fix = suggestion(near, table.columns, kind=f"columns of {table.crm}")
    draft.report.add("R007", node.at, f"{what}: there is no column {name[:128]}", fix=fix)
    return None if near is None else table.columns.index(near)


def _columns(draft: Draft, crm: str, node: Node) -> tuple[str, ...]:
    what = f"columns of {crm}"
    found: list[str] = []
    for item in items(draft.report, node, what):
        name = draft.name(item, what)
        if name is None:
            name = f"?{len(found)}"  # keeps its place, so that the values are still counted
        elif not _COLUMN.fullmatch(name):
            fix = "write the field's internal name: letters, digits and underscores"
            draft.report.add("R010", item.at, f"{name[:40]!r} cannot be a field name", fix=fix)
        elif name in found:
            draft.report.add("R019", item.at, f"{what} name {name} twice", fix="remove one")
        found.append(name)
    if isinstance(node, Items) and not node.items:
        wrong_kind(draft.report, node, what, expected="at least one field name")
    return tuple(found)


def _mapping(
    draft: Draft, crm: str, at: tuple[Position, Position], columns: tuple[str, ...], node: Node
) -> CrmMapping:
    """at: of the CRM, and of its columns."""
    report = draft.report
    wide = _one_width(node)
    if columns and wide not in (None, len(columns)):
        fields_ = "1 field" if len(columns) == 1 else f"{len(columns)} fields"
        each = "1 value" if wide == 1 else f"{wide} values"
        message = f"columns of {crm} names {fields_}, and every state has {each}"
        fix = "name one field for each value"
        report.add("R051", at[1], message, fix=fix)
    states: dict[str, tuple[str | None, ...]] = {}
    value_at: dict[tuple[str, str], Position] = {}
    for key, value in pairs(report, node, f"states of {crm}"):
        state = draft.known(name_of(key), draft.states, key.at, f"crm {crm}")
        what = f"{state} in crm {crm}"
        parts = _values(draft, value, what)
        if parts and len(parts) != len(columns) and columns and wide is None:
            given = f"{len(parts)} value" + ("s" if len(parts) != 1 else "")
            fix = f"give one value each for {', '.join(columns)}; ~ writes nothing"
            report.add("R051", value.at, f"{what} has {given}, not {len(columns)}", fix=fix)
        found = [_value(draft, part, what) for part in parts or ()]
        padded = (*found, *[None] * len(columns))[: len(columns)]
        if state not in states:
            states[state] = padded
            for column, part in zip(columns, parts or (), strict=False):
                value_at[state, column] = part.at
    missing = [name for name in draft.states if name not in states and is_name(name)]
    if not is_refused(node):
        for state in missing:
            message = f"crm {crm} does not say what to show for {state}"
            fix = f"add {state}: one value per column, or [] to write nothing"
            report.add("R050", node.at, message, fix=fix)
    return CrmMapping(crm, columns, states, at[0], value_at)


def _one_width(node: Node) -> int | None:
    """How many values every state has that has any, if three or more agree: then the columns are
    what is wrong, once."""
    values = [value for _, value in node.pairs] if isinstance(node, Table) else []
    widths = [len(v.items) for v in values if isinstance(v, Items) and v.items]
    return widths[0] if len(widths) > 2 and len(set(widths)) == 1 else None


def _values(draft: Draft, node: Node, what: str) -> tuple[Node, ...] | None:
    if isinstance(node, Items):
        return node.items
    fix = "put the values in square brackets; [] writes nothing"
    wrong_kind(draft.report, node, what, expected="a list of values", fix=fix)
    return None


def _value(draft: Draft, node: Node, what: str) -> str | None:
    if isinstance(node, Scalar) and node.value is None:
        return None
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        fix = f"write it in quotes if you mean {kind_of(node)}"
        wrong_kind(draft.report, node, what, expected="a text", fix=fix)
        return None
    value, at = node.value, node.at
    why = _unwritable(value)
    if why:
        fix = (
            f"write 1 to {MAX_VALUE} visible characters on one line, without blanks around them,"
            " or ~ to write nothing"
        )
        message = f"{what}: {value[:40]!r} cannot be written to a field: {why}"
        draft.report.add("R052", at, message, fix=fix)
    braces(draft.report, value, at, what)
    return value


def _unwritable(value: str) -> str | None:
    """Why no CRM would take the value as it is, or no person could ever type it again.

    HubSpot refuses blanks and invisible characters at the ends of values and of options
    (https://developers.hubspot.com/changelog, in force since 7 April 2025).
    """
    if not value:
        return "it is empty"
    if len(value) > MAX_VALUE:
        return f"it has {len(value)} characters"
    if _is_blank(value[0]) or _is_blank(value[-1]):
        return "it has a blank at its beginning or end"
    for place, character in enumerate(value):
        joins = character in _JOINERS and 0 < place < len(value) - 1
        if _is_invisible(character) and not joins:
            name = unicodedata.name(character, "a control character")
            return f"it has an invisible character, U+{ord(character):04X} ({name})"
    return None


_JOINERS = "\u200c\u200d"
"""Persian and other scripts need these between letters, and emoji between their parts."""

_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Characters with the category of letters or symbols that show nothing."""


def _is_blank(character: str) -> bool:
    return character.isspace() or character in _BLANK_LETTERS


def _is_invisible(character: str) -> bool:
    """Controls, ends of lines, marks of direction, and whatever else only formats."""
    return not one_line(character) or unicodedata.category(character) == "Cf"
