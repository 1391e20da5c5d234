"""`make worlds`: many small worlds, each from its seed; says which broke a promise.

python -m tests.worlds                                  fresh seeds, on all cores
python -m tests.worlds --worlds 10000
python -m tests.worlds --worlds 1000 --database postgresql
python -m tests.worlds --seeds 1-10000                  these seeds
python -m tests.worlds --seeds 17-17 --tell
"""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.worlds.worlds import Lived, live_part

PART = 50
"""Worlds that share a sandbox and a server; a process that lives longer only grows."""
NEW = range(1_000_000, 1_000_000_000)
"""Where fresh seeds come from."""


def main() -> int:
    given = _options()
    first, last = _seeds(given)
    count = last - first + 1
    began, bad, deaths, curses, cursed, done = time.monotonic(), 0, 0, 0, 0, 0
    _say(f"{count} worlds on {given.database}, again with: --seeds {first}-{last}")
    for part in _lived(first, last, given.database, given.jobs):
        for lived in part:
            done += 1
            deaths += lived.deaths
            curses += lived.curses
            cursed += bool(lived.curses)
            bad += bool(lived.broken)
            if given.tell or lived.broken:
                _say("".join(f"  {line}\n" for line in lived.log), end="")
            for sentence in lived.broken:
                _say(f"world {lived.seed}: BROKEN: {sentence}")
        _say(f"{time.monotonic() - began:7.1f} s  {done} worlds, {bad} broken")
    pace = done / (time.monotonic() - began)
    _say(f"{done} worlds ({first}-{last}, {given.database}), {pace:.2f} a second, ", end="")
    _say(f"{deaths} deaths of processes, {curses} planted exceptions in {cursed} worlds, ", end="")
    _say(f"{bad} worlds broke a promise")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", help="first and last seed, e.g. 1-10000 (default: fresh ones)")
    parser.add_argument("--worlds", type=int, default=1000, help="how many fresh ones")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--tell", action="store_true", help="print what happens in each world")
    return parser.parse_args()


def _seeds(given: argparse.Namespace) -> tuple[int, int]:
    if given.seeds is None:
        base = secrets.choice(NEW)
        return base, base + given.worlds - 1
    first, _, last = given.seeds.partition("-")
    return int(first), int(last or first)


def _lived(first: int, last: int, database: str, jobs: int) -> Iterator[list[Lived]]:
    """In parts, as they come."""
    size = max(1, min(PART, -(-(last - first + 1) // jobs)))
    parts = [range(at, min(at + size, last + 1)) for at in range(first, last + 1, size)]
    with ProcessPoolExecutor(jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
        for one in as_completed(pool.submit(live_part, part, database) for part in parts):
            yield one.result()


def _say(what: str, end: str = "\n") -> None:
    sys.stdout.write(what + end)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
