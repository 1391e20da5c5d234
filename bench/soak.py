"""All floods at once: does what is not concerned go on?

A real `leadback serve` with its worker, 1,024 descriptors, and two portals in real sandboxes. Every
call to one of them hangs, and strangers, a careless key and a viewer do their worst (bench.floods).
Meanwhile a key of the other portal sends an event every half second, and /readyz is asked as often.
Ten minutes in `make bench-full`, one in `make bench`.
"""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from bench.figures import FULL, Figure
from bench.programs import PASSWORD, RUNNER, login, program
from leadback.service.accounts import Accounts
from leadback.service.apikeys import ApiKeys
from leadback.wiring import App, open_app
from tests.plugins.hubspot.rig import start_sandbox

SECONDS = 600.0 if FULL else 60.0
EVERY = 0.5
LEADS = 20
DESCRIPTORS = 1_024
HANGS_SECONDS = 600
PATIENCE = 30.0
HANGING, WELL = "acme", "beta"
TOKEN_VARIABLE = "LEADBACK_SOAK_TOKEN"  # noqa: S105 — its name


@dataclass(frozen=True, slots=True)
class House:
    app: App
    url: str
    server: subprocess.Popen[bytes]
    keys: dict[str, str]
    cookie: str
    leads: list[str]


def measure() -> Iterator[Figure]:
    with _house() as house:
        before = _memory(house.server.pid, "VmRSS")
        with _floods(house) as flooded:
            ready, posted = _watch(house)
        waits = _decided_after(house, posted)
        for line in sorted(flooded):
            sys.stdout.write(f"  {line}: {flooded[line]:,}\n")
        cuts = statistics.quantiles(ready, n=100)
        note = f"{len(ready)} askings in {SECONDS:.0f} s of floods, p99 {cuts[98]:.2f}"
        yield Figure("soak_readyz_max_s", max(ready), "s", "< 1", note)
        lost = f"{len(posted) - len(waits)} of {len(posted)} not decided, "
        p99 = statistics.quantiles(waits, n=100)[98]
        note = f"{lost}p99 {p99:.2f}, the other portal hanging"
        yield Figure("soak_other_portal_decided_max_s", max(waits), "s", "< 1", note)
        yield Figure("soak_other_portal_undecided", len(posted) - len(waits), "events", "== 0")
        note = f"{before} MB before"
        yield Figure("soak_memory_peak_mb", _memory(house.server.pid, "VmHWM"), "MB", "< 400", note)
        yield Figure("soak_stop_s", _stopped(house), "s", "< 10", "after SIGTERM")


# ---------------------------------------------------------------------- what is watched


def _watch(house: House) -> tuple[list[float], dict[str, float]]:
    """Seconds of each answer of /readyz; instant (s since 1970) at which each event was sent."""
    ready: list[float] = []
    asking = threading.Thread(target=_ask_ready, args=(house, ready))
    asking.start()
    posted: dict[str, float] = {}
    with requests.Session() as session:
        headers = {
            "Authorization": f"Bearer {house.keys[WELL]}",
            "Content-Type": "application/cloudevents+json",
        }
        for number, _ in enumerate(_ticks()):
            event = {
                "specversion": "1.0", "id": f"soak-{number}", "source": "soak",
                "type": "email_opened", "subject": f"{WELL}/{house.leads[number % LEADS]}",
            }  # fmt: skip
            posted[event["id"]] = time.time()
            answer = session.post(
                f"{house.url}/events", data=json.dumps(event), headers=headers, timeout=PATIENCE
            )
            assert answer.status_code == 202, answer.text
    asking.join()
    return ready, posted


def _ask_ready(house: House, seconds: list[float]) -> None:
    """A new connection each time, as a load balancer's."""
    for _ in _ticks():
        started = time.perf_counter()
        try:
            ok = requests.get(f"{house.url}/readyz", timeout=PATIENCE).status_code == 200
        except requests.RequestException:
            ok = False
        seconds.append(time.perf_counter() - started if ok else PATIENCE)


def _ticks() -> Iterator[None]:
    started = time.monotonic()
    for number in range(int(SECONDS / EVERY)):
        time.sleep(max(0.0, started + number * EVERY - time.monotonic()))
        if time.monotonic() > started + SECONDS:
            return
        yield


