"""Rules against what really happened: which never fired, which states were never entered."""

from itertools import chain

from leadback.base.clock import Millis
from leadback.base.errors import InputError
from leadback.rules.durations import parse_duration
from leadback.rules.model import Rules
from leadback.rules.why import coverage
from leadback.service.rules import Document
from leadback.store import Tx


def covered(rules: Rules, tx: Tx, *, since: Millis) -> Document:
    """What never happened since then: `rules` {rule, at}, `states`, `events`."""
    used = [tx.history.used(portal.name, since=since) for portal in tx.portals.list()]
    found = coverage(
        rules,
        fired=chain.from_iterable(one.rules for one in used),
        entered=chain.from_iterable(one.states for one in used),
        seen=chain.from_iterable(one.events for one in used),
    )
    return {
        "rules": [{"rule": rule.name, "at": str(rule.at)} for rule in found.rules],
        "states": list(found.states),
        "events": list(found.events),
    }


def since(text: str, now: Millis) -> Millis:
    """`30d` as the instant that long before now. Raises InputError."""
    length = parse_duration(text)
    if length is None:
        raise InputError(f"--since {text!r} is no length of time", fix="write e.g. 30d or 12h")
    return now - length
