"""Coming in through an OpenID Connect provider: the way there and back, and who somebody is here.

All that one way needs is derived from a random ticket that only the browser's cookie holds; the
database keeps the hash of the state, so that an answer counts once, in time, in that browser.
Nobody gets in whom no admin invited, but for the domains that the settings name; the first login by
a verified address binds the login to the provider's own, lasting id of the person.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from leadback.base.clock import MINUTE, Clock, Millis
from leadback.base.errors import ConfigurationError, InputError
from leadback.service.accounts import ROLES, Role, digest, open_session
from leadback.service.audit import Audit
from leadback.store import Store, Tx
from leadback.store.account_records import LogIn, SignIn, User

WAY_LASTS: Millis = 10 * MINUTE

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+")
_ADDRESS = re.compile(r"[!-?A-~]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_STALE = "this answer belongs to no login that is under way in this browser"
_AGAIN = "begin again from the login page"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One way to the provider and back. secret: 256 random bits, for the browser's cookie alone."""

    secret: str = field(repr=False)

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's (RFC 7636): 43 characters."""
        return self._derived("verifier")

    def _derived(self, label: str) -> str:
        made = hmac.digest(self.secret.encode(), label.encode(), "sha256")
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for. address: "" unless the provider says it is verified."""

    issuer: str
    subject: str
    address: str = ""

    @property
    def identity(self) -> str:
        return identity_of(self.issuer, self.subject)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A login's name and the token of its new session."""

    name: str
    token: str = field(repr=False)


class SignIns:
    """One per process. domain_roles: domain → role of whoever comes uninvited."""

    def __init__(
        self, store: Store, clock: Clock, audit: Audit, domain_roles: Mapping[str, Role]
    ) -> None:
        self._store, self._clock, self._audit = store, clock, audit
        self._domain_roles = domain_roles

    def begin(self, next_path: str) -> Ticket:
        """A browser is sent to the provider; next_path: where it goes when it has come in."""
        ticket, now = Ticket(secrets.token_urlsafe(32)), self._clock.now()
        with self._store.write() as tx:
            tx.accounts.begin_sign_in(SignIn(digest(ticket.state), next_path, now + WAY_LASTS), now)
        return ticket

    def take(self, secret: str, state: str) -> tuple[Ticket, str]:
        """(ticket, next_path) of an answer, once. Raises InputError for one that is unknown, used,
        too old, or was asked for in another browser."""
        ticket = Ticket(secret)
        if not secret or not hmac.compare_digest(ticket.state.encode(), state.encode()):
            raise InputError(_STALE, fix=_AGAIN)
        with self._store.write() as tx:
            next_path = tx.accounts.take_sign_in(digest(state), self._clock.now())
        if next_path is None:
            raise InputError(_STALE, fix=_AGAIN)
        return ticket, next_path

    def refuse(self, who: str, address: str, why: str) -> None:
        """Note that somebody did not come in. address: where from."""
        entry = LogIn(self._clock.now(), who[:200], address[:64], f"refused: {why}"[:1000])
        with self._store.write() as tx:
            tx.log_ins.note(entry)

    def admit(self, person: Person, address: str) -> Admitted:
        """A session for whoever this is here. Raises InputError: nobody, or disabled. address:
        where they come from.

        A lock after wrong passwords is the password's alone: it neither hinders this nor ends.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            user, how = self._known(tx, person, now)
            if user.disabled:
                raise InputError(f"the login {user.name!r} is disabled", fix="ask an admin")
            tx.log_ins.note(LogIn(now, user.name, address[:64], f"done: {how}", good=True))
            return Admitted(user.name, open_session(tx, user.name, now))

    def _known(self, tx: Tx, person: Person, now: Millis) -> tuple[User, str]:
        tx.accounts.hold()  # two answers of one person may come at once
        user = tx.accounts.identified(person.identity)
        if user is not None:
            return user, "single sign-on"
        found = _ADDRESS.fullmatch(person.address)
        if found is None:
            raise InputError(
                f"the provider vouches for no address of {person.subject!r}",
                fix="verify it there, or have an admin link this id to a login",
            )
        alike = [u for u in tx.accounts.users() if u.name.casefold() == person.address.casefold()]
        if len(alike) > 1 or any(u.identity for u in alike):
            raise InputError(
                f"the login {alike[0].name!r} is somebody else's at the provider",
                fix="ask an admin to unlink it under People & keys",
            )
        user, how = (alike[0], "linked by address") if alike else self._new(person, found[1], now)
        tx.accounts.put_user(replace(user, identity=person.identity))
        with self._audit.acting_as(user.name, "single sign-on"):
            what, told = ("link login", person.identity) if alike else ("add login", how)
            self._audit.within(tx, what, subject=user.name, outcome=told)
        return user, f"single sign-on, {how}"

    def _new(self, person: Person, domain: str, now: Millis) -> tuple[User, str]:
        role = self._domain_roles.get(domain.lower())
        if role is None or len(person.address) > 64:
            raise InputError(f"{person.address} has no login here", fix="ask an admin for one")
        return User(person.address.lower(), "", role, now), f"new {role} by domain"


def identity_of(issuer: str, subject: str) -> str:
    """Who somebody is at a provider, as it is kept."""
    return f"{issuer} {subject}"


def domain_roles(text: str) -> dict[str, Role]:
    """`example.com=viewer, example.org=operator` → roles by domain. Raises ConfigurationError."""
    found: dict[str, Role] = {}
    for pair in filter(None, re.split(r"[\s,]+", text)):
        domain, _, word = pair.lower().partition("=")
        role = next((r for r in ROLES if r == word and r != "admin"), None)
        if role is None or not _DOMAIN.fullmatch(domain):
            raise ConfigurationError(
                f"{pair!r} gives no role to a domain",
                where="LEADBACK_OIDC_DOMAIN_ROLES",
                fix="write example.com=viewer; roles are viewer, operator and editor",
            )
        found[domain] = role
    return found
