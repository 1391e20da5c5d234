"""The failures of delivery that other engines had, through the whole engine, by their numbers.

A real sandbox over HTTP and a real SQLite file; the engine's clock is moved by the tests. The same
failures in more variants, call by call: tests/plugins/hubspot.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from leadback.base.clock import HOUR, MINUTE
from leadback.lead.retry import HORIZON
from leadback.store import NewHint
from leadback.work.delivery import _Run
from tests.acceptance.test_portal_laws import ASSISTANT, HUMANS, World
from tests.acceptance.test_portal_laws import world as world

HANNA, OMAR, MEI = HUMANS


@pytest.fixture
def calm(world: World) -> Iterator[World]:
    """No faults before and after; what was lost is looked for at once."""
    with world.app.store.write() as tx:
        portal = tx.portals.get("acme")
        assert portal is not None
        tx.portals.put(replace(portal, settings={"settle_seconds": 0}))
        tx.portals.resume("acme")
    yield world
    url, bearer = f"{world.url}/_sandbox/faults", world.session.headers
    assert world.session.delete(url, headers=bearer, timeout=9).status_code == 204
    world.clock.advance(2 * MINUTE)
    settle(world)


def fault(world: World, kind: str, **settings: Any) -> None:
    url = f"{world.url}/_sandbox/faults"
    assert world.session.post(url, json={"kind": kind, **settings}, timeout=9).ok


def take(world: World, *contacts: str) -> None:
    """Assigned, read and decided; nothing is sent yet."""
    for crm_id in contacts:
        world.act(action="assign", contact=crm_id, owner=ASSISTANT)
    world.app.lookups.look_up_due(world.clock.now())
    hint(world, *contacts)
    decide(world)


def hint(world: World, *contacts: str) -> None:
    now = world.clock.now()
    with world.app.store.write() as tx:
        tx.hints.add("acme", [NewHint(crm_id, now) for crm_id in contacts], now=now)


def decide(world: World) -> None:
    now = world.clock.now()
    while world.app.lookups.look_up_due(now) or world.app.decisions.decide_due(now):
        pass


def settle(world: World, rounds: int = 6) -> None:
    """Deliver; what waits is tried again when its time has come."""
    for _ in range(rounds):
        decide(world)
        world.app.deliveries.deliver_due()
        world.clock.advance(MINUTE)


def effects(world: World, crm_id: str, kind: str = "") -> list[dict[str, Any]]:
    found = world.app.leads.show(f"acme/{crm_id}")["effects"]
    return [effect for effect in found if kind in ("", effect["kind"])]


def notes(world: World, crm_id: str) -> list[str]:
    held = world.control("GET", "dump")
    return [n for n in held["contacts"][crm_id]["notes"] if not held["notes"][n]["archived"]]


def told(world: World, crm_id: str, kind: str, **data: Any) -> None:
    world.tell(crm_id, kind, data)
    decide(world)


def test_failure_10_a_lead_that_waits_is_shown_with_its_reason_and_time(calm: World) -> None:
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    fault(calm, "423", count=1, route="contacts/batch/update")
    calm.app.deliveries.deliver_due()
    (row,) = [r for r in calm.app.queue.list(waiting=True) if r["lead"] == f"acme/{crm_id}"]
    assert row["status"] == "waiting"
    assert row["reason"].startswith(f"lead acme/{crm_id} waits for its fields until {row['at']}")
    assert "423" in row["reason"]
    assert notes(calm, crm_id) == [], "the note comes after the fields, in the lead's order"
    settle(calm)
    assert [e["status"] for e in effects(calm, crm_id)] == ["done", "done"]
    assert calm.app.queue.list(waiting=True) == []


def test_failure_10_other_leads_do_not_wait(calm: World) -> None:
    crm_id, other = calm.new_contact(HANNA), calm.new_contact(HANNA)
    take(calm, crm_id)
    fault(calm, "423", count=1, route="contacts/batch/update")
    calm.app.deliveries.deliver_due()
    take(calm, other)
    calm.app.deliveries.deliver_due()
    assert [e["status"] for e in effects(calm, other)] == ["done", "done"]
    assert effects(calm, crm_id)[0]["status"] == "pending"


def test_failure_12_crash_between_the_crms_success_and_our_record(
    calm: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise RuntimeError("killed")

    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    calm.app.deliveries.deliver_due()
    told(calm, crm_id, "replied", intent="AgreedToMeet", body="yes")
    for _ in range(4):  # email, fields, note, handback: dies after each of them was sent
        with monkeypatch.context() as patch, suppress(RuntimeError):
            patch.setattr(_Run, "_record", die)
            calm.app.deliveries.deliver_due()
        calm.clock.advance(MINUTE)
        calm.app.deliveries.deliver_due()
    settle(calm)
    assert {e["status"] for e in effects(calm, crm_id)} <= {"done", "superseded"}
    assert len(notes(calm, crm_id)) == len(effects(calm, crm_id, "note"))
    held = calm.control("GET", "dump")["contacts"][crm_id]
    assert len(held["emails"]) == len(effects(calm, crm_id, "email")) == 1
    assert held["properties"]["hubspot_owner_id"] == calm.owner_ids[HANNA]
    assert [o["verdict"] for o in calm.app.leads.show(f"acme/{crm_id}")["owners"]] == [
        "assigned",
        "handed_back",
    ]


@pytest.mark.parametrize("lost", ["commit-then-drop", "reset", "504"])
def test_failure_12_what_may_have_happened_is_uncertain_shown_and_settled_by_reading_back(
    calm: World, lost: str
) -> None:
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    fault(calm, lost, count=1, route="notes/batch/create")
    fault(calm, "503", count=1, route="associations")  # the first read-back finds no answer either
    calm.app.deliveries.deliver_due()
    (note,) = effects(calm, crm_id, "note")
    assert note["status"] == "uncertain"
    assert "may have been created" in note["reason"]
    assert [r["status"] for r in calm.app.queue.list() if r["lead"] == f"acme/{crm_id}"] == [
        "uncertain"
    ]
    assert calm.app.queue.status()["outbox"]["uncertain"] == 1
    settle(calm)
    assert effects(calm, crm_id, "note")[0]["status"] == "done"
    assert len(notes(calm, crm_id)) == 1
    assert calm.app.queue.status()["outbox"]["uncertain"] == 0


def test_failure_13_a_success_without_effect_is_none(calm: World) -> None:
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    fault(calm, "no-effect", count=1, route="contacts/batch/update")
    calm.app.deliveries.deliver_due()
    (first,) = effects(calm, crm_id, "fields")
    assert (first["status"], first["attempts"]) == ("pending", 1)
    settle(calm)
    assert effects(calm, crm_id, "fields")[0]["status"] == "done"
    assert calm.read(crm_id)["lead_connection_status"] == "New"


def test_failure_13_one_of_a_hundred_is_refused_and_99_go_through(calm: World) -> None:
    contacts = [calm.new_contact(HANNA) for _ in range(100)]
    take(calm, *contacts)
    calm.act(action="delete", contact=contacts[37])
    calm.app.deliveries.deliver_due()
    ends = [effects(calm, crm_id, "fields")[0] for crm_id in contacts]
    assert [e["status"] for e in ends].count("done") == 99
    assert ends[37]["status"] == "pending"
    assert "deleted" in ends[37]["reason"]
    settle(calm)
    assert effects(calm, contacts[37], "fields")[0]["status"] == "cancelled"


def test_failure_18_a_contact_is_deleted_in_mid_flight(calm: World) -> None:
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    calm.act(action="delete", contact=crm_id)
    settle(calm)
    lead = calm.app.leads.show(f"acme/{crm_id}")
    assert (lead["ended"], lead["followups_active"]) == ("deleted", False)
    calm.act(action="restore", contact=crm_id)
    hint(calm, crm_id)
    settle(calm)
    assert calm.app.leads.show(f"acme/{crm_id}")["ended"] == "taken_back"
    calm.act(action="assign", contact=crm_id, owner=HANNA)
    take(calm, crm_id)
    settle(calm)
    assert calm.app.leads.show(f"acme/{crm_id}")["ended"] is None, "a new assignment starts anew"
    assert calm.read(crm_id)["lead_connection_status"] == "New"


@pytest.mark.parametrize("noticed", [True, False])
def test_failure_18_what_was_due_while_a_contact_was_deleted_is_made_up_for(
    calm: World, noticed: bool
) -> None:
    """Restored before anybody has seen that it was gone, or after the lead was closed for it."""
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    told(calm, crm_id, "unsubscribed")
    told(calm, crm_id, "email_sent")
    decide(calm)
    calm.act(action="delete", contact=crm_id)
    calm.app.deliveries.deliver_due()
    if noticed:
        settle(calm)
        assert {e["status"] for e in effects(calm, crm_id)} == {"cancelled", "superseded"}
    calm.act(action="restore", contact=crm_id)
    hint(calm, crm_id)
    settle(calm)
    assert {e["status"] for e in effects(calm, crm_id)} == {"done", "superseded"}
    assert calm.read(crm_id)["lead_connection_status"] == "UnSubscribed"
    assert calm.read(crm_id)["hubspot_owner_id"] == calm.owner_ids[HANNA]
    assert len(notes(calm, crm_id)) == 1


def test_failure_18_a_contact_is_merged_in_mid_flight(calm: World) -> None:
    crm_id, winner = calm.new_contact(HANNA), calm.new_contact(HANNA)
    calm.act(action="assign", contact=winner, owner=ASSISTANT)
    take(calm, crm_id)
    winner = str(calm.act(action="merge", primary=winner, merged=crm_id)["contact"])
    settle(calm)
    lead = calm.app.leads.show(f"acme/{crm_id}")
    assert lead["crm_id"] == winner
    assert calm.read(winner)["lead_connection_status"] == lead["state"]
    assert {e["status"] for e in effects(calm, crm_id)} <= {"done", "superseded"}


def test_failure_18_a_contact_is_merged_after_its_assignment_was_read_and_before_it_is_decided(
    calm: World,
) -> None:
    crm_id, other = calm.new_contact(HANNA), calm.new_contact(HANNA)
    calm.act(action="assign", contact=crm_id, owner=ASSISTANT)
    hint(calm, crm_id)
    calm.app.lookups.look_up_due(calm.clock.now())
    winner = str(calm.act(action="merge", primary=other, merged=crm_id)["contact"])
    hint(calm, crm_id)
    calm.app.lookups.look_up_due(calm.clock.now())
    settle(calm)
    lead = calm.app.leads.show(f"acme/{winner}")
    assert lead["crm_id"] == winner
    assert calm.read(winner)["lead_connection_status"] == lead["state"]
    assert {e["status"] for e in effects(calm, winner)} <= {"done", "superseded"}


def test_failure_19_an_option_is_archived_in_mid_flight(calm: World) -> None:
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    settle(calm)
    option = {"property": "lead_connection_status", "value": "Cold"}
    calm.act(action="archive_option", **option)
    told(calm, crm_id, "capacity_available")
    settle(calm)
    failed = effects(calm, crm_id, "fields")[-1]
    assert failed["status"] == "failed"
    assert "no option for 'Cold'" in failed["reason"]
    assert "portal setup" in failed["reason"]
    calm.act(action="add_option", label="Cold", **option)
    (parked,) = [r for r in calm.app.queue.list() if r["lead"] == f"acme/{crm_id}"]
    assert calm.app.queue.retry([parked["id"]])["retried"] == 1
    settle(calm)
    assert calm.read(crm_id)["lead_connection_status"] == "Cold"


@pytest.mark.parametrize("when", ["before", "after"])
def test_failure_20_a_human_changes_the_owner_between_our_read_and_our_write(
    calm: World, when: str
) -> None:
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    settle(calm)
    fault(calm, "owner_race", count=1, owner=OMAR, when=when)
    told(calm, crm_id, "replied", intent="AgreedToMeet")
    settle(calm)
    assert calm.read(crm_id)["hubspot_owner_id"] == calm.owner_ids[OMAR]
    verdicts = [o["verdict"] for o in calm.app.leads.show(f"acme/{crm_id}")["owners"]]
    assert verdicts[:2] == ["assigned", "human_owner" if when == "before" else "handed_back"]


def test_failure_20_the_portals_own_automation_is_not_fought(calm: World) -> None:
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    settle(calm)
    url = f"{calm.url}/_sandbox/switches"
    on = {"workflow_owner": calm.owner_ids[MEI], "workflow_source": "AUTOMATION_JOURNEY"}
    off = {"workflow_owner": "", "workflow_source": "AUTOMATION_PLATFORM"}
    assert calm.session.patch(url, json=on, timeout=9).ok
    try:
        told(calm, crm_id, "replied", intent="AgreedToMeet")
        settle(calm)
    finally:
        assert calm.session.patch(url, json=off, timeout=9).ok
    assert calm.read(crm_id)["hubspot_owner_id"] == calm.owner_ids[MEI]
    (handback,) = effects(calm, crm_id, "handback")
    assert handback["status"] == "done"
    assert handback["attempts"] == 1
    assert "moved on by AUTOMATION_JOURNEY" in handback["result"]["why"]


@pytest.mark.parametrize("shape", ["html", "empty", "cut-off", "502"])
def test_failure_21_an_answer_of_unknown_shape_loses_and_doubles_nothing(
    calm: World, shape: str
) -> None:
    crm_id = calm.new_contact(HANNA)
    for route in ("batch/read", "batch/update", "batch/create", "owners"):
        fault(calm, shape, count=2, route=route)
    take(calm, crm_id)
    settle(calm)
    told(calm, crm_id, "replied", intent="AgreedToMeet", body="yes")
    settle(calm, 10)
    assert {e["status"] for e in effects(calm, crm_id)} == {"done"}
    assert len(notes(calm, crm_id)) == len(effects(calm, crm_id, "note"))
    assert calm.read(crm_id)["hubspot_owner_id"] == calm.owner_ids[HANNA]


def test_an_effect_is_tried_for_three_days_then_parked_and_can_be_retried(calm: World) -> None:
    crm_id = calm.new_contact(HANNA)
    take(calm, crm_id)
    started = calm.clock.now()
    fault(calm, "503", route="contacts/batch/update")
    tried: Callable[[], dict[str, Any]] = lambda: effects(calm, crm_id, "fields")[0]  # noqa: E731
    while tried()["status"] == "pending":
        calm.app.deliveries.deliver_due()
        calm.clock.advance(HOUR)
        assert calm.clock.now() < started + HORIZON + 4 * HOUR, "it must end some day"
    assert calm.clock.now() - started >= HORIZON - 2 * HOUR
    assert tried()["status"] == "failed"
    assert tried()["reason"].startswith("given up after 3 days: ")
    assert tried()["attempts"] > 30
    (row,) = [r for r in calm.app.queue.list() if r["lead"] == f"acme/{crm_id}"]
    assert row["status"] == "failed"
    url = f"{calm.url}/_sandbox/faults"
    assert calm.session.delete(url, timeout=9).status_code == 204
    assert calm.app.queue.retry([row["id"]])["retried"] == 1
    settle(calm)
    assert tried()["status"] == "done"
