"""A command imports what it needs and no more: nobody waits a second for `rules check`."""

import json
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from leadback.cli.lazy import Later, LazyGroup, everything
from leadback.cli.main import app

HEAVY = {"sqlalchemy", "alembic", "uvicorn", "starlette", "nicegui", "authlib", "faststream"}
LOOK = """
import json, sys
from leadback.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    """Every module that a process of its own has imported after this command."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *arguments], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["rules", "check", "rules/lead_states.yaml"],
        ["rules", "test"],
        ["rules", "explain", "--state", "Hot"],
    ],
    ids=" ".join,
)
def test_a_command_that_needs_no_database_imports_none(arguments: list[str]) -> None:
    assert imported(*arguments) & HEAVY == set()


def test_the_way_of_looking_sees_what_is_imported() -> None:
    assert "sqlalchemy" in imported("rules", "--help")


def test_the_sandbox_does_not_import_the_plugin() -> None:
    look = "import json, sys, leadback_hubspot_sandbox.__main__; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert "leadback_hubspot_sandbox.app" in modules
    assert modules & {"leadback_hubspot.hooks", "sqlalchemy", "authlib", "typer"} == set()


def lazy() -> dict[str, tuple[Later, Any]]:
    """Each command that is imported when it is called: what stands for it, and itself."""
    root = typer.main.get_command(app)
    assert isinstance(root, LazyGroup)
    real = everything(root)
    return {str(one.name): (one, real[str(one.name)]) for one in root.later}


@pytest.mark.parametrize("name", lazy())
def test_the_list_of_commands_says_what_the_command_says(name: str) -> None:
    short, real = lazy()[name]
    assert short.help == " ".join(real.help.split("\n\n")[0].split())
    assert real.name == name


def test_the_version_is_the_installed_one() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == version("leadback") + "\n"
