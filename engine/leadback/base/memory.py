"""What the C library does with memory that is given back to it."""

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
LARGE = 128 * 1024
"""Bytes from which on a block is the system's own: what glibc begins with, see mallopt(3)."""
ARENAS = 2


def keep_little() -> None:
    """Large blocks go back to the system as soon as they are free, and threads share what is kept,
    for as long as we run. Before there are threads.

    glibc raises its threshold to the largest block that was ever freed, up to 32 MB. From then on
    bodies, batches and answers lie between small blocks that stay, and a server that was busy once
    keeps a hundred megabytes for good. It also keeps eight arenas for each processor, so that
    threads need not wait for each other; ours wait for the interpreter anyway. Other C libraries
    do neither.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_ARENA_MAX, ARENAS)
