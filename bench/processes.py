"""Events per second of several processes on one database: each takes its share in, and decides
whatever is due until everything is decided. The share of a process does not matter to the leads."""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.events import LEADS, lines, populate
from bench.figures import Figure
from leadback.wiring import open_app

SETTLE_SECONDS = 60.0
EVENTS = 60_000


def measure() -> Iterator[Figure]:
    """On SQLite; PostgreSQL's are beside its other figures."""
    one, four = _on_sqlite(1), _on_sqlite(4)
    note = "one writer at a time: more processes take turns"
    yield Figure("sqlite_4_workers_to_1", four / one, "ratio", "", note)


def _on_sqlite(processes: int) -> float:
    with tempfile.TemporaryDirectory(prefix="leadback-bench-") as folder:
        database = f"sqlite:///{Path(folder) / 'bench.db'}"
        with open_app(database=database) as app:
            populate(app)
        return events_per_s(database, processes=processes, events=EVENTS)


@dataclass(frozen=True, slots=True)
class Share:
    """One process's part. reports its decided events and the instant when nothing was left."""

    database: str
    first: int
    count: int
    leads: int


def events_per_s(database: str, *, processes: int, events: int, leads: int = LEADS) -> float:
    """The database is populated. From "all are ready" until the last event is committed."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(processes + 1), context.Queue()
    each = events // processes
    shares = [Share(database, n * each, each, leads) for n in range(processes)]
    started = [context.Process(target=_work, args=(share, ready, results)) for share in shares]
    for process in started:
        process.start()
    ready.wait(SETTLE_SECONDS)
    began = time.monotonic()
    decided = 0
    ended = began
    for _ in started:
        made, at = results.get(timeout=SETTLE_SECONDS)
        decided, ended = decided + made, max(ended, at)
    for process in started:
        process.join()
    assert decided == each * processes, f"{decided} of {each * processes} events were decided"
    return decided / (ended - began)


def _work(share: Share, ready: Any, results: Any) -> None:
    with open_app(database=share.database) as app:
        arriving = lines(share.count, share.leads, first=share.first, seed=share.first)
        ready.wait(SETTLE_SECONDS)
        decided, last = 0, time.monotonic()
        for first in range(0, len(arriving), 2_000):
            app.events.add_lines(arriving[first : first + 2_000])
            if made := app.decisions.decide_due(app.clock.now()):
                decided, last = decided + made, time.monotonic()
        while True:
            if made := app.decisions.decide_due(app.clock.now()):
                decided, last = decided + made, time.monotonic()
                continue
            with app.store.read() as tx:
                if not tx.inbox.due_portals(app.clock.now()):
                    break
            time.sleep(0.002)
        results.put((decided, last))
