"""Memory of large blocks goes back to the system, whatever lies between them."""

import os
import subprocess
import sys

import pytest

GROWN = """
import re, sys
from leadback.base.memory import keep_little

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024

if sys.argv[1] == "fixed":
    keep_little()
b"x" * 30_000_000  # glibc takes it as a sign that blocks like that come and go
before, kept = resident(), []
large = []
for _ in range(300):
    large.append(b"x" * 400_000)
    kept.extend(b"x" * 2_000 for _ in range(20))
del large
print(resident() - before)
"""


on_glibc = pytest.mark.skipif(
    "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="about glibc's malloc"
)


def grown(script: str, how: str) -> float:
    """MB."""
    done = subprocess.run(
        [sys.executable, "-c", script, how], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@on_glibc
def test_what_was_large_goes_although_small_ones_stay() -> None:
    assert grown(GROWN, "left") > 60, "glibc does not keep it any more: the call is not needed"
    assert grown(GROWN, "fixed") < 30, "12 of 132 are small blocks"
