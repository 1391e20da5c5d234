"""Puts together what a plugin needs for one portal: its record, its assistants, its secrets."""

from collections.abc import Sequence

from leadback.base.clock import Clock
from leadback.base.errors import ConfigurationError
from leadback.base.redaction import hide
from leadback.hooks.manager import Plugins
from leadback.hooks.outcomes import Access
from leadback.hooks.specs import CrmSpecs
from leadback.lead.records import ANY_IDS, Assistant, ContactIds, Portal
from leadback.store import Store, Unreadable
from leadback.work.pace import Paces
from leadback.work.tokens import TokenKeeper, secret


class Accesses:
    """One per process; reads the portal anew every time, so that changes are seen."""

    def __init__(self, store: Store, plugins: Plugins, clock: Clock, tokens: TokenKeeper) -> None:
        self._store, self._plugins, self._clock = store, plugins, clock
        self._tokens = tokens
        self._paces = Paces(store)
        self._contact_ids: dict[str, ContactIds] = {}

    def of(self, name: str) -> tuple[Access, CrmSpecs]:
        """The access to a connected portal and its plugin's hooks. Raises ConfigurationError."""
        with self._store.read() as tx:
            portal = tx.portals.get(name)
            assistants = tx.portals.assistants(name) if portal is not None else ()
        if portal is None:
            raise ConfigurationError(
                f"there is no portal {name!r}", fix=f"leadback portal connect {name}"
            )
        if isinstance(portal.settings, Unreadable):
            raise ConfigurationError(
                f"the settings of portal {name} cannot be read: {portal.settings.why}",
                fix=f"connect it again: leadback portal connect {name}",
            )
        return self.to(portal, assistants), self._plugins.for_crm(portal.crm)

    def hooks(self, crm: str) -> CrmSpecs:
        """A plugin's hooks. Raises ConfigurationError; loads a plugin, so ask for known ones."""
        return self._plugins.for_crm(crm)

    def contact_ids(self, crm: str) -> ContactIds:
        """What the ids of a CRM's contacts look like; without its plugin, as anybody's may."""
        known = self._contact_ids.get(crm)
        if known is None:
            try:
                known = self._plugins.for_crm(crm).crm_contact_ids()
            except ConfigurationError:
                return ANY_IDS
            self._contact_ids[crm] = known
        return known

    def to(
        self, portal: Portal, assistants: Sequence[Assistant] = (), *, token: str | None = None
    ) -> Access:
        """The access to a portal that may not be connected yet. token: instead of its own."""
        if token is not None:
            hide(token)
        return Access(
            portal=portal,
            assistants=tuple(assistants),
            token=(lambda: self._tokens.token(portal)) if token is None else (lambda: token),
            token_refused=lambda refused: token is None and self._tokens.refused(portal, refused),
            webhook_secret=secret(portal, portal.webhook_secret_env, "webhook secret"),
            now=self._clock.now,
            pace=self._paces.of(portal.name),
        )
