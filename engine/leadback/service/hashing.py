"""Passwords as argon2id hashes, a bounded number at a time.

A hash is meant to cost memory and time, and is paid before anybody knows who asks. So it is made by
two threads of its own, with a short queue: who comes when that is full is told to come again, and
nobody else waits for it.

Parameters: OWASP Password Storage Cheat Sheet, argon2id with 19 MiB, two passes and one lane.
"""

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from leadback.base.errors import LeadbackError

AT_ONCE = 2
"""Hashes in the making: 38 MiB."""
PLACES = 8
"""Tries in hand, those that are hashed included."""
KEPT_FREE = 4
"""Places on top, for browsers that a login was good from before."""
LONGEST = 256
"""Characters of a password that are looked at, and one more to see that it is too long."""


class BusyError(LeadbackError):
    """More passwords are being checked than there is room for."""

    exit_code = 1


class Hashing:
    """One per process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hash")
        self._lock = threading.Lock()
        self._taken = 0
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    @contextmanager
    def place(self, *, known: bool = False) -> Iterator["Place"]:
        """A place in the queue for the block, from before anything else is done for a try.
        Raises BusyError at once when there is none."""
        with self._lock:
            if self._taken >= PLACES + KEPT_FREE * known:
                raise BusyError("too many passwords are being checked", fix="try again in a moment")
            self._taken += 1
        try:
            yield Place(self._hasher, self._pool, self._nobodys)
        finally:
            with self._lock:
                self._taken -= 1


class Place:
    """Whoever holds it may hash, one after the other. The caller waits."""

    def __init__(self, hasher: PasswordHasher, pool: ThreadPoolExecutor, nobodys: str) -> None:
        self._hasher, self._pool, self._nobodys = hasher, pool, nobodys

    def hash(self, password: str) -> str:
        return self._pool.submit(self._hasher.hash, password).result()

    def fits(self, hashed: str, password: str) -> bool:
        """Whether this is the password. "" (there is none) takes as long as any."""
        return self._pool.submit(self._fits, hashed, password[: LONGEST + 1]).result()

    def renewed(self, hashed: str, password: str) -> str:
        """The hash with the present parameters; the same one if it has them."""
        return self.hash(password) if self._hasher.check_needs_rehash(hashed) else hashed

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed or self._nobodys, password) and bool(hashed)
        except (VerificationError, InvalidHashError):
            return False
