"""The unique property: where the portal grants it, HubSpot itself refuses doubles."""

from dataclasses import replace

import pytest
import requests

from leadback.api import Done, TryLater, Uncertain
from leadback_hubspot.keys import KEY
from tests.plugins.hubspot.rig import Rig


@pytest.fixture
def keyed(rig: Rig) -> Rig:
    rig.switch(engagement_properties="allowed", property_lag=[0, 0])
    rig.set_up()
    rig.reset_stats()
    return rig


def test_set_up_asks_for_it_and_lives_without_it(rig: Rig) -> None:
    rig.switch(property_lag=[0, 0])
    plan = rig.hooks.crm_plan_setup(access=rig.access, mapping=rig.mapping)
    assert any(KEY in note for note in plan.notes)
    done = rig.hooks.crm_apply_setup(access=rig.access, mapping=rig.mapping, plan=plan)
    assert list(done) == list(plan.steps)
    plan = rig.hooks.crm_plan_setup(access=rig.access, mapping=rig.mapping)
    assert (plan.steps, plan.notes) == ((), ("hs_lead_status: In_Progress is written as the"
                                             " portal's own option IN_PROGRESS",))  # fmt: skip


def test_set_up_says_what_was_granted(rig: Rig) -> None:
    rig.switch(engagement_properties="allowed", property_lag=[0, 0])
    plan = rig.hooks.crm_plan_setup(access=rig.access, mapping=rig.mapping)
    done = rig.hooks.crm_apply_setup(access=rig.access, mapping=rig.mapping, plan=plan)
    assert [step.what for step in done][-3:] == [
        f"create the unique property {KEY} on {objects}" for objects in ("notes", "emails", "tasks")
    ]


def test_every_record_carries_its_key(keyed: Rig) -> None:
    note = keyed.note(keyed.contact())
    keyed.deliver(note)
    (stored,) = keyed.dump()["notes"].values()
    assert stored["properties"][KEY] == note.reference


def test_a_hundred_lost_notes_are_found_in_one_call(keyed: Rig) -> None:
    notes = [keyed.note(crm_id) for crm_id in keyed.contacts(100)]
    keyed.fault("commit-then-drop", route="notes/batch/create", count=1)
    assert all(isinstance(outcome, Uncertain) for outcome in keyed.deliver(*notes))
    keyed.reset_stats()
    outcomes = keyed.deliver(*(replace(note, maybe_sent=True) for note in notes))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len(keyed.dump()["notes"]) == 100
    assert keyed.count("") == 1


def test_hubspot_refuses_what_was_created_while_nobody_knew(keyed: Rig) -> None:
    """A call that timed out is carried out after the look-up: the second one is refused."""
    late, fresh = keyed.note(keyed.contact()), keyed.note(keyed.contact())
    keyed.deliver(late)
    outcomes = keyed.deliver(late, fresh)
    assert [isinstance(outcome, Done) for outcome in outcomes] == [True, True]
    assert len(keyed.dump()["notes"]) == 2


def test_a_lost_note_from_before_the_key_is_still_found(rig: Rig) -> None:
    rig.switch(property_lag=[0, 0])
    note = rig.note(rig.contact())
    rig.fault("commit-then-drop", route="notes/batch/create", count=1)
    rig.deliver(note)
    rig.switch(engagement_properties="allowed")
    rig.restart()
    rig.set_up()
    (outcome,) = rig.deliver(replace(note, maybe_sent=True))
    assert isinstance(outcome, Done)
    assert len(rig.dump()["notes"]) == 1


def test_a_key_that_an_admin_removed_is_done_without(keyed: Rig) -> None:
    keyed.deliver(keyed.note(keyed.contact()))
    requests.delete(
        f"{keyed.url}/crm/properties/2026-09/notes/{KEY}",
        headers={"Authorization": f"Bearer {keyed.token}"},
        timeout=60,
    ).raise_for_status()
    notes = [keyed.note(crm_id) for crm_id in keyed.contacts(10)]
    keyed.reset_stats()
    assert all(isinstance(outcome, TryLater) for outcome in keyed.deliver(*notes))
    assert keyed.count("batch/create") == 1
    assert all(isinstance(outcome, Done) for outcome in keyed.deliver(*notes))
