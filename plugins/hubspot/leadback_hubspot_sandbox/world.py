"""All portals of one sandbox process, found by the bearer token; and how a new one is made."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from leadback_hubspot_sandbox.clock import SandboxClock
from leadback_hubspot_sandbox.grants import OAuthServer
from leadback_hubspot_sandbox.journal import Journals
from leadback_hubspot_sandbox.limits import TIERS, Budget
from leadback_hubspot_sandbox.portal import Access, Owner, Portal
from leadback_hubspot_sandbox.webhooks import DEFAULT_PROPERTIES, SenderSettings, WebhookSender

APP_ID: Final = 1_160_452
FIRST_OWNER_ID: Final = 71_500_101
FIRST_USER_ID: Final = 52_100_101


class PortalError(ValueError):
    """A portal that cannot be made as described; the text says why."""


@dataclass(frozen=True, slots=True)
class PortalRequest:
    """What a new portal is to be. ``seed`` makes it replayable."""

    portal_id: int
    token: str
    tier: str = "professional"
    time_zone: str = "UTC"
    webhook_url: str | None = None
    webhook_secret: str | None = None
    webhook_properties: tuple[str, ...] = DEFAULT_PROPERTIES
    scopes: frozenset[str] | None = None
    app_id: int = APP_ID
    rate_limited: bool = True
    seed: int = 1


@dataclass(slots=True)
class World:
    """The process's portals and its clock."""

    clock: SandboxClock
    base_url: str = ""
    portals: dict[int, Portal] = field(default_factory=dict)
    by_token: dict[str, Portal] = field(default_factory=dict)
    oauth: OAuthServer = field(default_factory=OAuthServer)
    journals: Journals = field(init=False)
    ids: random.Random = field(
        default_factory=lambda: random.Random(time.time_ns())  # noqa: S311 - correlation ids
    )

    def __post_init__(self) -> None:
        self.journals = Journals(self.clock, random.Random(self.clock.now_ms()))  # noqa: S311 - offsets

    def add(self, request: PortalRequest) -> Portal:
        """Make a portal; raises PortalError when its id or token is taken or a word unknown."""
        self._check(request)
        portal = self._build(request)
        access = Access(request.token, request.app_id, _kind(request.tier), request.scopes)
        portal.access[request.token] = access
        self.portals[portal.id] = portal
        self.by_token[request.token] = portal
        sync_webhooks(portal)
        return portal

    def remove(self, portal: Portal) -> None:
        """Take back a portal that could not be set up as asked."""
        del self.portals[portal.id]
        for token in [token for token, held in self.by_token.items() if held is portal]:
            del self.by_token[token]

    def portal_of(self, token: str) -> Portal | None:
        """The portal that a bearer token opens, static or from OAuth."""
        found = self.by_token.get(token)
        if found is not None:
            return found
        return next((one for one in self.portals.values() if token in one.access), None)

    def _check(self, request: PortalRequest) -> None:
        if request.portal_id in self.portals:
            raise PortalError(f"Portal {request.portal_id} exists already; choose another id")
        if not request.token or request.token in self.by_token:
            raise PortalError("The token is empty or belongs to another portal; choose another")
        if request.tier not in TIERS:
            raise PortalError(f"Unknown tier {request.tier!r}; one of {', '.join(TIERS)}")
        if request.time_zone != "UTC":
            try:
                ZoneInfo(request.time_zone)
            except (KeyError, ValueError, OSError):
                raise PortalError(
                    f"Unknown time zone {request.time_zone!r}; use a name like Europe/Berlin"
                ) from None

    def _build(self, request: PortalRequest) -> Portal:
        number = int.from_bytes(
            hashlib.sha256(f"{request.seed}/{request.portal_id}".encode()).digest()[:8], "big"
        )
        clock = self.clock
        settings = SenderSettings(
            url=request.webhook_url,
            app_id=request.app_id,
            properties=frozenset(request.webhook_properties),
        )
        if request.webhook_secret:
            settings.secret = request.webhook_secret
        sender = WebhookSender(
            request.portal_id,
            random.Random(number + 1),  # noqa: S311 - replayable
            lambda: time.time_ns() // 1_000_000,
            settings,
        )
        portal = Portal(
            request.portal_id,
            clock,
            random.Random(number),  # noqa: S311 - replayable
            Budget(TIERS[request.tier], enabled=request.rate_limited),
            sender,
            self.journals,
            self.portals,
            request.time_zone,
        )
        sender.signing_time_ms = lambda: (
            clock.now_ms()
            if portal.switches.webhook_timestamp == "clock"
            else time.time_ns() // 1_000_000
        )
        portal.faults.rng.seed(number + 2)
        return portal


def _kind(tier: str) -> str:
    return "oauth" if tier == "oauth" else "private_app"


def sync_webhooks(portal: Portal) -> None:
    """Hand the switches that concern webhooks to the sender, which runs in its own threads."""
    settings, switches = portal.webhooks.settings, portal.switches
    settings.delay = switches.webhook_delay
    settings.duplicates = switches.webhook_duplicates
    settings.compression = switches.webhook_time_compression


def add_owners(portal: Portal, described: Sequence[dict[str, Any]]) -> list[Owner]:
    """Add users as HubSpot would: each gets an owner id and a user id of different spaces."""
    made = []
    now = portal.clock.now_ms()
    for entry in described:
        email = entry.get("email")
        if not isinstance(email, str) or "@" not in email:
            raise PortalError(f"An owner needs an email address, not {email!r}")
        owner_id = str(entry.get("id") or FIRST_OWNER_ID + len(portal.owners))
        if not owner_id.isdigit() or owner_id in portal.owners:
            raise PortalError(f"Owner id {owner_id!r} is not a number or is taken")
        known = portal.owner_by(email.lower())
        if known is not None and not known.archived:  # who was deleted can be made anew
            raise PortalError(f"There is an owner with the email {email} already")
        owner = Owner(
            owner_id,
            email.lower(),
            str(entry.get("first_name") or ""),
            str(entry.get("last_name") or ""),
            int(entry.get("user_id") or FIRST_USER_ID + len(portal.owners)),
            str(entry.get("type") or "PERSON"),
            bool(entry.get("archived", False)),
            now,
            now,
        )
        portal.owners[owner_id] = owner
        made.append(owner)
    return made
