"""A database that may be read only: SQLite's own refusal, said with what to do."""

from pathlib import Path

import pytest
from sqlalchemy import event

from leadback.base.errors import LeadbackError
from leadback.store import open_store
from tests.databases import database_in


def test_a_read_only_database_says_what_to_do(tmp_path: Path) -> None:
    store = open_store(database_in(tmp_path))
    engine = store._dialect._writing
    event.listen(engine, "checkout", lambda driver, *_: driver.execute("PRAGMA query_only = ON"))
    with pytest.raises(LeadbackError, match="cannot be written") as refused, store.write() as tx:
        tx.rules.put("hash", "text", now=1)
    assert "give this user the right to write" in refused.value.fix
    assert "leadback.db" in refused.value.where
    store.close()
