"""What the code of the pages may not say, read from the code: nothing that comes from outside is
ever parsed or evaluated by a browser, and no field is read beside the form that it stands in."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "engine" / "leadback" / "web"

PARSED = {
    "props", "classes", "style", "default_props", "default_classes", "default_style",
    "run_javascript", "add_head_html", "add_body_html", "add_css", "on_click_js", "teleport",
}  # fmt: skip
"""Methods that parse their argument, or run it: only what stands in the code is given to them.
NiceGUI's .props() evaluates what it takes for a name that begins with a colon."""

TEMPLATES = {"add_slot": "parts.py"}
"""Vue templates, compiled in the browser: one file makes them, of columns that the code names."""

RAW = {"html", "markdown"}
"""Markup: sanitised, whatever it is."""

FORMS = "dialogs.py"

NAMED = {"Column"}
"""Records whose words become parts of templates."""


def written(node: ast.expr) -> bool:
    """Whether the code says it itself: a constant, or one of several constants."""
    if isinstance(node, ast.IfExp):
        return written(node.body) and written(node.orelse)
    return isinstance(node, ast.Constant)


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _call(node: ast.Call, file: str) -> Iterator[str]:
    name, given = name_of(node), [*node.args, *(k.value for k in node.keywords)]
    keywords = {k.arg: k.value for k in node.keywords}
    if name in PARSED | NAMED and not all(map(written, given)):
        yield f"{name}() of what the code does not say itself"
    if name in TEMPLATES and file != TEMPLATES[name]:
        yield f"{name}() outside {TEMPLATES[name]}"
    sanitised = keywords.get("sanitize")
    if name in RAW and sanitised is not None and not all(map(written, given)):
        yield f"{name}() with a say in how it is sanitised"
    if "js_handler" in keywords and not written(keywords["js_handler"]):
        yield "a handler in the browser that the code does not say itself"
    if name == "update" and isinstance(node.func, ast.Attribute):
        owner = ast.unparse(node.func.value)
        if owner.endswith(("props", "_props", ".style", "columns")):
            yield f"{owner}.update() hides the names of what it sets"


def _keys(node: ast.AST) -> Iterator[str]:
    """Names that NiceGUI evaluates the value of: those with a colon at the beginning."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        owner = ast.unparse(node.value)
        key = node.slice
        if owner.endswith(("props", ".style")):
            if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                yield f"{owner}[…] under a name that the code does not say"
            elif key.value.startswith(":"):
                yield f"{owner}[{key.value!r}] is evaluated"
    if isinstance(node, ast.Dict):
        for key in node.keys:
            text = key.values[0] if isinstance(key, ast.JoinedStr) and key.values else key
            if isinstance(text, ast.Constant) and str(text.value).startswith(":"):
                yield f"{ast.unparse(key or text)} is evaluated by a table or a plot"
    if isinstance(node, ast.Attribute) and node.attr == "_props":
        yield "_props goes around what is checked"


def _reads(node: ast.AST, file: str) -> Iterator[str]:
    """Fields are read by their form alone, all at once; an event carries its own value."""
    if file == FORMS or not isinstance(node, ast.Attribute) or node.attr != "value":
        return
    owner = ast.unparse(node.value)
    if isinstance(node.ctx, ast.Load) and owner not in ("e", "event") and owner[-5:] != ".work":
        yield f"{owner}.value is read where it may have changed since"


def found(source: str, file: str) -> list[str]:
    """Everything in a module that is not allowed."""
    wrong: list[str] = []
    tree = ast.parse(source)
    draws = any(isinstance(n, ast.ImportFrom) and n.module == "nicegui" for n in ast.walk(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            wrong += _call(node, file)
        wrong += [*_keys(node), *(_reads(node, file) if draws else ())]
    return wrong


def modules() -> list[Path]:
    return sorted(WEB.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.name)
def test_nothing_that_comes_from_outside_is_evaluated_or_read_twice(path: Path) -> None:
    assert found(path.read_text(encoding="utf-8"), path.name) == []


@pytest.mark.parametrize(
    "planted",
    [
        "card().props(f'aria-label=\"{name}\"')",
        "card().props('aria-label=' + name)",
        "card().props(words)",
        "card().classes(f'lb-{kind}')",
        "card().style('color: %s' % colour)",
        "ui.run_javascript(f'alert({name})')",
        "card().props[key] = name",
        "card().props[':title'] = name",
        "card().props.update(given)",
        "card()._props['title'] = name",
        "ui.table(columns=[{'name': 'a', ':format': name}])",
        "ui.echart({'tooltip': {':formatter': name}})",
        "ui.echart({f':{name}': 1})",
        "table.add_slot('body', template)",
        "Column(name, 'Name')",
        "ui.html(found, sanitize=False)",
        "button.on('click', js_handler=handler)",
        "view.run('admin', connect, name.value)",
        "x = self._name.value or ''",
    ],
)
def test_what_is_planted_is_seen(planted: str) -> None:
    assert found(f"from nicegui import ui\n{planted}", "planted.py") != []


@pytest.mark.parametrize(
    "right",
    [
        "card().props('role=status').classes('lb-head')",
        "card().props('color=negative' if danger else 'color=primary')",
        "card().props['aria-label'] = name",
        "Column('name', 'Name', 'text', wide=True)",
        "ui.html(found)",
        "chosen.on_value_change(lambda e: take(e.value))",
        "field.value = ''",
    ],
)
def test_what_is_right_is_let_be(right: str) -> None:
    assert found(f"from nicegui import ui\n{right}", "planted.py") == []


def test_the_pages_are_there_to_be_read() -> None:
    assert {"dialogs.py", "people.py", "crm.py", "parts.py"} <= {path.name for path in modules()}
