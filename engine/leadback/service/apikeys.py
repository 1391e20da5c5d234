"""Keys for programs: printed once, kept as a hash, compared in constant time, revocable."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from leadback.base.clock import Clock, format_time
from leadback.base.errors import InputError
from leadback.rules.grammar import NAME_PATTERN
from leadback.rules.model import Rules
from leadback.service.audit import Audit
from leadback.store import Store, Tx
from leadback.store.account_records import ApiKey
from leadback.work.senders import SENDING, scope_of

METRICS = "metrics:read"
SCOPES = (*SENDING, "leads:read", METRICS, "assistants:read", "assistants:write")
_KEY = re.compile(r"lb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@ -]{0,63}")
_TYPE = re.compile(NAME_PATTERN)
_NO_HASH = "0" * 64


class ApiKeys:
    """Keys whose making and revoking is on the audit trail, as whoever is acting."""

    def __init__(self, store: Store, clock: Clock, audit: Audit) -> None:
        self._store, self._clock, self._audit = store, clock, audit

    def add(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        portals: Sequence[str] = (),
        types: Sequence[str] = (),
        rules: Rules | None = None,
    ) -> dict[str, Any]:
        """A new key; `key` in the answer is shown this once. Raises InputError.

        portals, types: the key is for these alone; none = for all. rules: what types are checked
        by.
        """
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} cannot name a key", fix="use letters, digits, - _ . @")
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            what = f"there is no scope {unknown[0]!r}" if unknown else "a key needs a scope"
            raise InputError(what, fix=f"use one or more of {', '.join(SCOPES)}")
        _check_limits(scopes, portals, types, rules)
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        kept = ApiKey(
            key_id=key_id,
            name=name,
            secret_hash=_hash(secret),
            scopes=tuple(s for s in SCOPES if s in scopes),
            created_at=self._clock.now(),
            created_by=self._audit.actor()[0],
            portals=tuple(sorted(set(portals))),
            types=tuple(sorted(set(types))),
        )
        with self._audit.changing("add API key", name) as (tx, done):
            _check_portals(tx, kept.portals)
            if any(k.name == name and k.revoked_at is None for k in tx.accounts.api_keys()):
                raise InputError(
                    f"there is a key {name!r} already", fix=f"leadback apikey revoke {name!r} first"
                )
            tx.accounts.put_key(kept)
            done(rights(_document(kept)))
        return {**_document(kept), "key": f"lb_{key_id}_{secret}"}

    def list(self) -> list[dict[str, Any]]:
        """All keys, without what would open a door."""
        with self._store.read() as tx:
            return [_document(key) for key in tx.accounts.api_keys()]

    def revoke(self, name: str) -> None:
        """The key opens nothing from now on. Raises InputError when there is none of this name."""
        with self._audit.changing("revoke API key", name) as (tx, _):
            found = [k for k in tx.accounts.api_keys() if k.name == name and k.revoked_at is None]
            if not found:
                raise InputError(f"there is no key {name!r}", fix="see: leadback apikey list")
            for key in found:
                tx.accounts.revoke_key(key.key_id, self._clock.now())

    def check(self, key: str) -> ApiKey | None:
        """The record of a key that is good now, else None; unknown keys take as long as known."""
        parts = _KEY.fullmatch(key)
        if parts is None:
            return None
        with self._store.read() as tx:
            kept = tx.accounts.api_key(parts[1])
        expected = kept.secret_hash if kept is not None else _NO_HASH
        right = hmac.compare_digest(_hash(parts[2]), expected)
        return kept if right and kept is not None and kept.revoked_at is None else None


def _check_limits(
    scopes: Sequence[str], portals: Sequence[str], types: Sequence[str], rules: Rules | None
) -> None:
    if portals and METRICS in scopes:
        raise InputError(
            f"{METRICS} shows figures of all portals", fix="make a key of its own for it"
        )
    for kind in types:
        if not _TYPE.fullmatch(kind) or (rules is not None and kind not in rules.events):
            known = f"use one or more of {', '.join(rules.events)}" if rules else "see the rules"
            raise InputError(f"there is no event {kind!r}", fix=known)
        needed = scope_of(rules, kind) if rules is not None else ""
        if needed and needed not in scopes:
            raise InputError(
                f"events of the type {kind} need the scope {needed}", fix=f"add --scope {needed}"
            )
    if types and not SENDING.keys() & set(scopes):
        raise InputError("types are for keys that send events", fix="leave them out")


def _check_portals(tx: Tx, portals: Sequence[str]) -> None:
    for name in portals:
        if tx.portals.get(name) is None:
            raise InputError(f"there is no portal {name!r}", fix="see: leadback portal list")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _document(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "id": key.key_id,
        "scopes": list(key.scopes),
        "portals": list(key.portals),
        "types": list(key.types),
        "created_at": format_time(key.created_at),
        "created_by": key.created_by,
        "revoked_at": format_time(key.revoked_at) if key.revoked_at else None,
    }


def rights(key: Mapping[str, Any]) -> str:
    """What a key may do, in one line: its scopes, and what it is limited to."""
    limits = [f"only {', '.join(key[name])}" for name in ("portals", "types") if key[name]]
    return "; ".join([" ".join(key["scopes"]), *limits])


def sending() -> Mapping[str, str]:
    """The scopes that let a key send events, and which, for people."""
    return SENDING
