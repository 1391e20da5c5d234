"""huey on SQLite: one consumer, because only one keeps a lead's order; strict FIFO, fsync as
Leadback has it, no results stored. huey has no batch enqueue. It forgets a task before running it
(a crash loses it), which the others and Leadback do not: a durability less, to its advantage."""

import sqlite3
import time
from pathlib import Path

from huey import SqliteHuey

from bench.peers import work


def events_per_s(folder: Path, count: int) -> float:
    huey = SqliteHuey(
        filename=str(folder / "huey.db"), results=False, strict_fifo=True, fsync=True, cache_mb=64
    )
    connection = sqlite3.connect(folder / "leads.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")
    for table in work.TABLES:
        connection.execute(table)
    connection.execute("BEGIN")
    connection.executemany(work.FIRST_LEADS, work.first_leads())
    connection.execute("COMMIT")

    @huey.task()
    def apply(lead_id: str, line: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            [kept] = connection.execute(work.READ, (lead_id,)).fetchone()
            for statement, values in work.writes(kept, line):
                connection.execute(statement, values)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    raw = work.arriving(count)
    began = time.perf_counter()
    for one in work.accepted(raw):
        apply(one.lead_id, one.line)
    while task := huey.dequeue():
        huey.execute(task)
    taken = time.perf_counter() - began
    work.check(lambda query: connection.execute(query).fetchall(), count)
    connection.close()
    huey.storage.close()
    return count / taken
