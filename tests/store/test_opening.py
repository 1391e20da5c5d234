"""Opening a database: made when it is new, refused with what to do when it cannot be used."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from leadback.base.errors import ConfigurationError, LeadbackError
from leadback.store import Store, open_store
from leadback.store.database import schema_status, upgrade
from leadback.store.migrate import HEAD
from tests.databases import Server
from tests.store.worlds import add, connect, new


def test_a_new_file_is_made_and_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert schema_status(url) == {"database": url, "schema": "", "needed": HEAD}
    open_store(url).close()
    assert schema_status(url) == {"database": url, "schema": HEAD, "needed": ""}
    open_store(url).close()


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def open_it() -> None:
        start.wait()
        try:
            open_store(url).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root:secret@host/db", "is no database that can be used"),
        ("nonsense", "is no database that can be used"),
        ("sqlite://", "gone when the program ends"),
    ],
)
def test_a_url_that_cannot_be_used(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert caught.value.fix


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LeadbackError, match="cannot be opened") as caught:
        open_store(f"sqlite:///{tmp_path / 'no' / 'such.db'}")
    assert "folder" in caught.value.fix


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("Dear diary, " * 1000)
    with pytest.raises(LeadbackError, match="no SQLite database"):
        open_store(f"sqlite:///{file}")
    assert file.read_text().startswith("Dear diary")


def test_a_damaged_file(migrated_file: Path) -> None:
    content = bytearray(migrated_file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    migrated_file.write_bytes(content)
    with pytest.raises(LeadbackError, match=r"damaged|no SQLite database") as caught:
        open_store(f"sqlite:///{migrated_file}")
    assert "backup" in caught.value.fix


def _grow(store: Store) -> None:
    with store.write() as tx:
        driver = tx._transaction.connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA max_page_count = 1")
        tx.inbox.add([new("501", n, body="x" * 10_000) for n in range(100)], now=1)


def test_a_full_disk(migrated_file: Path) -> None:
    """SQLite says the same when the file may grow no further."""
    store = open_store(f"sqlite:///{migrated_file}")
    connect(store)
    with pytest.raises(LeadbackError, match="disk is full"):
        _grow(store)
    assert add(store, new("501", 1)) == [True]
    store.close()


def test_a_file_from_a_newer_program(migrated_file: Path) -> None:
    with sqlite3.connect(migrated_file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9998'")
    connection.close()
    open_store(f"sqlite:///{migrated_file}").close()  # it only added something: we go on working
    with sqlite3.connect(migrated_file) as connection:
        connection.execute("UPDATE compatible SET oldest = '9997'")
    connection.close()
    with pytest.raises(ConfigurationError, match="too new for this program") as caught:
        open_store(f"sqlite:///{migrated_file}")
    assert "newer version" in caught.value.fix


def test_somebody_else_has_it_locked(migrated_file: Path) -> None:
    store = open_store(f"sqlite:///{migrated_file}?timeout=0.01")
    other = sqlite3.connect(migrated_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LeadbackError, match="locked"):
        connect(store)
    with store.read() as tx:  # readers never wait
        assert tx.portals.list() == []
    other.execute("ROLLBACK")
    other.close()
    connect(store)
    store.close()


@pytest.mark.postgres
def test_postgresql_is_migrated_by_a_command_only(server: Server) -> None:
    url = server.new()
    with pytest.raises(ConfigurationError, match="no tables") as caught:
        open_store(url)
    assert "leadback db upgrade" in caught.value.fix
    assert schema_status(url)["needed"] == HEAD
    assert "got its tables" in upgrade(url)
    assert "is up to date" in upgrade(url)
    open_store(url).close()
    server.drop(url)


@pytest.mark.postgres
def test_a_server_that_is_not_there() -> None:
    with pytest.raises(LeadbackError, match="does not answer") as caught:
        open_store("postgresql://ann:hunter2@127.0.0.1:1/leadback?connect_timeout=1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.postgres
def test_a_database_that_is_not_there(server: Server) -> None:
    url = server.new()
    server.drop(url)
    with pytest.raises(LeadbackError, match=r"no such database|does not answer|does not exist"):
        open_store(url)
