"""Lines that must not get in: broken, incomplete, unknown, endless. And what only looks broken."""

import json
from collections.abc import Iterator
from typing import Any

from dice import Dice
from people import Portal

TOO_LONG = 1_100_000
"""Bytes of the over-long line: more than one mebibyte."""


def malformed(dice: Dice, portals: list[Portal]) -> Iterator[bytes]:
    """All kinds, three rounds; every line different."""
    for turn in range(3):
        portal = portals[turn % len(portals)]
        contact = dice.pick(portal.contacts)["id"]
        sound: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"bad-{turn}",
            "source": "mailer",
            "type": "unsubscribed",  # would leave a mark if it got through
            "subject": f"{portal.name}/{contact}",
            "time": "2026-11-02T09:30:00Z",
            "data": {},
        }
        yield from _incomplete(sound)
        yield from _wrong(sound, turn, contact)
        yield from _broken(sound, turn)


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _incomplete(sound: dict[str, Any]) -> Iterator[bytes]:
    for name in ("specversion", "id", "source", "type", "subject"):
        yield _line({key: value for key, value in sound.items() if key != name})
    yield _line(sound | {"id": ""})
    yield _line(sound | {"source": ""})


def _wrong(sound: dict[str, Any], turn: int, contact: str) -> Iterator[bytes]:
    def bad(kind: str, **changes: Any) -> bytes:
        return _line(sound | {"id": f"{sound['id']}-{kind}"} | changes)

    yield bad("spec", specversion=("0.3", "2.0", "1")[turn])
    yield bad("type", type=("email_exploded", "Unsubscribed", "timer.owner_silent")[turn])
    yield bad("time", time=("yesterday", "2026-13-45T09:00:00Z", "2026-11-02T09:00:00")[turn])
    yield bad("portal", subject=f"initech/{contact}")
    yield bad("subject", subject=(contact, "", f"{sound['subject'].split('/')[0]}/")[turn])
    yield bad("mark", type="marked", data={"action": ("boost", "hottest", "lost")[turn]})


def _broken(sound: dict[str, Any], turn: int) -> Iterator[bytes]:
    whole = _line(sound | {"id": f"{sound['id']}-cut"})
    yield whole[: -10 * (turn + 1)]
    yield whole.replace(b'"data"', b'"da\xe9ta"')  # latin-1, not UTF-8
    yield (b"[" + whole + b"]", b'"unsubscribed"', b"42")[turn]
    yield (b"\x89PNG\x1a\x00\x00\x00\rIHDR"[:9], b"\x1f\x8b\x08\x00\xff\xfe", b"\x00" * 64)[turn]
    yield (b"[" * 5_000, b'{"a":' * 5_000, b"id,source,type,subject")[turn]
    if turn == 0:
        padding = "x" * TOO_LONG
        yield _line(sound | {"id": "bad-long", "data": {"body": padding}})
