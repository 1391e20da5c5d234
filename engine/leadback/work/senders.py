"""Who sends events, through which door, and which of them it may send. Pure.

Files and brokers are the operator's own, and may send everything. A key may send what its scopes,
portals and types say; which scope an event needs follows from what the rules say of it, so that
events may have any name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from leadback.rules.model import Rules
from leadback.store.account_records import ApiKey

EVENTS, CONTACTS, ACTIONS = "events:write", "contacts:write", "actions:write"
SENDING = {
    EVENTS: "what the mailer saw: all events but those below",
    CONTACTS: "facts about contacts, which the CRM tells otherwise: the event that makes a lead, "
    "and events with `contact:` in the rules file",
    ACTIONS: "what people do by hand: events with `manual: true` in the rules file",
}
"""The scopes that let a key send events, and which."""

_KEY = "key: "


@dataclass(frozen=True, slots=True)
class Sender:
    """via: the door, and who opened it; kept with every event. keys: each of them has to allow an
    event; none: everything may be sent."""

    via: str
    keys: tuple[ApiKey, ...] = ()

    def refusal(self, rules: Rules, portal: str, kind: str) -> str:
        """Why an event of this type may not be sent to this portal; "" when it may."""
        return next(filter(None, (_refusal(key, rules, portal, kind) for key in self.keys)), "")


def _refusal(key: ApiKey, rules: Rules, portal: str, kind: str) -> str:
    if key.portals and portal not in key.portals:
        return f"the key {key.name} is not for the portal {portal}"
    if key.types and kind not in key.types:
        return f"the key {key.name} is not for events of the type {kind}"
    scope = scope_of(rules, kind)
    if scope not in key.scopes:
        return f"the key {key.name} lacks the scope {scope}, which {kind} needs"
    return ""


FILE = Sender("file")


def scope_of(rules: Rules, kind: str) -> str:
    """The scope that a key needs for events of this type."""
    event = rules.events.get(kind)
    if kind == rules.start_event or (event is not None and event.contact is not None):
        return CONTACTS
    return ACTIONS if event is not None and event.manual else EVENTS


def by_key(key: ApiKey) -> Sender:
    """Through the event API."""
    return Sender(f"{_KEY}{key.name}", (key,))


def by_broker(queue: str) -> Sender:
    """From a queue or stream."""
    return Sender(f"broker: {queue[:100]}")


def by_person(who: str, door: str) -> Sender:
    """On the pages or the command line."""
    return Sender(f"{door}: {who[:200]}")


def again(via: str, keys: Sequence[ApiKey]) -> Sender:
    """Whoever sent what was kept with this `via`. Raises LookupError for a key there never was.

    keys: all that ever were. Several may have had the name, one after the other: what one of them
    may not send, a later one of the same name does not make good.
    """
    if not via.startswith(_KEY):
        return Sender(via)
    name = via.removeprefix(_KEY)
    known = tuple(key for key in keys if key.name == name)
    if not known:
        raise LookupError(name)
    return Sender(via, known)
