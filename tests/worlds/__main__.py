"""`make worlds`: thousands of small worlds, each from its seed; says which broke a promise.

python -m tests.worlds --seeds 1-10000
python -m tests.worlds --seeds 17-17 --tell
"""

import argparse
import sys
import time

from tests.worlds.worlds import Worlds


def main() -> int:

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1-10000", help="first and last seed, e.g. 1-10000")
    parser.add_argument("--tell", action="store_true", help="print what happens in each world")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    began, bad, deaths, lived = time.monotonic(), 0, 0, 0
    with Worlds() as worlds:
        for seed in range(int(first), int(last or first) + 1):
            lived += 1
            told = worlds.live(seed)
            deaths += told.deaths
            if given.tell or told.broken:
                sys.stdout.write("".join(f"  {line}\n" for line in told.log))
            if told.broken:
                bad += 1
                sys.stdout.write("".join(f"world {seed}: BROKEN: {s}\n" for s in told.broken))
            if lived % 100 == 0:
                sys.stdout.write(
                    f"{time.monotonic() - began:7.1f} s  {lived} worlds, {bad} broken\n"
                )
            sys.stdout.flush()
    sys.stdout.write(
        f"{lived} worlds, {deaths} deaths of processes, {bad} worlds broke a promise\n"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
