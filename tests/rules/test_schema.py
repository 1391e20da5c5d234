"""The JSON Schema agrees with the loader, is the committed one, and works in a real editor."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft7Validator

from leadback.rules.dump import dump
from leadback.rules.guards import PATTERN, parse_guard
from leadback.rules.loader import load
from leadback.rules.model import Comparison, Rules
from leadback.rules.reader import Items, Node, Scalar, read
from leadback.rules.schema import FILE_NAME, POINTER, json_schema, schema_text
from tests.rules.sound import rules_models
from tests.rules.test_guards import COMPARISONS

SHIPPED = Path("rules/lead_states.yaml")
BROKEN = Path("tests/rules/broken")
IN_THE_EDITOR = (
    "R006", "R007", "R008", "R009", "R017", "R020", "R021", "R022", "R023", "R060",
)  # fmt: skip
"""Codes whose broken files an editor underlines; the others need the whole file, or more."""


def plain(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {key.value: plain(value) for key, value in node.pairs}


def document(text: str) -> Any:
    reading = read(text, file="f")
    assert reading.root is not None
    return plain(reading.root)


def test_the_committed_schema_is_the_one_that_the_rules_generate() -> None:
    committed = (SHIPPED.parent / FILE_NAME).read_text()
    assert committed == schema_text(load(SHIPPED)), (
        "run: leadback rules schema > rules/" + FILE_NAME
    )


def test_the_shipped_file_points_to_its_schema_and_is_valid() -> None:
    text = SHIPPED.read_text()
    assert text.splitlines()[0] == POINTER
    schema = json_schema(load(SHIPPED))
    Draft7Validator.check_schema(schema)
    assert [e.message for e in Draft7Validator(schema).iter_errors(document(text))] == []


@given(rules_models())
def test_every_sound_file_is_valid_for_its_own_schema_and_for_the_shipped_one(model: Rules) -> None:
    value = document(dump(model))
    for rules in (model, load_once()):
        errors = list(Draft7Validator(json_schema(rules)).iter_errors(value))
        assert [error.message for error in errors] == []


@cache
def load_once() -> Rules:
    return load(SHIPPED)


@pytest.mark.parametrize("code", IN_THE_EDITOR)
def test_what_an_editor_can_see_it_sees(code: str) -> None:
    value = document((BROKEN / f"{code}.yaml").read_text())
    assert list(Draft7Validator(json_schema(load_once())).iter_errors(value)) != []


@given(COMPARISONS, COMPARISONS)
def test_the_pattern_of_guards_takes_what_the_parser_takes(a: Comparison, b: Comparison) -> None:

    text = f"{a} and {b}"
    assert isinstance(parse_guard(text), tuple)
    assert re.fullmatch(PATTERN, text)


# ------------------------------------------------------------------ a real language server

SERVER = shutil.which("yaml-language-server") or shutil.which(
    "yaml-language-server", path=str(Path("node_modules/.bin").absolute())
)
needs_server = pytest.mark.skipif(
    SERVER is None, reason="npm install --no-save yaml-language-server, to test in a real editor"
)


class Editor:
    """Speaks the language server protocol over standard input and output."""

    def __init__(self, command: str, folder: Path) -> None:
        self.folder = folder
        self._number = 0
        self._process = subprocess.Popen(
            [command, "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities={})
        self.tell("initialized")
        settings = {
            "yaml": {"schemaStore": {"enable": False}, "validate": True, "completion": True}
        }
        self.tell("workspace/didChangeConfiguration", settings=settings)

    def tell(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._take()
            if message.get("id") == self._number and "method" not in message:
                return message.get("result")

    def open(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)
        return path.as_uri()

    def diagnosed(self, uri: str) -> list[dict[str, Any]]:
        while uri not in self.diagnostics:
            self._take()
        return self.diagnostics[uri]

    def completions(self, uri: str, line: int, column: int) -> list[str]:
        answer = self.ask(
            "textDocument/completion",
            textDocument={"uri": uri},
            position={"line": line, "character": column},
        )
        items = answer["items"] if isinstance(answer, dict) else answer
        return [item["label"] for item in items]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _take(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the language server went away"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message and "method" in message:  # the server asks, e.g. for configuration
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    def _answer(self, message: dict[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        return [None for _ in message["params"]["items"]]


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    assert SERVER is not None
    shutil.copy(SHIPPED.parent / FILE_NAME, tmp_path)
    found = Editor(SERVER, tmp_path)
    yield found
    found.close()


@needs_server
def test_an_editor_finds_nothing_wrong_with_the_shipped_file(editor: Editor) -> None:
    uri = editor.open("lead_states.yaml", SHIPPED.read_text())
    assert editor.diagnosed(uri) == []


@needs_server
def test_an_editor_underlines_a_misspelt_key(editor: Editor) -> None:
    text = SHIPPED.read_text().replace("{from: New, to: Cold}", "{form: New, to: Cold}", 1)
    uri = editor.open("lead_states.yaml", text)
    line = text[: text.index("{form:")].count("\n")
    found = [(d["range"]["start"]["line"], d["message"]) for d in editor.diagnosed(uri)]
    assert any(at == line and "form" in message for at, message in found), found


@needs_server
def test_an_editor_completes_states_events_and_options(editor: Editor) -> None:
    text = POINTER + "\nformat: 1\nstart:\n  on: \nrules:\n  assigned:\n    - from: \n      \n"
    uri = editor.open("draft.yaml", text)
    assert {"assigned", "email_opened"} <= set(editor.completions(uri, 3, 6))
    assert {"Cold", "UnSubscribed", "any", "working"} <= set(editor.completions(uri, 6, 12))
    assert {"to", "stay", "when", "do"} <= set(editor.completions(uri, 7, 6))
