"""What waits and what is parked, and how a person lets it go on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadback.base.clock import DAY, Clock, Millis, format_time
from leadback.base.errors import InputError
from leadback.lead.records import Assistant
from leadback.store import (
    BlockedLead,
    FailedEvent,
    HeldEvent,
    OutboxRow,
    PortalState,
    Quarantined,
    Store,
    UnreadContact,
    Unruled,
)
from leadback.work.intake import Intake
from leadback.work.rules_in_use import RulesInUse
from leadback.work.senders import again

Document = dict[str, Any]
Documents = list[Document]
"""JSON-ready."""

ATTENTION = ("failed", "uncertain")
QUARANTINE = "quarantine"
EVENT, VALUE, CONTACT = "event:", "value:", "contact:"
"""Before the portal's name in the id of an event, of a value, of a contact; no name of a portal has
a colon."""
HELD_DAYS = 14
AT_ONCE = 20
"""Quarantined events in memory; each has up to a million characters."""
USERS_SHOWN: Millis = 7 * DAY


class Queue:
    """Ids: `quarantine:N` for a quarantined event, `event:PORTAL:N` for one that could not be
    decided or is held, `value:PORTAL:N` for a value that no rule knows, `contact:PORTAL:ID` for a
    contact that makes no sense, `PORTAL:N` for an effect.

    held_days: how long events are held for a contact that is no lead before they need a person.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        intake: Intake,
        rules: RulesInUse,
        *,
        held_days: int = HELD_DAYS,
    ) -> None:
        self._store, self._clock, self._intake, self._rules = store, clock, intake, rules
        self._held: Millis = held_days * DAY

    def status(self, *, done: bool = True) -> Document:
        """Counts, the age of the oldest due work in seconds, and portals that wait.

        done: with the effects done, for a person who can wait; a row of each has to be looked at.
        """
        now = self._clock.now()
        with self._store.read() as tx:
            found = tx.queue.status(now, held_before=self.held_before(), done=done)
        return {
            "inbox": {
                "due": found.due,
                "waiting": found.waiting,
                "quarantined": found.quarantined,
                "undecided": found.undecided,
                "held_long": found.held_long,
                "unread": found.unread,
            },
            "outbox": {
                "pending": found.pending,
                "leased": found.leased,
                "uncertain": found.uncertain,
                "failed": found.failed,
                **({"done": found.done} if done else {}),
            },
            "oldest_due_seconds": found.oldest_due_seconds,
            "paused": self.paused(),
            "unruled": self.unruled(),
            "users": self.users(),
        }

    def users(self) -> Documents:
        """Assistants whose CRM user is gone, or was made anew in the last USERS_SHOWN ms."""
        now = self._clock.now()
        with self._store.read() as tx:
            changed = tx.portals.changed_users()
        return [
            _user(one)
            for one in changed
            if one.owner_id is None or now - (one.user_changed_at or 0) < USERS_SHOWN
        ]

    def unruled(self) -> Documents:
        """Values of events that the rules took as `other` because no rule knows them; the latest
        first. One that the rules in use know by now is not among them."""
        variants = self._rules.now().variants
        with self._store.read() as tx:
            found = tx.unruled.list()
        return [_value(o) for o in found if variants.unruled(o.type, {o.field: o.value})]

    def held_before(self) -> Millis:
        """What is held since before this instant needs a person."""
        return self._clock.now() - self._held

    def paused(self) -> Documents:
        """Portals that nothing is sent to for now, and why."""
        now = self._clock.now()
        with self._store.read() as tx:
            states = [(portal.name, tx.portals.state(portal.name)) for portal in tx.portals.list()]
        return [
            _pause(name, state)
            for name, state in states
            if state.paused_until is not None and state.paused_until > now
        ]

    def list(
        self,
        *,
        quarantined: bool = False,
        undecided: bool = False,
        held: bool = False,
        waiting: bool = False,
        status: str | None = None,
        limit: int = 100,
    ) -> Documents:
        """Rows with id, kind, status, lead, at, reason. Without a choice: what needs a person.

        waiting: leads whose next effect is tried again later, with everything behind it.
        """
        everything = not any((quarantined, undecided, held, waiting, status is not None))
        rows: Documents = []
        with self._store.read() as tx:
            if quarantined or everything:
                rows += map(_quarantined, tx.quarantine.list(limit=limit))
            if undecided or everything:
                rows += map(_failed, tx.inbox.failed(limit=limit))
            if undecided or everything:
                rows += map(_unread, tx.hints.unread(limit=limit))
            if held:
                rows += map(_held, tx.inbox.held(limit=limit))
            elif everything:
                rows += map(_held, tx.inbox.held(before=self.held_before(), limit=limit))
            if waiting:
                now = self._clock.now()
                for portal in tx.portals.list():
                    rows += map(_waiting, tx.outbox.blocked(portal.name, now=now, limit=limit))
            for wanted in (status,) if status else ATTENTION if everything else ():
                rows += [_row(row) for row in tx.outbox.list(status=wanted, limit=limit)]
        return rows

    def retry(self, ids: Sequence[str] | None) -> Document:
        """Try parked things again: these, or all (None)."""
        now = self._clock.now()
        wanted = _split(ids)
        retried = quarantined = rejected = 0
        with self._store.write() as tx:
            if ids is None:
                retried += tx.outbox.retry(now=now)
                for portal in tx.portals.list():
                    retried += tx.inbox.retry(portal.name) + tx.hints.retry(portal.name)
            for name, numbers in wanted.effects.items():
                retried += tx.outbox.retry(portal=name, ids=numbers, now=now)
            again = sum(tx.inbox.retry(p, seqs) for p, seqs in wanted.events.items())
            again += sum(tx.hints.retry(p, ids) for p, ids in wanted.contacts.items())
        for item in self._in_quarantine(None if ids is None else sorted(wanted.quarantined)):
            quarantined += 1
            rejected += self._take_again(item, now)
        named = wanted.count() + sum(map(len, wanted.contacts.values()))
        unknown = named - quarantined - again if ids is not None else 0
        retried += again + quarantined - rejected
        return {"retried": retried, "rejected": rejected, "unknown": unknown}

    def _in_quarantine(self, ids: Sequence[int] | None) -> Iterator[Quarantined]:
        """These, or all that are there now (None): what is refused once more comes as a new one."""
        if ids is not None:
            for first in range(0, len(ids), AT_ONCE):
                with self._store.read() as tx:
                    some = tx.quarantine.of_ids(ids[first : first + AT_ONCE])
                yield from some
            return
        with self._store.read() as tx:
            newest = tx.quarantine.newest()
        for portal, last in newest.items():
            after = -1
            while after < last:
                with self._store.read() as tx:
                    page = tx.quarantine.list(limit=AT_ONCE, portal=portal, after=after)
                yield from (item for item in page if item.id <= last)
                after = page[-1].id if page else last

    def _take_again(self, item: Quarantined, now: Millis) -> int:
        """In the name of whoever sent it: a person who retries it does not vouch for it. How many
        were refused once more."""
        line = item.raw.encode()
        with self._store.read() as tx:
            sender = again(item.via, tx.accounts.api_keys())
        added = self._intake.add_lines([(1, line)], now, name=item.source, sender=sender)
        if added.forbidden:
            bad = [(1, line, added.reasons[0][1])]
            self._intake.refuse(bad, now, name=item.source, sender=sender)
        with self._store.write() as tx:
            tx.quarantine.delete([item.id])
        return added.rejected + added.forbidden

    def give_up(self, item: str, reason: str) -> None:
        """Park an effect for good. Raises InputError for an id that is none."""
        for portal, numbers in _split([item]).effects.items():
            with self._store.write() as tx:
                tx.outbox.give_up(portal, numbers[0], reason=reason, now=self._clock.now())

    def drop(self, ids: Sequence[str], reason: str) -> Document:
        """Events that are quarantined, could not be decided, or are held: they never take effect.
        Values that no rule knows: they are off the list until one comes again.

        reason: for the audit trail. Raises InputError for an id that is none, or an effect's.
        """
        wanted = _split(ids)
        if wanted.contacts:
            raise InputError(
                f"{next(iter(ids))} is a contact, not an event",
                fix="it is read again by itself; at once: leadback queue retry ID",
            )
        if wanted.effects:
            raise InputError(
                f"{next(iter(wanted.effects))}:… is an effect, not an event",
                fix="settle it on the Attention page, or: leadback queue retry ID",
            )
        with self._store.write() as tx:
            dropped = sum(tx.inbox.drop(p, seqs) for p, seqs in wanted.events.items())
            dropped += sum(tx.unruled.dismiss(p, ids) for p, ids in wanted.values.items())
            dropped += tx.quarantine.delete(sorted(wanted.quarantined))
        return {"dropped": dropped, "unknown": wanted.count() - dropped, "reason": reason}

    def keep(self, ids: Sequence[str]) -> Document:
        """Events that are held long: they go on waiting for their contact, for as long again."""
        now, wanted = self._clock.now(), _split(ids)
        with self._store.write() as tx:
            kept = sum(tx.inbox.keep(p, seqs, now=now) for p, seqs in wanted.events.items())
        return {"kept": kept, "unknown": wanted.count() - kept}


