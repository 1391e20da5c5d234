"""Finds the one event that a transaction of many fails with, and the portal that fails alone.

A claim writes up to thousands of events in one transaction. When that fails, the same is tried with
fewer, until one event is alone in a transaction that fails: it is the guilty one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog

from engine.base.clock import SECOND, Millis
from engine.base.errors import HandbackError

LONGEST = 300
"""Characters of what went wrong."""

log = structlog.get_logger()


@dataclass(slots=True)
class ClaimSize:
    """How many events the next claim of a portal takes; `most` as long as nothing fails.

    suspects: the guilty event is among so many next ones, which are halved. ramp: after that,
    claims grow again from one event: whoever sends one bad event often sends many.
    """

    most: int
    suspects: int = 0
    ramp: int = 0

    def __post_init__(self) -> None:
        self.ramp = self.ramp or self.most

    @property
    def next(self) -> int:
        return max(1, self.suspects // 2) if self.suspects else self.ramp

    @property
    def is_whole(self) -> bool:
        """Nothing is suspected."""
        return not self.suspects and self.ramp == self.most

    def worked(self, taken: int) -> None:
        """A claim of so many was written."""
        if self.suspects:
            self.suspects, self.ramp = max(0, self.suspects - taken), 1
        else:
            self.ramp = min(self.most, self.ramp * 2)

    def failed(self, taken: int) -> None:
        """A claim of so many could not be written."""
        self.suspects = taken

    def parked(self) -> None:
        """The guilty one is out of the way."""
        self.suspects, self.ramp = 0, 1


def last_line(error: BaseException) -> str:
    """What went wrong, as the last line of a traceback says it: its first line, and not much of it.

    A database driver's own words, without the statement and its values; what follows the first line
    there is the row.
    """
    cause = getattr(error, "orig", None) or error
    name = type(cause).__name__
    lines = str(cause).strip().splitlines()
    return f"{name}: {lines[0]}"[:LONGEST] if lines else name


class PortalByPortal:
    """Does the same in every portal. One that fails keeps none of the others from their turn."""

    def __init__(self, action: str) -> None:
        self._action = action
        self._told: dict[str, Millis] = {}

    def each(self, portals: Iterable[str], work: Callable[[str], int], now: Millis) -> int:
        """The sum of what `work(portal)` came to. Raises what the first portal raised when nothing
        could be done in any; otherwise that is logged, once a second."""
        done, failures = 0, list[Exception]()
        for portal in portals:
            try:
                done += work(portal)
            except Exception as error:
                failures.append(error)
                self._tell(portal, error, now)
        if failures and not done:
            raise failures[0]
        return done

    def _tell(self, portal: str, error: Exception, now: Millis) -> None:
        if 0 <= now - self._told.get(portal, -SECOND) < SECOND:
            return
        self._told[portal] = now
        told: dict[str, Any] = {"action": self._action, "portal": portal, "reason": str(error)}
        if isinstance(error, HandbackError):
            log.error("portal stopped for now", **told)
        else:
            log.exception("portal failed", **{**told, "reason": last_line(error)})
