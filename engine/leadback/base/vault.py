"""Keeps secrets readable for us alone: small JSON documents, encrypted with the operator's keys.

Fernet (AES-CBC with HMAC-SHA256) of the library cryptography. Each document says inside whose it is
and what for, so that rows of a database cannot be swapped. Several keys are a rotation: the first
encrypts, every one decrypts (https://cryptography.io/en/latest/fernet/).
"""

import hmac
import os
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from leadback.base.errors import ConfigurationError
from leadback.base.private import is_open_to_others
from leadback.base.redaction import hide

KEYS = "LEADBACK_SECRET_KEYS"
"""The environment variable with the keys, separated by spaces or commas."""

_MAKE_ONE = f"make one with: leadback keys new, and put it into {KEYS} (keep a copy elsewhere)"


def new_key() -> str:
    """A key for KEYS: 256 random bits, base64."""
    return Fernet.generate_key().decode()


def keys_from(file: Path | None) -> Callable[[], tuple[str, ...]]:
    """Reads the keys when they are needed: the environment's, else those of a file."""

    def read() -> tuple[str, ...]:
        text = os.environ.get(KEYS, "")
        if not text.strip() and file is not None:
            try:
                with file.open(encoding="ascii") as opened:
                    _require_private(file, opened.fileno())
                    text = opened.read()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"the keys cannot be read: {str(error).splitlines()[0]}",
                    where=str(file),
                    fix="put one key a line into it: leadback keys new",
                ) from error
        return tuple(map(hide, filter(None, re.split(r"[\s,]+", text))))

    return read


class Vault:
    """Seals and opens. The keys are read at the first use: who stores nothing needs none."""

    def __init__(self, keys: Callable[[], tuple[str, ...]]) -> None:
        self._keys = keys

    @cached_property
    def _fernet(self) -> MultiFernet:
        keys = self._keys()
        if not keys:
            raise ConfigurationError(
                "there is no key to keep tokens with", where=KEYS, fix=_MAKE_ONE
            )
        try:
            return MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            number = next(n for n, key in enumerate(keys, 1) if not _is_key(key))
        raise ConfigurationError(f"key {number} is no key", where=KEYS, fix=_MAKE_ONE)

    def check(self) -> None:
        """Raises ConfigurationError when nothing could be sealed."""
        self._fernet  # noqa: B018 — reads the keys

    def seal(self, portal: str, purpose: str, document: Mapping[str, Any]) -> str:
        """The document as text that only open() with the same portal and purpose reads."""
        _hide_all(document)
        content = orjson.dumps({"portal": portal, "for": purpose, "content": dict(document)})
        return self._fernet.encrypt(content).decode()

    def open(self, portal: str, purpose: str, sealed: str) -> dict[str, Any]:
        """Raises ConfigurationError: no or other keys, a row of another portal, a broken row."""
        try:
            content = orjson.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            content = None
        if content is None:
            raise ConfigurationError(
                f"what is kept of portal {portal} cannot be decrypted with the present keys",
                where=KEYS,
                fix="add the key that it was encrypted with behind the others, or connect again: "
                f"leadback portal connect {portal}",
            )
        whose = f"{content['portal']}\n{content['for']}".encode()
        if not hmac.compare_digest(whose, f"{portal}\n{purpose}".encode()):
            raise ConfigurationError(
                f"what is kept as portal {portal}'s belongs to another portal",
                where="database",
                fix=f"somebody changed the database; connect again: leadback portal connect "
                f"{portal}",
            )
        opened: dict[str, Any] = content["content"]
        _hide_all(opened)
        return opened

    def renew(self, portal: str, purpose: str, sealed: str) -> str:
        """The same, encrypted with the first key. Raises as open()."""
        self.open(portal, purpose, sealed)
        return self._fernet.rotate(sealed.encode()).decode()


def _require_private(file: Path, descriptor: int) -> None:
    if is_open_to_others(descriptor):
        raise ConfigurationError(
            "other users of this machine can read or change the keys",
            where=str(file),
            fix=f"chmod 600 {file}; of a container's secret, set its mode to 0400",
        )


def _hide_all(document: Mapping[str, Any]) -> None:
    for value in document.values():
        if isinstance(value, str):
            hide(value)


def _is_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True
