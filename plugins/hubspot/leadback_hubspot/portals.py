"""What the plugin keeps of each portal between hook calls: connection, budget, and short memories.

Nothing here has to survive the process.
"""

import threading
from dataclasses import dataclass, field, replace

from leadback.api import Access, ConfigurationError, Millis, Portal
from leadback_hubspot.answers import Answer
from leadback_hubspot.budget import Lane
from leadback_hubspot.client import Api, Connection, Prepaid
from leadback_hubspot.keys import KeyBook
from leadback_hubspot.owners import Directory, OwnerBook
from leadback_hubspot.properties import PropertyBook
from leadback_hubspot.settings import Settings, read_settings


@dataclass(slots=True)
class PortalMemory:
    """One portal's. app_id: what HubSpot calls us in histories, learnt from our own writes."""

    connection: Connection
    owners: OwnerBook = field(default_factory=OwnerBook)
    properties: PropertyBook = field(default_factory=PropertyBook)
    keys: KeyBook = field(default_factory=KeyBook)
    app_id: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything one hook call works with."""

    access: Access
    memory: PortalMemory
    api: Api

    @property
    def portal(self) -> Portal:
        return self.access.portal

    @property
    def settings(self) -> Settings:
        return self.memory.connection.settings

    def now(self) -> Millis:
        return self.access.now()

    def with_one_token(self) -> "Desk":
        """A desk whose token is asked for now: a token that is taken away between two calls must
        not hide what the first one did. Raises ConfigurationError before anything is sent."""
        first = self.access.token()

        def token() -> str:
            try:
                return self.access.token()
            except ConfigurationError:
                return first

        return replace(self, api=replace(self.api, token=token))

    def prepaid(self, calls: int) -> "Desk | Answer":
        """A desk whose next calls do not wait for the budget: that is waited for now."""
        refused = self.memory.connection.spend(Lane.BURST, calls)
        return refused or replace(self, api=replace(self.api, prepaid=Prepaid(calls)))

    def directory(self, *, fresh: bool = False) -> Directory | Answer:
        return self.memory.owners.get(self.api, self.now(), fresh=fresh)


class Memories:
    """The portals of this process by name; a changed connection starts with an empty memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, PortalMemory] = {}

    def desk(self, access: Access) -> Desk:
        """Raises ConfigurationError for settings that cannot work."""
        settings = read_settings(access.portal)
        with self._lock:
            memory = self._kept.get(access.portal.name)
            if memory is None or memory.connection.settings != settings:
                connection = Connection(settings, pace=access.pace)
                memory = PortalMemory(connection, app_id=settings.app_id)
                self._kept[access.portal.name] = memory
        api = Api(memory.connection, access.token, token_refused=access.token_refused)
        return Desk(access, memory, api)
