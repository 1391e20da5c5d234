"""Small worlds full of trouble: whatever goes wrong, no contact is stolen and nothing is doubled.

Each world has a seed. The loop around the plugin does what the engine's delivery does: it sends
again what is not settled, and remembers what may have been sent.
"""

import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from leadback.api import Delivery, Done, GiveUp, Outcome, TryLater, Uncertain
from tests.plugins.hubspot.rig import HANNA, OMAR, TARA, Rig

TROUBLE = ["423", "503", "504", "524", "html", "reset", "commit-then-drop", "empty", "cut-off",
           "no-effect"]  # fmt: skip


def until_settled(rig: Rig, deliveries: list[Delivery], dice: random.Random) -> dict[int, Outcome]:
    settled: dict[int, Outcome] = {}
    waiting = list(deliveries)
    for _ in range(60):
        if not waiting:
            return settled
        dice.shuffle(waiting)
        batch, waiting = waiting[:50], waiting[50:]
        if dice.random() < 0.1:
            rig.restart()
        for delivery, outcome in zip(batch, rig.deliver(*batch), strict=True):
            if isinstance(outcome, Done | GiveUp):
                settled[delivery.id] = outcome
            else:
                sent = delivery.maybe_sent or isinstance(outcome, Uncertain)
                assert isinstance(outcome, TryLater | Uncertain)
                again = replace(delivery, maybe_sent=sent, attempts=delivery.attempts + 1)
                waiting.append(again)
    raise AssertionError(f"not settled: {waiting}")


@pytest.mark.parametrize("seed", range(6))
def test_no_contact_is_stolen(rig: Rig, seed: int) -> None:
    dice = random.Random(seed)
    ids = rig.contacts(100, HANNA, TARA)
    for kind in TROUBLE:
        rig.fault(kind, probability=0.03, seed=seed)
    rig.fault("owner_race", probability=0.1, owner=OMAR, seed=seed)
    outcomes = until_settled(rig, [rig.handback(crm_id) for crm_id in ids], dice)
    races = {race["contact"] for race in rig.control("GET", "faults")["races"]}
    contacts = rig.dump()["contacts"]
    assert len(outcomes) == 100
    assert races
    owners = {crm_id: contacts[crm_id]["properties"]["hubspot_owner_id"] for crm_id in ids}
    assert owners == {crm_id: OMAR if crm_id in races else HANNA for crm_id in ids}
    said = Counter(str(o.result["owner"]) for o in outcomes.values() if isinstance(o, Done))
    assert said == Counter(owners.values())


@pytest.mark.parametrize("keyed", ["allowed", "forbidden"])
@pytest.mark.parametrize("seed", range(3))
def test_no_note_is_doubled_or_lost(rig: Rig, seed: int, keyed: str) -> None:
    dice = random.Random(seed)
    rig.switch(engagement_properties=keyed, property_lag=[0, 0])
    rig.set_up()
    ids = rig.contacts(100)
    for kind in TROUBLE:
        rig.fault(kind, probability=0.04, seed=seed)
    notes = [rig.note(crm_id) for crm_id in ids for _ in range(2)]
    outcomes = until_settled(rig, notes, dice)
    assert all(isinstance(outcome, Done) for outcome in outcomes.values())
    texts = [note["properties"]["hs_note_body"] for note in rig.dump()["notes"].values()]
    references = Counter(match for text in texts for match in re.findall(r"lb-\w+", text))
    assert references == Counter({note.reference: 1 for note in notes})


@pytest.mark.parametrize("seed", range(3))
def test_field_values_arrive(ready: Rig, seed: int) -> None:
    dice = random.Random(seed)
    ids = ready.contacts(100)
    for kind in TROUBLE:
        ready.fault(kind, probability=0.04, seed=seed)
    outcomes = until_settled(ready, [ready.fields(crm_id, "Warm") for crm_id in ids], dice)
    assert all(isinstance(outcome, Done) for outcome in outcomes.values())
    contacts = ready.dump()["contacts"]
    assert {contacts[crm_id]["properties"]["lead_connection_status"] for crm_id in ids} == {"Warm"}
