"""PgQueuer on PostgreSQL: enqueued in batches, drained in batches by two processes. It knows no
order by key: each process has an entry point of its own for its half of the leads, and a lead's
tasks queue at a lock of that lead. A retry after a crash could still overtake; the others' cannot.
"""

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.models import Job
from pgqueuer.types import QueueExecutionMode

from bench.peers import processes, work

BATCH = 100
INTAKE_BATCH = 1_000
CONNECTIONS = 10


def events_per_s(url: str, count: int) -> float:
    processes.prepare(url)

    async def install() -> None:
        async with asyncpg.create_pool(url, min_size=1) as pool:
            await Queries(AsyncpgPoolDriver(pool)).install()

    async def intake(raw: list[bytes]) -> None:
        async with asyncpg.create_pool(url, min_size=1) as pool:
            queries = Queries(AsyncpgPoolDriver(pool))
            events = work.accepted(raw)
            for first in range(0, len(events), INTAKE_BATCH):
                batch = events[first : first + INTAKE_BATCH]
                await queries.enqueue(
                    [_entry(int(one.lead_id) % processes.PROCESSES) for one in batch],
                    [f"{one.lead_id} {one.line}".encode() for one in batch],
                    [0] * len(batch),
                )

    asyncio.run(install())
    return processes.events_per_s(url, lambda raw: asyncio.run(intake(raw)), _worker, count)


def _entry(number: int) -> str:
    return f"apply_{number}"


def _worker(url: str, number: int, count: int, ready: Any) -> None:
    asyncio.run(_work(url, number, ready))


async def _work(url: str, number: int, ready: Any) -> None:
    lanes: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))

        @manager.entrypoint(_entry(number))
        async def apply(job: Job) -> None:
            assert job.payload is not None
            lead_id, _, line = job.payload.decode().partition(" ")
            async with lanes[lead_id], pool.acquire() as connection, connection.transaction():
                kept = await connection.fetchval(work.numbered(work.READ_LOCKED), lead_id)
                for statement, values in work.writes(kept, line):
                    await connection.execute(work.numbered(statement), *values)

        ready.wait(processes.PATIENCE_SECONDS)
        await manager.run(
            dequeue_timeout=timedelta(seconds=1), batch_size=BATCH, mode=QueueExecutionMode.drain
        )
