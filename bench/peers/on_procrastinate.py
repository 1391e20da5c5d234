"""Procrastinate on PostgreSQL: deferred in batches, one lock per lead (its own way to keep an
order), asynchronous tasks on a pool, successful jobs deleted at once."""

import asyncio
from typing import Any

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from bench.peers import processes, work

CONCURRENCY = 16
BATCH = 1_000


def _app(url: str, pool: AsyncConnectionPool | None = None) -> App:
    app = App(connector=PsycopgConnector(conninfo=url, min_size=2, max_size=CONCURRENCY))

    @app.task(name="apply", queue="events")
    async def apply(lead_id: str, line: str) -> None:
        assert pool is not None
        async with pool.connection() as connection, connection.transaction():
            found = await connection.execute(work.percent(work.READ_LOCKED), (lead_id,))
            [kept] = await found.fetchone() or ()
            async with connection.pipeline():
                for statement, values in work.writes(kept, line):
                    await connection.execute(work.percent(statement), values)

    return app


def events_per_s(url: str, count: int) -> float:
    processes.prepare(url)

    async def install() -> None:
        async with _app(url).open_async() as app:
            await app.schema_manager.apply_schema_async()

    async def intake(raw: list[bytes]) -> None:
        async with _app(url).open_async() as app:
            jobs = [
                app.configure_task("apply", lock=one.lead_id, queue="events").make_new_job(
                    lead_id=one.lead_id, line=one.line
                )
                for one in work.accepted(raw)
            ]
            for first in range(0, len(jobs), BATCH):
                await app.job_manager.batch_defer_jobs_async(jobs[first : first + BATCH])

    asyncio.run(install())
    return processes.events_per_s(url, lambda raw: asyncio.run(intake(raw)), _worker, count)


def _worker(url: str, number: int, count: int, ready: Any) -> None:
    asyncio.run(_work(url, count, ready))


async def _work(url: str, count: int, ready: Any) -> None:
    async with AsyncConnectionPool(url, min_size=CONCURRENCY, max_size=CONCURRENCY) as pool:
        await pool.wait()
        async with _app(url, pool).open_async() as app:
            ready.wait(processes.PATIENCE_SECONDS)
            while await _left(pool):
                await app.run_worker_async(
                    concurrency=CONCURRENCY,
                    wait=False,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    listen_notify=False,
                    fetch_job_polling_interval=0.05,
                )


async def _left(pool: AsyncConnectionPool) -> bool:
    async with pool.connection() as connection:
        found = await connection.execute("SELECT EXISTS (SELECT FROM procrastinate_jobs)")
        return bool((await found.fetchone() or (False,))[0])
