"""Connecting portals: with a token that somebody gives, or by an admin's consent (OAuth).

Who sits at the server's console may name any address and any variable. Who comes from afar (the
pages) reaches the CRM's own address or this machine, and only variables that the operator named.
What is kept is encrypted before it is stored. A consent that was begun is answered once, within ten
minutes, by whoever began it; its PKCE secret never leaves the server.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from leadback.base.clock import MINUTE, Clock, Millis, format_time
from leadback.base.errors import ConfigurationError, InputError
from leadback.base.names import checked_name
from leadback.base.redaction import hide
from leadback.base.vault import Vault
from leadback.hooks.manager import Plugins
from leadback.hooks.outcomes import Tokens
from leadback.lead.records import Portal
from leadback.rules.grammar import PORTAL_PATTERN
from leadback.service.audit import Audit
from leadback.service.reach import check_variables, checked_token, checked_url
from leadback.store import FAR, ConsentRow, Store, TokenRow
from leadback.work.access import Accesses
from leadback.work.rules_in_use import RulesInUse
from leadback.work.tokens import TokenKeeper, app_of_environment

Document = dict[str, Any]
"""JSON-ready."""

CONSENT_LASTS: Millis = 10 * MINUTE
RETURN_PATH = "/oauth/return"
MAX_ADDRESS = 254

_NAME = re.compile(PORTAL_PATTERN)
_PURPOSE = "consent"
_STALE = "this answer belongs to no authorisation that is under way here"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a portal is to be connected. None keeps what it has, or the plugin's own."""

    name: str
    crm: str = "hubspot"
    base_url: str | None = None
    webhook_secret_env: str | None = None
    fallback_owner: str | None = None
    api_version: str | None = None


