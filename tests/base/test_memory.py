"""Memory of large blocks goes back to the system, whatever lies between them."""

import os
import subprocess
import sys

import pytest

GROWN = """
import re, sys
from engine.base.memory import give_back_large_blocks

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024

if sys.argv[1] == "fixed":
    give_back_large_blocks()
b"x" * 30_000_000  # glibc takes it as a sign that blocks like that come and go
before, kept = resident(), []
large = []
for _ in range(300):
    large.append(b"x" * 400_000)
    kept.extend(b"x" * 2_000 for _ in range(20))
del large
print(resident() - before)
"""


@pytest.mark.skipif(
    "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="about glibc's malloc"
)
def test_what_was_large_goes_although_small_ones_stay() -> None:
    def grown(how: str) -> float:
        """MB that stay of 132, 12 of which are small blocks."""
        done = subprocess.run(
            [sys.executable, "-c", GROWN, how], capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    assert grown("left") > 60, "glibc does not keep it any more: the call is not needed"
    assert grown("fixed") < 30