def _user(assistant: Assistant) -> Document:
    former = ", ".join(assistant.former_owner_ids)
    reason = (
        f"it has no active user in the CRM any more (it was owner {former}); make one with the "
        f"address {assistant.email}"
        if assistant.owner_id is None
        else f"its user was made anew: owner {assistant.owner_id}, before {former}; the contacts of"
        " both are the assistant's"
    )
    return {
        "portal": assistant.portal,
        "assistant": assistant.name,
        "at": format_time(assistant.user_changed_at or 0),
        "missing": assistant.owner_id is None,
        "reason": reason,
    }


@dataclass(slots=True)
class _Ids:
    """What ids name: quarantined events, and by portal events, values, effects and contacts."""

    quarantined: set[int] = field(default_factory=set)
    events: dict[str, list[int]] = field(default_factory=dict)
    values: dict[str, list[int]] = field(default_factory=dict)
    effects: dict[str, list[int]] = field(default_factory=dict)
    contacts: dict[str, list[str]] = field(default_factory=dict)

    def count(self) -> int:
        """Effects are counted by whoever acts on them."""
        by_portal = (*self.events.values(), *self.values.values())
        return len(self.quarantined) + sum(map(len, by_portal))


def _split(ids: Sequence[str] | None) -> _Ids:
    wanted = _Ids()
    for item in dict.fromkeys(ids or ()):
        if item.startswith(CONTACT) and item.count(":") > 1:
            portal, _, crm_id = item.removeprefix(CONTACT).partition(":")
            wanted.contacts.setdefault(portal, []).append(crm_id)
            continue
        where, _, number = item.rpartition(":")
        if not where or not number.isdecimal() or len(number) > 18:
            raise InputError(f"{item!r} is no id", fix="take it from: leadback queue list")
        if where == QUARANTINE:
            wanted.quarantined.add(int(number))
        elif where.startswith(EVENT):
            wanted.events.setdefault(where.removeprefix(EVENT), []).append(int(number))
        elif where.startswith(VALUE):
            wanted.values.setdefault(where.removeprefix(VALUE), []).append(int(number))
        else:
            wanted.effects.setdefault(where, []).append(int(number))
    return wanted


