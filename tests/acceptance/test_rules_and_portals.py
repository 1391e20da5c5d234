"""Rules that a connected portal cannot show do not take over by themselves, through no door."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from leadback.base.errors import LeadbackError
from leadback.service.portal_proof import CannotShowError
from leadback.wiring import App, open_app
from tests.acceptance.conftest import RULES, TOKEN, Program

pytestmark = pytest.mark.long

TEXT = Path(RULES).read_text(encoding="utf-8")
NEW_VALUE = TEXT.replace("[QUALIFIED, ", "[VERY_GOOD, ")
NO_TABLE = TEXT[: TEXT.index("crm:\n")]
OTHER_RULE = TEXT.replace("when: opens >= 3}", "when: opens >= 2}")


def draft(program: Program, text: str = NEW_VALUE) -> str:
    (program.folder / "draft.yaml").write_text(text, encoding="utf-8")
    return "draft.yaml"


def in_use(program: Program) -> str:
    return str(program.json("rules", "versions")["in_use"])


def options(program: Program) -> set[str]:
    answer = requests.get(
        f"{program.url}/crm/properties/2026-09/contacts/hs_lead_status",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=30,
    )
    return {option["value"] for option in answer.json()["options"]}


def test_a_draft_is_proved_and_set_up_before_it_is_in_use(ready: Program) -> None:
    """The trial: plan, prove, set up by the file that is given; then it takes over."""
    new, before = draft(ready), in_use(ready)
    ready.run("portal", "check", "acme")
    proof = ready.json("portal", "check", "acme", "--rules", new, code=1)
    assert any("VERY_GOOD" in one["message"] for one in proof if one["severity"] == "error")
    plan = ready.run("portal", "setup", "acme", "--rules", new).stdout.decode()
    assert "VERY_GOOD" in plan
    assert f"--rules {new} --apply --plan" in plan
    assert "VERY_GOOD" not in options(ready)
    ready.run("portal", "setup", "acme", "--rules", new, "--apply")
    assert "VERY_GOOD" in options(ready)
    assert in_use(ready) == before, "setting up puts no rules in use"
    ready.run("portal", "check", "acme", "--rules", new)
    ready.run("rules", "apply", new, "--yes")
    assert in_use(ready) != before


def test_what_a_portal_cannot_show_is_refused_set_up_or_forced(ready: Program) -> None:
    new, before = draft(ready), in_use(ready)
    for extra in ((), ("--at", "2099-01-01T00:00:00Z")):
        refused = ready.run("rules", "apply", new, "--yes", *extra, code=1)
        said = refused.stderr.decode()
        assert (
            "portal acme cannot show these rules: Processed: hs_lead_status has no option" in said
        )
        assert "--setup" in said
        assert "--force" in said
        assert (in_use(ready), "VERY_GOOD" in options(ready)) == (before, False)
    done = ready.json("rules", "apply", new, "--yes", code=1)
    assert (done["done"], done["plan"]["hindered"][0]["portal"]) == (None, "acme")
    said = ready.run("rules", "apply", new, "--yes", "--setup").stdout.decode()
    assert "✓ portal acme: add" in said
    assert "VERY_GOOD" in options(ready)
    assert in_use(ready) != before

    ready.act({"action": "archive_option", "property": "hs_lead_status", "value": "QUALIFIED"})
    after = in_use(ready)
    ready.run("rules", "rollback", "--yes", code=1)
    assert in_use(ready) == after
    ready.run("rules", "rollback", "--yes", "--force")
    assert in_use(ready) == before
    ready.run("rules", "apply", new, "--yes")
    ready.run("rules", "rollback", "--yes", "--setup")
    assert in_use(ready) == before
    assert "QUALIFIED" in options(ready)


def test_a_portal_is_shown_values_of_its_own(ready: Program) -> None:
    """Planned, activated, written to the contact, found by reconcile, and taken back."""
    end = "      Processed:   [QUALIFIED,       Processed]\n"
    assert end in TEXT
    cells = "    portals:\n      {}: {{Hot: {{hs_lead_status: OPEN_DEAL}}}}\n"
    crm_id = ready.new_contact(1, owner="tara@example.com")
    ready.run("run", "--until-idle")
    ready.run("mark", f"acme/{crm_id}", "hot")
    ready.run("run", "--until-idle")
    assert ready.contact(crm_id)["properties"]["hs_lead_status"] == "CONNECTED"

    wrong = draft(ready, TEXT.replace(end, end + cells.format("akme")))
    said = ready.run("rules", "apply", wrong, "--yes").stdout.decode()
    assert "portal akme: warning: the rules show akme values of its own" in said
    assert "did you mean acme?" in said

    plan = ready.json(
        "rules", "apply", draft(ready, TEXT.replace(end, end + cells.format("acme"))), "--yes"
    )["plan"]
    assert plan["rewrites"]["contacts"] == 1
    ready.run("run", "--until-idle")
    assert ready.contact(crm_id)["properties"]["hs_lead_status"] == "OPEN_DEAL"
    assert ready.json("portal", "reconcile", "acme")["differences"] == 0

    ready.run("rules", "rollback", "--yes")
    ready.run("run", "--until-idle")
    assert ready.contact(crm_id)["properties"]["hs_lead_status"] == "CONNECTED"


def test_rules_without_a_table_for_a_connected_crm(ready: Program) -> None:
    new, before = draft(ready, NO_TABLE), in_use(ready)
    refused = ready.run("rules", "apply", new, "--yes", code=1).stderr.decode()
    assert "no table crm.hubspot" in refused
    ready.run("rules", "apply", new, "--yes", "--setup", code=1)
    assert in_use(ready) == before
    ready.run("rules", "apply", new, "--yes", "--force")
    assert in_use(ready) != before
    for command in (("portal", "check", "acme"), ("portal", "setup", "acme")):
        done = ready.run(*command, code=2)
        assert b"crm.hubspot" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    ready.run("run", "--until-idle")
    ready.run("portal", "status", "acme")
    again = ready.run(
        "portal", "connect", "acme", "--base-url", ready.url, "--token-env", "HUBSPOT_TOKEN"
    )
    assert b"note: the rules in use have no table crm.hubspot" in again.stdout


DOORS: dict[str, Callable[[App, str], object]] = {
    "apply": lambda app, text: app.versions.apply(text, expected=1),
    "schedule": lambda app, text: app.versions.apply(
        text, expected=1, at=app.clock.now() + 3_600_000
    ),
}


@pytest.fixture
def opened(ready: Program, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("HUBSPOT_TOKEN", TOKEN)
    with open_app(database=f"sqlite:///{ready.folder / 'leadback.db'}", rules=RULES) as app:
        yield app


@pytest.mark.parametrize("door", DOORS)
def test_a_portal_that_cannot_be_asked(opened: App, ready: Program, door: str) -> None:
    """It holds up only what it would show otherwise; one that is not connected holds up nothing."""
    ready.control("POST", "faults", {"kind": "503"})
    assert opened.versions.plan(OTHER_RULE)["hindered"] == []
    plan = opened.versions.plan(NEW_VALUE)
    assert [one["portal"] for one in plan["hindered"]] == ["acme"]
    assert "could not be asked" in plan["hindered"][0]["why"]
    with pytest.raises(CannotShowError, match="could not be asked"):
        DOORS[door](opened, NEW_VALUE)
    opened.connections.disconnect("acme")
    assert opened.versions.plan(NEW_VALUE)["hindered"] == []
    DOORS[door](opened, NEW_VALUE)
    assert opened.versions.log()[0].number == 2


@pytest.mark.parametrize(
    ("text", "takes"), [(NEW_VALUE, False), (NO_TABLE, False), (OTHER_RULE, True)]
)
def test_a_file_takes_over_at_the_start_only_if_portals_can_show_it(
    opened: App, ready: Program, text: str, takes: bool
) -> None:
    file = ready.folder / draft(ready, text)
    before = opened.versions.status()["in_use"]
    url = f"sqlite:///{ready.folder / 'leadback.db'}"
    with open_app(database=url, rules=file, takes_rules=True) as app:
        assert (app.versions.status()["in_use"] != before) is takes
        if not takes:
            assert app.versions.status()["file"]["state"] == "differs"


def test_nothing_of_a_refused_version_is_kept(opened: App) -> None:
    """Not its text, no entry of the log, no event for any lead."""
    with pytest.raises(LeadbackError):
        opened.versions.apply(NEW_VALUE, expected=1)
    plan = opened.versions.plan(NEW_VALUE)
    with opened.store.read() as tx:
        assert tx.rules.get(plan["version"]) is None
    assert len(opened.versions.log()) == 1
