"""What opens a portal: from the environment, or kept encrypted; OAuth tokens are renewed in time.

One refresher per portal among all threads, processes and machines: a lease in the database. The
CRM is asked outside any transaction. Only its own word ends a connection; a hiccup never does.
"""

import hmac
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from leadback.base.clock import SECOND, Clock, Millis
from leadback.base.errors import ConfigurationError, LeadbackError
from leadback.base.redaction import hide
from leadback.base.vault import Vault
from leadback.hooks.errors import PortalDisconnected, PortalUnavailable
from leadback.hooks.manager import Plugins
from leadback.hooks.outcomes import OAuthApp, Tokens
from leadback.lead.records import Portal
from leadback.store import Store, TokenRow

PURPOSE = "tokens"
LEASE: Millis = 120 * SECOND
"""Longer than a call for new tokens can last; a dead refresher blocks the others so long."""
NEAR_END: Millis = 5 * SECOND
"""A token that ends so soon is not used for a new call."""
REMEMBERED: Millis = 5 * SECOND
"""How long a process uses a token without looking whether the portal was disconnected."""
PATIENCE: Millis = 20 * SECOND
LOOK_AGAIN: Millis = 200
HICCUP: Millis = 30 * SECOND

log = structlog.get_logger()

AppOf = Callable[[str], OAuthApp]
"""CRM → the operator's app there. Raises ConfigurationError when none is configured."""


@dataclass(frozen=True, slots=True)
class _Opened:
    row: TokenRow
    access: str
    until: Millis


def app_of_environment(redirect_uri: str = "") -> AppOf:
    """LEADBACK_{CRM}_CLIENT_ID and …_CLIENT_SECRET."""

    def find(crm: str) -> OAuthApp:
        names = [f"LEADBACK_{crm.upper()}_CLIENT_{what}" for what in ("ID", "SECRET")]
        client_id, secret = (hide(os.environ.get(name, "").strip()) for name in names)
        missing = [n for n, value in zip(names, (client_id, secret), strict=True) if not value]
        if missing:
            raise ConfigurationError(
                f"no app for OAuth at {crm} is configured: {' and '.join(missing)} not set",
                fix="export both, as the app's page at the CRM shows them",
            )
        return OAuthApp(client_id, lambda: secret, redirect_uri)

    return find


