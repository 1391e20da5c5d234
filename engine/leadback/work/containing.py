"""Finds the one row that a transaction of many fails with, and the portal that fails alone.

A claim writes up to thousands of events in one transaction. When that fails, the same is tried with
fewer, until one event is alone in a transaction that fails: it is the guilty one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from leadback.base.clock import SECOND, Millis
from leadback.base.errors import LeadbackError

LONGEST = 300
"""Characters of what went wrong."""

GUILTY_AT_MOST = 8
"""Of one call to a CRM: when so many ids fail each alone, and none works, it is the portal."""

log = structlog.get_logger()

T = TypeVar("T")


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


def contained(
    rows: Sequence[T], work: Callable[[Sequence[T]], int], guilty: Callable[[T, Exception], object]
) -> int:
    """Do `work`, a transaction, with all rows; when it fails, with halves, until the rows that fail
    are alone: `guilty` is told about each. The sum of what `work` came to.

    Raises what the database or the set-up raises (LeadbackError): no row is to blame for that.
    """
    if not rows:
        return 0
    try:
        return work(rows)
    except (LeadbackError, MemoryError):
        raise
    except Exception as error:
        if len(rows) == 1:
            guilty(rows[0], error)
            return 0
    half = len(rows) // 2
    return contained(rows[:half], work, guilty) + contained(rows[half:], work, guilty)


def asked_apart(
    ids: Sequence[str], ask: Callable[[list[str]], Mapping[str, T]]
) -> tuple[dict[str, T], dict[str, Exception]]:
    """(What was answered, the ids that the answer fails with): a CRM is asked about all ids at
    once, and when its answer makes no sense, about fewer, until the ids that fail are alone.

    Raises what was raised when nothing can be asked at all.
    """
    answered: dict[str, T] = {}
    failed: dict[str, Exception] = {}
    parts = [list(ids)]
    while parts:
        part = parts.pop()
        try:
            answered.update(ask(part))
        except (LeadbackError, MemoryError):
            raise
        except Exception as error:
            if len(part) > 1:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
                continue
            failed[part[0]] = error
            if len(failed) >= GUILTY_AT_MOST and not answered:
                raise
    return answered, failed


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
        if isinstance(error, LeadbackError):
            log.error("portal stopped for now", **told)
        else:
            log.exception("portal failed", **{**told, "reason": last_line(error)})
