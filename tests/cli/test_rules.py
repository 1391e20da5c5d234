"""`leadback rules …` as a product team uses it: what it prints, and with which exit code."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from leadback.base.errors import InputError, LeadbackError
from leadback.base.shipped import SHIPPED_RULES
from leadback.cli.main import app
from leadback.rules.findings import RulesError
from leadback.rules.loader import load
from tests.service.worlds import world

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["rules", *map(str, arguments)])
    if isinstance(result.exception, LeadbackError):
        raise result.exception
    return result


def found(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """The shipped rules, but it takes four opens to be Warm."""
    path = tmp_path / "draft.yaml"
    path.write_text(TEXT.replace("when: opens >= 3}", "when: opens >= 4}", 1), encoding="utf-8")
    return path


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Two leads that opened twice, one that only began."""
    with world(tmp_path) as here:
        for contact in ("1", "2", "3"):
            here.happen(contact, "assigned")
        for contact in ("1", "2"):
            here.happen(contact, "email_opened")
            here.happen(contact, "email_opened")
        return here.database


def test_a_diagram_and_a_drawing() -> None:
    assert run("graph").stdout.startswith("stateDiagram-v2\n")
    assert "more" in run("graph").stdout
    assert "more" not in run("graph", "--all-events").stdout
    ElementTree.fromstring(run("graph", "--format", "svg").stdout)  # noqa: S314 — ours


def test_a_diagram_with_leads_and_traffic(database: str) -> None:
    drawn = run("graph", "--database", database).stdout
    assert "    Engaged: Engaged (2)\n" in drawn
    assert "    New --> Engaged: 2 moves<br/>" in drawn
    assert "2 leads" in run("graph", "--format", "svg", "--database", database).stdout


def test_the_schema_is_the_one_beside_the_rules() -> None:
    beside = SHIPPED_RULES.with_suffix(".schema.json").read_text(encoding="utf-8")
    assert run("schema").stdout == beside


def test_plain_words_of_one_state_or_all() -> None:
    assert run("explain", "--state", "Hot").stdout.startswith("## Hot\n")
    assert "## Cold\n" in run("explain").stdout
    with pytest.raises(InputError, match="did you mean Cold"):
        run("explain", "--state", "Colt")


def test_what_a_changed_threshold_does(draft: Path) -> None:
    differences = found("diff", SHIPPED_RULES, draft)
    assert [(d["state"], d["event"], d["when"], d["leads"]) for d in differences] == [
        (state, "email_opened", "opens is 3", None)
        for state in ("New", "Pending", "Cold", "Engaged")
    ]
    assert "4 differences\n" in run("diff", SHIPPED_RULES, draft).stdout
    same = run("diff", draft, draft)
    assert same.stdout == "no difference that a lead could meet\n"


def test_which_running_leads_a_difference_is_about(draft: Path, database: str) -> None:
    differences = found("diff", SHIPPED_RULES, draft, "--database", database)
    leads = {d["state"]: d["leads"] for d in differences}
    assert leads == {"New": 0, "Pending": 0, "Cold": 0, "Engaged": 2}


def test_looking_at_a_draft_does_not_put_it_among_the_versions(draft: Path, database: str) -> None:
    run("diff", SHIPPED_RULES, draft, "--database", database)
    run("graph", draft, "--database", database)
    folder = Path(database.removeprefix("sqlite:///")).parent
    with world(folder) as here, here.app.store.read() as tx:
        assert len(tx.views.rules_versions()) == 1


def test_the_shipped_examples_hold() -> None:
    result = run("test")
    assert result.exit_code == 0
    assert "94 examples, 0 come out otherwise" in result.stdout


def test_an_example_that_comes_out_otherwise_is_shown_with_its_place(draft: Path) -> None:
    examples = SHIPPED_RULES.parent / "examples" / "lifecycle.yaml"
    result = run("test", examples, "--rules", draft)
    assert result.exit_code == 1
    assert "lifecycle.yaml:" in result.stdout
    assert "state is Engaged, expected Warm" in result.stdout
    wrong = [r for r in found("test", examples, "--rules", draft) if r["wrong"]]
    assert wrong


def test_rules_without_examples_say_where_to_put_them(draft: Path) -> None:
    with pytest.raises(LeadbackError, match="rules test FILE"):
        run("test", "--rules", draft)


def test_the_completeness_matrix() -> None:
    rows = {row["event"]: row["states"] for row in found("matrix")}
    assert rows["email_opened"]["Cold"] == ["Warm", "Engaged", "stay"]
    assert rows["marked.hot"]["UnSubscribed"] == ["refuse"]
    said = run("matrix").stdout
    assert "\nemail_opened\n" in said
    assert "NOT DECIDED" not in said


@pytest.mark.parametrize("command", ["graph", "schema", "explain", "matrix"])
def test_a_broken_file_is_refused_with_its_findings(tmp_path: Path, command: str) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(TEXT.replace("to: Warm", "to: Worm"), encoding="utf-8")
    with pytest.raises(RulesError, match="did you mean Warm"):
        run(command, broken)
    assert run("check", broken).exit_code == 1


