"""Do the tests notice when the rules or the decisions change? cosmic-ray on a copy of the tree.

    python -m bench.mutants --sample 200 --seed 1 [--minutes 60] [MODULE …]

With --minutes it takes the sample from its beginning as far as the time goes; the order is always
the same, so that what was done is a sample as well. A mutant that takes too long is told apart from
one that a test noticed: on a busy machine it may only be slow. Prints how many were killed, and the
diff of every one that survived; those belong into docs/explain/mutants.md with a reason, or a test
is missing.
"""

import argparse
import random
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREES = ("engine/rules", "engine/lead")
TESTS = "tests/rules tests/lead tests/service/test_versions.py tests/service/test_missed_timers.py"
COPIED = ("engine", "plugins", "docs", "rules", "tests", "examples", "pyproject.toml", "runner.py")
COMMAND = "{python} -m pytest -q -x -p no:cacheprovider -m 'not slow' {tests}"
CONFIG = """
[cosmic-ray]
module-path = [{modules}]
timeout = 900.0
excluded-modules = []
test-command = "{command}"
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
    asked.add_argument("--minutes", type=float, default=float("inf"))
    asked.add_argument("--tests", default=TESTS)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="handback-mutants-") as folder:
        every, chosen = prepare(Path(folder), given.modules, given.tests, given.sample, given.seed)
        run(Path(folder), chosen, time.monotonic() + 60 * given.minutes)
        report(Path(folder) / "mutants.sqlite", every, len(chosen), given.seed)


def prepare(
    folder: Path, modules: list[str], tests: str, sample: int, seed: int
) -> tuple[int, list[str]]:
    """A copy of the tree with all mutants listed; how many there are, and the sample of them."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    files = [f for m in modules for f in ([m] if m.endswith(".py") else _files(m))]
    command = COMMAND.format(python=sys.executable, tests=tests)
    # Where the tests fail already, every mutant would seem to be killed.
    subprocess.run(shlex.split(command), cwd=folder, check=True)
    text = CONFIG.format(modules=", ".join(f'"{f}"' for f in files), command=command)
    (folder / "mutants.toml").write_text(text)
    _ray(folder, "init")
    with sqlite3.connect(folder / "mutants.sqlite") as work:
        every = work.execute(
            "SELECT job_id FROM mutation_specs WHERE operator_name NOT LIKE ? "
            "ORDER BY module_path, start_pos_row, start_pos_col, operator_name, occurrence",
            (ANNOTATIONS,),
        ).fetchall()
        work.execute("DELETE FROM work_items")  # run() puts them back, one at a time
    chosen = random.Random(seed).sample(every, min(sample, len(every)))
    return len(every), [job for (job,) in chosen]


def run(folder: Path, chosen: list[str], until: float) -> None:
    """until: of time.monotonic()."""
    for job in chosen:
        if time.monotonic() >= until:
            return
        with sqlite3.connect(folder / "mutants.sqlite") as work:
            work.execute("INSERT INTO work_items (job_id) VALUES (?)", (job,))
        _ray(folder, "exec")
        with sqlite3.connect(folder / "mutants.sqlite") as work:
            said = work.execute(
                "SELECT test_outcome, module_path, start_pos_row, operator_name FROM work_results "
                "NATURAL JOIN mutation_specs WHERE job_id = ?", (job,)
            ).fetchone()  # fmt: skip
        print(*said, flush=True)


def _ray(folder: Path, command: str) -> None:
    ray = str(Path(sys.executable).with_name("cosmic-ray"))
    subprocess.run([ray, command, "mutants.toml", "mutants.sqlite"], cwd=folder, check=True)


def _files(tree: str) -> list[str]:
    return sorted(str(p.relative_to(ROOT)) for p in (ROOT / tree).glob("*.py") if p.stat().st_size)


def report(database: Path, every: int, chosen: int, seed: int) -> None:
    with sqlite3.connect(database) as work:
        rows = work.execute("SELECT test_outcome, output, diff FROM work_results").fetchall()
    for outcome, _, diff in rows:
        if outcome == "SURVIVED":
            print(diff, "\n")
    survived = sum(outcome == "SURVIVED" for outcome, _, _ in rows)
    slow = sum(output == "timeout" for _, output, _ in rows)
    killed = len(rows) - survived - slow
    share = 100 * killed / len(rows) if rows else 0.0
    print(
        f"{killed} of {len(rows)} killed ({share:.0f} %), {slow} took too long, "
        f"{survived} survived; the first of {chosen} sampled from {every} by seed {seed}"
    )


if __name__ == "__main__":
    main()
