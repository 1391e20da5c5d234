"""Listening without webhooks, and comparing leads with the portal."""

import pytest

from leadback.api import (
    ConfigurationError,
    ContactChanges,
    EffectKind,
    Hint,
    PortalUnavailable,
    format_time,
)
from leadback.rules.values import values_for
from leadback_hubspot import polling
from tests.plugins.hubspot.rig import BEN, HANNA, NOON, OMAR, TARA, Rig

HOUR = 3_600_000
LATER = 1_900_000_000_000
"""After every change that has no time of its own."""


@pytest.fixture
def seen(rig: Rig) -> Rig:
    """A search index without lag."""
    rig.switch(search_lag=[0, 0])
    return rig


def poll(rig: Rig, cursor: int) -> ContactChanges:
    return rig.hooks.crm_changed_contacts(access=rig.access, cursor=cursor)


def ids(hints: tuple[Hint, ...]) -> set[str]:
    return {hint.crm_id for hint in hints}


def test_nothing_owned_leaves_the_cursor_at_the_start(seen: Rig) -> None:
    seen.contact(HANNA)
    assert poll(seen, 0) == ContactChanges((), (), 0)


def test_the_first_poll_finds_everything_the_next_only_what_is_new(seen: Rig) -> None:
    old = [seen.contact() for _ in range(3)]
    for crm_id in old:
        seen.act("assign", contact=crm_id, owner=TARA, at=format_time(LATER - 2 * HOUR))
    first = poll(seen, 0)
    assert ids(first.owned) == set(old)
    assert first.left == ()
    new, other = seen.contact(), seen.contact()
    seen.act("assign", contact=new, owner=BEN, at=format_time(LATER))
    seen.act("assign", contact=other, owner=OMAR, at=format_time(LATER))
    second = poll(seen, first.cursor + HOUR)
    assert ids(second.owned) == {new}
    assert ids(second.left) >= {other}
    assert second.cursor >= LATER


def test_a_poll_shows_what_became_of_a_contact(seen: Rig) -> None:
    renamed, other = seen.contact(TARA, email="old@example.org"), seen.contact(TARA)
    for crm_id in (renamed, other):
        seen.act("set", contact=crm_id, properties={"phone": "1"}, at=format_time(LATER - HOUR))
    cursor = poll(seen, 0).cursor
    changes = {"email": "New@example.org", "lastname": ""}
    seen.act("set", contact=renamed, properties=changes, at=format_time(LATER))
    (found,) = poll(seen, cursor + HOUR).owned
    assert found.crm_id == renamed
    assert found.shown is not None
    assert (found.shown.email, found.shown.name) == ("new@example.org", "Ada")


def test_a_flood_of_changes_hides_no_new_owner(seen: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "CHANGED_PAGES", 1)
    many = seen.contacts(210, TARA)
    touched = {"properties": {"phone": "1"}, "at": format_time(LATER)}
    seen.control("POST", "actions", [{"action": "set", "contact": i, **touched} for i in many])
    new = seen.contact()
    seen.act("assign", contact=new, owner=TARA, at=format_time(LATER))
    seen.reset_stats()
    found = poll(seen, LATER)
    assert new in ids(found.owned)
    assert len(found.owned) == 201
    assert seen.count("search") == 3, "a page of changes, who is new, and who left"


def test_contacts_that_were_taken_back_or_cleared_are_found(seen: Rig) -> None:
    taken, cleared, kept = seen.contact(HANNA, TARA), seen.contact(HANNA, TARA), seen.contact(TARA)
    cursor = poll(seen, 0).cursor
    seen.act("assign", contact=taken, owner=OMAR)
    seen.act("assign", contact=cleared, owner=None)
    found = poll(seen, cursor)
    assert {taken, cleared} <= ids(found.left)
    assert ids(found.owned) == {kept}, "the overlap shows what was assigned a moment ago again"


def test_what_the_index_shows_late_is_found_by_the_overlap(rig: Rig) -> None:
    rig.switch(search_lag=[0, 0])
    rig.act("assign", contact=rig.contact(), owner=TARA, at=format_time(NOON))
    late = rig.contact()
    rig.act("assign", contact=late, owner=TARA, at=format_time(NOON - 60_000))
    assert late in ids(poll(rig, NOON).owned)


def test_a_poll_of_many_pages(seen: Rig) -> None:
    many = seen.contacts(410, TARA)
    assert ids(poll(seen, 0).owned) == set(many)
    assert seen.count("search") == 3


def test_a_portal_that_does_not_answer(seen: Rig) -> None:
    seen.fault("503", route="search")
    with pytest.raises(PortalUnavailable):
        poll(seen, 0)


def test_what_a_contact_should_show_in_the_portals_own_words(ready: Rig) -> None:
    found = ready.hooks.crm_resolve_fields(
        access=ready.access, values=values_for(ready.mapping, "Pending", {})
    )
    assert found == {"hs_lead_status": "IN_PROGRESS", "lead_connection_status": "Pending"}


def test_what_the_portal_cannot_show_is_said(rig: Rig) -> None:
    with pytest.raises(ConfigurationError, match="setup"):
        rig.hooks.crm_resolve_fields(access=rig.access, values=values_for(rig.mapping, "Hot", {}))


@pytest.mark.parametrize("keyed", ["allowed", "forbidden"])
def test_missing_notes_are_told_from_notes_that_are_there(rig: Rig, keyed: str) -> None:
    rig.switch(engagement_properties=keyed, property_lag=[0, 0])
    rig.set_up()
    there = [rig.note(crm_id) for crm_id in rig.contacts(120)]
    missing, gone = rig.note(rig.contact()), rig.note("99999999999")
    rig.deliver(*there)
    found = rig.hooks.crm_find_records(
        access=rig.access, kind=EffectKind.NOTE, deliveries=[*there, missing, gone]
    )
    notes = rig.dump()["notes"]
    assert {found[note.id] for note in there} == set(notes)
    assert found[missing.id] is None
    assert found[gone.id] is None


def test_what_cannot_be_told_is_left_out(ready: Rig) -> None:
    note = ready.note(ready.contact())
    ready.fault("503", route="associations")
    access = ready.access
    assert (
        ready.hooks.crm_find_records(access=access, kind=EffectKind.NOTE, deliveries=[note]) == {}
    )
