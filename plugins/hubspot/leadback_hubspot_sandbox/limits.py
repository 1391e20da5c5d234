"""Rate limits: a rolling window per app, a daily counter, and search's own five a second.

https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

WINDOW_MS: Final = 10_000
SEARCHES_A_SECOND: Final = 5
JOURNAL_A_SECOND: Final = 100
ASSOCIATIONS_DAILY: Final = 500_000


@dataclass(frozen=True, slots=True)
class Tier:
    """A subscription's numbers. ``daily=None``: no daily limit (marketplace apps)."""

    burst: int
    daily: int | None
    associations: int


TIERS: Final = {
    "free": Tier(burst=100, daily=250_000, associations=100),
    "professional": Tier(burst=190, daily=625_000, associations=150),
    "enterprise": Tier(burst=190, daily=1_000_000, associations=150),
    "oauth": Tier(burst=110, daily=None, associations=100),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may go on; ``policy`` names the limit that stopped it."""

    headers: dict[str, str]
    policy: str | None = None
    message: str = ""
    wait_seconds: int = 0


@dataclass(slots=True)
class _Window:
    calls: deque[float] = field(default_factory=deque)

    def used(self, now: float, length: float) -> int:
        while self.calls and self.calls[0] <= now - length:
            self.calls.popleft()
        return len(self.calls)


@dataclass(slots=True)
class Budget:
    """One portal's call accounting. ``enabled=False`` lets everything through."""

    tier: Tier
    enabled: bool = True
    used_today: int = 0
    associations_today: int = 0
    day: str = ""
    _bursts: dict[int, _Window] = field(default_factory=dict)
    _associations: dict[int, _Window] = field(default_factory=dict)
    _journals: _Window = field(default_factory=_Window)
    _searches: _Window = field(default_factory=_Window)

    def start_day(self, day: str) -> None:
        """Reset the daily counters when the account's calendar day changes."""
        if day != self.day:
            self.day = day
            self.used_today = self.associations_today = 0

    def spend(
        self, family: str, *, app_id: int, now: float, tier: Tier, count_rejected: bool
    ) -> Verdict:
        """Account for one call at ``now`` (seconds). ``family``: burst, search or associations."""
        if family == "journal":
            return self._journal(now)
        if family == "search":
            return self._search(now, tier, count_rejected)
        if family == "associations":
            window = self._associations.setdefault(app_id, _Window())
            limit = tier.associations
        else:
            window = self._bursts.setdefault(app_id, _Window())
            limit = tier.burst
        used = window.used(now, WINDOW_MS / 1000)
        verdict = self._verdict(used, limit, tier, family)
        if self.enabled and verdict.policy is None:
            window.calls.append(now)
            self._spend_day(family)
            return Verdict(self._headers(used + 1, limit, tier))
        if count_rejected:
            window.calls.append(now)
        return verdict if self.enabled else Verdict({})

    def _verdict(self, used: int, limit: int, tier: Tier, family: str) -> Verdict:
        headers = self._headers(used, limit, tier)
        if self._day_is_spent(tier, family):
            return Verdict(headers, "DAILY", "You have reached your daily limit.", 0)
        if used >= limit:
            text = "You have reached your ten_secondly_rolling limit."
            return Verdict(headers, "TEN_SECONDLY_ROLLING", text, 10)
        return Verdict(headers)

    def _journal(self, now: float) -> Verdict:
        """The journal is exempt from the app's other limits and has its own."""
        if self.enabled and self._journals.used(now, 1.0) >= JOURNAL_A_SECOND:
            return Verdict({}, "SECONDLY", "You have reached your secondly limit.", 1)
        self._journals.calls.append(now)
        return Verdict({})

    def _search(self, now: float, tier: Tier, count_rejected: bool) -> Verdict:
        """Searches have no window headers, but those of the day."""
        if not self.enabled:
            return Verdict({})
        used = self._searches.used(now, 1.0)
        if self._day_is_spent(tier, "search"):
            return Verdict(self._daily(tier), "DAILY", "You have reached your daily limit.", 0)
        if used >= SEARCHES_A_SECOND:
            if count_rejected:
                self._searches.calls.append(now)
            text = "You have reached your secondly limit."
            return Verdict(self._daily(tier), "SECONDLY", text, 1)
        self._searches.calls.append(now)
        self._spend_day("search")
        return Verdict(self._daily(tier))

    def _day_is_spent(self, tier: Tier, family: str) -> bool:
        if tier.daily is None:
            return False
        if family == "associations":
            return self.associations_today >= ASSOCIATIONS_DAILY
        return self.used_today >= tier.daily

    def _spend_day(self, family: str) -> None:
        if family == "associations":
            self.associations_today += 1
        else:
            self.used_today += 1

    def _headers(self, used: int, limit: int, tier: Tier) -> dict[str, str]:
        headers = {
            "X-HubSpot-RateLimit-Max": str(limit),
            "X-HubSpot-RateLimit-Remaining": str(max(0, limit - used)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(WINDOW_MS),
            "X-HubSpot-RateLimit-Secondly": str(limit // 10),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(max(0, min(limit // 10, limit - used))),
        }
        return headers | self._daily(tier)

    def _daily(self, tier: Tier) -> dict[str, str]:
        if tier.daily is None:
            return {}
        return {
            "X-HubSpot-RateLimit-Daily": str(tier.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, tier.daily - self.used_today)),
        }


def too_many(verdict: Verdict, *, app_id: int, portal_id: int, plain: bool) -> dict[str, Any]:
    """The 429 body; ``plain`` is the second live shape, without errorType and policyName."""
    if plain:
        return {"status": "error", "message": verdict.message, "category": "RATE_LIMITS"}
    group = f"publicapi:private_app-api-calls-ten-secondly:{app_id}:{portal_id}"
    if verdict.policy == "SECONDLY":
        group = f"publicapi:crm:search:oauth:{portal_id}"
    elif verdict.policy == "DAILY":
        group = f"publicapi:private-app-api-calls-daily:{portal_id}"
    return {
        "status": "error",
        "message": verdict.message,
        "errorType": "RATE_LIMIT",
        "policyName": verdict.policy,
        "groupName": group,
    }
