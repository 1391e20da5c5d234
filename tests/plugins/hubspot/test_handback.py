"""Giving contacts back over the wire: to whom, never over a human, and what is on record."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from leadback.api import Done, Outcome, TryLater, Uncertain, parse_time
from tests.plugins.hubspot.rig import BEN, HANNA, OMAR, PAUL, QUEUE, TARA, Rig


def owner(rig: Rig, crm_id: str) -> str:
    return str(rig.shown(crm_id)["properties"].get("hubspot_owner_id", ""))


def hand_back(rig: Rig, crm_id: str, previous: str | None = HANNA) -> dict[str, object]:
    (outcome,) = rig.deliver(rig.handback(crm_id, previous))
    assert isinstance(outcome, Done), outcome
    return dict(outcome.result)


@pytest.mark.parametrize("previous", [HANNA, "hanna@acme.example", "Hanna@ACME.example"])
def test_the_contact_goes_back_to_its_previous_owner(rig: Rig, previous: str) -> None:
    crm_id = rig.contact(HANNA, TARA)
    result = hand_back(rig, crm_id, previous)
    assert owner(rig, crm_id) == HANNA
    assert result["verdict"] == "handed_back"
    assert result["owner"] == HANNA
    assert 0 <= int(str(result["window_ms"])) < 5_000


@pytest.mark.parametrize("moved", [False, True], ids=["on the old user", "on the new one"])
@pytest.mark.parametrize("known", [False, True], ids=["unnoticed", "known"])
def test_the_contact_goes_back_when_the_assistants_user_was_made_anew(
    rig: Rig, moved: bool, known: bool
) -> None:
    crm_id = rig.contact(HANNA, TARA)
    given = moment(rig, crm_id)
    rig.act("deactivate_owner", owner=TARA)
    new = str(rig.act("add_owner", email="tara@acme.example")["owner"])
    if moved:
        rig.act("assign", contact=crm_id, owner=new)
    access = rig.access
    if known:
        tara, *others = access.assistants
        tara = replace(tara, owner_id=new, former_owner_ids=(TARA,))
        access = replace(access, assistants=(tara, *others))
    handback = rig.handback(crm_id, None)
    handback = replace(handback, payload={**handback.payload, "assigned_at": given})
    outcomes = rig.hooks.crm_deliver(access=access, kind=handback.kind, deliveries=[handback])
    outcome = outcomes[handback.id]
    assert isinstance(outcome, Done), outcome
    assert outcome.result["verdict"] == "handed_back"
    assert owner(rig, crm_id) == HANNA


def test_fifty_contacts_are_five_calls(rig: Rig) -> None:
    ids = rig.contacts(50, HANNA, TARA)
    rig.reset_stats()
    outcomes = rig.deliver(*(rig.handback(crm_id) for crm_id in ids))
    assert {o.result["verdict"] for o in outcomes if isinstance(o, Done)} == {"handed_back"}
    assert len(outcomes) == 50
    assert rig.calls() == {
        "GET /crm/owners": {"200": 2},
        "POST /crm/objects/contacts/batch/read": {"200": 2},
        "POST /crm/objects/contacts/batch/update": {"200": 1},
    }


def test_a_human_who_was_faster_keeps_the_contact(rig: Rig) -> None:
    crm_id = rig.contact(HANNA, TARA, OMAR)
    result = hand_back(rig, crm_id)
    assert result["verdict"] == "human_owner"
    assert result["owner"] == OMAR
    assert owner(rig, crm_id) == OMAR
    assert rig.count("batch/update") == 0


def test_a_contact_that_was_assigned_again_stays_with_the_assistant(rig: Rig) -> None:
    crm_id = rig.contact(HANNA, TARA)
    held = moment(rig, crm_id)
    rig.act("assign", contact=crm_id, owner=OMAR)
    rig.act("assign", contact=crm_id, owner=TARA)
    stale = rig.handback(crm_id)
    (outcome,) = rig.deliver(replace(stale, payload={**stale.payload, "assigned_at": held}))
    assert isinstance(outcome, Done)
    assert outcome.result["verdict"] == "assigned_again"
    assert owner(rig, crm_id) == TARA
    assert rig.count("batch/update") == 0
    again = {**stale.payload, "assigned_at": moment(rig, crm_id)}
    (outcome,) = rig.deliver(replace(stale, payload=again))
    assert isinstance(outcome, Done)
    assert outcome.result["verdict"] == "handed_back"
    assert owner(rig, crm_id) == OMAR, "who had it right before"


@pytest.mark.parametrize("between", [(OMAR,), (OMAR, ""), (HANNA, OMAR), (BEN, OMAR, BEN)])
@pytest.mark.parametrize("remembered", [HANNA, None, PAUL])
def test_who_had_it_before_the_present_holding_gets_it_whoever_is_remembered(
    rig: Rig, between: tuple[str, ...], remembered: str | None
) -> None:
    """Others take the contact and give it again, and the lead never hears of it."""
    crm_id = rig.contact(HANNA, TARA, *between, TARA)
    result = hand_back(rig, crm_id, remembered)
    assert (result["verdict"], result["owner"]) == ("handed_back", OMAR)
    assert owner(rig, crm_id) == OMAR


def test_who_is_remembered_serves_where_the_history_shows_nobody(rig: Rig) -> None:
    crm_id = rig.contact(BEN, TARA)
    assert hand_back(rig, crm_id, HANNA)["owner"] == HANNA


def moment(rig: Rig, crm_id: str) -> int:
    """When the present owner got the contact."""
    return parse_time(rig.shown(crm_id)["history"]["hubspot_owner_id"][0]["timestamp"])


def test_another_assistant_of_the_portal_is_no_assistant_of_this_lead(rig: Rig) -> None:
    crm_id = rig.contact(HANNA, TARA, BEN)
    assert hand_back(rig, crm_id)["verdict"] == "human_owner"
    assert owner(rig, crm_id) == BEN


def test_a_cleared_owner_stays_cleared(rig: Rig) -> None:
    crm_id = rig.contact(HANNA, TARA, "")
    result = hand_back(rig, crm_id)
    assert (result["verdict"], result["owner"]) == ("human_owner", None)
    assert owner(rig, crm_id) == ""


@pytest.mark.parametrize("previous", [PAUL, QUEUE, "999", "nobody@acme.example", BEN])
@pytest.mark.parametrize(
    ("of_assistant", "of_portal", "takes"),
    [(OMAR, None, OMAR), (None, "omar@acme.example", OMAR), (PAUL, OMAR, OMAR)],
)
def test_an_owner_who_cannot_take_it_is_replaced(
    rig: Rig, previous: str, of_assistant: str | None, of_portal: str | None, takes: str
) -> None:
    rig.assistant_fallback, rig.fallback = of_assistant, of_portal
    crm_id = rig.contact(TARA)
    assert hand_back(rig, crm_id, previous)["verdict"] == "fallback"
    assert owner(rig, crm_id) == takes


def test_without_a_fallback_the_assistant_keeps_it_and_says_so(rig: Rig) -> None:
    rig.fallback = PAUL
    crm_id = rig.contact(TARA)
    result = hand_back(rig, crm_id, PAUL)
    assert (result["verdict"], result["owner"]) == ("kept", TARA)
    assert "deactivated" in str(result["why"])
    assert owner(rig, crm_id) == TARA


def test_without_a_previous_owner_the_fallback_gets_it_else_nobody(rig: Rig) -> None:
    first, second = rig.contact(TARA), rig.contact(TARA)
    assert hand_back(rig, first, None)["verdict"] == "cleared"
    assert owner(rig, first) == ""
    rig.fallback = OMAR
    assert hand_back(rig, second, None)["verdict"] == "fallback"
    assert owner(rig, second) == OMAR


def test_an_owner_deactivated_after_we_looked_is_refused_and_replaced(rig: Rig) -> None:
    rig.fallback = OMAR
    first, second = rig.contact(HANNA, TARA), rig.contact(HANNA, TARA)
    hand_back(rig, first)
    rig.act("deactivate_owner", owner=HANNA)
    assert hand_back(rig, second)["verdict"] == "fallback"
    assert owner(rig, second) == OMAR


def test_a_deleted_contact_is_looked_at_and_goes_back_when_it_is_restored(rig: Rig) -> None:
    crm_id = rig.contact(HANNA, TARA)
    rig.act("delete", contact=crm_id)
    (outcome,) = rig.deliver(rig.handback(crm_id))
    assert isinstance(outcome, TryLater)
    assert outcome.reread
    rig.act("restore", contact=crm_id)
    assert hand_back(rig, crm_id)["verdict"] == "handed_back"


@pytest.mark.parametrize("races", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("lost", ["commit-then-drop", "cut-off", "504", None])
def test_everybody_who_moves_in_a_window_is_restored_however_often(
    rig: Rig, races: int, lost: str | None
) -> None:
    """One person after the other, each in the window of the write that restores the one before,
    for longer than one attempt goes on; and an answer that is lost among them."""
    crm_id = rig.contact(HANNA, TARA)
    rig.fault("owner_race", when="before", count=races)
    if lost is not None:
        options = {"commit": True} if lost == "504" else {}
        rig.fault(lost, route="contacts/batch/update", count=2, **options)
    outcomes = list(attempts(rig, crm_id))
    (last,) = rig.control("GET", "faults")["races"][-1:]
    assert all(isinstance(outcome, Uncertain) for outcome in outcomes[:-1])
    assert isinstance(outcomes[-1], Done)
    assert owner(rig, crm_id) == last["owner"] == outcomes[-1].result["owner"]
    again = "assigned_again" if last["owner"] == TARA else "human_owner"
    assert outcomes[-1].result["verdict"] == again


def attempts(rig: Rig, crm_id: str) -> Iterator[Outcome]:
    """Tries until it is settled, each time by a process that knows nothing of the one before."""
    for attempt in range(1, 9):
        rig.restart()
        given = rig.handback(crm_id, maybe_sent=attempt > 1, attempts=attempt)
        known = parse_time(rig.shown(crm_id)["history"]["hubspot_owner_id"][-2]["timestamp"])
        payload = {**given.payload, "assigned_at": known}
        (outcome,) = rig.deliver(replace(given, payload=payload))
        yield outcome
        if isinstance(outcome, Done):
            return


def test_a_merged_contact_waits_until_the_lead_has_followed(rig: Rig) -> None:
    loser, winner = rig.contact(HANNA, TARA), rig.contact(HANNA, TARA)
    winner = str(rig.act("merge", primary=winner, merged=loser)["contact"])
    (outcome,) = rig.deliver(rig.handback(loser))
    assert isinstance(outcome, TryLater)
    assert owner(rig, winner) == TARA


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_human_in_the_window_wins(rig: Rig, when: str) -> None:
    """Before our write: overwritten, seen in the history, restored. After it: left alone."""
    ids = rig.contacts(30, HANNA, TARA)
    rig.fault("owner_race", when=when, owner=OMAR, probability=0.5, count=12)
    outcomes = rig.deliver(*(rig.handback(crm_id) for crm_id in ids))
    raced = {race["contact"] for race in rig.control("GET", "faults")["races"]}
    assert raced
    contacts = rig.dump()["contacts"]
    for crm_id, outcome in zip(ids, outcomes, strict=True):
        assert isinstance(outcome, Done), outcome
        now = contacts[crm_id]["properties"]["hubspot_owner_id"]
        assert now == (OMAR if crm_id in raced else HANNA)
        assert outcome.result["owner"] == now
        overwritten = crm_id in raced and when == "before"
        assert outcome.result["verdict"] == ("human_owner" if overwritten else "handed_back")


def test_a_human_who_chose_the_same_owner_is_no_conflict(rig: Rig) -> None:
    crm_id = rig.contact(HANNA, TARA)
    rig.fault("owner_race", when="before", owner=HANNA, count=1)
    (outcome,) = rig.deliver(rig.handback(crm_id))
    assert isinstance(outcome, Done)
    assert owner(rig, crm_id) == HANNA


AUTOMATIONS = [
    "AUTOMATION_PLATFORM",
    "AUTOMATION_JOURNEY",
    "COMPANIES",
    "SALESFORCE",
    "BREEZE_AGENT",
]


@pytest.mark.parametrize("source", AUTOMATIONS)
def test_a_person_who_was_overwritten_is_restored_whatever_automation_followed(
    rig: Rig, source: str
) -> None:
    """A person takes the contact in our window, we overwrite, the portal's automation answers."""
    rig.switch(workflow_owner=BEN, workflow_source=source)
    crm_id = rig.contact(HANNA, TARA)
    rig.fault("owner_race", when="before", owner=OMAR, count=1)
    result = hand_back(rig, crm_id)
    assert result["verdict"] == "human_owner"
    values = [e["value"] for e in rig.shown(crm_id)["history"]["hubspot_owner_id"]]
    assert values[:4] == [BEN, OMAR, BEN, HANNA], "restored once, and then not fought"