def test_what_other_rules_would_have_made_of_it(draft: Path, tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        for _ in range(3):
            here.happen("1", "email_opened")
    result = run("what-if", draft, "--database", here.database)
    assert "4 events of 1 lead in " in result.stdout
    assert "1 lead would end elsewhere\n" in result.stdout
    assert "acme/1" in result.stdout
    replayed = found("what-if", draft, "--database", here.database, "--since", "90d")
    assert [one["new"] for one in replayed["elsewhere"]] == ["Engaged"]


def test_what_never_happened(database: str) -> None:
    nothing = found("coverage", "--database", database)
    assert "Engaged" not in nothing["states"]
    said = run("coverage", "--database", database).stdout
    assert "lead_states.yaml:" in said
    assert "states never entered: Pending, Cold, " in said


def test_mapped_values_are_looked_up_where_no_portal_is_asked(tmp_path: Path) -> None:
    *notes, last = run("check", SHIPPED_RULES).stdout.splitlines()
    assert [note.partition(" ")[2] for note in notes] == [
        "R056 In_Progress is written to hs_lead_status as IN_PROGRESS, its option of that name — "
        "nothing has to be done",
        "R055 QUALIFIED is none of the options that hs_lead_status starts with — "
        "run set-up for each portal: it adds the option",
    ]
    assert last == f"{SHIPPED_RULES}: 2 notes; version {load(SHIPPED_RULES).version}"
    odd = tmp_path / "odd.yaml"
    odd.write_text(TEXT.replace("[CONNECTED,       Hot]", "[CONECTED,       Hot]"), "utf-8")
    (one,) = [f for f in found("check", odd) if f["severity"] == "warning"]
    assert (one["code"], one["fix"]) == (
        "R057", "did you mean CONNECTED? Otherwise set-up adds CONECTED"
    )  # fmt: skip
    assert one["line"] == odd.read_text("utf-8").split("CONECTED")[0].count("\n") + 1
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(TEXT.replace("  hubspot:\n", "  pipedrive:\n"), encoding="utf-8")
    assert [one["code"] for one in found("check", elsewhere)] == ["R059"], "no plugin, no options"


# ---------------------------------------------------------------------- which rules are in use


def test_nothing_is_applied_without_somebody_who_agrees(draft: Path, database: str) -> None:
    with pytest.raises(InputError, match="nobody was there to agree"):
        run("apply", draft, "--database", database)
    assert len(found("versions", "--database", database)["log"]) == 1


def test_a_version_is_applied_listed_and_taken_back(draft: Path, database: str) -> None:
    done = run("apply", draft, "--yes", "--database", database)
    assert "(2 leads)" in done.stdout
    log = found("versions", "--database", database)
    assert [one["what"] for one in log["log"]] == ["applied", "started"]
    assert log["file"]["state"] == "differs"
    first = log["log"][1]["version"]
    assert first in run("rollback", "--yes", "--database", database).stdout
    again = found("versions", "--database", database)
    assert again["in_use"] == first
    assert again["log"][0]["what"] == "rolled back"
    assert run("versions", "--show", log["in_use"], "--database", database).stdout == (
        draft.read_text(encoding="utf-8")
    )


def test_the_plan_can_replay_the_history(draft: Path, database: str) -> None:
    done = run("apply", draft, "--what-if", "--since", "90d", "--yes", "--database", database)
    assert "had these rules always been in use:\n" in done.stdout
    assert "\n7 events of 3 leads\n0 leads would end elsewhere\n" in done.stdout
    with pytest.raises(InputError, match="about the replay"):
        run("apply", draft, "--since", "90d", "--yes", "--database", database)


def test_a_version_is_scheduled_and_dropped(draft: Path, database: str) -> None:
    at = "2099-01-01T08:00:00Z"
    run("apply", draft, "--at", at, "--yes", "--database", database)
    scheduled = found("versions", "--database", database)["scheduled"]
    assert scheduled["at"].startswith("2099-01-01T08:00:00")
    run("rollback", "--scheduled", "--yes", "--database", database)
    assert found("versions", "--database", database)["scheduled"] is None


def test_what_stands_in_the_way_is_said(tmp_path: Path, database: str) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(TEXT.replace("Engaged", "Curious"), encoding="utf-8")
    refused = run("apply", other, "--yes", "--database", database)
    assert refused.exit_code == 1
    assert "R071 2 leads of portal acme are in Engaged" in refused.stdout
    run("apply", other, "--yes", "--force", "--move", "Engaged=Curious", "--database", database)
    assert found("versions", "--database", database)["log"][0]["what"] == "applied"


def test_a_draft_in_the_shadow(draft: Path, database: str) -> None:
    watching = found("shadow", draft, "--database", database)
    assert watching["version"]
    assert watching["disagreements"] == []
    assert run("shadow", "--off", "--database", database).stdout == "off\n"
