"""A webhook that came in: checked by the plugin, kept as hints, nothing else."""

from engine.base.clock import Clock
from engine.base.errors import ConfigurationError
from engine.hooks.outcomes import Refused, WebhookRequest
from engine.store import NewHint, Store
from engine.work.access import Accesses


class Webhooks:
    """One per process."""

    def __init__(self, store: Store, accesses: Accesses, clock: Clock) -> None:
        self._store, self._accesses, self._clock = store, accesses, clock

    def take(self, plugin: str, portal: str, request: WebhookRequest) -> int | Refused:
        """The number of contacts to read again, or why the request is refused."""
        access, hooks = self._accesses.of(portal)
        if access.portal.crm != plugin:
            raise ConfigurationError(f"portal {portal} is no {plugin} portal")
        received = hooks.crm_receive(access=access, request=request)
        if isinstance(received, Refused):
            return received
        now = self._clock.now()
        hints = [NewHint(hint.crm_id, now, hint.erased) for hint in received.hints]
        with self._store.write() as tx:
            tx.hints.add(portal, hints, now=now)
            tx.listening.hooked(portal, at=now)
        return len(hints)
