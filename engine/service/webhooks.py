"""A webhook that came in: checked by the plugin, kept as hints, nothing else.

Whoever cannot sign learns nothing, not even which portals there are: every refusal is the same, and
the reason is in the log, once until a webhook of that portal is good again.
"""

import threading

import structlog

from engine.base.clock import Clock
from engine.base.errors import ConfigurationError
from engine.hooks.outcomes import Refused, WebhookRequest
from engine.store import NewHint, Store
from engine.work.access import Accesses

UNSIGNED = Refused("no portal of this address has signed this request")

log = structlog.get_logger()


class Webhooks:
    """One per process."""

    def __init__(self, store: Store, accesses: Accesses, clock: Clock) -> None:
        self._store, self._accesses, self._clock = store, accesses, clock
        self._lock = threading.Lock()
        self._said: set[tuple[str, str]] = set()

    def take(self, plugin: str, portal: str, request: WebhookRequest) -> int | Refused:
        """The number of contacts to read again, or why the request is refused. UNSIGNED: to
        whoever has no right signature, also of a portal that does not exist."""
        try:
            access, hooks = self._accesses.of(portal)
        except ConfigurationError:
            return UNSIGNED  # nothing in the log: anybody can make up names
        if access.portal.crm != plugin:
            return UNSIGNED
        try:
            received = hooks.crm_receive(access=access, request=request)
        except ConfigurationError as error:
            received = Refused(f"{error.what}; {error.fix}")
        if isinstance(received, Refused) and received.unsigned:
            self._say(portal, received.reason)
            return UNSIGNED
        self._good(portal)
        if isinstance(received, Refused):
            return received
        now = self._clock.now()
        hints = [NewHint(hint.crm_id, now, hint.erased) for hint in received.hints]
        with self._store.write() as tx:
            tx.hints.add(portal, hints, now=now)
            tx.listening.hooked(portal, at=now)
        return len(hints)

    def _say(self, portal: str, reason: str) -> None:
        with self._lock:
            known = (portal, reason) in self._said
            self._said.add((portal, reason))
        if not known:
            log.warning("webhook refused", action="webhook", portal=portal, reason=reason)

    def _good(self, portal: str) -> None:
        if self._said:
            with self._lock:
                self._said = {said for said in self._said if said[0] != portal}
