"""Fifty open pages beside the work: how soon they show a commit, and what they cost the worker.

A real `leadback serve` (its own process), a real `leadback run` (another), and events that come in
through the event API, 200 a second. The pages are WebSocket clients in this process, which shares
the machine's cores with both: their share is counted against Leadback, too.
"""

import asyncio
import bisect
import json
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.events import LEADS, lines, populate
from bench.figures import Figure
from bench.programs import PASSWORD, login, program
from bench.visitors import Visitor, decided, newest_change
from leadback.base.clock import DAY, SystemClock
from leadback.service.accounts import Accounts
from leadback.service.apikeys import ApiKeys
from leadback.wiring import App, open_app

PORTAL = "acme"
LISTS, OVERVIEWS = 40, 10
PER_SECOND, A_REQUEST = 200, 20
SECONDS = 60.0
BURST = 40_000
ROUNDS = 3
LET_GO = 12.0
"""Seconds until serve forgets pages whose sockets are closed."""


@dataclass(frozen=True, slots=True)
class House:
    """A worker and the pages' server, with a login and a key."""

    app: App
    url: str
    cookies: dict[str, str]
    key: str
    worker: subprocess.Popen[bytes]


def measure() -> Iterator[Figure]:
    with _house() as house:
        waits, missed, sent = asyncio.run(_watched(house))
        cuts = statistics.quantiles(waits, n=100)
        note = f"{LISTS} lists and {OVERVIEWS} overviews as WebSocket clients, {sent:,} events"
        yield Figure("page_update_p95_s", cuts[94] / 1000, "s", "< 1", note)
        yield Figure("page_update_p50_s", cuts[49] / 1000, "s")
        yield Figure("page_updates_missed", missed, "commits", "== 0")
        alone, watched = asyncio.run(_bursts(house))
        note = f"{watched:,.0f} of {alone:,.0f} events/s, best of {ROUNDS} in turns"
        slower = 1 - watched / alone
        yield Figure("worker_slowdown_50_pages", slower, "ratio", "< 0.1", note)


# ---------------------------------------------------------------------- updates


async def _watched(house: House) -> tuple[list[float], int, int]:
    """Milliseconds from each decision until each page showed it; how many it never showed."""
    visitors = await _opened(house)
    began = SystemClock().now()
    with house.app.store.read() as tx:
        before = tx.history.count(PORTAL)
    sent = await asyncio.to_thread(_flow, house)
    await asyncio.sleep(3)
    for visitor in visitors:
        await visitor.close()
    return _waits(house, visitors, began, before, sent)


def _waits(
    house: House, visitors: list[Visitor], began: int, before: int, sent: int
) -> tuple[list[float], int, int]:
    commits = _decided_since(house, began)
    assert len(commits) == sent, f"{len(commits)} of {sent} events were decided"
    waits: list[float] = []
    missed = 0
    for visitor in visitors:
        counted = visitor.newest is decided
        shown = [newest for _, newest in visitor.seen]
        highest = [max(shown[: n + 1]) for n in range(len(shown))]
        for number, at in enumerate(commits):
            place = bisect.bisect_left(highest, before + number + 1 if counted else at)
            if place == len(highest):
                missed += 1
            else:
                waits.append(max(0.0, visitor.seen[place][0] - at))
    return waits, missed, sent


def _decided_since(house: House, began: int) -> list[int]:
    """Instants of the decisions, before their commits: so waits are counted rather too long."""
    found: list[int] = []
    after = None
    with house.app.store.read() as tx:
        while page := tx.history.events(PORTAL, limit=5_000, after=after):
            after = page[-1].seq
            found += [one.decided_at for one in page if one.decided_at >= began]
    return sorted(found)


def _flow(house: House) -> int:
    """Events at a steady pace through the event API."""
    headers = {
        "Authorization": f"Bearer {house.key}",
        "Content-Type": "application/cloudevents-batch+json",
    }
    made = lines(int(PER_SECOND * SECONDS), first=1_000_000, seed=3)
    started = time.perf_counter()
    with requests.Session() as session:
        for first in range(0, len(made), A_REQUEST):
            due = started + first / PER_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            body = b"[" + b",".join(made[first : first + A_REQUEST]) + b"]"
            answer = session.post(f"{house.url}/events", data=body, headers=headers, timeout=30)
            answer.raise_for_status()
    return len(made)


# ---------------------------------------------------------------------- what pages cost


async def _bursts(house: House) -> tuple[float, float]:
    """Events per second that the worker decides of a backlog: best without, and with the pages."""
    alone: list[float] = []
    watched: list[float] = []
    number = 2_000_000
    for _ in range(ROUNDS):
        await asyncio.sleep(LET_GO)
        alone.append(await asyncio.to_thread(_burst, house, number))
        visitors = await _opened(house)
        for visitor in visitors:
            visitor.listening = False
        await asyncio.sleep(2)
        watched.append(await asyncio.to_thread(_burst, house, number + BURST))
        for visitor in visitors:
            await visitor.close()
        number += 2 * BURST
    return max(alone), max(watched)


def _burst(house: House, first: int) -> float:
    house.worker.send_signal(signal.SIGSTOP)
    made = lines(BURST, first=first, seed=first)
    for start in range(0, BURST, 2_000):
        house.app.events.add_lines(made[start : start + 2_000])
    began = SystemClock().now()
    house.worker.send_signal(signal.SIGCONT)
    while True:
        time.sleep(0.25)
        with house.app.store.read() as tx:
            if not tx.inbox.due_portals(house.app.clock.now()):
                break
    at = _decided_since(house, began)
    assert len(at) == BURST, f"{len(at)} of {BURST} events were decided"
    return BURST / ((at[-1] - began) / 1000)


async def _opened(house: House) -> list[Visitor]:
    kinds = [("/leads", newest_change)] * LISTS + [("/overview", decided)] * OVERVIEWS
    visitors = [Visitor(house.url, house.cookies, path, newest) for path, newest in kinds]
    for visitor in visitors:
        await visitor.open()
    await asyncio.sleep(2)
    return visitors


# ---------------------------------------------------------------------- the house


@contextmanager
def _house() -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="lb-bench-") as folder:
        database = f"sqlite:///{Path(folder) / 'pages.db'}"
        with open_app(database=database) as app:
            populate(app, LEADS)
            with app.store.write() as tx:  # the CRM is not part of it
                far = app.clock.now() + 300 * DAY
                tx.portals.pause(PORTAL, until=far, reason="a benchmark")
            Accounts(app.store, app.clock, app.audit).add("viewer", PASSWORD, "viewer")
            made = ApiKeys(app.store, app.clock, app.audit).add("bench", ["events:write"])
            with program(
                folder, database, "serve", "--port", "0", "--no-worker", "--json"
            ) as serve:
                assert serve.stdout is not None
                url = json.loads(serve.stdout.readline())["url"]
                with program(folder, database, "run") as worker:
                    yield House(app, url, login(url), made["key"], worker)
