"""A program in an empty folder, with a sandbox portal of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import Program, sandbox


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with sandbox("--search-lag", "0") as url:
        yield Program(tmp_path, url)
