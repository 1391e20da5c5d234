"""Says in the log how far behind the work is, for those who watch logs and not figures."""

import structlog

from leadback.base.clock import Millis
from leadback.store import Store

LATE_SECONDS = 60.0
"""Work that has been due for longer is worth a warning."""

log = structlog.get_logger()


def tell_lag(store: Store, now: Millis) -> None:
    """One line: how much is due, and for how long the oldest of it has been."""
    with store.read() as tx:
        due, oldest = tx.queue.lag(now)
    figures = {"action": "lag", "due": due, "oldest_due_seconds": round(oldest, 1)}
    if oldest >= LATE_SECONDS:
        log.warning("the work lags behind: leadback queue status", **figures)
    else:
        log.info("the work is up to date", **figures)
