"""Who can own a contact in this portal: active people, deactivated users, queues.

https://developers.hubspot.com/docs/api-reference/crm-crm-owners-v3/guide — a deactivated user is
listed only with archived=true, and its contacts keep pointing at it, so both lists are read.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from leadback.api import Assistant, AssistantUser, Millis
from leadback_hubspot.answers import Answer
from leadback_hubspot.client import Api

FRESH_FOR: Millis = 60_000
PAGE = 100
MOST_PAGES = 500


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of the portal's owners. usable: an active person."""

    id: str
    email: str
    person: bool
    active: bool

    @property
    def usable(self) -> bool:
        return self.person and self.active


@dataclass(frozen=True, slots=True)
class Directory:
    """All owners of a portal at one moment."""

    by_id: Mapping[str, Owner]

    def find(self, key: str) -> Owner | None:
        """By owner id or email address; of several with one address an active one wins."""
        key = key.strip()
        if "@" not in key:
            return self.by_id.get(key)
        same = [one for one in self.by_id.values() if one.email == key.lower()]
        return max(same, key=lambda one: (one.active, one.person), default=None)

    def user_of(self, assistant: Assistant) -> AssistantUser:
        """An id that is an active user of another address now is that user's."""
        owner = self.find(assistant.email)
        now = owner.id if owner is not None and owner.usable else None
        email = assistant.email.lower()
        return AssistantUser(
            now,
            tuple(
                owner_id
                for owner_id in assistant.owner_ids
                if owner_id != now and not self._is_of_another(owner_id, email)
            ),
        )

    def _is_of_another(self, owner_id: str, email: str) -> bool:
        owner = self.by_id.get(owner_id)
        return owner is not None and owner.active and owner.email != email

    def without(self, owner_id: str) -> "Directory":
        """The same, with one owner taken as deactivated: HubSpot has just refused it."""
        owner = self.by_id.get(owner_id)
        if owner is None:
            return self
        changed = Owner(owner.id, owner.email, owner.person, active=False)
        return Directory({**self.by_id, owner_id: changed})


def directory_of(raw: Iterable[Mapping[str, Any]]) -> Directory:
    """From the records of both lists."""
    found = {}
    for item in raw:
        owner = Owner(
            id=str(item.get("id", "")),
            email=str(item.get("email") or "").lower(),
            person=item.get("type", "PERSON") != "QUEUE",
            active=not item.get("archived"),
        )
        if owner.id and (owner.active or owner.id not in found):
            found[owner.id] = owner
    return Directory(found)


class OwnerBook:
    """The directory, kept for a minute. Thread-safe: one reader at a time asks HubSpot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._directory: Directory | None = None
        self._read_at: Millis = 0

    def get(self, api: Api, now: Millis, *, fresh: bool = False) -> Directory | Answer:
        """The directory, or the answer that prevented it. fresh: do not use what is kept."""
        with self._lock:
            kept = self._directory
            if kept is not None and not fresh and abs(now - self._read_at) < FRESH_FOR:
                return kept
            read = _read_all(api)
            if isinstance(read, Directory):
                self._directory, self._read_at = read, now
            return read


def _read_all(api: Api) -> Directory | Answer:
    found: list[Mapping[str, Any]] = []
    for archived in ("true", "false"):
        after: str | None = None
        for _ in range(MOST_PAGES):
            params = {"archived": archived, "limit": str(PAGE)}
            if after is not None:
                params["after"] = after
            answer = api.get(api.paths.owners(), params)
            if not answer.ok:
                return answer
            found += answer.results
            after = answer.next_page
            if after is None:
                break
    return directory_of(found)
