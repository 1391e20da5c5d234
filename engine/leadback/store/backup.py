"""A copy of a SQLite file that is whole, made while others write it.

SQLite's own online backup in one step: it reads one snapshot of the log-ahead file, so that writers
neither wait nor tear it. Copying the file would miss what is still in the log beside it.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from leadback.base.errors import InputError, LeadbackError
from leadback.base.private import open_private
from leadback.store.urls import read_url, shown


def backup(url: str, target: Path) -> int:
    """Copy the database to a new file, readable by this user alone; its size in bytes.

    The file has its name only when it is whole, checked and on the disk. Raises InputError for a
    target that exists or a database that is no file, LeadbackError when it cannot be done.
    """
    parsed = read_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise InputError(
            "PostgreSQL makes its own backups",
            where=shown(parsed),
            fix="pg_dump --format=custom --file FILE URL; see docs/explain/operations.md",
        )
    source = Path(parsed.database or "")
    if not source.is_file():
        raise InputError("there is no such file", where=str(source), fix="give --database")
    if target.exists():
        raise InputError("this file exists already", where=str(target), fix="give another name")
    part = target.with_name(target.name + ".part")
    try:
        _copy(source, part)
        os.replace(part, target)
        _on_disk(target.absolute().parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise LeadbackError(
            f"the backup could not be made: {error}",
            where=str(target),
            fix="check that its folder exists, is writable, and has room",
        ) from error
    return target.stat().st_size


def _copy(source: Path, part: Path) -> None:
    os.close(open_private(part, os.O_TRUNC | os.O_WRONLY))
    with (
        closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True)) as reading,
        closing(sqlite3.connect(part)) as writing,
    ):
        reading.backup(writing)
        found = writing.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged ({found})")
        writing.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    _on_disk(part)


def _on_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
