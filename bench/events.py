"""Events per second through intake, decide and outbox on SQLite, and accepted → committed."""

import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from bench import bare
from bench.figures import Figure
from leadback.base.clock import SystemClock
from leadback.lead.records import Assistant, Event, Portal
from leadback.store import NewEvent
from leadback.wiring import App, open_app

LEADS = 2_000
EVENTS = 60_000
PACED_EVENTS_PER_S = 1_000
PACED_SECONDS = 5
MIX = ("email_sent", "email_opened", "link_clicked", "email_opened", "replied")


def measure() -> Iterator[Figure]:
    """A fresh file; the leads exist; the CRM is not part of it."""
    with _app() as app, tempfile.TemporaryDirectory(prefix="lb-bench-") as folder:
        copy = Path(folder) / "bare.db"
        bare.copied(app, copy)
        with bare.recorded(app) as steps:
            _throughput(app)
        again = bare.seconds(copy, steps)
    with _app() as app:
        ours = _throughput(app)
        loop = EVENTS / again
        yield Figure("sqlite_to_bare_loop", ours / loop, "ratio", ">= 0.35", "of the same writes")
        yield Figure(
            "sqlite_bare_loop_events_per_s", loop, "events/s", note="what this machine can"
        )
        yield Figure("sqlite_events_per_s", ours, "events/s")
    with _app() as app:
        p50, p99 = latency(app)
        yield Figure("commit_p50_ms_sqlite", p50, "ms")
        yield Figure("commit_p99_ms_sqlite", p99, "ms", "< 50")


def sqlite_events_per_s() -> float:
    with _app() as app:
        return _throughput(app)


@contextmanager
def _app() -> Iterator[App]:
    with (
        tempfile.TemporaryDirectory(prefix="leadback-bench-") as folder,
        open_app(database=f"sqlite:///{Path(folder) / 'bench.db'}") as app,
    ):
        populate(app)
        yield app


def populate(app: App, leads: int = LEADS, *, base: int = 0) -> None:
    """One portal, one assistant, `leads` leads in state Cold, with ids from `base` on."""
    now = app.clock.now()
    with app.store.write() as tx:
        tx.portals.put(Portal("acme", "hubspot", "http://127.0.0.1:1", "NONE"))
        tx.portals.put_assistant(Assistant("acme", "tara@example.com", "Tara", owner_id="1"))
    for first in range(0, leads, 2_000):
        numbers = range(base + first, base + min(first + 2_000, leads))
        with app.store.write() as tx:
            tx.inbox.add([_assigned(n, now) for n in numbers], now=now)
            tx.inbox.add(
                [
                    NewEvent("acme", str(n), Event("capacity_available", now, "b", f"c{n}"))
                    for n in numbers
                ],
                now=now,
            )
    while app.decisions.decide_due(now):
        pass


def _assigned(number: int, now: int) -> NewEvent:
    data = {
        "portal": "acme",
        "crm_id": str(number),
        "assistant": "tara@example.com",
        "assistant_name": "Tara",
        "email": f"lead{number}@example.org",
        "previous_owner": "77",
    }
    return NewEvent("acme", str(number), Event("assigned", now, "b", f"a{number}", data))


def lines(
    count: int, leads: int = LEADS, *, first: int = 0, seed: int = 1, base: int = 0
) -> list[bytes]:
    """CloudEvents as a mailer sends them: any lead, any kind, a body of 200 letters."""
    dice = random.Random(seed)
    found = []
    for number in range(first, first + count):
        kind = MIX[dice.randrange(len(MIX))]
        data: dict[str, object] = {"subject": "Hello", "body": "x" * 200, "number": 3}
        if kind == "replied":
            data["intent"] = "SupportAutoResponse"
        elif kind != "email_sent":
            data = {}
        found.append(
            orjson.dumps(
                {
                    "specversion": "1.0",
                    "id": f"e{number}",
                    "source": "mailer",
                    "type": kind,
                    "subject": f"acme/{base + dice.randrange(leads)}",
                    "time": "2026-11-02T09:00:00Z",
                    "data": data,
                }
            )
        )
    return found


def _throughput(app: App) -> float:
    arriving = lines(EVENTS)
    started = time.perf_counter()
    added = app.events.add_lines(arriving)
    assert added.accepted == EVENTS
    decided = 0
    while made := app.decisions.decide_due(app.clock.now()):
        decided += made
    taken = time.perf_counter() - started
    assert decided == EVENTS
    return EVENTS / taken


def latency(app: App) -> tuple[float, float]:
    """Events arrive in tens at a steady pace; how long after acceptance each one is committed."""
    stop = threading.Event()
    committed: dict[int, int] = {}
    worker = threading.Thread(target=_decide_until, args=(app, stop, committed))
    worker.start()
    accepted: dict[str, float] = {}
    arriving = lines(PACED_EVENTS_PER_S * PACED_SECONDS)
    started = time.perf_counter()
    for first in range(0, len(arriving), 10):
        due = started + first / PACED_EVENTS_PER_S
        time.sleep(max(0.0, due - time.perf_counter()))
        app.events.add_lines(arriving[first : first + 10])
        moment = SystemClock().now()
        accepted.update((f"e{n}", moment) for n in range(first, first + 10))
    stop.set()
    worker.join()
    waits = []
    after = None
    with app.store.read() as tx:
        while page := tx.history.events("acme", limit=5_000, after=after):
            after = page[-1].seq
            waits += [
                max(0.0, committed[record.decided_at] - accepted[record.event.id])
                for record in page
                if record.event.id in accepted
            ]
    assert len(waits) == len(arriving)
    cuts = statistics.quantiles(waits, n=100)
    return cuts[49], cuts[98]


def _decide_until(app: App, stop: threading.Event, committed: dict[int, int]) -> None:
    """committed: instant of a claim → instant after its commit."""
    bell = app.store.bell()
    while True:
        last, now = stop.is_set(), app.clock.now()
        if app.decisions.decide_due(now):
            committed[now] = app.clock.now()
        elif last:
            bell.close()
            return
        else:
            bell.wait(0.05)
