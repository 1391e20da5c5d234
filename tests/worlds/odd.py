"""Events that no sender should send, and some do: wrong types, odd values, deep, huge, cut off.

Nothing is promised for what they say. They may be taken or refused, and whatever becomes of them
concerns nobody else.
"""

import json
import random
from typing import Any

from leadback.base.clock import Millis, format_time

SOURCE = "odd"
"""Of every event made here, so that nobody takes them for the mailer's."""

_DEEP = 40
_TOO_DEEP = 3_000
_LONG = 5_000
_TOO_LONG = 1_100_000


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


VALUES: tuple[Any, ...] = (
    71500012, -1, 2**31, 2**63 - 1, 2**63, -(2**70), 0.5, 1e308, True, False, None, "", " ", "\t\n",
    [], {}, ["a", 1], [None], {"a": {"b": 1}}, "\u0000", "a\u0000b", "\u202e\u001b[31m", "\ud83d",
    "\ufeff", "=1+1", "<script>", "x" * _LONG, "2026-11-31", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59", "2026-11-02", "now", "acme", "null", _nested(_DEEP),
)  # fmt: skip
FIELDS = {
    "assigned": ("assistant", "previous_owner", "crm_assigned_at", "email", "name", "context"),
    "unassigned": ("by",),
    "replied": ("intent", "body", "subject", "from", "to", "return_date"),
    "email_sent": ("subject", "body", "from", "to", "number"),
    "email_invalid": ("reason",),
    "email_bounced": ("reason",),
    "email_opened": ("number",),
    "link_clicked": ("url",),
    "marked": ("action",),
    "owner_replied": ("by",),
}
SOUND = {
    "assigned": {"assistant": "tara@acme.example"},
    "replied": {"intent": "OutOfOffice"},
    "marked": {"action": "cold"},
}
"""What these events cannot do without."""


def line(dice: random.Random, crm_id: str, number: int, now: Millis) -> bytes:
    """One such event about a contact, as the bytes of a line; id `o` and the number."""
    kind = dice.choice(sorted(FIELDS))
    data = dict(SOUND.get(kind, {}))
    for field in dice.sample(FIELDS[kind], dice.randint(0, len(FIELDS[kind]))):
        data[field] = dice.choice(VALUES)
    event = {
        "specversion": "1.0", "id": f"o{number}", "source": SOURCE, "type": kind,
        "subject": f"acme/{crm_id}", "time": format_time(now), "data": data,
    }  # fmt: skip
    if dice.random() < 0.4:
        dice.choice((_odd_attribute, _odd_subject, _odd_data))(dice, event, crm_id)
    written = json.dumps(event).encode()
    return dice.choice(_SPOILED)(written) if dice.random() < 0.2 else written


def _odd_attribute(dice: random.Random, event: dict[str, Any], crm_id: str) -> None:
    name = dice.choice(("specversion", "id", "type", "subject", "time", "datacontenttype"))
    event[name] = dice.choice(VALUES)


def _odd_subject(dice: random.Random, event: dict[str, Any], crm_id: str) -> None:
    event["subject"] = dice.choice(
        (
            "acme", "acme/", "/", f"/{crm_id}", f"ACME/{crm_id}", f"acme/{crm_id}/",
            f"acme/ {crm_id}", "acme/undefined", "acme/null", "acme/../x", "acme/no@example.org",
            "acme/@", f"other/{crm_id}", f"acme/{crm_id}\n", "acme/" + "9" * 200,
            "acme/\u0661\u0662",
        )
    )  # fmt: skip


def _odd_data(dice: random.Random, event: dict[str, Any], crm_id: str) -> None:
    if dice.random() < 0.3:
        event["data_base64"] = dice.choice(("eyJpbnRlbnQiOiAiSG90In0=", "%%%", 1, ""))
    else:
        event["data"] = dice.choice(VALUES)


_SPOILED = (
    lambda written: b"\xef\xbb\xbf" + written,
    lambda written: written[: len(written) // 2],
    lambda written: written.replace(b'"data"', b'"data\xff"'),
    lambda written: written + b" garbage",
    lambda written: b"[" + written + b"]",
    lambda written: written.replace(b'"data": {', b'"data": {"n": NaN, '),
    lambda written: written.replace(
        b'"data": {', b'"data": {"n": ' + b"[" * _TOO_DEEP + b"]" * _TOO_DEEP + b", "
    ),
    lambda written: written.replace(b'"data": {', b'"data": {"n": "%s", ' % (b"x" * _TOO_LONG)),
    lambda written: written.replace(b'"type"', b'"id": "twice", "type"'),
    lambda written: b"\x00" + written,
    lambda written: b"",
    lambda written: b"null",
)


ENGINE_SOURCES = ("leadback/timer", "leadback/rules", "leadback", "hubspot:acme", "person")
"""Sources that the engine itself gives its events."""


def claims(dice: random.Random, crm_id: str, now: Millis) -> list[bytes]:
    """Harmless events under the names that the engine's own next ones about a contact may have:
    whoever knows how they are made can send them before."""
    source = dice.choice(ENGINE_SOURCES)
    return [
        json.dumps(
            {
                "specversion": "1.0", "id": name, "source": source, "type": "email_verified",
                "subject": f"acme/{crm_id}",
            }
        ).encode()
        for name in dice.sample(sorted(_next_names(crm_id, now)), CLAIMS)
    ]  # fmt: skip


CLAIMS = 40


def _next_names(crm_id: str, now: Millis) -> set[str]:
    changes = ("contact_deleted", "contact_restored", "contact_merged", "contact_erased")
    timers = ("owner_silent", "returned", "reminder")
    return {
        *(f"{crm_id}:{kind}:{now + k}" for kind in ("assigned", "unassigned") for k in range(6)),
        *(f"{crm_id}:{kind}:{revision}" for kind in changes for revision in range(12)),
        *(f"{crm_id}/{timer}/{seq}" for timer in timers for seq in range(200)),
    }


def flood(crm_id: str, number: int) -> list[bytes]:
    """More events about one contact than all others have together."""
    return [
        json.dumps(
            {
                "specversion": "1.0", "id": f"f{number}.{each}", "source": "flood",
                "type": "owner_replied", "subject": f"acme/{crm_id}",
            }
        ).encode()
        for each in range(FLOOD)
    ]  # fmt: skip


FLOOD = 300
