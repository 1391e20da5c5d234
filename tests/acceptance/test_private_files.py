"""Under the usual umask no file that a command leaves behind is another user's to read."""

import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.conftest import Program

pytestmark = pytest.mark.long


def wide(folder: Path) -> dict[str, str]:
    return {
        path.name: oct(stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    }


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, "")


def run(program: Program, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program.command(*words), cwd=program.folder, env=program.environ(), text=True,
        capture_output=True, umask=0o022, timeout=120, check=False,
    )  # fmt: skip


def test_whatever_is_made_is_for_this_user_alone(program: Program) -> None:
    before = set(program.folder.rglob("*"))
    assert run(program, "queue", "status").returncode == 0
    database = program.folder / "leadback.db"
    with closing(sqlite3.connect(database)) as looking:  # else -wal and -shm are gone at the end
        looking.execute("SELECT * FROM users").fetchall()
        archive = program.folder / "old.jsonl"
        archive.write_text("")
        archive.chmod(0o644)
        for words in (
            ("apikey", "add", "mailer", "--scope", "events:write"),
            ("db", "backup", "copy.db"),
            ("db", "prune", "--older-than", "1d", "--archive", "old.jsonl"),
            ("db", "prune", "--older-than", "1d", "--archive", "new.jsonl"),
        ):
            done = run(program, *words)
            assert (done.returncode, "chmod" in done.stderr) == (0, False), done.stderr
        made = {path.name for path in set(program.folder.rglob("*")) - before}
        assert made >= {
            "leadback.db", "leadback.db-wal", "leadback.db-shm", "copy.db", "old.jsonl", "new.jsonl"
        }  # fmt: skip
        assert {name for name in wide(program.folder) if name in made} == set()


def test_a_database_that_others_can_read_is_a_warning_with_the_command_against_it(
    program: Program,
) -> None:
    database = program.folder / "leadback.db"
    assert "chmod" not in run(program, "queue", "status").stderr
    database.chmod(0o644)
    said = run(program, "queue", "status")
    assert said.returncode == 0
    assert f"chmod 600 {database.name}" in said.stderr.replace(f"{program.folder}/", "")
    database.chmod(0o640)
    assert "chmod" not in run(program, "queue", "status").stderr
