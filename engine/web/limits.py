"""How often somebody may knock: token buckets in memory, one per key or address."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from engine.base.clock import SECOND, Clock, Millis

REMEMBERED = 10_000


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
