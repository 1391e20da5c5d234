"""`make bench`: every figure of the README, measured here and now, into bench/results.json.

`python -m bench NAME…` runs only some; figures that were not measured keep their last value. Exit
code 1 when a measurement failed: the others are made and written all the same.

Ratios are measured within one run and can be judged; an absolute figure is the machine's, too.
"""

import json
import os
import platform
import sys
import traceback
from pathlib import Path

from bench import (
    assign_many,
    assigning,
    deciding,
    events,
    first_page,
    growth,
    hubspot,
    pages,
    peers,
    postgresql,
    processes,
    replaying,
    rules_check,
    soak,
)
from bench.figures import Benchmark, Figure

RESULTS = Path(__file__).parent / "results.json"
BENCHMARKS: dict[str, Benchmark] = {
    "deciding": deciding.measure,
    "events": events.measure,
    "processes": processes.measure,
    "postgresql": postgresql.measure,
    "peers": peers.measure,
    "growth": growth.measure,
    "first_page": first_page.measure,
    "pages": pages.measure,
    "assigning": assigning.measure,
    "assign_many": assign_many.measure,
    "hubspot": hubspot.measure,
    "rules": rules_check.measure,
    "replaying": replaying.measure,
    "soak": soak.measure,
}


def main(names: list[str]) -> int:
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}\n")
        return 2
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    sys.stdout.write(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n"
    )
    failed = [name for name in names or BENCHMARKS if not _measured(name, results)]
    if failed:
        sys.stderr.write(f"not measured to the end: {', '.join(failed)}\n")
    return 1 if failed else 0


def _measured(name: str, results: dict[str, object]) -> bool:
    """Measure, tell, and write what there is; one that fails takes no other one with it."""
    try:
        for figure in BENCHMARKS[name]():
            results[figure.name] = {
                "value": round(figure.value, 4),
                "unit": figure.unit,
                "target": figure.target,
            }
            _print(figure)
    except Exception:
        traceback.print_exc()
        return False
    finally:
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    return True


def _print(figure: Figure) -> None:
    verdict = {None: "", True: "reached", False: "MISSED"}[figure.met]
    value = f"{figure.value:,.0f}" if abs(figure.value) >= 100 else f"{figure.value:.3f}"
    cells = f"{figure.name:32} {value:>12} {figure.unit:14} {figure.target:10} {verdict:8}"
    sys.stdout.write(f"{cells} {figure.note}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
