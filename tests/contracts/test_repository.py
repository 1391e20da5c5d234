"""What the project says about itself is true, and nothing of this machine is in it."""

import re
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
import typer.main

from leadback.cli.lazy import everything
from leadback.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
INSTALLS = re.compile(r"pip install (?:-\S+ )*['\"`]?([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[([^\]]*)\])?")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def tracked() -> list[Path]:
    """Files of the project; every file where this is no git checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        return [p for p in ROOT.rglob("*") if p.is_file() and ".venv" not in p.parts]
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def test_every_link_of_every_page_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages()
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []


def commands(group: click.Group, path: str = "leadback") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in everything(group).items():
        if hasattr(command, "commands"):
            found += commands(command, f"{path} {name}")  # type: ignore[arg-type]
        else:
            found.append((f"{path} {name}", command))
    return found


def tree() -> click.Group:
    """The whole command line."""
    return typer.main.get_command(app)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "command"),
    commands(tree()),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_command_has_help_with_an_example(name: str, command: click.Command) -> None:
    text = command.help or ""
    assert "Example" in text, f"{name} --help shows no example"
    assert name.split()[-1] in text


def test_nothing_of_one_machine_is_committed() -> None:
    paths = re.compile(rb"(?<![A-Za-z0-9_.])/(?:work|root|farm)/")
    hits = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix not in {".png", ".jsonl"} and paths.search(path.read_bytes())
    ]
    assert [hit for hit in hits if hit != "tests/contracts/test_repository.py"] == []


def test_no_module_is_named_for_nothing() -> None:
    nameless = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert [path for path in tracked() if path.name in nameless] == []


def installed() -> list[tuple[str, str, str]]:
    """(where, distribution, extras) of every `pip install NAME` that users are told to type."""
    return [
        (str(path.relative_to(ROOT)), name, extras)
        for path in tracked()
        if path.suffix in {".py", ".md"} and "tests" not in path.relative_to(ROOT).parts
        for name, extras in INSTALLS.findall(path.read_text(encoding="utf-8"))
    ]


def test_who_is_told_to_install_something_is_told_our_own_name_and_an_extra_that_exists() -> None:
    """Another name on the package index is a stranger's code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {*project["optional-dependencies"]}
    told = installed()
    assert {"README.md", "engine/leadback/cli/serving.py"} <= {where for where, *_ in told}
    wrong = [
        one
        for one in told
        if one[1] != project["name"] or not {*filter(None, one[2].split(","))} <= extras
    ]
    assert wrong == []
    assert INSTALLS.findall("pip install 'handback[web]'") == [("handback", "web")]
