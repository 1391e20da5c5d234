"""Do the tests notice when the rules or the decisions change? cosmic-ray on a copy of the tree.

    python -m bench.mutants --sample 200 --seed 1 [MODULE …]

Prints how many of the sampled mutants were killed, and the diff of every one that survived; those
belong into docs/explain/mutants.md with a reason, or a test is missing.
"""

import argparse
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREES = ("engine/rules", "engine/lead")
TESTS = "tests/rules tests/lead tests/service/test_versions.py tests/service/test_missed_timers.py"
COPIED = ("engine", "plugins", "rules", "tests", "examples", "pyproject.toml", "runner.py")
CONFIG = """
[cosmic-ray]
module-path = [{modules}]
timeout = 120.0
excluded-modules = []
test-command = "{python} -m pytest -q -x -p no:cacheprovider -m 'not slow' {tests}"
[cosmic-ray.distributor]
name = "local"
"""
ANNOTATIONS = "%BitOr%"
"""`int | None` and the like are the only places with `|`: changing them changes nothing."""


def main() -> None:
    asked = argparse.ArgumentParser(description="Mutation testing of the pure core.")
    asked.add_argument("modules", nargs="*", default=TREES)
    asked.add_argument("--sample", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--tests", default=TESTS)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="handback-mutants-") as folder:
        run(Path(folder), given.modules, given.sample, given.seed, given.tests)


def run(folder: Path, modules: list[str], sample: int, seed: int, tests: str) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    files = [f for m in modules for f in ([m] if m.endswith(".py") else _files(m))]
    text = CONFIG.format(
        modules=", ".join(f'"{f}"' for f in files), python=sys.executable, tests=tests
    )
    (folder / "mutants.toml").write_text(text)
    ray = [str(Path(sys.executable).with_name("cosmic-ray"))]
    subprocess.run([*ray, "init", "mutants.toml", "mutants.sqlite"], cwd=folder, check=True)
    with sqlite3.connect(folder / "mutants.sqlite") as work:
        every = work.execute(
            "SELECT job_id FROM mutation_specs WHERE operator_name NOT LIKE ? "
            "ORDER BY module_path, start_pos_row, start_pos_col, operator_name, occurrence",
            (ANNOTATIONS,),
        ).fetchall()
        chosen = random.Random(seed).sample(every, min(sample, len(every)))
        work.execute("CREATE TABLE chosen (job_id)")
        work.executemany("INSERT INTO chosen VALUES (?)", chosen)
        for table in ("mutation_specs", "work_items"):
            work.execute(f"DELETE FROM {table} WHERE job_id NOT IN (SELECT job_id FROM chosen)")  # noqa: S608 — two names of ours
    subprocess.run([*ray, "exec", "mutants.toml", "mutants.sqlite"], cwd=folder, check=True)
    report(folder / "mutants.sqlite", len(every), seed)


def _files(tree: str) -> list[str]:
    return sorted(str(p.relative_to(ROOT)) for p in (ROOT / tree).glob("*.py") if p.stat().st_size)


def report(database: Path, every: int, seed: int) -> None:
    with sqlite3.connect(database) as work:
        rows = work.execute("SELECT test_outcome, diff FROM work_results").fetchall()
    survived = [diff for outcome, diff in rows if outcome == "SURVIVED"]
    for diff in survived:
        print(diff, "\n")
    killed = len(rows) - len(survived)
    share = 100 * killed / len(rows) if rows else 0.0
    print(f"{killed} of {len(rows)} killed ({share:.0f} %), sampled from {every} by seed {seed}")


if __name__ == "__main__":
    main()
