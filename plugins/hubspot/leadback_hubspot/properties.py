"""The portal's contact properties, kept for a while and read again when a write disagrees."""

import threading
from collections.abc import Mapping

from leadback.api import Millis
from leadback_hubspot.answers import Answer
from leadback_hubspot.client import Api
from leadback_hubspot.fields import Definition, definition_from

FRESH_FOR: Millis = 600_000


class PropertyBook:
    """All active contact property definitions by name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._definitions: Mapping[str, Definition] | None = None
        self._read_at: Millis = 0
        self._version = 0

    @property
    def version(self) -> int:
        """Counts the readings: tells a caller whether somebody has read again since."""
        return self._version

    def get(
        self, api: Api, now: Millis, *, newer_than: int | None = None
    ) -> Mapping[str, Definition] | Answer:
        """The definitions, or the answer that prevented it.

        newer_than: a version that proved wrong; read again unless that has been done already.
        """
        with self._lock:
            kept = self._definitions
            stale = newer_than is not None and self._version <= newer_than
            if kept is not None and not stale and abs(now - self._read_at) < FRESH_FOR:
                return kept
            answer = read_definitions(api)
            if isinstance(answer, Answer):
                return answer
            self._definitions, self._read_at = answer, now
            self._version += 1
            return answer


def read_definitions(api: Api, *, archived: bool = False) -> Mapping[str, Definition] | Answer:
    """Asks HubSpot now."""
    params = {"archived": "true"} if archived else {}
    answer = api.get(api.paths.properties("contacts"), params)
    if not answer.ok:
        return answer
    found = [definition_from(raw) for raw in answer.results]
    return {one.name: one for one in found if one.name}
