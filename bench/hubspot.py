"""The HubSpot plugin against the limits of a portal, with people and faults in the way.

A real sandbox process with 190 calls in 10 s; four threads deliver, as the worker does.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.figures import Figure
from engine.api import Delivery, Done, Uncertain
from engine.rules.loader import load
from tests.plugins.hubspot.rig import HANNA, TARA, make_rig, start_sandbox

RULES = Path(__file__).resolve().parents[1] / "rules" / "lead_states.yaml"
CONTACTS_PER_SECOND = 1_900
"""What 190 calls of 100 in 10 s come to."""
SHARE = 0.98
SECONDS = 25.0
THREADS = 4
RECORDS = 10_000
STATES = ("Cold", "Engaged", "Warm", "Hot")


def measure() -> Iterator[Figure]:
    refused = 0
    for name, make in (
        ("hubspot_updates_to_limit", lambda rig, i, n: rig.fields(i, STATES[n % 4])),
        ("hubspot_notes_to_limit", lambda rig, i, n: rig.note(i)),
    ):
        per_second, refusals = _throughput(make)
        refused += refusals
        yield Figure(name, per_second / CONTACTS_PER_SECOND, "ratio", ">= 0.9")
    yield Figure("hubspot_429", refused, "answers", "== 0")
    yield from _handbacks()
    yield from _notes_under_faults()


@contextmanager
def _rig(**options: Any) -> Iterator[Any]:
    process, url = start_sandbox()
    try:
        rig = make_rig(url, load(RULES), rate_limited=True, **options)
        rig.settings = {"budget_share": SHARE, "settle_seconds": 0}
        yield rig
    finally:
        process.terminate()
        process.wait()


def _contacts(rig: Any, count: int) -> list[str]:
    found: list[str] = []
    for _ in range(count // 200):
        found += rig.contacts(200, HANNA, TARA)
    time.sleep(10.5)  # the portal's window forgets what making them has cost
    rig.reset_stats()
    return found


def _throughput(make: Callable[[Any, str, int], Delivery]) -> tuple[float, int]:
    with _rig() as rig:
        rig.set_up()
        ids = _contacts(rig, 2_000)
        stop = time.monotonic() + SECONDS

        def deliver(first: int) -> int:
            done, number = 0, first
            while time.monotonic() < stop:
                start = number * 100 % len(ids)
                batch = [make(rig, i, number // 20) for i in ids[start : start + 100]]
                done += sum(isinstance(o, Done) for o in rig.deliver(*batch))
                number += THREADS
            return done

        started = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            done = sum(pool.map(deliver, range(THREADS)))
        return done / (time.monotonic() - started), rig.control("GET", "stats")["rate_limited"]


def _handbacks() -> Iterator[Figure]:
    """One contact in twenty is given to somebody else by a person around our write."""
    with _rig(tier="enterprise") as rig:
        rig.switch(property_lag=[0, 0])
        ids = _contacts(rig, RECORDS)
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
    with _rig(tier="enterprise") as rig:
        ids = _contacts(rig, RECORDS)
        rig.fault("commit-then-drop", probability=0.05, route="notes/batch/create")
        rig.fault("504", probability=0.02, route="notes/batch/create")
        batches = [[rig.note(i) for i in ids[k : k + 100]] for k in range(0, len(ids), 100)]
        _until_done(rig, batches)
        bodies = (note["properties"]["hs_note_body"] for note in rig.dump()["notes"].values())
        references = Counter(re.findall(r"hb-\w+", body)[0] for body in bodies)
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
