"""Pruning with an archive: rows are on the disk, as JSON Lines, before they leave the database."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from leadback.base.clock import Millis
from leadback.base.errors import InputError
from leadback.base.private import open_private
from leadback.store import Store
from leadback.store.retention import Archive, Pruned


def pruned(store: Store, *, before: Millis, archive: Path | None = None) -> Pruned:
    """Forget what was over before an instant. archive: appended to, `{"table": …, columns …}`.

    Raises InputError for a file that cannot be written; then nothing is forgotten.
    """
    if archive is None:
        return store.prune(before=before)
    try:
        # Personal data: for the user who runs this, and nobody else.
        file = os.fdopen(open_private(archive, os.O_WRONLY | os.O_APPEND), "ab")
    except OSError as error:
        raise InputError(
            f"the archive cannot be written: {error.strerror}", where=str(archive),
            fix="name a file in a folder where this user may write",
        ) from error  # fmt: skip
    with file:
        return store.prune(before=before, archive=_into(file))


def _into(file: BinaryIO) -> Archive:
    def keep(table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        file.write(b"".join(orjson.dumps({"table": table, **row}) + b"\n" for row in rows))
        file.flush()
        os.fsync(file.fileno())

    return keep
