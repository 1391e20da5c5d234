"""`make chaos`: 1,000 kills and 100 restarts under 300,000 events. Prints its seed and totals."""

import argparse
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from tests.acceptance.conftest import Program, sandbox
from tests.chaos.server import server
from tests.chaos.storm import Storm


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--restarts", type=int, default=100)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--leads", type=int, default=300)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    given = parser.parse_args()
    on_file = given.database == "sqlite"
    began = time.monotonic()

    def tell(what: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:7.1f} s  {what}\n")
        sys.stdout.flush()

    tell(f"seed {given.seed}, {given.database}")
    with (
        tempfile.TemporaryDirectory(prefix="lb-chaos-") as folder,
        sandbox("--search-lag", "0") as portal,
        nullcontext() if on_file else server() as running,
    ):
        storm = Storm(
            Program(Path(folder), portal),
            running.url if running else f"sqlite:///{folder}/leadback.db",
            given.seed,
            kills=given.kills,
            restarts=0 if on_file else given.restarts,
            events=given.events,
            leads=given.leads,
            server=running,
            tell=tell,
        )
        broken = storm.run()
    for sentence in broken[:50]:
        tell(f"BROKEN: {sentence}")
    tell(
        f"{storm.kills} kills, {storm.restarts} restarts, {len(storm.sent)} events, "
        f"{len(broken)} promises broken (seed {given.seed})"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
