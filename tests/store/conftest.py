"""The store, opened on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from leadback.store import Store, open_store
from leadback.store.tables import metadata
from tests.databases import database_in


@pytest.fixture
def migrated_file(tmp_path: Path) -> Path:
    return Path(database_in(tmp_path).removeprefix("sqlite:///"))


@pytest.fixture
def opened(url: str) -> Iterator[Callable[[], Store]]:
    """Opens the database again, as another process would."""
    stores: list[Store] = []

    def another() -> Store:
        stores.append(open_store(url))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


@pytest.fixture
def rows(url: str) -> Callable[[], dict[str, str]]:
    """Everything in every table, as text."""

    def read() -> dict[str, str]:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed)
        with engine.connect() as connection:
            found = {
                table.name: repr([tuple(row) for row in connection.execute(table.select())])
                for table in metadata.sorted_tables
            }
        engine.dispose()
        return found

    return read


@pytest.fixture
def dump(rows: Callable[[], dict[str, str]]) -> Callable[[], str]:
    return lambda: repr(rows())
