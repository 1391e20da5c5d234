"""A thread for each portal that is worked for: a slow portal holds up none of the others."""

import threading
import time
from collections.abc import Callable, Iterable

import structlog

MOST = 8
"""Portals at once."""
GRACE_SECONDS = 5.0
"""How long the end waits for what is begun."""

log = structlog.get_logger()


class PortalThreads:
    """Of one loop, which calls start() and join(); `work` raises nothing.

    The threads end with the process: a CRM that hangs must not keep a worker from ending. What was
    in hand is on record with a lease, and another worker takes it from there.
    """

    def __init__(self, work: Callable[[str], object], name: str) -> None:
        self._work, self._name = work, name
        self._busy: dict[str, threading.Thread] = {}

    def start(self, portals: Iterable[str]) -> None:
        """Work for these portals, where that is not under way already."""
        self._busy = {portal: one for portal, one in self._busy.items() if one.is_alive()}
        for portal in portals:
            if portal not in self._busy and len(self._busy) < MOST:
                thread = threading.Thread(
                    target=self._work, args=(portal,), name=f"{self._name}-{portal}", daemon=True
                )
                self._busy[portal] = thread
                thread.start()

    def join(self) -> None:
        """Wait for what is begun, as long as the grace is."""
        until = time.monotonic() + GRACE_SECONDS
        for portal, thread in self._busy.items():
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                log.warning("left unfinished", action="stop", portal=portal, work=self._name)
