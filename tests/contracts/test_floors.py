"""The floors hold, and the gate that says so is seen to fail."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ("engine", "plugins/hubspot")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        env={
            "PYTHONPATH": ":".join(str(folder / root) for root in ROOTS),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_floors_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


PLANTED = [
    ("engine/leadback/base/climber.py", "import leadback.store", "The floors"),
    ("engine/leadback/store/neighbour.py", "import leadback.hooks.specs", "The floors"),
    ("engine/leadback/extras/__init__.py", "", "The floors"),
    (
        "plugins/hubspot/leadback_hubspot/burglar.py",
        "import leadback.store",
        "A plugin sees leadback.api",
    ),
    ("engine/leadback/work/favourite.py", "import leadback_hubspot", "The engine finds plugins"),
    (
        "plugins/hubspot/leadback_hubspot/hooks.py",
        "import leadback_hubspot_sandbox.world",
        "The product does not",
    ),
    ("engine/leadback/service/rules.py", "import leadback.api", "The engine does not use"),
    ("engine/leadback/service/tables.py", "import sqlalchemy", "Only leadback.store knows"),
    ("engine/leadback/work/intake.py", "import leadback.work.access", "No event waits"),
    ("engine/leadback/work/rules_in_use.py", "import leadback.hooks.manager", "No event waits"),
    ("engine/leadback/wiring.py", "import alembic", "Only leadback.store knows"),
    ("engine/leadback/wiring.py", "import pluggy", "Only leadback.hooks knows"),
    ("engine/leadback/api.py", "import redis", "Only leadback.brokers knows"),
    ("engine/leadback/lead/actions.py", "import transitions", "Only leadback.lead.machine"),
    ("engine/leadback/lead/change.py", "import transitions", "Only leadback.lead.machine"),
    ("engine/leadback/work/decisions.py", "import leadback.hooks.manager", "No event waits"),
    ("engine/leadback/cli/leads.py", "from leadback.store import Store", "Doors know the service"),
    ("engine/leadback/web/pages/lead.py", "import leadback.store.tables", "Doors know the service"),
    ("engine/leadback/brokers/sources.py", "import leadback.hooks.specs", "Doors know the service"),
]
"""(file, what it imports against the contract, the beginning of the contract's name)"""


def test_each_wrong_import_is_seen(tmp_path: Path) -> None:
    """All of them at once: the report tells of every import by itself."""
    for name in ("engine", "plugins"):
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
        path = file.removeprefix("engine/").removeprefix("plugins/hubspot/")
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        seen = f"{module} -> {line.split()[1]} (l." if line else f"- {module}\n"
        (report,) = [one for one in reports if one.startswith(contract)]
        assert seen in report, (file, line, done.stdout)