class TokenKeeper:
    """One per process. Thread-safe. pause: waits some milliseconds (replaced in tests)."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        clock: Clock,
        vault: Vault,
        *,
        app_of: AppOf | None = None,
        pause: Callable[[Millis], None] = lambda millis: time.sleep(millis / SECOND),
    ) -> None:
        self._store, self._plugins, self._clock, self._vault = store, plugins, clock, vault
        self._app_of = app_of or app_of_environment()
        self._pause = pause
        self._lock = threading.Lock()
        self._opened: dict[str, _Opened] = {}

    def token(self, portal: Portal) -> str:
        """The access token to use now.

        Raises ConfigurationError (none, or it cannot be decrypted), PortalDisconnected, or
        PortalUnavailable when it ended and no new one is to be had yet.
        """
        now = self._clock.now()
        known = self._opened.get(portal.name)
        if known is not None and now < known.until:
            return known.access
        with self._store.read() as tx:
            row = tx.tokens.get(portal.name)
            state = tx.portals.state(portal.name)
        if row is None and state.disconnected_at is not None:
            raise _disconnected(portal.name, state.disconnected_why)
        if row is None:
            return secret(portal, portal.token_env, "access token")()
        if row.kind == "static" or now < row.refresh_at:
            return self._remember(row)
        return self._renewed(portal, row)

    def refused(self, portal: Portal, token: str) -> bool:
        """The portal refused this token: whether token() can now give another one."""
        self.forget(portal.name)
        with self._store.read() as tx:
            row = tx.tokens.get(portal.name)
        if row is None or row.kind == "static":
            return False
        if hmac.compare_digest(self._access(row).encode(), token.encode()):
            with self._store.write() as tx:
                tx.tokens.expire(portal.name, row.revision)
        return True

    def forget(self, portal: str) -> None:
        """Look into the database the next time."""
        with self._lock:
            self._opened.pop(portal, None)

    def seal(self, portal: str, access: str, refresh: str = "") -> str:
        """Tokens as the database may see them."""
        return self._vault.seal(portal, PURPOSE, {"access": access, "refresh": refresh})

    def rekey(self) -> int:
        """Encrypt everything anew with the first key; how many portals' tokens."""
        with self._store.read() as tx:
            rows = tx.tokens.all()
        done = 0
        for row in rows:
            fresh = self._vault.renew(row.portal, PURPOSE, row.sealed)
            with self._store.write() as tx:
                done += tx.tokens.reseal(row.portal, row.sealed, fresh)
        return done

    # ------------------------------------------------------------------ inside

    def _access(self, row: TokenRow) -> str:
        return str(self._vault.open(row.portal, PURPOSE, row.sealed)["access"])

    def _remember(self, row: TokenRow) -> str:
        access = self._access(row)
        until = self._clock.now() + REMEMBERED
        if row.kind != "static":
            until = min(until, row.refresh_at)
        with self._lock:
            self._opened[row.portal] = _Opened(row, access, until)
        return access

    def _renewed(self, portal: Portal, row: TokenRow) -> str:
        """Fetch a new one, or let the one who does it already; meanwhile the old one is good."""
        waited: Millis = 0
        while True:
            now = self._clock.now()
            if now < row.refresh_at:
                return self._remember(row)
            with self._store.write() as tx:
                mine = tx.tokens.lease(portal.name, row.revision, now=now, until=now + LEASE)
            if mine:
                return self._fetch(portal, row, now)
            if now < row.expires_at - NEAR_END:
                return self._access(row)
            if row.retry_at > now or waited >= PATIENCE:
                why = row.trouble or "another worker is fetching a new token"
                raise _unavailable(portal.name, why, max(row.retry_at - now, SECOND))
            self._pause(LOOK_AGAIN)
            waited += LOOK_AGAIN
            with self._store.read() as tx:
                found = tx.tokens.get(portal.name)
            if found is None:
                raise _disconnected(portal.name, "the connection was ended meanwhile")
            row = found

    def _fetch(self, portal: Portal, row: TokenRow, now: Millis) -> str:
        kept = self._vault.open(portal.name, PURPOSE, row.sealed)
        hooks = self._plugins.for_crm(portal.crm)
        try:
            app = self._app_of(portal.crm)
            fresh: Tokens = hooks.crm_refresh_tokens(
                portal=portal, app=app, refresh=str(kept["refresh"]), now=now
            )
        except PortalDisconnected as error:
            self._end(portal, row, error, now)
            raise
        except LeadbackError as error:
            after = error.after if isinstance(error, PortalUnavailable) else HICCUP
            with self._store.write() as tx:
                tx.tokens.failed(portal.name, row.revision, retry_at=now + after, why=error.what)
            log.warning("no new token yet", action="refresh", portal=portal.name, why=error.what)
            if now < row.expires_at - NEAR_END:
                return str(kept["access"])
            if isinstance(error, PortalUnavailable):
                raise
            raise _unavailable(portal.name, error.what, after) from error
        sealed = self.seal(portal.name, fresh.access, fresh.refresh)
        with self._store.write() as tx:
            tx.tokens.renewed(
                portal.name,
                row.revision,
                sealed,
                refresh_at=fresh.refresh_at,
                expires_at=fresh.expires_at,
                now=self._clock.now(),
            )
        log.info("new token", action="refresh", portal=portal.name)
        self.forget(portal.name)
        return fresh.access

    def _end(self, portal: Portal, row: TokenRow, error: PortalDisconnected, now: Millis) -> None:
        """The CRM says so itself: what waits for the portal stays until it is connected again."""
        self.forget(portal.name)
        with self._store.write() as tx:
            # Of this revision only: an answer that comes late ends no newer authorisation.
            if tx.tokens.drop(portal.name, row.revision):
                tx.portals.disconnect(portal.name, now=now, why=error.what)
        log.error("portal disconnected", action="refresh", portal=portal.name, why=error.what)


def secret(portal: Portal, variable: str | None, what: str) -> Callable[[], str]:
    """Reads an environment variable when it is called. Raises ConfigurationError then."""

    def read() -> str:
        value = os.environ.get(variable, "").strip() if variable else ""
        if not value:
            where = f"the environment variable {variable} is empty" if variable else "none is named"
            raise ConfigurationError(
                f"portal {portal.name} has no {what}: {where}",
                fix=f"export {variable or 'VARIABLE'}=…, or name another one with: "
                f"leadback portal connect {portal.name}",
            )
        return hide(value)

    return read


def _unavailable(portal: str, why: str, after: Millis) -> PortalUnavailable:
    return PortalUnavailable(
        f"there is no valid access token now: {why}",
        where=f"portal {portal}",
        fix="nothing to do: it is tried again",
        after=after,
    )


def _disconnected(portal: str, why: str) -> PortalDisconnected:
    return PortalDisconnected(
        f"the portal is not connected: {why}",
        where=f"portal {portal}",
        fix=f"connect it again: leadback portal connect {portal}",
    )
