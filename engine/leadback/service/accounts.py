"""People with a login: passwords, roles, lock-out, sessions. Only doors with pages need it.

Passwords are kept as argon2 hashes, session tokens as SHA-256; neither can be read back.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from argon2 import PasswordHasher

from leadback.base.clock import DAY, HOUR, MINUTE, Clock, Millis, format_time
from leadback.base.errors import InputError
from leadback.service.audit import Audit
from leadback.service.hashing import LONGEST, Hashing, Place
from leadback.service.passwords import is_easy
from leadback.store import Store, Tx
from leadback.store.account_records import LogIn, Session, Try, User

Role = Literal["viewer", "operator", "editor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""

IDLE: Millis = 2 * HOUR
LIFETIME: Millis = 12 * HOUR
TRIES = 5
LOCKED: Millis = 15 * MINUTE
SEEN_EVERY: Millis = MINUTE
"""How exactly the last use of a session is remembered; spares a write per request."""

REMEMBERED: Millis = 90 * DAY
"""How long a browser that a login was good from stays known."""
BROWSERS = 10
"""Known browsers of one login; the oldest goes."""

SHORTEST = 12
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is looking. session: hash of the token, to end it."""

    name: str
    role: Role
    session: str

    def may(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


class Accounts:
    """One per process. Every change is on the audit trail, as whoever is acting."""

    def __init__(
        self, store: Store, clock: Clock, audit: Audit, hasher: PasswordHasher | None = None
    ) -> None:
        self._store, self._clock, self._audit = store, clock, audit
        self._hashing = Hashing(hasher)

    # ------------------------------------------------------------------ people

    def any(self) -> bool:
        """Whether anybody has a login yet."""
        with self._store.read() as tx:
            return bool(tx.accounts.users())

    def list(self) -> list[dict[str, Any]]:
        now = self._clock.now()
        with self._store.read() as tx:
            users = tx.accounts.users()
        return [
            {
                "name": user.name,
                "role": user.role,
                "created_at": format_time(user.created_at),
                "disabled": user.disabled,
                "locked": user.locked_until > now,
                "password": bool(user.password_hash),
                "identity": user.identity,
            }
            for user in users
        ]

    def has_password(self, name: str) -> bool:
        with self._store.read() as tx:
            user = tx.accounts.user(name)
        return user is not None and bool(user.password_hash)

    def add(self, name: str, password: str, role: Role, *, first: bool = False) -> None:
        """A new login; `first` only while there is none. Raises InputError."""
        with self._hashing.place() as place:
            hashed = self._hash(place, _checked(name), password)
        user = User(name, hashed, role, self._clock.now())
        self._add(user, "make first admin" if first else "add login", first)

    def invite(self, name: str, role: Role) -> None:
        """A login without a password, for whoever the OpenID provider says has this address, or
        for whom link() names. Raises InputError."""
        self._add(User(_checked(name), "", role, self._clock.now()), "invite", False)

    def _add(self, user: User, what: str, first: bool) -> None:
        name = user.name
        with self._changing(what, name) as (tx, done):
            if first and tx.accounts.users():
                raise InputError("there is a login already", fix="log in, or ask an admin")
            if tx.accounts.user(name) is not None:
                raise InputError(f"there is a login {name!r} already", fix="choose another name")
            tx.accounts.put_user(user)
            done(user.role)

    def change(self, name: str, *, role: Role | None = None, disabled: bool | None = None) -> None:
        """Change a login and end its sessions. Raises InputError; the last admin stays one."""
        what = (
            "change role" if disabled is None else "disable login" if disabled else "enable login"
        )
        with self._changing(what, name) as (tx, done):
            before = tx.accounts.user(name)
            if before is None:
                raise InputError(f"there is no login {name!r}")
            after = replace(
                before,
                role=role or before.role,
                disabled=before.disabled if disabled is None else disabled,
                failures=0,
                locked_until=0,
            )
            tx.accounts.put_user(after)
            if not any(_remains(u) for u in tx.accounts.users()):
                raise InputError(
                    "this is the last admin with a password",
                    fix="make somebody else with a password an admin first",
                )
            tx.accounts.close_sessions(name)
            done(after.role if role else "done")

    def set_password(self, name: str, password: str, *, old: str | None = None) -> None:
        """A new password, which ends all sessions. old: what a person has to know to do it."""
        with self._hashing.place() as place:
            if old is not None and not self._right(place, name, old):
                what = "the old password is not right, or too many tries came before"
                self._audit.command("change password", subject=name, outcome=f"failed: {what}")
                raise InputError(what, fix="try again later")
            hashed = self._hash(place, name, password)
        with self._changing("change password", name) as (tx, _):
            user = tx.accounts.user(name)
            if user is None:
                raise InputError(f"there is no login {name!r}")
            tx.accounts.put_user(replace(user, password_hash=hashed, failures=0, locked_until=0))
            tx.accounts.forget_browsers(name)
            tx.accounts.close_sessions(name)

    @contextmanager
    def _changing(self, what: str, name: str) -> Iterator[tuple[Tx, Callable[[str], None]]]:
        """As Audit.changing; what is read of logins there stays true until it is over."""
        with self._audit.changing(what, name) as (tx, done):
            tx.accounts.hold()
            yield tx, done

    def link(self, name: str, identity: str | None) -> None:
        """Say who this is at the OpenID provider ("ISSUER SUB"), None to have the verified address
        decide anew; ends the sessions. Raises InputError."""
        what = "link login" if identity else "unlink login"
        with self._changing(what, name) as (tx, done):
            user = tx.accounts.user(name)
            if user is None:
                raise InputError(f"there is no login {name!r}")
            other = tx.accounts.identified(identity) if identity else None
            if other is not None and other.name != name:
                raise InputError(f"this is {other.name!r} already", fix="unlink that login first")
            tx.accounts.put_user(replace(user, identity=identity))
            tx.accounts.close_sessions(name)
            done(identity or "done")

    # ------------------------------------------------------------------ coming in

    def make_first(self, name: str, password: str) -> str:
        """The first admin, logged in: a session token. Raises InputError, BusyError."""
        self.add(name, password, "admin", first=True)
        with self._store.write() as tx:
            return open_session(tx, name, self._clock.now())

    def log_in(
        self, name: str, password: str, *, address: str = "", browser: str = ""
    ) -> str | None:
        """A session token for the right password, else None: nobody learns which part was wrong.

        Each try is counted before it is judged, however many come at once: after TRIES failures in
        a row the login is locked for a while, right password or not. Tries from a browser that this
        login was good from before (its token) have TRIES of their own. Raises BusyError.
        """
        known = self.knows(name, browser)
        with self._hashing.place(known=known) as place:
            entry = LogIn(self._clock.now(), name[:64], address[:64], "refused")
            with self._store.write() as tx:
                number = tx.log_ins.note(entry)
                tried, by_browser = self._begin(tx, name, digest(browser) if known else "")
            if not place.fits(tried.password_hash if tried else "", password) or tried is None:
                return None
            hashed = place.renewed(tried.password_hash, password)
        with self._store.write() as tx:
            if not self._end(tx, name, tried, hashed, by_browser):
                return None
            tx.log_ins.was_good(number, "done")
            return open_session(tx, name, self._clock.now())

    def knows(self, name: str, browser: str) -> bool:
        """Whether this login was good from this browser (its token) before, and may try again."""
        if not _TOKEN.fullmatch(browser):
            return False
        now = self._clock.now()
        with self._store.read() as tx:
            return tx.accounts.knows_browser(digest(browser), name, most=TRIES, now=now)

    def remember(self, name: str, browser: str) -> str:
        """A login was good: the token by which its browser is known from now on, instead of the one
        it had ("" for none)."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        with self._store.write() as tx:
            tx.accounts.remember_browser(
                digest(token), name, instead=digest(browser), until=now + REMEMBERED, now=now,
                most=BROWSERS,
            )  # fmt: skip
        return token

    def visitor(self, token: str) -> Visitor | None:
        """Who this session token belongs to, while it lasts."""
        return self.visitor_of(digest(token)) if token else None

    def visitor_of(self, session: str) -> Visitor | None:
        """As visitor, by the token's hash."""
        now = self._clock.now()
        with self._store.read() as tx:
            found = tx.accounts.session(session)
            user = tx.accounts.user(found.user) if found else None
        if found is None or user is None or user.disabled:
            return None
        if now >= found.expires_at or now - found.seen_at >= IDLE:
            return None
        return Visitor(user.name, _role(user.role), session)

    def seen(self, session: str) -> None:
        """The session is in use by a person (a page that refreshes itself does not count)."""
        now = self._clock.now()
        with self._store.read() as tx:
            found = tx.accounts.session(session)
        if found is not None and now - found.seen_at >= SEEN_EVERY:
            with self._store.write() as tx:
                tx.accounts.see_session(session, now)

    def log_out(self, session: str) -> None:
        """End the session, if there is one."""
        with self._store.read() as tx:
            found = tx.accounts.session(session)
        if found is None:
            return
        acting = self._audit.acting_as(found.user, "pages")
        with acting, self._audit.changing("log out", found.user) as (tx, _):
            tx.accounts.close_session(session)

    # ------------------------------------------------------------------ passwords

    def _begin(self, tx: Tx, name: str, browser: str) -> tuple[Try | None, bool]:
        """Count a try, on the browser if it may (then True), else on the login."""
        now = self._clock.now()
        if browser and tx.accounts.begin_try_from(browser, name, most=TRIES, now=now):
            user = tx.accounts.user(name)
            return (Try(user.password_hash) if user and not user.disabled else None), True
        return tx.accounts.begin_try(name, most=TRIES, until=now + LOCKED, now=now), False

    def _end(self, tx: Tx, name: str, tried: Try, hashed: str, by_browser: bool) -> bool:
        if by_browser:
            return tx.accounts.end_try_from(name, tried, hashed=hashed)
        return tx.accounts.end_try(name, tried, hashed=hashed, now=self._clock.now())

    def _right(self, place: Place, name: str, password: str) -> bool:
        with self._store.write() as tx:
            tried, _ = self._begin(tx, name, "")
        if tried is None or not place.fits(tried.password_hash, password):
            return False
        with self._store.write() as tx:
            return self._end(tx, name, tried, tried.password_hash, False)

    def _hash(self, place: Place, name: str, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST:
            raise InputError(
                f"a password has {SHORTEST} to {LONGEST} characters", fix="take a few words"
            )
        if is_easy(password, name):
            raise InputError("this password is easy to guess", fix="take a few unrelated words")
        return place.hash(password)


def open_session(tx: Tx, name: str, now: Millis) -> str:
    """A new session of this person: its token, which nobody else gets to see."""
    token = secrets.token_urlsafe(32)
    tx.accounts.forget_sessions(now)
    tx.accounts.open_session(Session(digest(token), name, now, now, now + LIFETIME))
    return token


def _checked(name: str) -> str:
    if not name or len(name) > 64 or not name.isprintable() or name != name.strip():
        raise InputError("this cannot be a name", fix="give 1 to 64 letters, digits or signs")
    return name


def _remains(user: User) -> bool:
    """An admin who can come in whatever becomes of a provider."""
    return user.role == "admin" and not user.disabled and bool(user.password_hash)


def digest(token: str) -> str:
    """What is kept of a random token; without salt, because it has 256 bits of its own."""
    return hashlib.sha256(token.encode()).hexdigest()


def _role(name: str) -> Role:
    return next((role for role in ROLES if role == name), "viewer")
