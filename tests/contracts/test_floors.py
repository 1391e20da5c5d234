"""The floors hold, and the gate that says so is seen to fail."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def test_the_floors_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


PLANTED = [
    ("engine/base/climber.py", "import engine.store", "The floors"),
    ("engine/store/neighbour.py", "import engine.hooks.specs", "The floors"),
    ("engine/extras/__init__.py", "", "The floors"),
    ("plugins/hubspot/burglar.py", "import engine.store", "A plugin sees engine.api"),
    ("engine/work/favourite.py", "import plugins.hubspot", "The engine finds plugins"),
    (
        "plugins/hubspot/hooks.py",
        "import plugins.hubspot.sandbox.world",
        "The product does not",
    ),
    ("engine/service/rules.py", "import engine.api", "The engine does not use"),
    ("engine/service/tables.py", "import sqlalchemy", "Only engine.store knows"),
    ("engine/work/intake.py", "import engine.work.access", "No event waits"),
    ("engine/work/rules_in_use.py", "import engine.hooks.manager", "No event waits"),
    ("engine/wiring.py", "import alembic", "Only engine.store knows"),
    ("engine/wiring.py", "import pluggy", "Only engine.hooks knows"),
    ("engine/api.py", "import redis", "Only engine.brokers knows"),
    ("engine/lead/actions.py", "import transitions", "Only engine.lead.machine"),
    ("engine/lead/change.py", "import transitions", "Only engine.lead.machine"),
    ("engine/work/decisions.py", "import engine.hooks.manager", "No event waits"),
    ("engine/cli/leads.py", "from engine.store import Store", "Doors know the service"),
    ("engine/web/pages/lead.py", "import engine.store.tables", "Doors know the service"),
    ("engine/brokers/sources.py", "import engine.hooks.specs", "Doors know the service"),
]
"""(file, what it imports against the contract, the beginning of the contract's name)"""


def test_each_wrong_import_is_seen(tmp_path: Path) -> None:
    """All of them at once: the report tells of every import by itself."""
    for name in ("engine", "plugins", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line, _ in PLANTED:
        planted = tmp_path / file
        planted.parent.mkdir(exist_ok=True)
        with planted.open("a") as text:
            text.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode != 0
    _, _, broken = done.stdout.partition("Broken contracts\n")
    reports = re.split(r"(?m)^(?=.+\n-{9,}$)", broken)
    for file, line, contract in PLANTED:
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        seen = f"{module} -> {line.split()[1]} (l." if line else f"- {module}\n"
        (report,) = [one for one in reports if one.startswith(contract)]
        assert seen in report, (file, line, done.stdout)
