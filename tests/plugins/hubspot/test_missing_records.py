"""Which answers mean "this record" and which "this portal": a deleted contact stops nobody else."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadback.api import Done, EffectKind, Outcome, TryLater, Uncertain
from tests.plugins.hubspot.rig import HANNA, NOON, OMAR, TARA, Rig

SHAPES = ("auto", "html", "empty", "json")
PAGE = "<!DOCTYPE html><html><body><h2>HTTP ERROR 404 Not Found</h2></body></html>"
BODIES = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            PAGE,
            "null",
            "[]",
            "{}",
            '"gone"',
            '{"status":"error","message":"resource not found"}',
            '{"status":"error","category":"OBJECT_NOT_FOUND","message":"Object not found."}',
        ]
    ),
    st.text(max_size=60),
)
ONE_CONTACT = "GET /crm/objects/{version}/contacts/{id}"


def email(rig: Rig, crm_id: str) -> Any:
    return rig.delivery(
        EffectKind.EMAIL, crm_id, direction="out", subject="Hi", text="x", at=NOON, sender="t@x.co"
    )


def task(rig: Rig, crm_id: str) -> Any:
    return rig.delivery(EffectKind.TASK, crm_id, text="Call", due_at=NOON, at=NOON, owner=HANNA)


SENDERS: dict[str, Callable[[Rig, str], Any]] = {
    "note": lambda rig, crm_id: rig.note(crm_id),
    "email": email,
    "task": task,
    "fields": lambda rig, crm_id: rig.fields(crm_id, "Warm"),
    "handback": lambda rig, crm_id: rig.handback(crm_id, HANNA),
    "note, lost before": lambda rig, crm_id: rig.note(crm_id, maybe_sent=True),
}


def stops_the_portal(outcome: Outcome) -> bool:
    return isinstance(outcome, TryLater) and outcome.whole_portal


def waits_alone(outcome: Outcome) -> bool:
    """Until the contact was read again: it may be restored, or be another one by now."""
    return (
        isinstance(outcome, TryLater | Uncertain)
        and outcome.reread
        and not stops_the_portal(outcome)
    )


@pytest.mark.parametrize("kind", SENDERS)
@pytest.mark.parametrize(
    ("version", "shape"), [*(("2026-09", shape) for shape in SHAPES), ("v3", "auto")]
)
def test_a_deleted_contact_waits_alone(ready: Rig, shape: str, kind: str, version: str) -> None:
    ready.settings["api_version"] = version
    ready.switch(missing_record=shape)
    living, dead, other = ready.contacts(3, OMAR, TARA)
    ready.act("delete", contact=dead)
    first, missing, last = ready.deliver(*(SENDERS[kind](ready, c) for c in (living, dead, other)))
    assert isinstance(first, Done), first
    assert isinstance(last, Done), last
    assert waits_alone(missing), missing
    assert "deleted" in missing.reason


@pytest.mark.parametrize("shape", SHAPES)
def test_ids_that_a_batch_did_not_mention(ready: Rig, shape: str) -> None:
    """The answer of a batch names neither id: each is read alone."""
    ready.switch(missing_record=shape)
    living, dead = ready.contact(OMAR, TARA), ready.contact(TARA)
    ready.act("delete", contact=dead)
    nothing = '{"status":"COMPLETE","results":[],"startedAt":"x","completedAt":"x"}'
    json_ = {"status": 200, "body": nothing, "content_type": "application/json"}
    for route in ("contacts/batch/read", "contacts/batch/update", "associations/*/batch/read"):
        ready.fault("answer", route=f"*{route}", **json_)
    found, gone = ready.hooks.crm_read_contacts(access=ready.access, crm_ids=[living, dead])
    assert (found.status, gone.status) == ("found", "deleted")
    untouched, missing = ready.deliver(ready.fields(living, "Warm"), ready.fields(dead, "Warm"))
    assert isinstance(untouched, TryLater)
    assert not stops_the_portal(untouched)
    assert waits_alone(missing), missing
    absent = ready.hooks.crm_find_records(
        access=ready.access, kind=EffectKind.NOTE, deliveries=[ready.note(dead)]
    )
    assert list(absent.values()) == [None]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=BODIES, status=st.sampled_from([404, 410]), kind=st.sampled_from(sorted(SENDERS)))
def test_no_answer_for_one_record_stops_the_portal(
    ready: Rig, body: str, status: int, kind: str
) -> None:
    """Whatever stands in the 404 for a single contact: it is about this contact."""
    ready.control("DELETE", "faults")
    living, dead = ready.contact(OMAR, TARA), ready.contact(OMAR, TARA)
    ready.act("delete", contact=dead)
    ready.fault("answer", route=ONE_CONTACT, status=status, body=body)
    alive, gone = ready.deliver(SENDERS[kind](ready, living), SENDERS[kind](ready, dead))
    assert isinstance(alive, Done), alive
    assert waits_alone(gone), gone


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=BODIES,
    status=st.sampled_from([404, 405]),
    kind=st.sampled_from(["note", "email", "task", "fields"]),
)
def test_a_path_that_is_not_served_pauses_the_portal(
    ready: Rig, body: str, status: int, kind: str
) -> None:
    """A batch call's path is wrong for every contact, unless HubSpot names what is missing."""
    ready.control("DELETE", "faults")
    contact = ready.contact(OMAR, TARA)
    ready.fault("answer", route="*/batch/*", status=status, body=body)
    (outcome,) = ready.deliver(SENDERS[kind](ready, contact))
    named = status == 404 and "OBJECT_NOT_FOUND" in body and body.startswith("{")
    assert stops_the_portal(outcome) is not named
    if not named:
        assert isinstance(outcome, TryLater)
        assert "base_url" in outcome.reason


def test_a_batch_refused_for_one_missing_record_goes_through_for_the_others(ready: Rig) -> None:
    """A 404 of a batch call that says OBJECT_NOT_FOUND is about records, not about the path."""
    one, two = ready.contact(OMAR, TARA), ready.contact(OMAR, TARA)
    body = (
        '{"status":"error","category":"OBJECT_NOT_FOUND","message":"Object not found.",'
        f'"context":{{"ids":["{two}"]}}}}'
    )
    ready.fault(
        "answer", route="*contacts/batch/update", count=1, status=404, body=body,
        content_type="application/json",
    )  # fmt: skip
    written, missing = ready.deliver(ready.fields(one, "Warm"), ready.fields(two, "Warm"))
    assert isinstance(written, Done)
    assert waits_alone(missing), missing


def test_a_lost_note_of_a_deleted_contact_is_not_uncertain(ready: Rig) -> None:
    contact = ready.contact(OMAR, TARA)
    ready.fault("reset", route="*notes/batch/create", count=1)
    note = ready.note(contact)
    (first,) = ready.deliver(note)
    assert isinstance(first, Uncertain)
    ready.act("erase", contact=contact)
    (second,) = ready.deliver(ready.note(contact, reference=note.reference, maybe_sent=True))
    assert isinstance(second, TryLater)
    assert waits_alone(second)
