"""What the C library does with memory that is given back to it."""

import ctypes

M_MMAP_THRESHOLD = -3
LARGE = 128 * 1024
"""Bytes from which on a block is the system's own: what glibc begins with, see mallopt(3)."""


def give_back_large_blocks() -> None:
    """Large blocks go back to the system as soon as they are free, for as long as we run.

    glibc raises its threshold to the largest block that was ever freed, up to 32 MB. From then on
    bodies, batches and answers lie between small blocks that stay, and a server that was busy once
    keeps a hundred megabytes for good. Other C libraries have no such threshold.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE)
