"""PostgreSQL by LEADBACK_DATABASE_URL alone: the same commands, and no file beside it."""

from pathlib import Path

import pytest

from tests.acceptance import test_whole_run
from tests.acceptance.conftest import Program, sandbox
from tests.databases import Server


@pytest.mark.postgres
def test_a_contact_is_handed_back_by_a_url_in_the_environment_alone(
    server: Server, tmp_path: Path
) -> None:
    database = server.new()
    with sandbox("--search-lag", "0") as portal:
        program = Program(tmp_path, portal, {"LEADBACK_DATABASE_URL": database})
        refused = program.run("lead", "list", code=None)
        assert refused.returncode != 0
        assert b"leadback db upgrade" in refused.stderr
        program.run("db", "upgrade")
        test_whole_run.test_assigned_worked_on_and_handed_back(program)
    assert {file.name for file in tmp_path.iterdir()} == {"day.jsonl"}
    server.drop(database)
