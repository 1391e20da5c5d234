"""Who may come in, and what they did: people, their sessions, API keys, the audit trail.

No secret is among them: passwords as argon2 hashes, session tokens and keys as SHA-256.
"""

from dataclasses import dataclass

from leadback.base.clock import Millis


@dataclass(frozen=True, slots=True)
class User:
    """A person with a login. password_hash "": single sign-on only. identity: who this is at the
    OpenID provider ("ISSUER SUB"), None until known. failures: wrong passwords in a row;
    locked_until 0 = open."""

    name: str
    password_hash: str
    role: str
    created_at: Millis
    disabled: bool = False
    failures: int = 0
    locked_until: Millis = 0
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is logged in. token_hash: SHA-256 (hex) of the cookie's value."""

    token_hash: str
    user: str
    created_at: Millis
    seen_at: Millis
    expires_at: Millis


@dataclass(frozen=True, slots=True)
class SignIn:
    """A browser that was sent to the OpenID provider. state_hash: SHA-256 (hex) of the state."""

    state_hash: str
    next_path: str
    expires_at: Millis


@dataclass(frozen=True, slots=True)
class LogIn:
    """Somebody came in (good), or tried. address: where from. id 0 until kept."""

    at: Millis
    who: str
    address: str
    outcome: str
    good: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True)
class Try:
    """A password is about to be tried. locked_until: of a lock that this try set, if it did."""

    password_hash: str
    locked_until: Millis = 0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A program's key. key_id: its public part; secret_hash: SHA-256 (hex) of the rest.

    portals, types: the only ones that it is for; () = all.
    """

    key_id: str
    name: str
    secret_hash: str
    scopes: tuple[str, ...]
    created_at: Millis
    created_by: str
    revoked_at: Millis | None = None
    portals: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that somebody did (or tried). door: pages, command line or API. id 0 until kept."""

    at: Millis
    who: str
    door: str
    what: str
    subject: str = ""
    outcome: str = ""
    id: int = 0
