"""A whole run, spelled as scripts spell it."""

import json

import pytest

from tests.acceptance.conftest import Program, event, write_events

pytestmark = pytest.mark.long

HUMAN = "hanna@example.com"


def test_assigned_worked_on_and_handed_back(program: Program) -> None:
    ready = program
    ready.set_up_as_spelled()
    crm_id = ready.new_contact(1, HUMAN)
    ready.act({"action": "assign", "contact": crm_id, "owner": "tara@example.com"})
    day = write_events(
        ready.folder / "day.jsonl",
        [
            event(1, "assigned", f"acme/{crm_id}", assistant="tara@example.com"),
            event(2, "capacity_available", f"acme/{crm_id}"),
            event(3, "email_sent", f"acme/{crm_id}", subject="Hello", body="Hi <b>", number=1),
            event(4, "email_opened", "acme/lead1@example.org"),
            event(5, "replied", f"acme/{crm_id}", intent="AgreedToMeet", subject="Re: Hello"),
            event(5, "replied", f"acme/{crm_id}", intent="AgreedToMeet", subject="Re: Hello"),
        ],
    )
    added = ready.json("events", "add", str(day))
    assert (added["accepted"], added["duplicate"], added["rejected"]) == (5, 1, 0)
    ready.run("run", "--until-idle")

    lead = ready.json("lead", "list")[0]
    assert (lead["state"], lead["sub_state"]) == ("Hot", "AgreedToMeet")
    assert lead["counters"]["opens"] == 1
    assert lead["owner"] == ready.owners()[HUMAN]
    assert lead["previous_owner"] == ready.owners()[HUMAN]
    assert lead["context"] == "AI sales assistant"
    assert lead["followups_active"] is False

    contact = ready.contact(crm_id)
    shown = contact["properties"]
    assert (shown["hs_lead_status"], shown["lead_connection_status"]) == ("CONNECTED", "Hot")
    assert shown["hubspot_owner_id"] == ready.owners()[HUMAN]
    assert (len(contact["notes"]), len(contact["emails"])) == (1, 2)

    status = ready.json("queue", "status")
    assert status["outbox"]["done"] > 0
    open_effects = [status["outbox"][k] for k in ("pending", "leased", "uncertain", "failed")]
    assert open_effects == [0, 0, 0, 0]
    assert status["inbox"]["quarantined"] == 0
    why = ready.run("lead", "why", f"acme/{crm_id}").stdout.decode()
    assert "email_opened: to Engaged when opens >= 1" in why
    assert "opens = 1" in why
    assert "rules" in why


def test_running_again_changes_nothing(ready: Program) -> None:
    crm_id = ready.new_contact(1, HUMAN)
    ready.act({"action": "assign", "contact": crm_id, "owner": "tara@example.com"})
    ready.run("run", "--until-idle")
    before = ready.dump()["contacts"][crm_id]
    ready.run("run", "--until-idle")
    assert ready.dump()["contacts"][crm_id] == before
    assert ready.json("portal", "setup", "acme")["steps"] == []


def test_a_contact_assigned_in_hubspot_is_found_without_webhooks(ready: Program) -> None:
    crm_id = ready.new_contact(1, HUMAN, context="the spring offer")
    ready.act({"action": "assign", "contact": crm_id, "owner": "tara@example.com"})
    ready.run("run", "--until-idle")
    lead = ready.json("lead", "show", f"acme/{crm_id}")
    assert (lead["state"], lead["context"]) == ("New", "the spring offer")
    contact = ready.contact(crm_id)
    assert contact["properties"]["lead_connection_status"] == "New"
    assert len(contact["notes"]) == 1
    assert [step["event"] for step in lead["history"]] == ["assigned"]


