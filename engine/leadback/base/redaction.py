"""Takes out of a text what no log may hold: secrets that hide() was told of, and addresses."""

import re
import threading
from collections import OrderedDict

LONGEST = 20_000
"""Characters that are kept; more says nothing new."""
MOST_SECRETS = 1_000
SHORTEST_SECRET = 6
"""Shorter ones are parts of ordinary words."""

_ADDRESS = re.compile(r"[^\s\"'<>(){}\[\],;=/:]+@[^\s\"'<>(){}\[\],;=/:]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")
_WORD = 1_000

_secrets: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()


def hide(secret: str) -> str:
    """The secret as it is; from now on it appears in no line of the log."""
    if len(secret) >= SHORTEST_SECRET:
        with _lock:
            _secrets[secret] = None
            _secrets.move_to_end(secret)
            while len(_secrets) > MOST_SECRETS:
                _secrets.popitem(last=False)
    return secret


def without_secrets(text: str) -> str:
    """Without secrets that hide() knows, and without addresses of people."""
    text = text[:LONGEST]
    with _lock:
        known = list(_secrets)
    for secret in known:
        if secret in text:
            text = text.replace(secret, "…")
    if "@" in text:
        # Word by word: on one long word the pattern would take its time squared.
        text = re.sub(r"\S*", lambda word: _without_address(word[0]), text)
    return _BEARER.sub(r"\1 …", text)


def _without_address(word: str) -> str:
    if "@" not in word:
        return word
    return _ADDRESS.sub("…@…", word) if len(word) <= _WORD else "…@…"
