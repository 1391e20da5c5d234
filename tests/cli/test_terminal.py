"""Names come from anybody: no command lets one speak to the terminal."""

import ast
import io
import sys
from pathlib import Path

import pytest

from leadback.base.words import plain
from leadback.cli import output

ODD = "\x1b[2J\x1b]0;owned\x07\r\nstate  Hot\u202e\x9b\x7f\u2028\ud800"
CLI = Path(output.__file__).parent
LINES = {"print_table": 2, "print_fields": 2, "say": 1, "complain": 1, "print_json": 5}


def talk(name: str) -> None:
    match name:
        case "print_table":
            output.print_table(("name",), [(ODD,)])
        case "print_fields":
            output.print_fields({"name": ODD, "state": "New"})
        case "print_json":
            output.print_json([{"name": ODD.replace("\ud800", "\U000e0001")}])
        case _:
            getattr(output, name)(f"name {ODD}")


@pytest.mark.parametrize("name", sorted(LINES))
def test_what_cannot_be_seen_is_written_out(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    talk(name)
    captured = capsys.readouterr()
    lines = (captured.out + captured.err).rstrip("\n").split("\n")
    assert all(line.isprintable() for line in lines), lines
    assert not any(line.startswith("state  Hot") for line in lines)
    assert len(lines) == LINES[name]


def test_json_means_the_same_after_it() -> None:
    import json

    given = {"name": "a\x9bb\u202e\U000e0001ß 🦆", "n": [1, None]}
    written = io.StringIO()
    before, sys.stdout = sys.stdout, written
    try:
        output.print_json(given)
    finally:
        sys.stdout = before
    assert json.loads(written.getvalue()) == given
    assert "\\u202e" in written.getvalue()
    assert "ß 🦆" in written.getvalue()


def test_a_document_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_text("one\ntwo \x1b[2J\n")
    assert capsys.readouterr().out == "one\ntwo \\x1b[2J\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_data_for_programs_are_whole_in_a_file_and_plain_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stream, expected in ((io.StringIO(), "a\x1b,b\r\n"), (Terminal(), "a\\x1b,b\n")):
        monkeypatch.setattr(sys, "stdout", stream)
        with output.data_out() as file:
            file.write("a\x1b,b\r\n")
        assert stream.getvalue() == expected


def test_plain_text_stays_as_it_is() -> None:
    assert plain("Zoë O'Brien 🦆 日本") == "Zoë O'Brien 🦆 日本"
    assert plain("a\nb\tc\x9b") == "a\\nb\\tc\\x9b"


def _writes(tree: ast.AST) -> list[str]:
    """Calls that write to standard output or error by themselves."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        printed = name in ("print", "typer.echo", "typer.secho", "click.echo", "click.secho")
        written = name.endswith((".write", ".writelines")) and "sys.std" in name
        given = any(ast.unparse(a) in ("sys.stdout", "sys.stderr") for a in node.args)
        printed_rich = name.endswith(("console.print", "Console().print"))
        if printed or written or given or printed_rich:
            found.append(f"{node.lineno}: {name}")
    return found


@pytest.mark.parametrize("file", sorted(p.name for p in CLI.glob("*.py")))
def test_commands_print_by_these_functions_only(file: str) -> None:
    found = _writes(ast.parse((CLI / file).read_text()))
    assert file == "output.py" or found == []


def test_the_check_above_can_fail() -> None:
    for line in ("print(name)", "sys.stdout.write(name)", "write_csv(rows, sys.stdout)",
                 "typer.echo(name)", "sys.stderr.write(name)"):  # fmt: skip
        assert _writes(ast.parse(line)) != []
