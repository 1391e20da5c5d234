"""What opens the portals, encrypted before it comes here; and who is fetching a new token now.

`revision` is the fence: whoever brings a new token says which one it replaces, and a second one
comes too late. No call to the CRM is made in any of these transactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from leadback.base.clock import Millis
from leadback.store.statements import InsertRows
from leadback.store.tables import consents, tokens
from leadback.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One portal's. kind: static | oauth. lease_until: somebody fetches a new one until then.

    retry_at, trouble: after an attempt that failed, when to try again and why.
    """

    portal: str
    kind: str
    sealed: str
    refresh_at: Millis
    expires_at: Millis
    scopes: tuple[str, ...]
    authorised_by: str
    authorised_at: Millis
    refreshed_at: Millis
    revision: int = 0
    lease_until: Millis = 0
    retry_at: Millis = 0
    failures: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """An authorisation that was begun. state_hash: of the random state that comes back."""

    portal: str
    state_hash: str
    sealed: str
    expires_at: Millis


_COLUMNS = (
    "portal",
    "kind",
    "sealed",
    "refresh_at",
    "expires_at",
    "scopes",
    "authorised_by",
    "authorised_at",
    "refreshed_at",
    "revision",
    "lease_until",
    "retry_at",
    "failures",
    "trouble",
)
_CONSENT = ("portal", "state_hash", "sealed", "expires_at")
_OF_PORTAL = tokens.c.portal == bindparam("name")
_SEEN = tokens.c.revision == bindparam("seen")
_PUT = InsertRows(tokens, _COLUMNS, "update")
_ALL = select(*(tokens.c[name] for name in _COLUMNS)).order_by(tokens.c.portal)
_ONE = _ALL.where(_OF_PORTAL)
_LEASE = (
    update(tokens)
    .where(
        _OF_PORTAL,
        _SEEN,
        tokens.c.lease_until <= bindparam("now"),
        tokens.c.retry_at <= bindparam("now"),
    )
    .values(lease_until=bindparam("until"))
)
_RENEW = (
    update(tokens)
    .where(_OF_PORTAL, _SEEN)
    .values(
        sealed=bindparam("text"),
        refresh_at=bindparam("refresh"),
        expires_at=bindparam("expires"),
        refreshed_at=bindparam("now"),
        revision=bindparam("next"),
        lease_until=0,
        retry_at=0,
        failures=0,
        trouble="",
    )
)
_EXPIRE = update(tokens).where(_OF_PORTAL, _SEEN).values(refresh_at=0, expires_at=0)
_FAIL = (
    update(tokens)
    .where(_OF_PORTAL, _SEEN)
    .values(
        lease_until=0,
        retry_at=bindparam("again"),
        failures=tokens.c.failures + 1,
        trouble=bindparam("why"),
    )
)
_RESEAL = (
    update(tokens)
    .where(_OF_PORTAL, tokens.c.sealed == bindparam("old"))
    .values(sealed=bindparam("text"))
)
_DROP = delete(tokens).where(_OF_PORTAL)
_DROP_SEEN = delete(tokens).where(_OF_PORTAL, _SEEN)
_ASK = InsertRows(consents, _CONSENT)
_ASKED = select(*(consents.c[name] for name in _CONSENT)).where(
    consents.c.portal == bindparam("name"), consents.c.expires_at > bindparam("now")
)
_ANSWER = delete(consents).where(
    consents.c.portal == bindparam("name"), consents.c.state_hash == bindparam("state")
)
_FORGET = delete(consents).where(consents.c.expires_at <= bindparam("now"))


class Tokens:
    """`tx.tokens`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def put(self, row: TokenRow) -> None:
        """A new authorisation; it gets a revision that no token had before."""
        (revision,) = self._tx.take_ids(1)
        values = {name: getattr(row, name) for name in _COLUMNS}
        values |= {"scopes": " ".join(row.scopes), "revision": revision}
        self._tx.rows(_PUT, [tuple(values[name] for name in _COLUMNS)])

    def get(self, portal: str) -> TokenRow | None:
        row = self._tx.run(_ONE, name=portal).first()
        return None if row is None else _row(row)

    def all(self) -> list[TokenRow]:
        """By portal."""
        return [_row(row) for row in self._tx.run(_ALL)]

    def lease(self, portal: str, revision: int, *, now: Millis, until: Millis) -> bool:
        """Whether this caller, and nobody else before `until`, may fetch a new token."""
        taken = self._tx.run(_LEASE, name=portal, seen=revision, now=now, until=until)
        return taken.rowcount == 1

    def renewed(
        self,
        portal: str,
        revision: int,
        sealed: str,
        *,
        refresh_at: Millis,
        expires_at: Millis,
        now: Millis,
    ) -> bool:
        """Keep new tokens in place of those of `revision`; False: those were replaced already."""
        (following,) = self._tx.take_ids(1)
        done = self._tx.run(
            _RENEW,
            name=portal,
            seen=revision,
            next=following,
            text=sealed,
            refresh=refresh_at,
            expires=expires_at,
            now=now,
        )
        return done.rowcount == 1

    def failed(self, portal: str, revision: int, *, retry_at: Millis, why: str) -> None:
        """No new token was to be had; nobody tries before `retry_at`."""
        self._tx.run(_FAIL, name=portal, seen=revision, again=retry_at, why=why)

    def expire(self, portal: str, revision: int) -> None:
        """The CRM refuses the access token: nobody uses it any more."""
        self._tx.run(_EXPIRE, name=portal, seen=revision)

    def reseal(self, portal: str, old: str, new: str) -> bool:
        """The same tokens under another key; False: they were replaced meanwhile."""
        return self._tx.run(_RESEAL, name=portal, old=old, text=new).rowcount == 1

    def drop(self, portal: str, revision: int | None = None) -> bool:
        """Forget them (if they are still those of `revision`); whether there were any."""
        if revision is None:
            return self._tx.run(_DROP, name=portal).rowcount == 1
        return self._tx.run(_DROP_SEEN, name=portal, seen=revision).rowcount == 1

    def ask(self, row: ConsentRow, *, now: Millis) -> None:
        """Remember that an authorisation was begun; what is too old is forgotten."""
        self._tx.run(_FORGET, now=now)
        self._tx.rows(_ASK, [(row.portal, row.state_hash, row.sealed, row.expires_at)])

    def asked(self, portal: str, *, now: Millis) -> Sequence[ConsentRow]:
        """Those of this portal that can still come back."""
        return [ConsentRow(*row) for row in self._tx.run(_ASKED, name=portal, now=now)]

    def answered(self, portal: str, state_hash: str) -> bool:
        """It came back: only the first caller gets True."""
        return self._tx.run(_ANSWER, name=portal, state=state_hash).rowcount == 1


def _row(row: Any) -> TokenRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    return TokenRow(**{**values, "scopes": tuple(values["scopes"].split())})
