"""A file for a CRM that no plugin has is refused at every door: where it is, and what is meant."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from leadback.base.errors import LeadbackError
from leadback.base.shipped import SHIPPED_RULES
from leadback.cli.main import app
from leadback.hooks.manager import ENTRY_POINTS, Plugins
from leadback.rules.findings import RulesError
from leadback.service.rulebook import Rulebook
from leadback.service.sound import load, unknown_crms
from leadback.wiring import open_app
from tests.service.worlds import World, world

SHIPPED = load(SHIPPED_RULES)
TEXT = SHIPPED_RULES.read_text(encoding="utf-8")
MISSPELT = TEXT.replace("\n  hubspot:\n", "\n  hubsopt:\n")
LINE = TEXT[: TEXT.index("\n  hubspot:\n") + 1].count("\n") + 1


def slipped(name: str, kind: str, place: int) -> str:
    """One slip of the finger: a letter lost, doubled, or swapped with the next."""
    before, letter, after = name[:place], name[place], name[place + 1 :]
    if kind == "lost":
        return before + after
    return (
        before + letter * 2 + after
        if kind == "doubled"
        else before + after[:1] + letter + after[1:]
    )


@given(
    kind=st.sampled_from(["lost", "doubled", "swapped"]),
    place=st.integers(0, len("hubspot") - 2),
)
def test_every_slip_of_the_finger_is_named_at_its_place(kind: str, place: int) -> None:
    name = slipped("hubspot", kind, place)
    (mapping,) = SHIPPED.crm.values()
    (one,) = unknown_crms(replace(SHIPPED, crm={name: replace(mapping, crm=name)}))
    assert (one.code, one.line, one.column) == ("R059", LINE, 3)
    assert (name in one.message, one.fix) == (True, "did you mean hubspot?")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "rules.yaml").write_text(TEXT, encoding="utf-8")
    with world(tmp_path, tmp_path / "rules.yaml") as made:
        yield made


def book(here: World) -> Rulebook:
    app = here.app
    return Rulebook(app.settings.rules_file, app.rules, app.store, app.clock, app.audit)


DOORS: dict[str, Callable[[World], object]] = {
    "apply": lambda here: here.app.versions.apply(MISSPELT, expected=1),
    "schedule": lambda here: here.app.versions.apply(
        MISSPELT, expected=1, at=here.clock.now() + 1_000
    ),
    "shadow": lambda here: here.app.shadow.watch(MISSPELT),
    "save": lambda here: book(here).save(MISSPELT, read=TEXT),
    "what-if": lambda here: book(here).what_if(MISSPELT, days=30),
}


@pytest.mark.parametrize("door", DOORS)
def test_no_door_takes_it(here: World, door: str) -> None:
    with pytest.raises(LeadbackError, match="hubsopt"):
        DOORS[door](here)
    assert len(here.app.versions.versions()) == 1


def test_a_plan_for_it_is_not_ready_and_the_page_finds_it(here: World) -> None:
    plan = here.app.versions.plan(MISSPELT)
    assert not plan["ready"]
    assert [one["code"] for one in plan["findings"]] == ["R059"]
    assert "R059" in [one["code"] for one in book(here).check(MISSPELT)]


def test_at_the_start_it_is_a_broken_file(here: World, tmp_path: Path) -> None:
    file, good = here.app.settings.rules_file, here.app.versions.status()["in_use"]
    file.write_text(MISSPELT, encoding="utf-8")
    with open_app(database=here.database, rules=file, clock=here.clock, takes_rules=True) as again:
        status = again.versions.status()
    assert (status["in_use"], status["file"]["state"]) == (good, "broken")
    with (
        pytest.raises(RulesError, match="R059"),
        open_app(database=f"sqlite:///{tmp_path / 'other.db'}", rules=file),
    ):
        pytest.fail("a new database began with rules that no CRM knows")


COMMANDS = (
    *(["rules", one, "FILE"] for one in ("check", "graph", "explain", "matrix", "schema")),
    ["rules", "diff", str(SHIPPED_RULES), "FILE"],
    ["rules", "diff", "FILE", str(SHIPPED_RULES)],
    ["rules", "test", "--rules", "FILE"],
    ["rules", "what-if", "FILE"],
    ["rules", "coverage", "--rules", "FILE"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: " ".join(one[:2]))
def test_no_command_about_a_file_takes_it(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(MISSPELT, encoding="utf-8")
    done = CliRunner().invoke(app, [str(file) if one == "FILE" else one for one in command])
    said = str(done.exception) if isinstance(done.exception, LeadbackError) else done.stdout
    assert f"{file}:{LINE}:3 R059 there is no CRM hubsopt" in said
    assert done.exit_code != 0


def test_the_finding_is_said_beside_all_others(tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    table = MISSPELT[MISSPELT.index("\n  hubsopt:\n") + 1 :]
    file.write_text(TEXT + table, encoding="utf-8")
    done = CliRunner().invoke(app, ["rules", "check", str(file), "--json"])
    assert {one["code"] for one in json.loads(done.stdout)} == {"R055", "R056", "R059"}
    assert done.exit_code == 1


def test_a_plugin_that_cannot_be_used_is_said_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed, and still nothing would be written."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "odd_crm.py").write_text("import a_library_that_nobody_has\n", encoding="utf-8")
    installed = tmp_path / "odd_crm-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: odd-crm\nVersion: 1.0\n", encoding="utf-8")
    points = f"[{ENTRY_POINTS}]\nodd = odd_crm\n"
    (installed / "entry_points.txt").write_text(points, encoding="utf-8")
    file = tmp_path / "new.yaml"
    file.write_text(TEXT.replace("\n  hubspot:\n", "\n  odd:\n"), encoding="utf-8")
    Plugins().look_for("odd")
    done = CliRunner().invoke(app, ["rules", "check", str(file)])
    assert "R059 the plugin for 'odd' cannot be loaded" in done.stdout
    assert "a_library_that_nobody_has" in done.stdout
    assert done.exit_code == 1
