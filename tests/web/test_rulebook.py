"""The rules file in people's hands: changed in one place, compared, never lost."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from leadback.base.clock import ManualClock
from leadback.base.errors import InputError
from leadback.base.shipped import SHIPPED_RULES
from leadback.cli.main import app
from leadback.rules.loader import parse
from leadback.service.rulebook import Rulebook
from leadback.wiring import open_app
from tests.databases import database_in

pytestmark = pytest.mark.long

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Rulebook]:
    path = tmp_path / "lead_states.yaml"
    path.write_text(TEXT, encoding="utf-8")
    clock = ManualClock(1_800_000_000_000)
    database = database_in(tmp_path)
    with open_app(database=database, rules=path, clock=clock) as here:
        yield Rulebook(path, here.rules, here.store, here.clock, here.audit)


def test_one_value_changes_and_everything_else_stays_as_it_was_written(book: Rulebook) -> None:
    changed = book.with_value(TEXT, "hubspot", "Hot", "hs_lead_status", "OPEN_DEAL")
    before, after = TEXT.splitlines(), changed.splitlines()
    differ = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert len(differ) == 1
    assert after[differ[0]].split() == ["Hot:", "[OPEN_DEAL,", "Hot]"]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.sampled_from(["New", "Pending", "Hot", "UnSubscribed", "Processed"]),
    column=st.sampled_from(["hs_lead_status", "lead_connection_status"]),
    value=st.none() | st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1),
)
def test_whatever_value_is_put_in_is_what_the_file_then_says(
    book: Rulebook, state: str, column: str, value: str | None
) -> None:
    try:
        changed = book.with_value(TEXT, "hubspot", state, column, value)
        rules, _ = parse(changed, file="x")
    except InputError:
        return
    if rules is None:
        return
    mapping = rules.crm["hubspot"]
    assert mapping.states[state][mapping.columns.index(column)] == value
    back = book.with_value(changed, "hubspot", state, column, "X")
    again, _ = parse(back, file="x")
    assert again is not None
    assert again.crm["hubspot"].states[state][mapping.columns.index(column)] == "X"


BROKEN = sorted(p for p in Path("tests/rules/broken").glob("R*.yaml") if p.stem != "R001")
"""R001 is a file that is no text: it cannot be in an editor."""


def test_the_page_finds_what_the_command_finds(book: Rulebook) -> None:
    seen: set[str] = set()
    for path in (*BROKEN, SHIPPED_RULES):
        said = CliRunner().invoke(app, ["rules", "check", str(path), "--json"])
        found = [{**finding, "file": ""} for finding in json.loads(said.stdout)]
        shown = [{**f, "file": ""} for f in book.check(path.read_text(encoding="utf-8"))]
        assert shown == found, path
        seen.update(finding["code"] for finding in found)
    assert {"R055", "R056", "R057", "R058", "R059"} <= seen, "what no parser finds alone"


def test_the_difference_is_shown_before_anything_is_kept(book: Rulebook) -> None:
    assert book.compare(TEXT) == []
    found = book.compare(TEXT.replace("opens >= 3", "opens >= 5"))
    assert found
    assert {one["what"] for one in found} == {"decision"}


def test_saving_keeps_the_file_and_the_version(book: Rulebook) -> None:
    new = TEXT.replace("opens >= 3}", "opens >= 5}")
    saved = book.save(new, read=TEXT)
    assert book.text() == new
    assert book._rules.of_version(saved["version"]).text == new


def test_a_file_with_an_error_is_not_kept(book: Rulebook) -> None:
    with pytest.raises(InputError, match="errors, the first"):
        book.save(TEXT.replace("to: Cold", "to: Could"), read=TEXT)
    assert book.text() == TEXT


def test_somebody_elses_change_is_not_written_over(book: Rulebook) -> None:
    theirs = TEXT.replace("opens >= 3}", "opens >= 4}")
    book.save(theirs, read=TEXT)
    with pytest.raises(InputError, match="somebody else"):
        book.save(TEXT.replace("opens >= 3}", "opens >= 5}"), read=TEXT)
    assert book.text() == theirs


def test_the_rules_of_the_program_are_not_changed_in_place(book: Rulebook) -> None:
    book._path = SHIPPED_RULES
    with pytest.raises(InputError, match="copy them"):
        book.save(TEXT + "\n", read=TEXT)


def test_a_file_that_breaks_on_disk_is_seen(book: Rulebook) -> None:
    assert book.broken() == 0
    book._path.write_text("format: 1\nstates: [\n", encoding="utf-8")
    assert book.broken() > 0
    book._path.write_text(TEXT, encoding="utf-8")
    assert book.broken() == 0
    book._path.unlink()
    assert book.broken() == 1


def test_findings_name_their_line(book: Rulebook) -> None:
    line = next(n for n, words in enumerate(TEXT.splitlines(), 1) if "to: Cold" in words)
    found = book.check(TEXT.replace("to: Cold", "to: Could", 1))
    assert line in [one["line"] for one in found]
    with pytest.raises(InputError, match="at most"):
        book.check("x" * 2_000_001)
