"""Wakes the loops of a worker: as soon as the database rings, or when one of them has made work.

A bell may break or miss something, and timers ring none: whoever waits looks again soon anyway.
"""

import threading

import structlog

from leadback.base.errors import LeadbackError
from leadback.store import Store

LISTEN_SECONDS = 0.5
"""How long the listener listens before it asks whether to stop."""
MEND_SECONDS = 1.0

log = structlog.get_logger()


class News:
    """Counts news. A loop remembers the count from before it looked, so that it misses none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    def tell(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Until there is news after `seen`, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, seconds)


def listen(store: Store, news: News, stop: threading.Event) -> None:
    """Tell what the database's bell says, until `stop` is set."""
    while not stop.is_set():
        try:
            bell = store.bell()
            try:
                while not stop.is_set():
                    if bell.wait(LISTEN_SECONDS):
                        news.tell()
            finally:
                bell.close()
        except LeadbackError as error:
            log.warning("the bell is broken for now", action="listen", reason=str(error))
            stop.wait(MEND_SECONDS)
