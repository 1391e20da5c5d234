"""What size does: the same events against few leads and little history, and against many.

A small version for `make bench`; `make bench-full` (LEADBACK_BENCH_FULL=1) takes a million leads
and ten million events of history. Memory is that of a process of its own that decides there.
"""

import multiprocessing
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.events import lines, populate
from bench.figures import FULL, Figure
from leadback.base.clock import DAY
from leadback.wiring import App, open_app

SMALL_LEADS, SMALL_HISTORY = 10_000, 100_000
LEADS, HISTORY = (1_000_000, 10_000_000) if FULL else (100_000, 500_000)
EVENTS = 40_000
ACTIVE = 10_000
"""The newest leads, which the measured events are about: an assistant works a few at a time,
however many there were. spread: about any lead, the worst case for a disk."""
BASE = 10_000_000
"""CRM ids are numbers of one length, ascending."""
TIMERS = 1_000_000


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="lb-bench-") as folder:
        small, small_spread, _ = _at(Path(folder) / "small.db", SMALL_LEADS, SMALL_HISTORY)
    with tempfile.TemporaryDirectory(prefix="lb-bench-") as folder:
        large, large_spread, memory = _at(Path(folder) / "large.db", LEADS, HISTORY)
    size = f"{LEADS:,} leads, {HISTORY:,} events of history"
    suffix = "1m_leads" if FULL else "100k_leads"
    target = "< 0.2" if FULL else ""
    yield Figure(f"slowdown_{suffix}", 1 - large / small, "ratio", target, size)
    yield Figure(
        f"slowdown_{suffix}_spread", 1 - large_spread / small_spread, "ratio", "",
        "every event about any lead",
    )  # fmt: skip
    yield Figure(f"worker_mb_{suffix}", memory, "MB", "< 200" if FULL else "")
    yield from _timers()


def _at(file: Path, leads: int, history: int) -> tuple[float, float, float]:
    """Events per second about active leads, about any lead, and a decider's memory in MB."""
    with open_app(database=f"sqlite:///{file}") as app:
        populate(app, leads, base=BASE)
    _past(file, leads, history)
    active = _in_process(file, ACTIVE, BASE + leads - ACTIVE, 1)
    spread = _in_process(file, leads, BASE, 2)
    return active[0], spread[0], max(active[1], spread[1])


def _past(file: Path, leads: int, history: int) -> None:
    """Rows of history and of decided events as the engine writes them, written by the file."""
    with sqlite3.connect(file) as connection:
        connection.execute(
            "INSERT INTO history (portal, seq, at, lead_id, type, source, event_id, event_at, "  # noqa: S608
            "from_state, to_state, sub_state, result, rule, rule_at, reads, because, "
            "rules_version) SELECT 'acme', 100000000 + value, 1700000000000 + value, "
            f"CAST({BASE} + abs(random()) % ? AS TEXT), 'email_opened', 'mailer', 'p' || value, "
            "1700000000000, 'Cold', 'Cold', NULL, 'stayed', 'email_opened/2', '', '{}', "
            f"'it is counted', 'v' FROM {_NUMBERS} WHERE value < ?",
            (leads, history),
        )
        connection.execute(
            "INSERT INTO inbox (portal, seq, crm_id, source, event_id, type, at, data, erased, "  # noqa: S608
            "received_at) SELECT 'acme', 100000000 + value, CAST(value % ? AS TEXT), "
            "'mailer', 'p' || value, 'email_opened', 1700000000000, '{}', 0, 1700000000000 "
            f"FROM {_NUMBERS} WHERE value < ?",
            (leads, history),
        )
        connection.execute("UPDATE ids SET next = 200000000")
    connection.close()


_NUMBERS = (
    "(WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n LIMIT 10000001) "
    "SELECT value FROM n)"
)


def _in_process(file: Path, leads: int, base: int, seed: int) -> tuple[float, float]:
    arriving = file.with_suffix(".jsonl")  # in a list they would be half of the worker's memory
    made = lines(EVENTS, leads, first=seed * 10_000_000, seed=seed, base=base)
    arriving.write_bytes(b"\n".join(made))
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_decide, args=(str(file), str(arriving), results))
    process.start()
    found: tuple[float, float] = results.get(timeout=600)
    process.join()
    return found


def _decide(file: str, arriving: str, results: Any) -> None:
    with open_app(database=f"sqlite:///{file}") as app, open(arriving, "rb") as stream:
        began = time.perf_counter()
        assert app.events.add(stream).accepted == EVENTS
        per_second = _decided(app, EVENTS, began)
    results.put((per_second, _peak_mb()))


def _peak_mb() -> float:
    """Of this process alone: ru_maxrss begins with what its parent had (getrusage(2), execve)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _throughput(app: App, arriving: list[bytes]) -> float:
    began = time.perf_counter()
    app.events.add_lines(arriving)
    return _decided(app, len(arriving), began)


def _decided(app: App, count: int, began: float) -> float:
    decided = 0
    while made := app.decisions.decide_due(app.clock.now()):
        decided += made
    assert decided == count
    return decided / (time.perf_counter() - began)


def _timers() -> Iterator[Figure]:
    """What a million timers that are not due cost an empty look, and events beside them."""
    with tempfile.TemporaryDirectory(prefix="lb-bench-") as folder:
        file = Path(folder) / "timers.db"
        with open_app(database=f"sqlite:///{file}") as app:
            populate(app)
            due = app.clock.now() + 30 * DAY
            before = _throughput(app, lines(EVENTS))
            empty = _look(app)
        with sqlite3.connect(file) as connection:
            connection.execute(
                "INSERT INTO waiting (portal, due_at, seq, lead_id, status, placed_at, timer, "  # noqa: S608
                "number, needs, attempts, lease_until) SELECT 'acme', ? + value, "
                "500000000 + value, "
                "'t' || value, 'timer', ? + value, 'silence', 1, '', 0, 0 "
                f"FROM {_NUMBERS} WHERE value < ?",
                (due, due, TIMERS),
            )
        connection.close()
        with open_app(database=f"sqlite:///{file}") as app:
            after = _throughput(app, lines(EVENTS, first=5_000_000, seed=5))
            full = _look(app)
    note = f"{TIMERS:,} timers wait"
    yield Figure("timers_waiting_slowdown", 1 - after / before, "ratio", "< 0.1", note)
    yield Figure("timers_waiting_look_us", full, "us", "", f"{empty:.0f} us without them")


def _look(app: App) -> float:
    """Microseconds of a look for something to decide, when there is nothing."""
    began = time.perf_counter()
    for _ in range(200):
        assert app.decisions.decide_due(app.clock.now()) == 0
    return (time.perf_counter() - began) / 200 * 1e6
