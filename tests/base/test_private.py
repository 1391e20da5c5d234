"""Files for one user alone: new ones, those that exist, and the ones that are seen to be open."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadback.base.private import is_open_to_others, open_private


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [None, 0o644, 0o666, 0o640, 0o600])
def test_a_file_is_private_before_anything_is_in_it(tmp_path: Path, before: int | None) -> None:
    file = tmp_path / "file"
    if before is not None:
        file.write_bytes(b"kept ")
        file.chmod(before)
    handle = open_private(file, os.O_WRONLY | os.O_APPEND)
    assert mode(file) == 0o600
    with os.fdopen(handle, "ab") as opened:
        opened.write(b"added")
    assert file.read_bytes() == (b"added" if before is None else b"kept added")


@pytest.mark.parametrize(
    ("bits", "found"),
    [(0o600, False), (0o400, False), (0o640, False), (0o660, True), (0o644, True), (0o606, True),
     (0o604, True), (0o602, True), (0o601, True)],
)  # fmt: skip
def test_a_group_may_read_and_others_nothing(tmp_path: Path, bits: int, found: bool) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(bits)
    assert is_open_to_others(file) is found
    assert is_open_to_others(tmp_path / "none") is False
    assert is_open_to_others(tmp_path) is False
