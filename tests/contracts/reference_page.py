"""Writes docs/reference/commands.md from the command line itself: `make reference`.

A test compares the page with what this makes, so that it cannot be false.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from leadback.base import settings
from leadback.cli.lazy import everything
from leadback.cli.main import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"
COMMON = ("--help", "--database", "--rules", "--config", "--json")
HEAD = """# Commands and settings

<!-- Made by `make reference`; a test compares it with the command line. -->

`python runner.py …` is the same program as `leadback …`. `leadback COMMAND --help` shows an
example of each.

Exit codes: 0 done; 1 done, and something needs attention; 2 wrong use, or a configuration that
cannot work. Errors go to standard error: what happened, where, what to do. Where a command has
them, `--database URL`, `--rules FILE` and `--config FILE` win over the settings below, and `--json`
prints one JSON document and nothing else on standard output.
"""


def commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command with its path, groups opened. Typer's own kind of click."""
    for name, command in everything(group).items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def page() -> str:
    """The whole page."""
    tree = commands(typer.main.get_command(app), "leadback")
    rows = [_row(path, command) for path, command in tree]
    lines = [HEAD, "| command | does | its own options |", "|---|---|---|", *rows]
    lines += [
        "",
        "## Settings",
        "",
        "Environment variables, or keys of the file that `--config` (or",
    ]
    lines[-1] += " `LEADBACK_CONFIG`) names, in lower case and without the prefix."
    lines += ["", "| variable | default | means |", "|---|---|---|", *_settings()]
    return "\n".join(lines) + "\n"


def _row(path: str, command: Any) -> str:
    does = " ".join((command.help or "").split("\n\n")[0].split())
    arguments = [
        p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument"
    ]
    options = [
        f"`{p.opts[0]}` {(getattr(p, 'help', None) or '').rstrip('.')}".strip()
        for p in command.params
        if p.param_type_name == "option"
        and p.opts[0] not in COMMON
        and not getattr(p, "hidden", False)
    ]
    name = f"`{' '.join([path, *arguments])}`"
    return f"| {_cell(name)} | {_cell(does)} | {_cell('; '.join(options))} |"


def _settings() -> Iterator[str]:
    """Names, defaults, and the docstring under each field of Settings."""
    (made,) = (
        node
        for node in ast.parse(inspect.getsource(settings)).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    fields = settings.Settings.model_fields
    for field, told in zip(made.body, made.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        assert isinstance(told, ast.Expr), f"{field.target.id} has no docstring"
        assert isinstance(told.value, ast.Constant), f"{field.target.id} has no docstring"
        default = fields[field.target.id].default
        words = " ".join(str(told.value.value).split())
        shown = "" if default in (None, "") else f"`{default}`"
        yield f"| `LEADBACK_{field.target.id.upper()}` | {shown} | {_cell(words)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
