"""`kill -9` at any point loses and doubles nothing; SIGTERM finishes what is begun."""

import random
import signal
import time

import pytest

from tests.acceptance.conftest import Program, event, stop, wait_until, write_events

pytestmark = pytest.mark.long

CONTACTS = 40
KILLS = 12


def test_kill_9_at_random_points_loses_and_doubles_nothing(ready: Program) -> None:
    dice = random.Random(20_261_102)
    ids = [ready.new_contact(number, "hanna@example.com") for number in range(CONTACTS)]
    ready.act(*({"action": "assign", "contact": i, "owner": "tara@example.com"} for i in ids))
    events = []
    for position, crm_id in enumerate(ids):
        subject = f"acme/{crm_id}"
        events += [
            event(position * 10, "capacity_available", subject),
            event(position * 10 + 1, "email_sent", subject, subject="One", body="b"),
            event(position * 10 + 2, "email_opened", subject),
            event(position * 10 + 3, "email_sent", subject, subject="Two", body="b"),
            event(position * 10 + 4, "replied", subject, intent="AgreedToMeet", body="yes"),
        ]
    file = write_events(ready.folder / "day.jsonl", events)
    ready.run("events", "add", str(file))

    for _ in range(KILLS):
        worker = ready.start("run")
        time.sleep(dice.uniform(0.4, 1.6))
        stop(worker, signal.SIGKILL)
        ready.run("events", "add", str(file))
    # It waits for the leases of the killed workers to run out, and settles what they left.
    ready.run("run", "--until-idle")

    dump = ready.dump()
    for crm_id in ids:
        contact = dump["contacts"][crm_id]
        subjects = sorted(
            dump["emails"][i]["properties"].get("hs_email_subject") or "" for i in contact["emails"]
        )
        assert len(contact["notes"]) == 1, crm_id
        assert len(subjects) == 3, (crm_id, subjects)
        assert contact["properties"]["lead_connection_status"] == "Hot"
        assert contact["properties"]["hubspot_owner_id"] == ready.owners()["hanna@example.com"]
    leads = ready.json("lead", "list")
    assert {lead["state"] for lead in leads} == {"Hot"}
    assert {lead["counters"]["followups"] for lead in leads} == {2}
    outbox = ready.json("queue", "status")["outbox"]
    assert [outbox[k] for k in ("pending", "leased", "uncertain", "failed")] == [0, 0, 0, 0]


def test_sigterm_drains_and_ends_cleanly(ready: Program) -> None:
    crm_id = ready.new_contact(1, "hanna@example.com")
    ready.act({"action": "assign", "contact": crm_id, "owner": "tara@example.com"})
    worker = ready.start("run")
    wait_until(lambda: ready.contact(crm_id)["properties"].get("lead_connection_status") == "New")
    assert stop(worker) == 0
    outbox = ready.json("queue", "status")["outbox"]
    assert outbox["leased"] == 0
