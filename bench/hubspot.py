"""The HubSpot plugin against the limits of a portal, with people and faults in the way.

A real sandbox process with 190 calls in 10 s; nine threads deliver, as a worker has there.
"""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from bench import throughput
from bench.figures import Figure
from bench.portal import THREADS, contacts, portal
from leadback.api import Delivery, Done, Uncertain

RECORDS = 10_000


def measure() -> Iterator[Figure]:
    yield from throughput.measure()
    yield from _handbacks()
    yield from _notes_under_faults()


def _handbacks() -> Iterator[Figure]:
    """One contact in twenty is given to somebody else by a person around our write."""
    with portal(tier="enterprise") as rig:
        rig.switch(property_lag=[0, 0])
        ids = contacts(rig, RECORDS)
        rig.fault("owner_race", probability=0.05, owner=None)
        batches = [[rig.handback(i) for i in ids[k : k + 50]] for k in range(0, len(ids), 50)]
        outcomes = _until_done(rig, batches)
        races = {race["contact"]: race["owner"] for race in rig.control("GET", "faults")["races"]}
        shown = {
            crm_id: contact["properties"].get("hubspot_owner_id")
            for crm_id, contact in rig.dump()["contacts"].items()
        }
    stolen = sum(shown[crm_id] != owner for crm_id, owner in races.items())
    windows = sorted(o.result["window_ms"] for o in outcomes if "window_ms" in o.result)
    note = f"{len(ids):,} handbacks, {len(races)} people in the way"
    yield Figure("stolen_contacts", stolen, "contacts", "== 0", note)
    yield Figure("handback_window_p50_ms", windows[len(windows) // 2], "ms")
    yield Figure("handback_window_p99_ms", windows[int(len(windows) * 0.99)], "ms")


def _notes_under_faults() -> Iterator[Figure]:
    with portal(tier="enterprise") as rig:
        ids = contacts(rig, RECORDS)
        rig.fault("commit-then-drop", probability=0.05, route="notes/batch/create")
        rig.fault("504", probability=0.02, route="notes/batch/create")
        batches = [[rig.note(i) for i in ids[k : k + 100]] for k in range(0, len(ids), 100)]
        _until_done(rig, batches)
        bodies = (note["properties"]["hs_note_body"] for note in rig.dump()["notes"].values())
        references = Counter(re.findall(r"lb-\w+", body)[0] for body in bodies)
    doubled = sum(count > 1 for count in references.values())
    yield Figure("doubled_notes", doubled, "notes", "== 0", "5 % commit-then-drop, 2 % 504")
    yield Figure("missing_notes", len(ids) - len(references), "notes", "== 0")


def _until_done(rig: Any, batches: list[list[Delivery]]) -> list[Done]:
    """Deliver, and again what is not done; what may have been sent says so."""
    done: list[Done] = []
    for _ in range(30):
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(lambda batch: rig.deliver(*batch), batches))
        again: list[Delivery] = []
        for batch, outcomes in zip(batches, answers, strict=True):
            for delivery, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, Done):
                    done.append(outcome)
                else:
                    maybe = delivery.maybe_sent or isinstance(outcome, Uncertain)
                    again.append(replace(delivery, maybe_sent=maybe))
        if not again:
            return done
        batches = [again[k : k + 50] for k in range(0, len(again), 50)]
    raise AssertionError(f"{len(again)} deliveries are not done after 30 rounds")
