"""The wheel, installed where other projects have the names that ours stand beside in a checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT
from tests.acceptance.test_demo_serve import small_day as small_day

pytestmark = pytest.mark.slow

FOREIGN = ("engine", "plugins", "rules", "examples", "runner")
DAY = "leadback/shipped/day/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment's Python that has the wheel, what it depends on, and other people's packages.

    What it depends on is that of the tests, so that nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    site = Path(paths["purelib"])
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([sys.executable, *install, str(wheel)], check=True, timeout=120)
    (site / "theirs.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    for name in FOREIGN:
        (site / name).mkdir()
        (site / name / "__init__.py").write_text("raise ImportError('not yours')\n", "utf-8")
    return folder / "bin" / "python"


def run(python: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As the script that the wheel installs runs it."""
    for name in FOREIGN:
        (cwd / f"{name}.py").write_text("raise ImportError('not yours')\n", encoding="utf-8")
    start = "import sys; from leadback.cli.main import main; sys.argv[0] = 'leadback'; main()"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LEADBACK_", "PYTHON"))}
    return subprocess.run(
        [str(python), "-W", "ignore", "-c", start, *arguments],
        cwd=cwd, env={**kept, "PYTHONPATH": str(cwd)}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


def test_the_wheel_has_our_own_names_and_is_typed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {one.filename: one.file_size for one in archive.infolist()}
    tops = {name.partition("/")[0] for name in sizes}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "leadback", "leadback_hubspot", "leadback_hubspot_sandbox",
    }  # fmt: skip
    assert {"leadback/py.typed", "leadback_hubspot/py.typed"} <= sizes.keys()
    day = sum(size for name, size in sizes.items() if name.startswith(DAY))
    assert 0 < day < sum(sizes.values()) / 4


def test_it_is_what_runs(installed: Path, tmp_path: Path) -> None:
    where = "import leadback, leadback_hubspot; print(leadback.__file__, leadback_hubspot.__file__)"
    shown = subprocess.run(
        [str(installed), "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert all(path.startswith(str(installed.parents[1])) for path in shown.split())


def test_the_demo_and_the_rules_run_beside_other_peoples_packages(
    installed: Path, small_day: Path, tmp_path: Path
) -> None:
    checked = run(installed, tmp_path, "rules", "check")
    assert checked.returncode == 0, checked.stderr
    played = run(installed, tmp_path, "demo", "--day", str(small_day))
    assert played.returncode == 0, played.stdout + played.stderr
    recorded = "from leadback.base.shipped import RECORDED_DAY; print(*RECORDED_DAY.iterdir())"
    shown = subprocess.run(
        [str(installed), "-c", recorded], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "events.jsonl.gz" in shown
