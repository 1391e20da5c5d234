"""DBOS: one workflow per event with one transaction step of its own data source, enqueued in
batches within a transaction, on a queue with one partition per lead that runs one at a time. The
priority keeps a lead's order: without it, workflows of the same millisecond come in any."""

import logging
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, DBOSClient, DBOSConfig, SQLAlchemyDatasource

from bench.peers import processes, work

QUEUE, WORKFLOW = "events", "apply"
VERSION = "bench"
BATCH = 500
POLL_SECONDS = 0.05
CONCURRENCY = 16


def postgresql_events_per_s(url: str, count: int) -> float:
    driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
    processes.prepare(url)
    _in_a_process(_set_up, driver)
    return processes.events_per_s(url, lambda raw: _intake(driver, raw), _worker, count)


def sqlite_events_per_s(folder: Path, count: int) -> float:
    """One process: SQLite has one writer, and DBOS's own two databases are in one file."""
    url = f"sqlite:///{folder / 'dbos.db'}"
    _in_a_process(_set_up_sqlite, url)
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    raw = work.arriving(count)
    began = time.perf_counter()
    _intake(url, raw)
    taken = time.perf_counter() - began
    worker = context.Process(target=_work, args=(url, url, count, ready))
    worker.start()
    ready.wait(processes.PATIENCE_SECONDS)
    began = time.perf_counter()
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        _wait(lambda: _count(connection) == count)
        taken += time.perf_counter() - began
        worker.join(processes.PATIENCE_SECONDS)
        work.check(lambda query: connection.exec_driver_sql(query).all(), count)
    engine.dispose()
    return count / taken


def _launch(url: str) -> SQLAlchemyDatasource:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": url,
        "application_version": VERSION,
        "log_level": "ERROR",
        "sys_db_pool_size": CONCURRENCY,
    }
    DBOS(config=config)
    source = SQLAlchemyDatasource.create(url, {"pool_size": CONCURRENCY})
    locked = url.startswith("postgresql")
    spelled: Callable[[str], str] = work.percent if locked else str

    @source.transaction(isolation_level="READ COMMITTED" if locked else "SERIALIZABLE")
    def apply_in_transaction(lead_id: str, line: str) -> None:
        connection = source.sql_session().connection()
        read = work.READ_LOCKED if locked else work.READ
        [kept] = connection.exec_driver_sql(spelled(read), (lead_id,)).one()
        for statement, values in work.writes(kept, line):
            connection.exec_driver_sql(spelled(statement), tuple(values))

    @DBOS.workflow(name=WORKFLOW)
    def apply(lead_id: str, line: str) -> None:
        apply_in_transaction(lead_id, line)

    DBOS.launch()
    DBOS.register_queue(
        QUEUE,
        partition_concurrency=1,
        worker_concurrency=CONCURRENCY,
        polling_interval_sec=POLL_SECONDS,
    )
    return source


def _in_a_process(target: Callable[[str], None], url: str) -> None:
    """DBOS is one per process, and says good-bye slowly."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=(url,))
    process.start()
    process.join(processes.PATIENCE_SECONDS)
    assert process.exitcode == 0, "DBOS could not be set up"


def _set_up(url: str) -> None:
    _launch(url)
    DBOS.destroy()


def _set_up_sqlite(url: str) -> None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    with engine.begin() as connection:
        for table in work.TABLES:
            connection.exec_driver_sql(table)
        connection.exec_driver_sql(work.FIRST_LEADS, list(work.first_leads()))
    engine.dispose()
    _set_up(url)


def _intake(url: str, raw: list[bytes]) -> None:
    engine = sqlalchemy.create_engine(url)
    client = DBOSClient(system_database_engine=engine)
    events = work.accepted(raw)
    for first in range(0, len(events), BATCH):
        with engine.begin() as connection:
            for number, one in enumerate(events[first : first + BATCH], first + 1):
                client.enqueue_in_transaction(
                    connection,
                    {
                        "workflow_name": WORKFLOW,
                        "queue_name": QUEUE,
                        "app_version": VERSION,
                        "queue_partition_key": one.lead_id,
                        "priority": number,
                    },
                    one.lead_id,
                    one.line,
                )
    client.destroy()
    engine.dispose()


def _worker(url: str, number: int, count: int, ready: Any) -> None:
    _work(url.replace("postgresql://", "postgresql+psycopg://", 1), url, count, ready)


def _work(driver: str, url: str, count: int, ready: Any) -> None:
    logging.disable(logging.WARNING)
    ready.wait(processes.PATIENCE_SECONDS)
    source = _launch(driver)
    with source.engine.connect() as connection:
        _wait(lambda: _count(connection) == count)
    DBOS.destroy(workflow_completion_timeout_sec=10)


def _count(connection: sqlalchemy.Connection) -> int:
    found = connection.exec_driver_sql("SELECT count(*) FROM peer_history").scalar_one()
    connection.rollback()
    return int(found)


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + processes.PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("DBOS did not finish its events in time")
        time.sleep(0.05)
