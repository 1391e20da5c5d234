"""Every way a call can end badly, over the wire: the right outcome, and nothing doubled."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from leadback.api import (
    Delivery,
    Done,
    EffectKind,
    GiveUp,
    Outcome,
    PortalUnavailable,
    TryLater,
    Uncertain,
)
from tests.plugins.hubspot.rig import HANNA, NOON, TARA, Rig

NOTHING_HAPPENED = ["423", "429", "477"]
MAY_HAVE_HAPPENED = ["502", "503", "504", "521", "523", "524", "html"]
BROKEN = ["reset", "commit-then-drop", "empty", "cut-off"]


def notes(rig: Rig) -> list[str]:
    return [note["properties"]["hs_note_body"] for note in rig.dump()["notes"].values()]


@pytest.mark.parametrize("kind", NOTHING_HAPPENED)
def test_what_was_refused_is_tried_later(ready: Rig, kind: str) -> None:
    crm_id = ready.contact(HANNA, TARA)
    ready.deliver(ready.fields(crm_id, "New"))
    deliveries = [ready.note(crm_id), ready.fields(crm_id, "Cold"), ready.handback(crm_id)]
    for delivery in deliveries:
        ready.restart()
        ready.fault(kind, route="batch/create", seconds=7)
        ready.fault(kind, route="batch/update", seconds=7)
        (outcome,) = ready.deliver(delivery)
        assert isinstance(outcome, TryLater)
        assert outcome.whole_portal == (kind != "423")
        assert outcome.after == (2_000 if kind == "423" else 7_000)
    assert ready.shown(crm_id)["properties"]["hubspot_owner_id"] == TARA
    assert notes(ready) == []


def test_a_paused_portal_is_not_called(ready: Rig) -> None:
    crm_id = ready.contact()
    ready.fault("477", seconds=3600)
    ready.deliver(ready.note(crm_id))
    ready.reset_stats()
    (outcome,) = ready.deliver(ready.note(crm_id))
    assert isinstance(outcome, TryLater)
    assert outcome.after > 3_500_000
    assert ready.calls() == {}


@pytest.mark.parametrize("kind", [*MAY_HAVE_HAPPENED, *BROKEN])
def test_lost_field_values_are_simply_written_again(ready: Rig, kind: str) -> None:
    crm_id = ready.contact()
    ready.deliver(ready.fields(crm_id, "New"))
    ready.fault(kind, route="contacts/batch/update", count=2)
    (outcome,) = ready.deliver(ready.fields(crm_id, "Cold"))
    assert isinstance(outcome, TryLater | Done)
    ready.control("DELETE", "faults")
    (outcome,) = ready.deliver(ready.fields(crm_id, "Cold", attempts=2))
    assert isinstance(outcome, Done)
    assert ready.shown(crm_id)["properties"]["lead_connection_status"] == "Cold"


@pytest.mark.parametrize("kind", [*MAY_HAVE_HAPPENED, *BROKEN, "no-effect"])
def test_a_lost_record_is_looked_for_and_never_doubled(ready: Rig, kind: str) -> None:
    crm_id = ready.contact("501")
    for objects, first in engagements(ready, crm_id).items():
        ready.fault(kind, route="batch/create", count=1)
        (outcome,) = ready.deliver(first)
        assert isinstance(outcome, Uncertain), outcome
        (outcome,) = ready.deliver(replace(first, maybe_sent=True, attempts=2))
        assert isinstance(outcome, Done)
        assert len(ready.dump()[objects]) == 1


def engagements(rig: Rig, crm_id: str) -> dict[str, Delivery]:
    email = {"direction": "outgoing_email", "subject": "S", "body": "B", "at": NOON,
             "assistant": "tara@acme.example", "lead_email": "lead@example.org"}  # fmt: skip
    return {
        "notes": rig.note(crm_id),
        "emails": rig.delivery(EffectKind.EMAIL, crm_id, **email),
        "tasks": rig.delivery(EffectKind.TASK, crm_id, subject="Call", at=NOON, owner=HANNA),
    }


def test_a_host_that_is_not_there_is_tried_later(ready: Rig) -> None:
    crm_id = ready.contact()
    ready.deliver(ready.fields(crm_id, "New"))
    ready.url, there = "http://127.0.0.1:9", ready.url
    outcomes: list[Outcome] = ready.deliver(ready.note(crm_id))
    ready.url = there
    assert isinstance(outcomes[0], TryLater)
    assert outcomes[0].whole_portal


def test_a_refused_token_stops_the_portal_and_is_not_shown(ready: Rig) -> None:
    crm_id = ready.contact()
    ready.token, good = "pat-na1-wrong-token", ready.token
    for delivery in (ready.note(crm_id), ready.fields(crm_id, "Cold"), ready.handback(crm_id)):
        (outcome,) = ready.deliver(delivery)
        assert isinstance(outcome, TryLater)
        assert outcome.whole_portal
        assert "token" in outcome.reason
        assert "wrong-token" not in repr(outcome)
    with pytest.raises(PortalUnavailable) as caught:
        ready.hooks.crm_read_contacts(access=ready.access, crm_ids=[crm_id])
    assert "wrong-token" not in str(caught.value)
    ready.token = good


def test_missing_scopes_are_named(new_rig: Callable[..., Rig]) -> None:
    scopes = ["crm.objects.contacts.read", "crm.objects.contacts.write",
              "crm.schemas.contacts.read", "crm.schemas.contacts.write",
              "crm.objects.owners.read"]  # fmt: skip
    rig = new_rig(scopes=scopes)
    crm_id = rig.contact()
    (outcome,) = rig.deliver(engagements(rig, crm_id)["emails"])
    assert isinstance(outcome, GiveUp)
    assert "sales-email-read" in outcome.reason
    plan = rig.hooks.crm_plan_setup(access=rig.access, mapping=rig.mapping)
    person = [step.what for step in plan.steps if step.needs_person]
    assert "grant the app the scope sales-email-read" in person
