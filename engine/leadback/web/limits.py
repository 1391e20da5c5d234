"""How often somebody may knock, and how many of one may be at work at once: in memory, per key or
address."""

import asyncio
import ipaddress
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from leadback.base.clock import SECOND, Clock, Millis

REMEMBERED = 10_000
LONGEST_NAME = 65
"""Of a login, and one more."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: Millis


class RateLimit:
    """`burst` at once, `per_second` in the long run. Safe to use from several threads."""

    def __init__(self, clock: Clock, *, per_second: float, burst: int) -> None:
        self._clock, self._rate, self._burst = clock, per_second / SECOND, burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, who: str, cost: int = 1) -> float:
        """0 = come in; otherwise the seconds after which it is worth another try."""
        now = self._clock.now()
        with self._lock:
            bucket = self._buckets.pop(who, None) or _Bucket(self._burst, now)
            bucket.tokens = min(self._burst, bucket.tokens + max(0, now - bucket.at) * self._rate)
            bucket.at = now
            self._buckets[who] = bucket
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
            cost = min(cost, self._burst)
            if bucket.tokens >= cost:
                bucket.tokens -= cost
                return 0
            return (cost - bucket.tokens) / self._rate / SECOND

    def give_back(self, who: str) -> None:
        """What was taken last was no knock that counts."""
        with self._lock:
            if bucket := self._buckets.get(who):
                bucket.tokens = min(self._burst, bucket.tokens + 1)


class Turns:
    """At once `each` of one, and `all_` together; the others wait for their turn, in order. Of one
    event loop. Names are to be of those that are known: each is remembered."""

    def __init__(self, *, each: int, all_: int) -> None:
        self._each, self._all = each, asyncio.Semaphore(all_)
        self._of: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def of(self, who: str) -> AsyncIterator[None]:
        """A turn during the block."""
        async with self._of.setdefault(who, asyncio.Semaphore(self._each)), self._all:
            yield


class LoginPace:
    """Tries of passwords: of an address, for a login, and of everybody. A browser that the login
    was good from before has a pace of its own, so that nobody can use it up for others."""

    def __init__(self, clock: Clock) -> None:
        self._of_address = RateLimit(clock, per_second=0.2, burst=20)
        self._for_login = RateLimit(clock, per_second=0.05, burst=10)
        self._of_all = RateLimit(clock, per_second=5, burst=100)
        self._of_browser = RateLimit(clock, per_second=0.2, burst=10)

    def wait(self, address: str, name: str, browser: str = "") -> float:
        """As RateLimit. browser: by which it is known, "" for one that is not."""
        if browser:
            return self._of_browser.wait(browser)
        return (
            self._of_address.wait(nearby(address))
            or self._for_login.wait(name[:LONGEST_NAME])
            or self._of_all.wait("")
        )

    def was_good(self, name: str) -> None:
        """The last try for this login was no guess."""
        self._for_login.give_back(name[:LONGEST_NAME])


def nearby(address: str) -> str:
    """Whom an address stands for: of IPv6 everybody gets 2^64 of them, and counts as one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