def _quarantined(item: Quarantined) -> Document:
    return {
        "id": f"{QUARANTINE}:{item.id}",
        "kind": "event",
        "status": "quarantined",
        "lead": None,
        "at": format_time(item.at),
        "reason": item.reason,
        "source": item.source,
        "via": item.via,
        "raw": item.raw,
    }


def _failed(event: FailedEvent) -> Document:
    return {
        "id": f"{EVENT}{event.portal}:{event.seq}",
        "kind": event.type,
        "status": "undecided",
        "lead": f"{event.portal}/{event.lead_id}",
        "at": format_time(event.at),
        "reason": f"it could not be decided: {event.reason}",
        "source": event.source,
    }


def _unread(contact: UnreadContact) -> Document:
    until = format_time(contact.until)
    return {
        "id": f"{CONTACT}{contact.portal}:{contact.crm_id}",
        "kind": "contact",
        "status": "unread",
        "lead": f"{contact.portal}/{contact.crm_id}",
        "at": until,
        "attempts": contact.attempts,
        "reason": f"what the CRM says makes no sense, it is asked again at {until}: "
        + contact.reason,
    }


def _held(event: HeldEvent) -> Document:
    since = format_time(event.since)
    return {
        "id": f"{EVENT}{event.portal}:{event.seq}",
        "event_id": event.event_id,
        "kind": event.type,
        "status": "held",
        "lead": f"{event.portal}/{event.lead_id}",
        "at": since,
        "reason": f"held since {since}: the contact is no lead yet",
    }


def _value(one: Unruled) -> Document:
    return {
        "id": f"{VALUE}{one.portal}:{one.id}",
        "kind": one.type,
        "status": "unruled",
        "portal": one.portal,
        "field": one.field,
        "value": one.value,
        "events": one.events,
        "since": format_time(one.first_at),
        "at": format_time(one.at),
        "reason": f"no rule knows the {one.field} {one.value!r}, so it is taken as other: add "
        f"rules for {one.type}.{one.value}, or tell the sender",
    }


def _waiting(row: BlockedLead) -> Document:
    lead, until = f"{row.portal}/{row.lead_id}", format_time(row.until)
    again = f", after {row.attempts} attempts: {row.reason}" if row.reason else ""
    return {
        "id": f"{row.portal}:{row.effect_id}",
        "kind": row.kind.value,
        "status": "waiting",
        "lead": lead,
        "at": until,
        "attempts": row.attempts,
        "due_at": until,
        "reason": f"lead {lead} waits for its {row.kind.value} until {until}{again}",
    }


def _row(row: OutboxRow) -> Document:
    return {
        "id": f"{row.portal}:{row.id}",
        "kind": row.kind.value,
        "status": row.status,
        "lead": f"{row.portal}/{row.lead_id}",
        "at": format_time(row.created_at),
        "attempts": row.attempts,
        "due_at": format_time(row.due_at),
        "reason": row.reason,
    }


def _pause(portal: str, state: PortalState) -> Document:
    """until None: a person has to connect the portal again."""
    if state.disconnected_at is not None:
        reason = f"not connected: {state.disconnected_why}"
        return {"portal": portal, "until": None, "reason": reason}
    assert state.paused_until is not None  # noqa: S101 — the caller asked
    return {"portal": portal, "until": format_time(state.paused_until), "reason": state.reason}