@pytest.mark.parametrize("source", AUTOMATIONS)
def test_the_portals_own_automation_is_not_fought(rig: Rig, source: str) -> None:
    rig.switch(workflow_owner=OMAR, workflow_source=source)
    crm_id = rig.contact(HANNA, TARA)
    result = hand_back(rig, crm_id)
    assert result["verdict"] == "handed_back"
    assert result["owner"] == OMAR
    assert "moved on by" in str(result["why"])
    assert rig.count("batch/update") == 1


@pytest.mark.parametrize("kind", ["504", "commit-then-drop", "cut-off", "empty"])
def test_a_lost_answer_is_settled_by_reading_back(rig: Rig, kind: str) -> None:
    crm_id = rig.contact(HANNA, TARA)
    options = {"commit": True} if kind == "504" else {}
    rig.fault(kind, route="contacts/batch/update", count=1, **options)
    assert hand_back(rig, crm_id)["verdict"] == "handed_back"
    assert owner(rig, crm_id) == HANNA


def test_a_worker_killed_after_the_write_finds_its_own_write(rig: Rig) -> None:
    """The next worker must not take our own write for a human's."""
    clean, raced = rig.contact(HANNA, TARA), rig.contact(HANNA, TARA)
    rig.fault("owner_race", when="before", owner=OMAR, route="contacts/{id}")
    for crm_id in (clean, raced):
        if crm_id == raced:
            rig.act("assign", contact=raced, owner=OMAR)
        write_as_the_app(rig, crm_id, HANNA)
    outcomes = rig.deliver(
        rig.handback(clean, maybe_sent=True, attempts=2),
        rig.handback(raced, maybe_sent=True, attempts=2),
    )
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert [o.result["verdict"] for o in outcomes if isinstance(o, Done)] == [
        "handed_back",
        "human_owner",
    ]
    assert isinstance(outcomes[0], Done)
    assert "window_ms" not in outcomes[0].result, "nobody measured that window"
    assert owner(rig, clean) == HANNA
    assert owner(rig, raced) == OMAR


def write_as_the_app(rig: Rig, crm_id: str, owner_id: str) -> None:
    """What a worker did that was killed before it could record it."""
    response = requests.post(
        f"{rig.url}/crm/objects/2026-09/contacts/batch/update",
        json={"inputs": [{"id": crm_id, "properties": {"hubspot_owner_id": owner_id}}]},
        headers={"Authorization": f"Bearer {rig.token}"},
        timeout=60,
    )
    assert response.status_code == 200
