"""When to try again: pure, with the jitter taken from the effect's own reference."""

import zlib

from leadback.base.clock import DAY, HOUR, SECOND, Millis

HORIZON: Millis = 3 * DAY
"""How long an effect is tried before it is parked where a person sees it."""

ENOUGH = 8
"""Attempts before that, however long it took: nothing is tried while nothing runs."""

LONGEST: Millis = 1 * HOUR


def next_attempt(
    *, attempts: int, created_at: Millis, now: Millis, after: Millis, reference: str
) -> Millis | None:
    """The instant of the next attempt; None when it was tried ENOUGH and the horizon has passed.

    attempts: made so far (1 = the first has just failed). after: what the CRM asked us to wait.
    The wait doubles from 2 s up to an hour, plus up to a quarter of it so that a crowd spreads.
    """
    wait = min(2 * SECOND * 2 ** min(attempts - 1, 20), LONGEST)
    jitter = wait * (zlib.crc32(f"{reference}:{attempts}".encode()) % 1000) // 4000
    due = now + max(after, wait) + jitter
    return None if due > created_at + HORIZON and attempts >= ENOUGH else due
