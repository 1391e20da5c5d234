"""One HubSpot account: its owners, records, access tokens, switches and everything that moves."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from leadback_hubspot_sandbox import catalog
from leadback_hubspot_sandbox.catalog import KINDS, Kind
from leadback_hubspot_sandbox.clock import SandboxClock, format_iso
from leadback_hubspot_sandbox.faults import FaultMenu
from leadback_hubspot_sandbox.journal import Journals
from leadback_hubspot_sandbox.limits import Budget
from leadback_hubspot_sandbox.records import Record, RecordStore
from leadback_hubspot_sandbox.switches import Switches
from leadback_hubspot_sandbox.webhooks import WebhookSender

FIRST_IDS = {
    "contacts": 171_590_001_000,
    "notes": 283_100_001_000,
    "emails": 294_200_001_000,
    "tasks": 305_300_001_000,
}


@dataclass(slots=True)
class Owner:
    """A user as owners API shows it. ``id`` goes into ``hubspot_owner_id``; ``user_id`` never."""

    id: str
    email: str
    first_name: str
    last_name: str
    user_id: int
    type: str = "PERSON"
    archived: bool = False
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def render(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "email": self.email,
            "type": self.type,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userId": None if self.archived else self.user_id,
            "userIdIncludingInactive": self.user_id,
            "createdAt": format_iso(self.created_ms),
            "updatedAt": format_iso(self.updated_ms),
            "archived": self.archived,
            "teams": [],
        }


@dataclass(frozen=True, slots=True)
class Access:
    """What a bearer token may do. ``scopes=None`` means all; ``expires_ms=None`` never ends."""

    token: str
    app_id: int
    kind: str = "private_app"
    scopes: frozenset[str] | None = None
    expires_ms: int | None = None
    revoked: bool = False


@dataclass(slots=True)
class Stats:
    """Calls by route and status, and what the limits and webhooks did."""

    calls: dict[str, dict[int, int]] = field(default_factory=dict)
    rejected: int = 0

    def count(self, route: str, status: int) -> None:
        by_status = self.calls.setdefault(route, {})
        by_status[status] = by_status.get(status, 0) + 1
        if status == 429:
            self.rejected += 1


@dataclass(slots=True)
class Portal:
    """The account behind one portal id. Only the server's event loop touches it."""

    id: int
    clock: SandboxClock
    rng: random.Random
    budget: Budget
    webhooks: WebhookSender
    journals: Journals
    siblings: Mapping[int, Portal]
    time_zone: str = "UTC"
    switches: Switches = field(default_factory=Switches)
    faults: FaultMenu = field(default_factory=FaultMenu)
    owners: dict[str, Owner] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    stores: dict[str, RecordStore] = field(default_factory=dict)
    erased_emails: set[str] = field(default_factory=set)
    stats: Stats = field(default_factory=Stats)
    installed: set[int] = field(default_factory=set)
    uninstalled: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        now = self.clock.now_ms()
        # Ids of different portals differ, so that whoever mixes portals up is found out.
        apart = self.rng.randrange(10_000) * 1_000_000
        for kind in KINDS:
            self.stores[kind.name] = RecordStore(
                kind,
                first_id=FIRST_IDS[kind.name] + apart,
                rng=self.rng,
                definitions=catalog.definitions(kind, now),
                groups=catalog.groups(kind),
            )

    @property
    def contacts(self) -> RecordStore:
        return self.stores["contacts"]

    def take_properties(self, other: Portal) -> None:
        """Have the definitions of properties and groups that another portal has now."""
        for name, store in self.stores.items():
            model = other.stores[name]
            store.definitions = {
                each.name: replace(each, options=[*map(copy, each.options)])
                for each in model.definitions.values()
            }
            store.groups = {each.name: copy(each) for each in model.groups.values()}

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def in_range(self, bounds: tuple[float, float]) -> float:
        return self.rng.uniform(bounds[0], bounds[1])

    def owner_by(self, key: str) -> Owner | None:
        """An owner by id or, ignoring case, by email; of several of one address the active one."""
        found = self.owners.get(key)
        if found is not None:
            return found
        wanted = key.lower()
        same = [owner for owner in self.owners.values() if owner.email == wanted]
        return min(same, key=lambda owner: owner.archived, default=None)

    def record_url(self, record: Record) -> str:
        return (
            f"https://app.hubspot.com/contacts/{self.id}/record/{record.kind.type_id}/{record.id}"
        )

    def index(self, record: Record, *, gone: bool = False, lag: float | None = None) -> None:
        """Let search see the record as it is now, after ``lag`` seconds (default: the portal's)."""
        copy = None
        if not gone and not record.archived:
            copy = replace(record, properties=dict(record.properties), history={}, links={})
        if lag is None:
            lag = self.in_range(self.switches.search_lag)
        ready = time.monotonic() + lag
        self.stores[record.kind.name].index.push(record.id, copy, ready=ready)

    def kind(self, name: str) -> Kind:
        return self.stores[name].kind
