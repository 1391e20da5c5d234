"""One mapped value changed in the text of a rules file, and everything else as it was written.

The text has been read without a finding: no anchors, one document, bounded. PyYAML says where each
part of it stands.
"""

from collections.abc import Sequence

import yaml

from leadback.base.errors import InputError
from leadback.rules.dump import quote, word

Path = Sequence[str]
"""Keys from the top of the file to an entry."""


def with_cell(text: str, crm: str, state: str, column: str, value: str | None) -> str:
    """The text with another value in the CRM's table. Raises InputError where there is none."""
    root = _composed(text)
    columns, values = (
        _items(_at(root, ("crm", crm, *rest))) for rest in (("columns",), ("states", state))
    )
    number = next((n for n, node in enumerate(columns) if node.value == column), len(values))
    if number >= len(values):
        raise InputError(f"the rules map no {column} of {state} for {crm}")
    return _replaced(text, values[number], _scalar(value))


def with_own_cell(
    text: str, crm: str, portal: str, state: str, column: str, value: str | None
) -> str:
    """The text with a value of one portal's own; its place is made where there is none yet.

    Raises InputError when the CRM has no table.
    """
    root, path = _composed(text), ("crm", crm, "portals", portal, state, column)
    there = _at(root, path)
    if there is not None:
        return _replaced(text, there, _scalar(value))
    for depth in range(len(path) - 1, 1, -1):
        table = _at(root, path[:depth])
        if isinstance(table, yaml.MappingNode):
            return _added(text, table, path[depth:], _scalar(value))
    raise InputError(f"the rules have no table crm.{crm}")


def without_own_cell(text: str, crm: str, portal: str, state: str, column: str) -> str:
    """The text with the portal shown what the table says; what is empty then goes, too."""
    root = _composed(text)
    path: Path = ("crm", crm, "portals", portal, state, column)
    if _at(root, path) is None:
        return text
    while len(path) > 3 and len(_pairs(_at(root, path[:-1]))) == 1:
        path = path[:-1]
    return _removed(text, _at(root, path[:-1]), path[-1])


# ---------------------------------------------------------------------- where things stand


def _composed(text: str) -> yaml.Node | None:
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _at(node: yaml.Node | None, path: Path) -> yaml.Node | None:
    for key in path:
        node = next((value for name, value in _pairs(node) if name.value == key), None)
    return node


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _end(node: yaml.Node) -> int:
    """Where a value really ends: a table of lines says that it ends where the next thing begins."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


# ---------------------------------------------------------------------- the changes


def _scalar(value: str | None) -> str:
    return "~" if value is None else word(value) if value else quote(value)


def _replaced(text: str, node: yaml.Node, new: str) -> str:
    """What stands behind it on the line stays where it was, as far as there are blanks for it."""
    begin, end = node.start_mark.index, node.end_mark.index
    rest = text[end:]
    behind = rest[1:].lstrip(" ") if rest.startswith(",") else ""
    blanks = len(rest) - 1 - len(behind)
    if behind and blanks:
        blanks = max(1, blanks + end - begin - len(new))
        rest = f",{' ' * blanks}{behind}"
    return text[:begin] + new + rest


def _added(text: str, table: yaml.MappingNode, keys: Path, value: str) -> str:
    """keys: from the table to the value; all but the first are new tables."""
    if table.flow_style:
        for key in reversed(keys[1:]):
            value = f"{{{word(key)}: {value}}}"
        end = table.end_mark.index - 1
        while text[end - 1] in " \n":
            end -= 1
        comma = ", " if table.value else ""
        return f"{text[:end]}{comma}{word(keys[0])}: {value}{text[end:]}"
    cell = f"{word(keys[-1])}: {value}"
    if len(keys) > 1:
        cell = f"{word(keys[-2])}: {{{cell}}}"
    margin, lines = table.start_mark.column, ""
    for depth, line in enumerate((*(f"{word(key)}:" for key in keys[:-2]), cell)):
        lines += f"\n{' ' * (margin + 2 * depth)}{line}"
    at = _line_end(text, _end(table))
    return text[:at] + lines + text[at:]


def _removed(text: str, table: yaml.Node | None, key: str) -> str:
    pairs = _pairs(table)
    number = next(n for n, (name, _) in enumerate(pairs) if name.value == key)
    name, value = pairs[number]
    begin, end = name.start_mark.index, value.end_mark.index
    if isinstance(table, yaml.MappingNode) and not table.flow_style:
        begin, end = text.rfind("\n", 0, begin) + 1, _line_end(text, _end(value)) + 1
    elif number + 1 < len(pairs):
        end = pairs[number + 1][0].start_mark.index
    elif number:
        begin = pairs[number - 1][1].end_mark.index
    return text[:begin] + text[end:]
