"""What a contact's owner history means."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.lead.decide import decide
from leadback.lead.machine import LeadMachine
from leadback.lead.ownership import interpret, previous_owner
from leadback.lead.records import (
    Assistant,
    ContactReading,
    EffectKind,
    Ended,
    Event,
    Ownership,
)
from tests.lead.lives import assigned

TARA = Assistant("acme", "tara@example.com", "Tara", context="default words", owner_id="9")
ASSISTANTS = {"9": TARA}
OWNERS = frozenset(ASSISTANTS)
owners = st.lists(st.sampled_from(["1", "2", "9", None]), max_size=8)


def history(*ids: str | None) -> tuple[Ownership, ...]:
    """Newest first, one instant apart."""
    return tuple(Ownership(o, 1000 - n, "a person") for n, o in enumerate(ids))


def reading(*ids: str | None, **changes: object) -> ContactReading:
    given_: dict[str, object] = {"asked": "501", "status": "found", "crm_id": "501", **changes}
    return ContactReading(owners=history(*ids), **given_)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [
        (("9", "1"), "1"),
        (("9", None, "1"), "1"),
        (("9", "9", "1", "2"), "1"),
        (("9",), None),
        (("9", None), None),
        ((), None),
        (("1", "9", "2"), "1"),
    ],
)
def test_the_previous_owner(ids: tuple[str | None, ...], wanted: str | None) -> None:
    assert previous_owner(history(*ids), OWNERS) == wanted


@given(owners)
def test_the_previous_owner_is_never_an_assistant_nor_nobody(ids: list[str | None]) -> None:
    found = previous_owner(history(*ids), OWNERS)
    assert found is None or (found in ids and found not in OWNERS)


def test_a_contact_of_the_assistant_is_assigned_once_however_often_it_is_read(
    rules: LeadMachine,
) -> None:
    first = interpret(rules, reading("9", "1"), None, ASSISTANTS, source="crm:acme", now=5)
    again = interpret(rules, reading("9", "1"), None, ASSISTANTS, source="crm:acme", now=7)
    assert first == again
    assert [e.type for e in first] == ["assigned"]
    assert first[0].data["previous_owner"] == "1"


def test_the_contacts_own_context_wins(rules: LeadMachine) -> None:
    own = interpret(rules, reading("9", context=" own "), None, ASSISTANTS, source="s", now=0)
    default = interpret(rules, reading("9", context=" "), None, ASSISTANTS, source="s", now=0)
    assert own[0].data["context"] == "own"
    assert default[0].data["context"] == "default words"


def test_a_person_who_takes_the_contact_back_is_seen(rules: LeadMachine) -> None:
    events = interpret(rules, reading("1", "9"), assigned(rules), ASSISTANTS, source="s", now=0)
    assert [e.type for e in events] == ["unassigned"]


def test_a_contact_that_nobody_gave_to_an_assistant_means_nothing(rules: LeadMachine) -> None:
    assert interpret(rules, reading("1"), None, ASSISTANTS, source="s", now=0) == ()


@pytest.mark.parametrize(
    ("status", "crm_id", "kind"),
    [
        ("deleted", "501", "contact_deleted"),
        ("erased", "501", "contact_erased"),
        ("found", "777", "contact_merged"),
    ],
)
def test_what_happens_to_the_contact_happens_to_the_lead(
    rules: LeadMachine, status: str, crm_id: str, kind: str
) -> None:
    seen = reading("9", status=status, crm_id=crm_id)
    events = interpret(rules, seen, assigned(rules), ASSISTANTS, source="s", now=0)
    assert events[0].type == kind
    if kind == "contact_merged":
        assert events[0].data["into"] == "777"


def test_a_deleted_contact_that_is_there_again_was_restored(rules: LeadMachine) -> None:

    lead = replace(assigned(rules), ended=Ended.DELETED)
    assert [
        e.type for e in interpret(rules, reading("1"), lead, ASSISTANTS, source="s", now=0)
    ] == ["contact_restored"]


def test_a_contact_that_was_handed_back_is_not_taken_back_when_the_lead_goes_on(
    rules: LeadMachine,
) -> None:
    seen = reading("1", "9")
    lead = assigned(rules)
    assert interpret(rules, seen, lead, ASSISTANTS, source="s", now=0, held=False) == ()


def test_one_assignment_that_is_heard_of_twice_starts_the_lead_once(rules: LeadMachine) -> None:
    seen = interpret(rules, reading("9", "1"), None, ASSISTANTS, source="crm:acme", now=5)[0]
    told = Event("assigned", 2000, "mailer", "m-1", {**seen.data, "observed": False})
    lead = decide(rules, None, told, 3000)
    assert lead is not None
    hot = replace(lead.lead, state="Hot", done=True)
    again = decide(rules, hot, seen, 4000)
    assert again is not None
    assert (again.result, again.lead.state) == ("ignored", "Hot")
    later = replace(seen, id="later", data={**seen.data, "crm_assigned_at": 2500})
    anew = decide(rules, hot, later, 4000)
    assert anew is not None
    assert anew.lead.state == "New"


def test_a_lead_in_progress_knows_when_it_was_assigned_last(rules: LeadMachine) -> None:
    """Or its handback would be taken for that of an assignment that is over."""
    seen = interpret(rules, reading("9", "1"), None, ASSISTANTS, source="crm:acme", now=5)[0]
    begun = decide(rules, None, seen, 3000)
    assert begun is not None
    later = replace(seen, id="later", data={**seen.data, "crm_assigned_at": 2500})
    goes_on = decide(rules, begun.lead, later, 4000)
    assert goes_on is not None
    assert (goes_on.lead.state, goes_on.lead.assigned_at) == (begun.lead.state, 2500)
    hot = decide(rules, goes_on.lead, Event("marked", 5000, "m", "1", {"action": "hot"}), 5000)
    assert hot is not None
    (handback,) = [e for e in hot.effects if e.kind is EffectKind.HANDBACK]
    assert handback.payload["assigned_at"] == 2500


def test_an_address_that_is_too_long_for_one_is_none(rules: LeadMachine) -> None:
    for length, kept in ((320, True), (321, False)):
        address = "a" * (length - 12) + "@example.org"
        seen = interpret(
            rules, reading("9", "1", email=address), None, ASSISTANTS, source="crm", now=5
        )[0]
        begun = decide(rules, None, seen, 3000)
        assert begun is not None
        assert begun.lead.email == (address if kept else None)
