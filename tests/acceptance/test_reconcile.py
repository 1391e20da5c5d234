"""What drifted in the portal is found, planned, and repaired once."""

from pathlib import Path

import pytest

from leadback.service import reconcile
from tests.acceptance.conftest import ROOT, Program
from tests.acceptance.test_portal_laws import World
from tests.acceptance.test_portal_laws import world as world

HUMAN = "hanna@example.com"
TARA = "tara@example.com"


def test_drift_is_planned_repaired_and_gone(ready: Program) -> None:
    ids = [ready.new_contact(number, HUMAN) for number in range(4)]
    ready.act(*({"action": "assign", "contact": i, "owner": TARA} for i in ids))
    ready.run("run", "--until-idle")
    assert ready.json("portal", "reconcile", "acme")["steps"] == []

    drifted, cleared, deleted, _ = ids
    note = ready.contact(cleared)["notes"][0]
    ready.act(
        {"action": "set", "contact": drifted, "properties": {"hs_lead_status": "CONNECTED"}},
        {"action": "set", "contact": cleared, "properties": {"lead_connection_status": ""}},
        {"action": "delete", "contact": deleted},
    )
    ready.delete("notes", note)
    stranger = ready.new_contact(9, TARA)

    plan = ready.json("portal", "reconcile", "acme", code=1)
    found = {(s["contact"].partition("/")[2], s["repair"]) for s in plan["steps"]}
    assert found == {
        (drifted, "fields"),
        (cleared, "fields"),
        (cleared, "note"),
        (deleted, "look up"),
        (stranger, "look up"),
    }
    assert ready.contact(drifted)["properties"]["hs_lead_status"] == "CONNECTED"

    ready.run("portal", "reconcile", "acme", "--apply")
    ready.run("run", "--until-idle")
    assert ready.contact(drifted)["properties"]["hs_lead_status"] == "NEW"
    assert ready.contact(cleared)["properties"]["lead_connection_status"] == "New"
    live = [n for n in ready.dump()["notes"].values() if not n["archived"]]
    assert sum(cleared in n["contacts"] for n in live) == 1
    assert ready.json("lead", "show", f"acme/{deleted}")["ended"] == "deleted"
    assert ready.json("lead", "show", f"acme/{stranger}")["state"] == "New"
    assert ready.json("portal", "reconcile", "acme")["steps"] == []


def test_a_first_connection_takes_over_what_the_assistants_own_by_plan(ready: Program) -> None:
    """Nothing has run yet: the plan says who will become a lead, and --apply makes it so."""
    ids = {ready.new_contact(number, TARA) for number in range(3)}
    mine = ready.new_contact(9, HUMAN)
    plan = ready.json("portal", "reconcile", "acme", code=1)
    found = {s["contact"]: (s["what"], s["repair"]) for s in plan["steps"]}
    assert {f"acme/{i}" for i in ids} <= set(found)
    assert set(found.values()) == {("an assistant owns it, but it is no lead", "look up")}
    assert f"acme/{mine}" not in found
    assert ready.json("lead", "list") == []
    ready.run("portal", "reconcile", "acme", "--apply")
    ready.run("run", "--until-idle")
    leads = {lead["crm_id"] for lead in ready.json("lead", "list")}
    assert leads == {contact.partition("/")[2] for contact in found}
    assert all(len(ready.contact(i)["notes"]) == 1 for i in ids)
    assert ready.json("portal", "reconcile", "acme")["steps"] == []


def test_a_page_at_a_time_is_compared_and_everything_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two leads a page, of which five differ; a report lists three, and counts all."""
    monkeypatch.setattr(reconcile, "BATCH", 2)
    monkeypatch.setattr(reconcile, "STEPS", 3)
    ids = [world.new_contact(HUMAN) for _ in range(5)]
    for crm_id in ids:
        world.act(action="assign", contact=crm_id, owner=TARA)
    world.app.worker().run_until_idle()
    assert world.app.reconcile.run("acme", apply=False)["differences"] == 0
    for crm_id in ids:
        world.act(action="set", contact=crm_id, properties={"hs_lead_status": "CONNECTED"})
    plan = world.app.reconcile.run("acme", apply=False)
    assert (plan["differences"], len(plan["steps"])) == (5, 3)
    assert plan["compared"] >= 5
    assert world.app.reconcile.run("acme", apply=True)["differences"] == 5
    world.app.worker().run_until_idle()
    assert world.app.reconcile.run("acme", apply=False)["steps"] == []


def test_rules_without_a_table_for_the_crm_are_said_in_a_sentence(
    ready: Program, tmp_path: Path
) -> None:
    text = (ROOT / "rules" / "lead_states.yaml").read_text()
    (tmp_path / "none.yaml").write_text(text[: text.index("crm:\n")])
    ready.run("rules", "apply", str(tmp_path / "none.yaml"), "--yes", "--force")
    done = ready.run("portal", "reconcile", "acme", code=2)
    assert b"crm.hubspot" in done.stderr
    assert len(done.stderr.splitlines()) == 1
