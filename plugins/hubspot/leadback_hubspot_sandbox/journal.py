"""The webhooks journal: an app's append-only log of changes, kept as files for three days.

Events reach a file after a short while, and now and then twice: readers must bear both.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from leadback_hubspot_sandbox.clock import MILLISECONDS_A_DAY, SandboxClock, format_iso

RETENTION_MS: Final = 3 * MILLISECONDS_A_DAY
URL_LIFETIME_MS: Final = 5 * 60_000
EVENTS_IN_FILE: Final = 10_000
DELAY_SECONDS: Final = (0.05, 0.4)
REPEATED: Final = 0.02
ACTIONS: Final = frozenset({"CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one portal's changes an app wants to read. Empty lists mean all."""

    id: int
    portal_id: int
    object_type_id: str
    actions: frozenset[str]
    properties: frozenset[str]
    object_ids: frozenset[int]
    created_ms: int

    def wants(self, event: dict[str, Any]) -> bool:
        if event["portalId"] != self.portal_id or event["objectTypeId"] != self.object_type_id:
            return False
        if event["action"] not in self.actions:
            return False
        return not self.object_ids or event["objectId"] in self.object_ids

    def cut(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """The event with the subscribed properties only; None when nothing is left of it."""
        if event["action"] != "UPDATE" or not self.properties:
            return event
        changes = {
            name: value
            for name, value in event["propertyChanges"].items()
            if name in self.properties
        }
        return {**event, "propertyChanges": changes} if changes else None

    def render(self, app_id: int) -> dict[str, Any]:
        return {
            "id": self.id,
            "appId": app_id,
            "subscriptionType": "OBJECT",
            "portalId": self.portal_id,
            "objectTypeId": self.object_type_id,
            "actions": sorted(self.actions),
            "properties": sorted(self.properties),
            "objectIds": sorted(self.object_ids),
            "createdAt": format_iso(self.created_ms),
            "updatedAt": format_iso(self.created_ms),
        }


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One immutable file of the log; ``offset`` names its place."""

    offset: str
    published_ms: int
    events: tuple[dict[str, Any], ...]

    def render(self) -> dict[str, Any]:
        return {
            "offset": self.offset,
            "publishedAt": format_iso(self.published_ms),
            "journalEvents": list(self.events),
        }


@dataclass(slots=True)
class Journal:
    """One app's subscriptions and log."""

    app_id: int
    clock: SandboxClock
    rng: random.Random
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    files: list[JournalFile] = field(default_factory=list)
    _waiting: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _last_subscription: int = 0

    def subscribe(
        self,
        *,
        portal_id: int,
        object_type_id: str,
        actions: frozenset[str],
        properties: frozenset[str],
        object_ids: frozenset[int],
    ) -> Subscription:
        self._last_subscription += 1
        made = Subscription(
            self._last_subscription, portal_id, object_type_id, actions, properties, object_ids,
            self.clock.now_ms(),
        )  # fmt: skip
        self.subscriptions[made.id] = made
        return made

    def offer(self, event: dict[str, Any]) -> None:
        """Take an event that a subscription wants; it becomes readable a moment later."""
        for subscription in self.subscriptions.values():
            if not subscription.wants(event):
                continue
            kept = subscription.cut(event)
            if kept is None:
                continue
            ready = time.monotonic() + self.rng.uniform(*DELAY_SECONDS)
            self._waiting.append((ready, kept))
            if self.rng.random() < REPEATED:
                self._waiting.append((ready + DELAY_SECONDS[1], kept))
            return

    def readable(self) -> list[JournalFile]:
        """Files that are published and not expired, oldest first."""
        now, now_ms = time.monotonic(), self.clock.now_ms()
        due = [event for ready, event in self._waiting if ready <= now]
        self._waiting = [entry for entry in self._waiting if entry[0] > now]
        for start in range(0, len(due), EVENTS_IN_FILE):
            offset = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
            part = tuple(due[start : start + EVENTS_IN_FILE])
            self.files.append(JournalFile(offset, now_ms, part))
        self.files = [file for file in self.files if file.published_ms > now_ms - RETENTION_MS]
        return self.files


@dataclass(slots=True)
class Journals:
    """The journals of all apps; a portal's changes are offered to each."""

    clock: SandboxClock
    rng: random.Random
    by_app: dict[int, Journal] = field(default_factory=dict)

    def of(self, app_id: int) -> Journal:
        if app_id not in self.by_app:
            self.by_app[app_id] = Journal(app_id, self.clock, self.rng)
        return self.by_app[app_id]

    def offer(self, event: dict[str, Any]) -> None:
        for journal in self.by_app.values():
            journal.offer(event)

    def file(self, offset: str) -> JournalFile | None:
        return next((file for file in self._all() if file.offset == offset), None)

    def _all(self) -> Iterator[JournalFile]:
        for journal in self.by_app.values():
            yield from journal.readable()
