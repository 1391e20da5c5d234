"""Keys for programs: printed once, kept as a hash, compared in constant time, revocable."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Any

from engine.base.clock import Clock, format_time
from engine.base.errors import InputError
from engine.service.audit import Audit
from engine.store import Store
from engine.store.account_records import ApiKey

SCOPES = ("events:write", "leads:read", "metrics:read", "assistants:read", "assistants:write")
_KEY = re.compile(r"hb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@ -]{0,63}")
_NO_HASH = "0" * 64


class ApiKeys:
    """Keys whose making and revoking is on the audit trail, as whoever is acting."""

    def __init__(self, store: Store, clock: Clock, audit: Audit) -> None:
        self._store, self._clock, self._audit = store, clock, audit

    def add(self, name: str, scopes: Sequence[str]) -> dict[str, Any]:
        """A new key; `key` in the answer is shown this once. Raises InputError."""
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} cannot name a key", fix="use letters, digits, - _ . @")
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            what = f"there is no scope {unknown[0]!r}" if unknown else "a key needs a scope"
            raise InputError(what, fix=f"use one or more of {', '.join(SCOPES)}")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        kept = ApiKey(
            key_id=key_id,
            name=name,
            secret_hash=_hash(secret),
            scopes=tuple(s for s in SCOPES if s in scopes),
            created_at=self._clock.now(),
            created_by=self._audit.actor()[0],
        )
        with self._audit.changing("add API key", name) as (tx, done):
            if any(k.name == name and k.revoked_at is None for k in tx.accounts.api_keys()):
                raise InputError(
                    f"there is a key {name!r} already", fix=f"handback apikey revoke {name!r} first"
                )
            tx.accounts.put_key(kept)
            done(" ".join(kept.scopes))
        return {**_document(kept), "key": f"hb_{key_id}_{secret}"}

    def list(self) -> list[dict[str, Any]]:
        """All keys, without what would open a door."""
        with self._store.read() as tx:
            return [_document(key) for key in tx.accounts.api_keys()]

    def revoke(self, name: str) -> None:
        """The key opens nothing from now on. Raises InputError when there is none of this name."""
        with self._audit.changing("revoke API key", name) as (tx, _):
            found = [k for k in tx.accounts.api_keys() if k.name == name and k.revoked_at is None]
            if not found:
                raise InputError(f"there is no key {name!r}", fix="see: handback apikey list")
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


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _document(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "id": key.key_id,
        "scopes": list(key.scopes),
        "created_at": format_time(key.created_at),
        "created_by": key.created_by,
        "revoked_at": format_time(key.revoked_at) if key.revoked_at else None,
    }
