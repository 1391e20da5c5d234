"""Python's cycle collector: told to wait while thousands of records are on their way, and to come
often where pages are drawn.

Records hold no cycles: they die by their reference counts. The collector cannot know that, and
walks all that are alive again and again while a batch grows: a twentieth of what a batch costs.
Pages are cycles through and through. A collector that comes rarely finds hundreds of thousands of
objects, and nothing else runs in the process for a second while it looks at them.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = (50_000, 20, 20)
OFTEN = (10_000, 5, 5)
"""See gc.set_threshold: the third collection of the third kind comes after at most 360,000 objects
more than died."""

_one = threading.Lock()


def collect_rarely() -> None:
    """For a program that makes records: looking for cycles among the tens of thousands of a claim
    after every 700 costs a quarter of the throughput. What is there by now is never looked at."""
    gc.freeze()
    gc.set_threshold(*RARELY)


def collect_often() -> None:
    """For a program that draws pages, once all that stays is there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*OFTEN)


@contextmanager
def collector_waits() -> Iterator[None]:
    """No collection in this process until the block ends; then there is one where it is due.

    Of several blocks at once only the first has this effect, so that threads whose batches follow
    each other closely cannot put it off for ever. Where it was switched off it stays so.
    """
    if not gc.isenabled() or not _one.acquire(blocking=False):
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        _one.release()
