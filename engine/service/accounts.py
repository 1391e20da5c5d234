"""People with a login: passwords, roles, lock-out, sessions. Only doors with pages need it.

Passwords are kept as argon2 hashes, session tokens as SHA-256; neither can be read back.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from engine.base.clock import HOUR, MINUTE, Clock, Millis, format_time
from engine.base.errors import InputError
from engine.service.audit import Audit
from engine.store import Store, Tx
from engine.store.account_records import Session, User

Role = Literal["viewer", "operator", "editor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""

IDLE: Millis = 2 * HOUR
LIFETIME: Millis = 12 * HOUR
TRIES = 5
LOCKED: Millis = 15 * MINUTE
SEEN_EVERY: Millis = MINUTE
"""How exactly the last use of a session is remembered; spares a write per request."""

SHORTEST, LONGEST = 12, 256


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
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

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
        user = User(_checked(name), self._hash(name, password), role, self._clock.now())
        self._add(user, "make first admin" if first else "add login", first)

    def invite(self, name: str, role: Role) -> None:
        """A login without a password, for whoever the OpenID provider says has this address, or
        for whom link() names. Raises InputError."""
        self._add(User(_checked(name), "", role, self._clock.now()), "invite", False)

    def _add(self, user: User, what: str, first: bool) -> None:
        name = user.name
        with self._audit.changing(what, name) as (tx, done):
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
        with self._audit.changing(what, name) as (tx, done):
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
        if old is not None and self._tried(name, old) is None:
            self._audit.command("change password", subject=name, outcome="failed: old password")
            raise InputError("the old password is not right")
        hashed = self._hash(name, password)
        with self._audit.changing("change password", name) as (tx, _):
            user = tx.accounts.user(name)
            if user is None:
                raise InputError(f"there is no login {name!r}")
            tx.accounts.put_user(replace(user, password_hash=hashed, failures=0, locked_until=0))
            tx.accounts.close_sessions(name)

    def link(self, name: str, identity: str | None) -> None:
        """Say who this is at the OpenID provider ("ISSUER SUB"), None to have the verified address
        decide anew; ends the sessions. Raises InputError."""
        what = "link login" if identity else "unlink login"
        with self._audit.changing(what, name) as (tx, done):
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

    def log_in(self, name: str, password: str) -> str | None:
        """A session token for the right password, else None: nobody learns which part was wrong.

        After TRIES failures in a row the login is locked for a while, right password or not.
        """
        user = self._tried(name, password)
        if user is None:
            return None
        with self._store.write() as tx:
            return open_session(tx, user.name, self._clock.now())

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

    def _tried(self, name: str, password: str) -> User | None:
        now = self._clock.now()
        with self._store.read() as tx:
            user = tx.accounts.user(name)
        usable = user is not None and not user.disabled and user.locked_until <= now
        known_hash = user.password_hash if user else ""
        right = self._fits(known_hash or self._nobody, password) and bool(known_hash)
        if user is None or not usable:
            return None
        with self._store.write() as tx:
            known = tx.accounts.user(name) or user
            tx.accounts.put_user(_after_try(known, right=right, now=now))
        return user if right else None

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False

    def _hash(self, name: str, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST:
            raise InputError(
                f"a password has {SHORTEST} to {LONGEST} characters", fix="take a few words"
            )
        plain = password.lower()
        if name.lower() in plain or "handback" in plain or len(set(plain)) < 5:
            raise InputError("this password is easy to guess", fix="take a few unrelated words")
        return self._hasher.hash(password)


def _after_try(user: User, *, right: bool, now: Millis) -> User:
    if right:
        return replace(user, failures=0, locked_until=0)
    failures = user.failures + 1
    if failures < TRIES:
        return replace(user, failures=failures)
    return replace(user, failures=0, locked_until=now + LOCKED)


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
