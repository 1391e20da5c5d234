"""Every way a call can end badly, over the wire: the right outcome, and nothing doubled."""

import pytest

from engine.api import Done, GiveUp, Outcome, PortalUnavailable, TryLater, Uncertain
from tests.plugins.hubspot.rig import Rig

NOTHING_HAPPENED = ["423", "429", "477"]
MAY_HAVE_HAPPENED = ["502", "503", "504", "521", "523", "524", "html"]
BROKEN = ["reset", "commit-then-drop", "empty", "cut-off"]


def notes(rig: Rig) -> list[str]:
    return [note["properties"]["hs_note_body"] for note in rig.dump()["notes"].values()]


@pytest.mark.parametrize("kind", NOTHING_HAPPENED)
@pytest.mark.parametrize("what", ["fields", "note", "handback"])
def test_what_was_refused_is_tried_later(ready: Rig, kind: str, what: str) -> None:
    crm_id = ready.contact("502", "501")
    ready.hooks.crm_find_assistant_owner(access=ready.access, assistant=ready.access.assistants[0])
    ready.hooks.crm_check_mapping(access=ready.access, rules=ready.rules)
    route = {"note": "notes/batch/create"}.get(what, "contacts/batch/update")
    ready.fault(kind, route=route, seconds=7)
    delivery = {
        "fields": lambda: ready.fields(crm_id, "Cold"),
        "note": lambda: ready.note(crm_id),
        "handback": lambda: ready.handback(crm_id),
    }[what]()
    (outcome,) = ready.deliver(delivery)
    assert isinstance(outcome, TryLater)
    assert outcome.whole_portal == (kind != "423")
    assert outcome.after == (2_000 if kind == "423" else 7_000)
    assert ready.shown(crm_id)["properties"]["hubspot_owner_id"] == "501"
    assert notes(ready) == []


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
@pytest.mark.parametrize("what", ["note", "email", "task"])
def test_a_lost_record_is_looked_for_and_never_doubled(ready: Rig, kind: str, what: str) -> None:
    crm_id = ready.contact("501")
    ready.fault(kind, route=f"{what}s/batch/create", count=1)
    first = engagement(ready, what, crm_id)
    (outcome,) = ready.deliver(first)
    assert isinstance(outcome, Uncertain), outcome
    (outcome,) = ready.deliver(again(first))
    assert isinstance(outcome, Done)
    assert len(ready.dump()[f"{what}s"]) == 1


def engagement(rig: Rig, what: str, crm_id: str) -> object:
    from engine.api import EffectKind

    kind = EffectKind(what)
    payload = {
        "note": {"text": "Hi", "at": 1_793_707_200_000},
        "task": {"subject": "Call", "at": 1_793_707_200_000, "owner": "502"},
        "email": {"direction": "outgoing_email", "subject": "S", "body": "B",
                  "at": 1_793_707_200_000, "assistant": "tara@acme.example",
                  "lead_email": "lead@example.org"},
    }[what]  # fmt: skip
    return rig.delivery(kind, crm_id, **payload)


def again(delivery: object) -> object:
    from dataclasses import replace

    return replace(delivery, maybe_sent=True, attempts=2)  # type: ignore[type-var]


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


def test_missing_scopes_are_named(new_rig: object) -> None:
    scopes = ["crm.objects.contacts.read", "crm.objects.contacts.write",
              "crm.schemas.contacts.read", "crm.schemas.contacts.write",
              "crm.objects.owners.read"]  # fmt: skip
    rig: Rig = new_rig(scopes=scopes)  # type: ignore[operator]
    crm_id = rig.contact()
    (outcome,) = rig.deliver(engagement(rig, "email", crm_id))  # type: ignore[arg-type]
    assert isinstance(outcome, GiveUp)
    assert "sales-email-read" in outcome.reason
    plan = rig.hooks.crm_plan_setup(access=rig.access, rules=rig.rules)
    person = [step.what for step in plan.steps if step.needs_person]
    assert person == ["grant the app the scope sales-email-read"] or any(
        "sales-email-read" in what for what in person
    )