def _decided_after(house: House, posted: dict[str, float]) -> list[float]:
    """Seconds from sending to the decision, of those that were decided."""
    deadline = time.monotonic() + PATIENCE
    while True:
        decided: dict[str, float] = {}
        after = None
        with house.app.store.read() as tx:
            while page := tx.history.events(WELL, limit=5_000, after=after):
                after = page[-1].seq
                decided |= {one.event.id: one.decided_at / 1000 for one in page}
        found = [max(0.0, decided[name] - at) for name, at in posted.items() if name in decided]
        if len(found) == len(posted) or time.monotonic() > deadline:
            return found
        time.sleep(EVERY)


def _memory(pid: int, what: str) -> int:
    """MB of the process: VmRSS now, VmHWM at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found is not None, status
    return int(found[1]) // 1024


def _stopped(house: House) -> float:
    """Seconds from SIGTERM to the end, with calls to the hanging portal under way."""
    started = time.perf_counter()
    house.server.terminate()
    try:
        house.server.wait(2 * PATIENCE)
    except subprocess.TimeoutExpired:
        house.server.kill()
    return time.perf_counter() - started


# ---------------------------------------------------------------------- the floods


@contextmanager
def _floods(house: House) -> Iterator[dict[str, int]]:
    """While the block runs, and then what they saw is told."""
    seen: dict[str, int] = {}
    arguments = [house.url, house.keys[HANGING], house.cookie, str(SECONDS)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.floods", *arguments],
        stdout=subprocess.PIPE, cwd=Path(__file__).parents[1], preexec_fn=lambda: os.nice(19),
    )  # fmt: skip
    try:
        yield seen
        told, _ = process.communicate(timeout=4 * PATIENCE)
        seen.update(json.loads(told))
    finally:
        process.kill()
        process.wait()


# ---------------------------------------------------------------------- the house


@contextmanager
def _house() -> Iterator[House]:
    with ExitStack() as stack:
        os.environ[TOKEN_VARIABLE] = "root-token"  # the sandboxes' own, for every process of it
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lb-soak-"))
        portals = {name: stack.enter_context(_sandbox()) for name in (HANGING, WELL)}
        database = f"sqlite:///{Path(folder) / 'soak.db'}"
        for name, url in portals.items():
            _connect(name, url, database)
        app = stack.enter_context(open_app(database=database))
        leads = _assigned(app, portals[WELL])
        Accounts(app.store, app.clock, app.audit).add("viewer", PASSWORD, "viewer")
        keys = ApiKeys(app.store, app.clock, app.audit)
        made = {name: keys.add(name, ["events:write"], portals=[name])["key"] for name in portals}
        _arm(portals[HANGING])
        server = stack.enter_context(
            program(folder, database, "serve", "--port", "0", "--json", before=_few_descriptors)
        )
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        cookie = "; ".join(f"{name}={value}" for name, value in login(url).items())
        yield House(app, url, server, made, cookie, leads)


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


@contextmanager
def _sandbox() -> Iterator[str]:
    process, url = start_sandbox()
    try:
        yield url
    finally:
        process.terminate()
        process.wait()


def _connect(name: str, url: str, database: str) -> None:
    """As an operator does."""
    for words in (
        ("portal", "connect", name, "--base-url", url, "--token-env", TOKEN_VARIABLE),
        ("portal", "setup", name, "--apply"),
        ("assistant", "add", "tara", "--portal", name, "--email", "tara@example.com"),
    ):
        subprocess.run(
            [sys.executable, str(RUNNER), *words, "--database", database],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip


def _assigned(app: App, url: str) -> list[str]:
    """Leads of the portal that is well."""
    made = [
        _control(url, "actions", {
            "action": "create_contact", "properties": {"email": f"soak{n}@example.org"},
        })["contact"]
        for n in range(LEADS)
    ]  # fmt: skip
    app.events.add_lines([
        json.dumps({
            "specversion": "1.0", "id": f"a-{crm_id}", "source": "soak", "type": "assigned",
            "subject": f"{WELL}/{crm_id}", "data": {"assistant": "tara@example.com"},
        }).encode()
        for crm_id in made
    ])  # fmt: skip
    app.worker().run_until_idle(poll=False)
    with app.store.read() as tx:
        assert len(tx.leads.working(WELL)) == LEADS, "the leads were not made"
    return made


def _arm(url: str) -> None:
    """From now on every call of this portal hangs."""
    _control(url, "faults", {"kind": "slow", "seconds": HANGS_SECONDS})


def _control(url: str, what: str, body: Any) -> Any:
    answer = requests.post(
        f"{url}/_sandbox/{what}",
        json=body,
        headers={"Authorization": "Bearer root-token"},
        timeout=PATIENCE,
    )
    answer.raise_for_status()
    return answer.json()
