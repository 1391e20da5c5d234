"""People with a login, their sessions, keys of programs, and the audit trail."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, case, delete, func, not_, or_, select, update

from leadback.base.clock import Millis
from leadback.store.account_records import ApiKey, AuditEntry, Session, SignIn, Try, User
from leadback.store.statements import InsertRows, containing, word
from leadback.store.tables import api_keys, audit, browsers, sessions, sign_ins, users
from leadback.store.transaction import Transaction

ERASED = "erased"
"""What stands on the audit trail in the place of what named a person who was erased."""

_USER = (
    "name",
    "password_hash",
    "role",
    "created_at",
    "disabled",
    "failures",
    "locked_until",
    "identity",
)
_SESSION = ("token_hash", "user", "created_at", "seen_at", "expires_at")
_KEY = (
    "key_id",
    "name",
    "secret_hash",
    "scopes",
    "created_at",
    "created_by",
    "revoked_at",
    "portals",
    "types",
)
_ENTRY = ("at", "who", "door", "what", "subject", "outcome", "id")

_PUT_USER = InsertRows(users, _USER, "update")
_USERS = select(*(users.c[name] for name in _USER)).order_by(users.c.name)
_USER_OF = _USERS.where(users.c.name == bindparam("name"))
_IDENTIFIED = _USERS.where(users.c.identity == bindparam("identity"))
_LAST_TRY = users.c.failures + 1 >= bindparam("most")
_TRY = (
    update(users)
    .where(
        users.c.name == bindparam("who"),
        not_(users.c.disabled),
        users.c.locked_until <= bindparam("now"),
    )
    .values(
        failures=case((_LAST_TRY, 0), else_=users.c.failures + 1),
        locked_until=case((_LAST_TRY, bindparam("until")), else_=0),
    )
    .returning(users.c.password_hash, users.c.locked_until)
)
_TRIED = (
    update(users)
    .where(
        users.c.name == bindparam("who"),
        not_(users.c.disabled),
        users.c.password_hash == bindparam("tried"),
        or_(users.c.locked_until <= bindparam("now"), users.c.locked_until == bindparam("mine")),
    )
    .values(failures=0, locked_until=0, password_hash=bindparam("hashed"))
)
_TRY_FROM = (
    update(browsers)
    .where(
        browsers.c.token_hash == bindparam("browser"),
        browsers.c.user == bindparam("who"),
        browsers.c.expires_at > bindparam("now"),
        browsers.c.failures < bindparam("most"),
    )
    .values(failures=browsers.c.failures + 1)
)
_TRIED_FROM = (
    update(users)
    .where(
        users.c.name == bindparam("who"),
        not_(users.c.disabled),
        users.c.password_hash == bindparam("tried"),
    )
    .values(password_hash=bindparam("hashed"))
)
_KNOWN_FROM = select(browsers.c.token_hash).where(
    browsers.c.token_hash == bindparam("browser"),
    browsers.c.user == bindparam("who"),
    browsers.c.expires_at > bindparam("now"),
    browsers.c.failures < bindparam("most"),
)
_REMEMBER = InsertRows(browsers, ("token_hash", "user", "failures", "expires_at"))
_FORGET_BROWSER = delete(browsers).where(
    or_(browsers.c.token_hash == bindparam("browser"), browsers.c.expires_at <= bindparam("now"))
)
_NEWEST_BROWSERS = (
    select(browsers.c.token_hash)
    .where(browsers.c.user == bindparam("who"))
    .order_by(browsers.c.expires_at.desc())
    .limit(bindparam("most"))
)
_FORGET_OLDEST = delete(browsers).where(
    browsers.c.user == bindparam("who"), browsers.c.token_hash.not_in(_NEWEST_BROWSERS)
)
_FORGET_BROWSERS = delete(browsers).where(browsers.c.user == bindparam("name"))
_OPEN = InsertRows(sessions, _SESSION)
_SESSION_OF = select(*(sessions.c[name] for name in _SESSION)).where(
    sessions.c.token_hash == bindparam("token_hash")
)
_SEE = (
    update(sessions)
    .where(sessions.c.token_hash == bindparam("session"))
    .values(seen_at=bindparam("now"))
)
_CLOSE = delete(sessions).where(sessions.c.token_hash == bindparam("session"))
_CLOSE_ALL = delete(sessions).where(sessions.c.user == bindparam("name"))
_FORGET = delete(sessions).where(sessions.c.expires_at <= bindparam("now"))
_BEGIN = InsertRows(sign_ins, ("state_hash", "next_path", "expires_at"))
_TAKE = (
    delete(sign_ins)
    .where(sign_ins.c.state_hash == bindparam("state"), sign_ins.c.expires_at > bindparam("now"))
    .returning(sign_ins.c.next_path)
)
_FORGET_BEGUN = delete(sign_ins).where(sign_ins.c.expires_at <= bindparam("now"))
_PUT_KEY = InsertRows(api_keys, _KEY)
_KEYS = select(*(api_keys.c[name] for name in _KEY)).order_by(
    api_keys.c.created_at, api_keys.c.key_id
)
_KEY_OF = _KEYS.where(api_keys.c.key_id == bindparam("key_id"))
_REVOKE = (
    update(api_keys)
    .where(api_keys.c.key_id == bindparam("key"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_NOTE = InsertRows(audit, _ENTRY)
_MENTIONING = (
    update(audit)
    .where(
        or_(
            func.lower(audit.c.subject).like(bindparam("pattern"), escape="!"),
            func.lower(audit.c.outcome).like(bindparam("pattern"), escape="!"),
        )
    )
    .values(subject=word(ERASED), outcome=word(ERASED))
)
_AUDIT = (
    select(*(audit.c[name] for name in _ENTRY))
    .where(audit.c.id < bindparam("before"), audit.c.at >= bindparam("since"))
    .order_by(audit.c.id.desc())
    .limit(bindparam("limit"))
)
_LAST = 2**63 - 1


class Accounts:
    """`tx.accounts`. Secrets come here as hashes only."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def hold(self) -> None:
        """Wait for who changes logins; nobody else changes any until this transaction ends. Before
        anything is read that the change rests on."""
        self._tx.dialect.hold_logins(self._tx.connection)

    def users(self) -> list[User]:
        """By name."""
        return [_user(row) for row in self._tx.run(_USERS)]

    def user(self, name: str) -> User | None:
        row = self._tx.run(_USER_OF, name=name).first()
        return None if row is None else _user(row)

    def identified(self, identity: str) -> User | None:
        """Who this identity at the OpenID provider belongs to."""
        row = self._tx.run(_IDENTIFIED, identity=identity).first()
        return None if row is None else _user(row)

    def put_user(self, user: User) -> None:
        """Add or change, by name."""
        row = (
            user.name,
            user.password_hash,
            user.role,
            user.created_at,
            user.disabled,
            user.failures,
            user.locked_until,
            user.identity,
        )
        self._tx.rows(_PUT_USER, [row])

    def begin_try(self, name: str, *, most: int, until: Millis, now: Millis) -> Try | None:
        """Count a try before it is judged: the `most`th in a row locks. None: nobody of this name,
        disabled, or locked."""
        row = self._tx.run(_TRY, who=name, most=most, until=until, now=now).first()
        return None if row is None else Try(row[0], row[1])

    def end_try(self, name: str, tried: Try, *, hashed: str, now: Millis) -> bool:
        """It was the right password: forget the failures, keep `hashed` of it. False when the login
        was locked by other tries meanwhile, disabled, or has another password."""
        found = self._tx.run(
            _TRIED, who=name, tried=tried.password_hash, hashed=hashed, mine=tried.locked_until,
            now=now,
        )  # fmt: skip
        return found.rowcount > 0

    def begin_try_from(self, browser: str, name: str, *, most: int, now: Millis) -> bool:
        """Count a try on the browser that this login was good from before. False: it was not, or it
        has used up what it may."""
        return self._tx.run(_TRY_FROM, browser=browser, who=name, most=most, now=now).rowcount > 0

    def end_try_from(self, name: str, tried: Try, *, hashed: str) -> bool:
        """As end_try, for a known browser: a lock by others' tries does not count."""
        found = self._tx.run(_TRIED_FROM, who=name, tried=tried.password_hash, hashed=hashed)
        return found.rowcount > 0

    def knows_browser(self, browser: str, name: str, *, most: int, now: Millis) -> bool:
        """Whether a try from there would count on the browser alone."""
        found = self._tx.run(_KNOWN_FROM, browser=browser, who=name, most=most, now=now)
        return found.first() is not None

    def remember_browser(
        self, browser: str, name: str, *, instead: str, until: Millis, now: Millis, most: int
    ) -> None:
        """A login was good from there. instead: what it was known as; most: of one login."""
        self._tx.run(_FORGET_BROWSER, browser=instead, now=now)
        self._tx.rows(_REMEMBER, [(browser, name, 0, until)])
        self._tx.run(_FORGET_OLDEST, who=name, most=most)

    def forget_browsers(self, name: str) -> None:
        """None of this person's is known any more."""
        self._tx.run(_FORGET_BROWSERS, name=name)

    def open_session(self, session: Session) -> None:
        row = (
            session.token_hash,
            session.user,
            session.created_at,
            session.seen_at,
            session.expires_at,
        )
        self._tx.rows(_OPEN, [row])

    def session(self, token_hash: str) -> Session | None:
        row = self._tx.run(_SESSION_OF, token_hash=token_hash).first()
        return None if row is None else Session(*row)

    def see_session(self, token_hash: str, now: Millis) -> None:
        self._tx.run(_SEE, session=token_hash, now=now)

    def close_session(self, token_hash: str) -> None:
        self._tx.run(_CLOSE, session=token_hash)

    def close_sessions(self, name: str) -> None:
        """All sessions of this person."""
        self._tx.run(_CLOSE_ALL, name=name)

    def forget_sessions(self, now: Millis) -> None:
        """Delete those that have expired."""
        self._tx.run(_FORGET, now=now)

    def begin_sign_in(self, begun: SignIn, now: Millis) -> None:
        """Keep it, and forget those that nobody came back from in time."""
        self._tx.run(_FORGET_BEGUN, now=now)
        self._tx.rows(_BEGIN, [(begun.state_hash, begun.next_path, begun.expires_at)])

    def take_sign_in(self, state_hash: str, now: Millis) -> str | None:
        """Its next_path, once; None when there is none, or no longer."""
        found = self._tx.run(_TAKE, state=state_hash, now=now).scalar_one_or_none()
        return None if found is None else str(found)

    def api_keys(self) -> list[ApiKey]:
        """Oldest first, revoked ones too."""
        return [_key(row) for row in self._tx.run(_KEYS)]

    def api_key(self, key_id: str) -> ApiKey | None:
        row = self._tx.run(_KEY_OF, key_id=key_id).first()
        return None if row is None else _key(row)

    def put_key(self, key: ApiKey) -> None:
        row = (
            key.key_id,
            key.name,
            key.secret_hash,
            " ".join(key.scopes),
            key.created_at,
            key.created_by,
            key.revoked_at,
            " ".join(key.portals),
            " ".join(key.types),
        )
        self._tx.rows(_PUT_KEY, [row])

    def revoke_key(self, key_id: str, now: Millis) -> None:
        """The first time counts."""
        self._tx.run(_REVOKE, key=key_id, now=now)

    def note(self, entry: AuditEntry) -> None:
        """Append to the audit trail; the entry's own id is not used."""
        (number,) = self._tx.take_ids(1)
        row = (entry.at, entry.who, entry.door, entry.what, entry.subject, entry.outcome, number)
        self._tx.rows(_NOTE, [row])

    def forget(self, texts: Sequence[str]) -> None:
        """Who did what when stays; what mentions one of these (an address) is erased with it."""
        for text in texts:
            self._tx.run(_MENTIONING, pattern=containing(text))

    def audit(
        self, *, limit: int, before: int | None = None, since: Millis = 0
    ) -> list[AuditEntry]:
        """Newest first. before: the id of the last entry of the page before."""
        rows = self._tx.run(_AUDIT, limit=limit, before=before or _LAST, since=since)
        return [AuditEntry(*row) for row in rows]


def _user(row: Any) -> User:
    name, password_hash, role, created_at, disabled, *rest = row
    return User(name, password_hash, role, created_at, bool(disabled), *rest)


def _key(row: Any) -> ApiKey:
    key_id, name, secret_hash, scopes, created_at, created_by, revoked_at, portals, types = row
    return ApiKey(
        key_id,
        name,
        secret_hash,
        tuple(scopes.split()),
        created_at,
        created_by,
        revoked_at,
        tuple(portals.split()),
        tuple(types.split()),
    )
