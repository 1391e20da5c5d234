"""Updates and notes per second against the portal's limit, beside a naive client's.

Two worker processes share one budget through a database, nine calls in flight in each. The naive
client makes one call per change, as most integrations do, and tries again when it gets a 429.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from bench.figures import Figure
from bench.portal import SHARE, THREADS, contacts, portal
from leadback.api import Delivery, Done
from leadback.store import open_store
from leadback.work.pace import SharedPace

CONTACTS_PER_SECOND = 1_900
"""What 190 calls of 100 in 10 s come to."""
SECONDS = 20.0
"""Two of the limit's windows, so that the burst at the start is no advantage."""
NAIVE_SECONDS = 10.0
PROCESSES = 2
STATES = ("Cold", "Engaged", "Warm", "Hot")


def measure() -> Iterator[Figure]:
    refused = 0
    with portal() as rig:
        rig.set_up()
        ids = contacts(rig, 4_000)
        for kind in ("updates", "notes"):
            per_second, refusals = _handback(rig, kind, ids)
            refused += refusals
            ratio = per_second / CONTACTS_PER_SECOND
            note = f"{per_second:,.0f} {kind}/s by {PROCESSES} processes, share {SHARE}"
            yield Figure(f"hubspot_{kind}_to_limit", ratio, "ratio", ">= 0.9", note)
            naive, naive_refusals = _naive(rig, kind, ids)
            note = f"{naive:,.1f} {kind}/s one by one, {naive_refusals:,} answers 429"
            yield Figure(f"hubspot_{kind}_to_naive", per_second / naive, "times", "", note)
    yield Figure("hubspot_429", refused, "answers", "== 0", "without the naive client's")


@dataclass(frozen=True, slots=True)
class _Job:
    """One process's part; everything in it can be sent to a process."""

    rig: Any
    kind: str
    ids: list[str]
    database: str
    starts_at: float


def _handback(rig: Any, kind: str, ids: list[str]) -> tuple[float, int]:
    time.sleep(10.5)  # the portal's window forgets what came before
    rig.reset_stats()
    part = len(ids) // PROCESSES
    starts_at = time.time() + 3.0  # when all processes have loaded their code
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'bench.db'}"
        open_store(database).close()
        jobs = [
            _Job(_bare(rig), kind, ids[first : first + part], database, starts_at)
            for first in range(0, len(ids), part)
        ]
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
            done = sum(pool.map(_work, jobs))
    return done / SECONDS, rig.control("GET", "stats")["rate_limited"]


def _bare(rig: Any) -> dict[str, Any]:
    return {"url": rig.url, "token": rig.token, "portal_id": rig.portal_id, "rules": rig.rules}


def _work(job: _Job) -> int:
    from tests.plugins.hubspot.rig import Rig

    store = open_store(job.database)
    rig = Rig(**job.rig, pace=SharedPace(store, "bench"))
    rig.settings = {"budget_share": SHARE, "settle_seconds": 0}
    makes: dict[str, Callable[[str, int], Delivery]] = {
        "updates": lambda crm_id, number: rig.fields(crm_id, STATES[number % 4]),
        "notes": lambda crm_id, _: rig.note(crm_id),
    }
    make = makes[job.kind]
    time.sleep(max(0.0, job.starts_at - time.time()))
    stop = time.monotonic() + SECONDS

    def deliver(first: int) -> int:
        done, number = 0, first
        while time.monotonic() < stop:
            start = number * 100 % len(job.ids)
            batch = [make(i, number) for i in job.ids[start : start + 100]]
            outcomes = rig.deliver(*batch)
            if time.monotonic() < stop:
                done += sum(isinstance(outcome, Done) for outcome in outcomes)
            number += THREADS
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        done = sum(pool.map(deliver, range(THREADS)))
    store.close()
    return done


def _naive(rig: Any, kind: str, ids: list[str]) -> tuple[float, int]:
    """Changes per second, and how many 429s that cost."""
    time.sleep(10.5)
    rig.reset_stats()
    stop = time.monotonic() + NAIVE_SECONDS
    objects = f"{rig.url}/crm/objects/2026-09"

    def send(session: requests.Session, crm_id: str, number: int) -> requests.Response:
        if kind == "updates":
            values = dict(rig.fields(crm_id, STATES[number % 4]).payload)
            values["hs_lead_status"] = values["hs_lead_status"].upper()
            return session.patch(f"{objects}/contacts/{crm_id}", json={"properties": values})
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}]
        note = {
            "properties": {"hs_timestamp": "2026-11-03T10:00:00Z", "hs_note_body": "Hello"},
            "associations": [{"to": {"id": crm_id}, "types": types}],
        }
        return session.post(f"{objects}/notes", json=note)

    def one_by_one(first: int) -> int:
        done, number = 0, first
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {rig.token}"
            while time.monotonic() < stop:
                answer = send(session, ids[number % len(ids)], number)
                if answer.status_code == 429:
                    time.sleep(1.0)
                    continue
                answer.raise_for_status()
                done += 1
                number += THREADS
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        done = sum(pool.map(one_by_one, range(THREADS)))
    return done / NAIVE_SECONDS, rig.control("GET", "stats")["rate_limited"]