class Connections:
    """One per process. Network, but never inside a transaction."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        accesses: Accesses,
        tokens: TokenKeeper,
        vault: Vault,
        clock: Clock,
        audit: Audit,
        nameable: Callable[[str], bool],
        rules: RulesInUse,
    ) -> None:
        """nameable: whether a variable may be named from afar."""
        self._store, self._plugins, self._accesses = store, plugins, accesses
        self._tokens, self._vault = tokens, vault
        self._clock, self._audit, self._nameable = clock, audit, nameable
        self._rules = rules

    # ------------------------------------------------------------------ tokens that are given

    def connect(
        self,
        wanted: Wanted,
        *,
        token_env: str | None = None,
        token: str | None = None,
        from_afar: bool = False,
    ) -> Document:
        """Keep the connection after the token was seen to work: its variable, or itself, encrypted.

        Raises ConfigurationError, InputError or PortalUnavailable; then nothing has changed.
        """
        with self._audit.recording("connect portal", wanted.name) as done:
            portal = replace(self._portal(wanted, from_afar), token_env=token_env or "")
            if from_afar:
                check_variables(self._nameable, token_env, wanted.webhook_secret_env)
            if token is None:
                account = self._identify(portal, None)
                row = None
            else:
                token = checked_token(token)
                sealed = self._tokens.seal(portal.name, token)
                account = self._identify(portal, token)
                row = self._row(portal.name, "static", sealed)
            kept = self._keep(replace(portal, account_id=account), row)
            done(f"{portal.crm} account {account}")
        return kept

    # ------------------------------------------------------------------ consent

    def begin(
        self, wanted: Wanted, *, redirect_uri: str, session: str = "", from_afar: bool = False
    ) -> str:
        """The address where an admin of the account agrees. session: who may bring the answer.

        Raises ConfigurationError (no app, no key) or InputError.
        """
        with self._audit.recording("begin authorisation", wanted.name):
            return self._begin(wanted, redirect_uri, session, from_afar)

    def _begin(self, wanted: Wanted, redirect_uri: str, session: str, from_afar: bool) -> str:
        self._vault.check()
        portal = self._portal(wanted, from_afar)
        if from_afar:
            check_variables(self._nameable, wanted.webhook_secret_env)
        app = app_of_environment(redirect_uri)(portal.crm)
        state = hide(f"{portal.name}~{secrets.token_urlsafe(32)}")
        verifier = hide(secrets.token_urlsafe(64))
        document = {
            "verifier": verifier,
            "redirect_uri": redirect_uri,
            "session": session,
            "from_afar": from_afar,
            "wanted": {name: getattr(wanted, name) for name in Wanted.__slots__},
        }
        now = self._clock.now()
        row = ConsentRow(
            portal.name,
            _digest(state),
            self._vault.seal(portal.name, _PURPOSE, document),
            now + CONSENT_LASTS,
        )
        with self._store.write() as tx:
            tx.tokens.ask(row, now=now)
        return self._plugins.for_crm(portal.crm).crm_authorize_url(
            base_url=portal.base_url, app=app, state=state, verifier=verifier
        )

    def take(self, answer: Mapping[str, str], *, session: str = "") -> Document:
        """The query of a redirect: finish(), or InputError when the admin declined."""
        state = answer.get("state", "")
        if "code" in answer:
            return self.finish(state, hide(answer["code"]), session=session)
        reason = answer.get("error_description") or answer.get("error") or "no reason given"
        name = self.declined(state, reason, session=session)
        raise InputError(f"portal {name} was not connected: the CRM says {reason[:200]!r}")

    def finish(self, state: str, code: str, *, session: str = "") -> Document:
        """The admin agreed: fetch tokens for the code, and keep them.

        Raises InputError for an answer that is unknown, used, too old or somebody else's;
        ConfigurationError or PortalUnavailable when the CRM gives no tokens.
        """
        begun = self._answered(state, session)
        wanted = Wanted(**begun["wanted"])
        with self._audit.recording("connect portal", wanted.name) as done:
            portal = self._portal(wanted, bool(begun["from_afar"]))
            hooks = self._plugins.for_crm(portal.crm)
            app = app_of_environment(str(begun["redirect_uri"]))(portal.crm)
            now = self._clock.now()
            tokens: Tokens = hooks.crm_exchange_code(
                portal=portal, app=app, code=code, verifier=str(begun["verifier"]), now=now
            )
            account = self._identify(portal, tokens.access)
            row = replace(
                self._row(
                    portal.name,
                    "oauth",
                    self._tokens.seal(portal.name, tokens.access, tokens.refresh),
                ),
                refresh_at=tokens.refresh_at,
                expires_at=tokens.expires_at,
                scopes=tokens.scopes,
            )
            kept = self._keep(replace(portal, account_id=account, token_env=""), row)
            done(f"{portal.crm} account {account}, by consent")
        return kept

    def declined(self, state: str, reason: str, *, session: str = "") -> str:
        """The admin did not agree; the portal's name. Raises InputError as finish()."""
        name = str(self._answered(state, session)["wanted"]["name"])
        self._audit.command("connect portal", subject=name, outcome=f"declined: {reason[:100]}")
        return name

    # ------------------------------------------------------------------ afterwards

    def disconnect(self, name: str) -> None:
        """Forget what opens the portal. Leads, assistants and what waits for it stay, and go on
        when it is connected again. Raises InputError."""
        with self._store.write() as tx:
            if tx.portals.get(name) is None:
                raise InputError(f"there is no portal {name!r}", fix="see: leadback portal list")
            tx.tokens.drop(name)
            tx.portals.disconnect(name, now=self._clock.now(), why="disconnected by a person")
        self._tokens.forget(name)
        self._audit.command("disconnect portal", subject=name)

    def rekey(self) -> int:
        """Encrypt all tokens anew with the first key; how many. Raises ConfigurationError."""
        done = self._tokens.rekey()
        self._audit.command("rekey tokens", outcome=f"{done} portals")
        return done

    def of(self, name: str) -> Document:
        """authorised, how (variable | stored token | consent), why_not, since, scopes, and for a
        consent: expires_at, refreshed_at, trouble of the last renewal."""
        with self._store.read() as tx:
            portal, row = tx.portals.get(name), tx.tokens.get(name)
            state = tx.portals.state(name)
        how = {"static": "stored token", "oauth": "consent"}.get(
            row.kind if row else "", "variable"
        )
        document: Document = {
            "authorised": portal is not None and state.disconnected_at is None,
            "how": how,
            "why_not": state.disconnected_why if state.disconnected_at is not None else "",
            "disconnected_at": _time(state.disconnected_at),
            "authorised_at": _time(row.authorised_at) if row else None,
            "authorised_by": row.authorised_by if row else "",
        }
        if row is not None and row.kind == "oauth":
            document |= {
                "scopes": list(row.scopes),
                "expires_at": _time(row.expires_at),
                "refreshed_at": _time(row.refreshed_at),
                "trouble": row.trouble,
            }
        return document

    # ------------------------------------------------------------------ inside

    def _portal(self, wanted: Wanted, from_afar: bool) -> Portal:
        """As it is to be, merged with what is known of it. Raises InputError."""
        if not _NAME.fullmatch(wanted.name):
            raise InputError(
                f"{wanted.name[:100]!r} cannot name a portal", fix="use letters, digits, - _ ."
            )
        own = self._plugins.for_crm(wanted.crm).crm_default_url()
        url = checked_url(wanted.base_url or own, own=own if from_afar else None)
        fallback = wanted.fallback_owner
        if fallback is not None:
            fallback = checked_name(fallback, what="a fallback owner", longest=MAX_ADDRESS)
        with self._store.read() as tx:
            before = tx.portals.get(wanted.name)
        settings = dict(before.settings) if before else {}
        if wanted.api_version:
            settings["api_version"] = wanted.api_version
        return Portal(
            name=wanted.name,
            crm=wanted.crm,
            base_url=url,
            token_env="",
            webhook_secret_env=wanted.webhook_secret_env
            or (before.webhook_secret_env if before else None),
            account_id=before.account_id if before else None,
            fallback_owner=fallback or (before.fallback_owner if before else None),
            settings=settings,
        )

    def _identify(self, portal: Portal, token: str | None) -> str:
        """The account that the token opens; it has to be the one that the leads came from."""
        hooks = self._plugins.for_crm(portal.crm)
        account: str = hooks.crm_identify(access=self._accesses.to(portal, token=token))
        if portal.account_id not in (None, account):
            raise ConfigurationError(
                f"portal {portal.name} is account {portal.account_id}, but this token is for "
                f"{account}",
                fix="connect it under another name; leads belong to the account they came from",
            )
        return account

    def _row(self, portal: str, kind: str, sealed: str) -> TokenRow:
        now = self._clock.now()
        return TokenRow(
            portal=portal,
            kind=kind,
            sealed=sealed,
            refresh_at=FAR,
            expires_at=FAR,
            scopes=(),
            authorised_by=self._audit.actor()[0],
            authorised_at=now,
            refreshed_at=now,
        )

    def _keep(self, portal: Portal, row: TokenRow | None) -> Document:
        with self._store.write() as tx:
            tx.portals.put(portal)
            if row is None:
                tx.tokens.drop(portal.name)
            else:
                tx.tokens.put(row)
            tx.portals.resume(portal.name)
            tx.outbox.wake(portal.name, now=self._clock.now())
        self._tokens.forget(portal.name)
        notices = [*self._plugins.for_crm(portal.crm).crm_notices(portal=portal)]
        if self._rules.now().rules.mapping(portal.crm, portal.name) is None:
            notices.append(not_mapped(portal.crm))
        return {**portal_document(portal), "notices": notices}

    def _answered(self, state: str, session: str) -> Document:
        name, digest = state.rpartition("~")[0], _digest(state)
        with self._store.read() as tx:
            rows = tx.tokens.asked(name, now=self._clock.now())
        row = next((r for r in rows if hmac.compare_digest(r.state_hash, digest)), None)
        if row is None:
            raise InputError(_STALE, fix="begin again: leadback portal connect NAME --oauth")
        begun = self._vault.open(name, _PURPOSE, row.sealed)
        if not hmac.compare_digest(str(begun["session"]).encode(), session.encode()):
            raise InputError(_STALE, fix="finish it where it was begun")
        with self._store.write() as tx:
            first = tx.tokens.answered(name, digest)
        if not first:
            raise InputError(_STALE, fix="it was answered already; begin again")
        return begun


def not_mapped(crm: str) -> str:
    """What a person should know of a portal with a CRM that the rules in use leave out."""
    return (
        f"the rules in use have no table crm.{crm}: no contact shows the state of its lead; "
        "add one, and run leadback rules apply"
    )


def portal_document(portal: Portal) -> Document:
    """A portal's record; names of variables, no secrets."""
    return {
        "name": portal.name,
        "crm": portal.crm,
        "account_id": portal.account_id,
        "base_url": portal.base_url,
        "token_env": portal.token_env or None,
        "webhook_secret_env": portal.webhook_secret_env,
        "fallback_owner": portal.fallback_owner,
        "settings": dict(portal.settings),
    }


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _time(instant: Millis | None) -> str | None:
    return None if instant is None or instant >= FAR else format_time(instant)
