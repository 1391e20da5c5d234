"""A database of its own for each test, and a clock that stands still."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadback.base.clock import ManualClock
from leadback.store import Store, open_store
from tests.databases import database_in


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(database_in(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_800_000_000_000)
