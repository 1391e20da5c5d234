"""Runs a peer's intake and then its worker processes on one PostgreSQL database, on the clock."""

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import psycopg

from bench.peers import work

PROCESSES = 2
PATIENCE_SECONDS = 120.0

Worker = Callable[[str, int, int, Any], None]
"""(database URL, its number, events in all, barrier to wait at once it is connected)."""


def prepare(url: str) -> None:
    with psycopg.connect(url) as connection:
        for table in work.TABLES:
            connection.execute(table)
        with connection.cursor() as cursor:
            cursor.executemany(work.percent(work.FIRST_LEADS), work.first_leads())


def events_per_s(
    url: str, intake: Callable[[list[bytes]], None], worker: Worker, count: int
) -> float:
    """Intake first, then the workers; the start of processes and connections is not counted."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(PROCESSES + 1)
    raw = work.arriving(count)
    began = time.perf_counter()
    intake(raw)
    taken = time.perf_counter() - began
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")  # as autovacuum does within a minute
    workers = [
        context.Process(target=worker, args=(url, number, count, ready))
        for number in range(PROCESSES)
    ]
    for process in workers:
        process.start()
    ready.wait(PATIENCE_SECONDS)
    began = time.perf_counter()
    wait_for_all(url, count)
    taken += time.perf_counter() - began
    for process in workers:
        process.join(PATIENCE_SECONDS)
        process.kill()
    with psycopg.connect(url) as connection:
        work.check(lambda query: connection.execute(query).fetchall(), count)
    return count / taken


def wait_for_all(url: str, count: int) -> None:
    """Looks rarely, so that the workers are hardly slowed down by it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute("SELECT count(*) FROM peer_history").fetchone()
            if row and row[0] == count:
                return
            time.sleep(0.05)
    raise TimeoutError("a peer did not finish its events in time")
