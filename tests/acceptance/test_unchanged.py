"""Values that a contact is known to show already are not written; drift is written over."""

import pytest

from leadback.base.clock import HOUR
from leadback.lead.records import Effect, EffectKind
from leadback.store import NewHint
from leadback.work.delivery import LEASE, _Run
from tests.acceptance.test_portal_laws import ASSISTANT, HUMANS, World
from tests.acceptance.test_portal_laws import world as world

UPDATE = "/contacts/batch/update"


@pytest.fixture
def cold(world: World) -> str:
    """A contact that shows Cold, written a moment ago."""
    crm_id = world.new_contact(HUMANS[0])
    world.act(action="assign", contact=crm_id, owner=ASSISTANT)
    world.work()
    world.tell(crm_id, "capacity_available", {})
    world.app.worker().run_until_idle(poll=False)
    assert world.read(crm_id)["lead_connection_status"] == "Cold"
    return crm_id


def updates(world: World) -> int:
    calls = world.control("GET", "stats")["calls"]
    return sum(sum(s.values()) for route, s in calls.items() if route.endswith(UPDATE))


def there_and_back(world: World, crm_id: str) -> None:
    """Events whose last word is what the contact shows already."""
    world.tell(crm_id, "email_opened", {})
    world.tell(crm_id, "marked", {"action": "cold"})
    world.app.worker().run_until_idle(poll=False)


def test_known_values_are_not_written_again(world: World, cold: str) -> None:
    before = updates(world)
    there_and_back(world, cold)
    assert updates(world) == before
    effects = world.app.leads.show(f"acme/{cold}")["effects"]
    assert [e["status"] for e in effects if e["kind"] == "fields"][-1] == "done"
    world.tell(cold, "email_opened", {})
    world.app.worker().run_until_idle(poll=False)
    assert updates(world) == before + 1
    assert world.read(cold)["lead_connection_status"] == "Engaged"


def test_after_an_hour_they_are(world: World, cold: str) -> None:
    before = updates(world)
    world.clock.advance(HOUR)
    there_and_back(world, cold)
    assert updates(world) == before + 1


def test_after_a_hint_they_are(world: World, cold: str) -> None:
    """Somebody worked on the contact: what else did they change?"""
    world.act(action="set", contact=cold, properties={"lead_connection_status": "Hot"})
    with world.app.store.write() as tx:
        tx.hints.add("acme", [NewHint(cold, world.clock.now())], now=world.clock.now())
    there_and_back(world, cold)
    assert world.read(cold)["lead_connection_status"] == "Cold"


def test_a_repair_is_always_written(world: World, cold: str) -> None:
    world.act(action="set", contact=cold, properties={"lead_connection_status": "Hot"})
    report = world.app.reconcile.run("acme", apply=True)
    assert [step["repair"] for step in report["steps"] if cold in step["contact"]] == ["fields"]
    world.app.worker().run_until_idle(poll=False)
    assert world.read(cold)["lead_connection_status"] == "Cold"


def test_what_may_have_been_sent_is_sent(
    world: World, cold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another value was on its way when the worker died: nobody knows what the contact shows."""

    def die(*_: object) -> None:
        raise RuntimeError("killed")

    with world.app.store.write() as tx:
        lead = tx.leads.by_crm_id("acme", cold)
        assert lead is not None
        warm = {"lead_connection_status": "Warm"}
        tx.outbox.add("acme", [(lead, Effect(EffectKind.FIELDS, warm, "r"))], now=0)
    with monkeypatch.context() as patch:
        patch.setattr(_Run, "to_its_end", die)
        with pytest.raises(RuntimeError, match="killed"):
            world.app.deliveries.deliver_portal("acme")
    url = f"{world.url}/crm/objects/2026-09/contacts/{cold}"
    assert world.session.patch(url, json={"properties": warm}, timeout=9).ok
    world.clock.advance(LEASE)
    there_and_back(world, cold)
    assert world.read(cold)["lead_connection_status"] == "Cold"
