"""The fault menu: what can go wrong on the wire, by probability, count and route, from a seed.

It only decides; the gateway carries the fault out. ``owner_race`` is a person, not the network.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

MEANINGS: Final = {
    "401": "a valid token is refused, as happens now and then under load",
    "423": "the record is locked (wait 2 s)",
    "429": "rate limit, whatever the budget says",
    "477": "the portal moves to another data centre; Retry-After: seconds",
    "502": "bad gateway, HTML",
    "503": "unavailable, JSON",
    "504": "gateway timeout; the work may be done (commit: true/false, default random)",
    "521": "the web server is down, HTML",
    "523": "origin unreachable, HTML",
    "524": "no answer in time; the work may be done (commit: true/false, default random)",
    "slow": "the answer waits for `seconds`",
    "reset": "the connection is aborted before any work is done",
    "commit-then-drop": "the work is done, then the connection is aborted",
    "no-effect": "a batch write is answered 2xx with empty results, and nothing is done",
    "html": "an HTML error page (status 500) instead of JSON; nothing is done",
    "empty": "the work is done; a 2xx with an empty body",
    "cut-off": "the work is done; the JSON breaks off in the middle and the connection closes",
    "answer": "this answer (`status`, `body`, `content_type`) instead of the right one",
    "owner_race": "a person sets another owner right before or after an API write of the owner",
}
_MAYBE_COMMITTED: Final = frozenset({"504", "524"})
_COMMITTED: Final = frozenset({"commit-then-drop", "empty", "cut-off"})
_DEFAULT_SECONDS: Final = {"slow": 5.0, "477": 30.0}


class FaultError(ValueError):
    """A fault that is not on the menu or not well described; the text says what is."""


@dataclass(slots=True)
class Fault:
    """One armed fault. ``route`` matches ``METHOD /template`` as a wildcard or a part of it."""

    id: int
    kind: str
    probability: float = 1.0
    count: int | None = None
    route: str = "*"
    seconds: float = 0.0
    commit: bool | None = None
    when: str = "random"
    owner: str | None = None
    status: int = 404
    body: str = ""
    content_type: str = "text/html;charset=utf-8"
    fired: int = 0

    def matches(self, route: str) -> bool:
        if self.count is not None and self.fired >= self.count:
            return False
        return self.route == "*" or self.route in route or fnmatchcase(route, self.route)


@dataclass(slots=True)
class Race:
    """An owner change that the race fault made, for whoever counts stolen contacts."""

    contact: str
    owner: str
    when: str


@dataclass(slots=True)
class FaultMenu:
    """A portal's armed faults, tried in the order they were added."""

    rng: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - replayable
    armed: list[Fault] = field(default_factory=list)
    races: list[Race] = field(default_factory=list)
    _last_id: int = 0

    def arm(self, kind: str, **settings: Any) -> Fault:
        """Add a fault; raises FaultError with the menu when it does not exist."""
        if kind not in MEANINGS:
            raise FaultError(f"Unknown fault {kind!r}; the menu: {', '.join(MEANINGS)}")
        unknown = set(settings) - _SETTINGS
        if unknown:
            allowed = ", ".join(sorted(_SETTINGS))
            raise FaultError(f"Unknown setting {', '.join(sorted(unknown))}; allowed: {allowed}")
        settings.setdefault("seconds", _DEFAULT_SECONDS.get(kind, 0.0))
        _check(settings)
        self._last_id += 1
        fault = Fault(self._last_id, kind, **settings)
        self.armed.append(fault)
        return fault

    def disarm(self) -> None:
        self.armed.clear()
        self.races.clear()

    def pick(self, route: str, *, batch_write: bool) -> Fault | None:
        """The network fault for this call, if one strikes; no-effect strikes batch writes only."""
        return self._strike(route, race=False, batch_write=batch_write)

    def race(self, route: str) -> Fault | None:
        """The interfering person for this owner write, if there is one."""
        return self._strike(route, race=True, batch_write=True)

    def commits(self, fault: Fault) -> bool:
        """Whether the work is done in spite of the fault."""
        if fault.commit is not None:
            return fault.commit
        if fault.kind in _MAYBE_COMMITTED:
            return self.rng.random() < 0.5
        return fault.kind in _COMMITTED

    def _strike(self, route: str, *, race: bool, batch_write: bool) -> Fault | None:
        for fault in self.armed:
            if (fault.kind == "owner_race") is not race or not fault.matches(route):
                continue
            if fault.kind == "no-effect" and not batch_write:
                continue
            if self.rng.random() < fault.probability:
                fault.fired += 1
                return fault
        return None

    def describe(self) -> dict[str, Any]:
        return {
            "armed": [asdict(fault) for fault in self.armed],
            "races": [asdict(race) for race in self.races],
            "menu": dict(MEANINGS),
        }


_SETTINGS: Final = frozenset(
    {
        "probability", "count", "route", "seconds", "commit", "when", "owner", "status", "body",
        "content_type",
    }
)  # fmt: skip


def _check(settings: dict[str, Any]) -> None:
    probability = settings.get("probability", 1.0)
    if not _is_number(probability) or not 0 <= probability <= 1:
        raise FaultError(f"probability must be from 0 to 1, not {probability!r}")
    count = settings.get("count")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise FaultError(f"count must be a whole number from 1 on, not {count!r}")
    if not _is_number(settings["seconds"]) or settings["seconds"] < 0:
        raise FaultError(f"seconds must be a number from 0 on, not {settings['seconds']!r}")
    if settings.get("when", "random") not in ("before", "after", "random"):
        raise FaultError("when must be before, after or random")
    if settings.get("commit") not in (True, False, None):
        raise FaultError("commit must be true, false or null")
    status = settings.get("status", 404)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise FaultError(f"status must be a number from 200 to 599, not {status!r}")
    for name in ("route", "owner", "body", "content_type"):
        if not isinstance(settings.get(name, ""), str | None):
            raise FaultError(f"{name} must be a string")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_option(text: str) -> tuple[str, dict[str, Any]]:
    """``KIND:PROBABILITY[:ROUTE]`` of the command line, e.g. ``503:0.02:notes/batch``."""
    kind, _, rest = text.partition(":")
    probability, _, route = rest.partition(":")
    settings: dict[str, Any] = {}
    try:
        settings["probability"] = float(probability) if probability else 1.0
    except ValueError:
        raise FaultError(
            f"--fault {text}: write KIND:PROBABILITY[:ROUTE], e.g. 503:0.02:notes/batch/create"
        ) from None
    if route:
        settings["route"] = route
    return kind, settings
