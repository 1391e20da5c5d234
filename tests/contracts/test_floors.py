"""The floors hold, and the gate that says so is seen to fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("engine", "plugins", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_floors_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("engine/base/climber.py", "import engine.store", "The floors"),
        ("engine/store/neighbour.py", "import engine.hooks.specs", "The floors"),
        ("engine/extras/__init__.py", "", "The floors"),
        ("plugins/hubspot/burglar.py", "import engine.store", "A plugin sees engine.api"),
        ("engine/work/favourite.py", "import plugins.hubspot", "The engine finds plugins"),
        ("engine/service/tables.py", "import sqlalchemy", "Only engine.store knows"),
        ("engine/lead/effects.py", "import transitions", "Only engine.lead.machine"),
        ("engine/work/intake.py", "import engine.work.access", "No event waits"),
        ("engine/work/rules_in_use.py", "import engine.hooks.manager", "No event waits"),
    ],
)
def test_a_wrong_import_is_seen(copy: Path, file: str, line: str, contract: str) -> None:
    planted = copy / file
    planted.parent.mkdir(exist_ok=True)
    with planted.open("a") as text:
        text.write(f"\n{line}\n")
    done = lint(copy)
    assert done.returncode != 0
    broken = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), done.stdout
