"""Python's cycle collector, told to wait while thousands of records are on their way.

Records hold no cycles: they die by their reference counts. The collector cannot know that, and
walks all that are alive again and again while a batch grows: a twentieth of what a batch costs.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_one = threading.Lock()


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