def test_a_person_who_takes_the_contact_back_keeps_it(ready: Program) -> None:
    crm_id = ready.new_contact(1, HUMAN)
    ready.act({"action": "assign", "contact": crm_id, "owner": "tara@example.com"})
    ready.run("run", "--until-idle")
    ready.act({"action": "assign", "contact": crm_id, "owner": "omar@example.com"})
    events = write_events(
        ready.folder / "e.jsonl", [event(1, "marked", f"acme/{crm_id}", action="hot")]
    )
    ready.run("events", "add", str(events))
    ready.run("run", "--until-idle")
    assert (
        ready.contact(crm_id)["properties"]["hubspot_owner_id"]
        == ready.owners()["omar@example.com"]
    )
    owners = ready.json("lead", "owners", f"acme/{crm_id}")
    assert owners[-1]["verdict"] == "human_owner"


def test_timers_can_be_tried_from_a_script(ready: Program) -> None:
    crm_id = ready.new_contact(1, HUMAN)
    ready.act({"action": "assign", "contact": crm_id, "owner": "tara@example.com"})
    events = write_events(
        ready.folder / "e.jsonl", [event(1, "replied", f"acme/{crm_id}", intent="Something")]
    )
    ready.run("run", "--until-idle", "--clock", "2026-11-02T09:30:00Z")
    ready.run("events", "add", str(events), "--clock", "2026-11-02T09:30:00Z")
    ready.run("run", "--until-idle", "--clock", "2026-11-02T09:31:00Z")
    assert ready.json("lead", "show", f"acme/{crm_id}")["state"] == "Responded"
    ready.run("run", "--until-idle", "--clock", "2026-11-03T10:00:00Z")
    assert ready.json("lead", "show", f"acme/{crm_id}")["state"] == "LeadAtRisk"
    for day in (6, 9, 12, 15, 18, 21):
        ready.run("run", "--until-idle", "--clock", f"2026-11-{day:02}T11:00:00Z")
    assert len(ready.contact(crm_id)["tasks"]) == 5


def test_a_persons_marks(ready: Program) -> None:
    crm_id = ready.new_contact(1, HUMAN)
    ready.act({"action": "assign", "contact": crm_id, "owner": "tara@example.com"})
    ready.run("run", "--until-idle")
    lead = f"acme/{crm_id}"
    assert ready.json("mark", lead, "cold")["to"] == "Cold"
    assert ready.json("mark", lead, "unsubscribed")["to"] == "UnSubscribed"
    refused = ready.json("mark", lead, "restart", code=1)
    assert (refused["result"], refused["because"]) == ("refused", "the lead has unsubscribed")


def test_the_four_integration_statuses(program: Program) -> None:
    program.run(
        "portal", "connect", "acme", "--base-url", program.url, "--token-env", "HUBSPOT_TOKEN"
    )
    assert program.json("portal", "status", "acme")["status"] == "ASSISTANT_NOT_YET_CREATED"
    program.run("assistant", "add", "nora", "--portal", "acme", "--email", "nora@example.com")
    listed = program.json("assistant", "list")
    assert listed[0]["status"] == "ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM"
    program.run("assistant", "edit", "nora", "--portal", "acme", "--email", "tara@example.com")
    assert program.json("assistant", "list")[0]["status"] == "ASSISTANT_EXISTS_AS_USER_IN_CRM"
    program.run("portal", "setup", "acme", "--apply")
    crm_id = program.new_contact(1, HUMAN)
    program.act({"action": "assign", "contact": crm_id, "owner": "tara@example.com"})
    program.run("run", "--until-idle")
    assert program.json("assistant", "list")[0]["status"] == "ALL_WORKING_WELL"


def test_json_is_all_there_is_on_standard_output(ready: Program) -> None:
    for command in (
        ("lead", "list"), ("queue", "status"), ("queue", "list"), ("portal", "list"),
        ("portal", "check", "acme"), ("assistant", "list"), ("db", "status"), ("rules", "check"),
    ):  # fmt: skip
        json.loads(ready.run(*command, "--json").stdout)
