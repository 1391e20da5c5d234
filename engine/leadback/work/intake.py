"""Takes events in: checked, once per source and id, durable before anyone is told "accepted".

What is not understood goes to quarantine with the reason. Nothing is decided here, and no CRM is
asked: a door stores and answers, what has to be looked up is the worker's.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from itertools import compress, islice

import structlog

from leadback.base.clock import Millis
from leadback.base.collector import collector_waits
from leadback.base.errors import InputError
from leadback.base.reading import (
    BOM,
    UnreadableError,
    as_bytes,
    bounded_lines,
    check_text,
    read_array,
)
from leadback.base.words import plain
from leadback.lead.machine import LeadMachine
from leadback.lead.records import ContactIds
from leadback.store import (
    ADDRESS,
    ADDRESS_OF_LEAD,
    CONTACT,
    NewEvent,
    Quarantined,
    Store,
    Tx,
)
from leadback.work.binding import Incoming
from leadback.work.cloudevents import (
    MAX_EVENT_BYTES,
    Addressed,
    NotUnderstoodError,
    understand,
)
from leadback.work.rules_in_use import RulesInUse
from leadback.work.senders import FILE, Sender

BATCH = 10_000
MAX_ARRAY_BYTES = 200_000_000
PEEK = 4_096
KEPT_BYTES = 4_000
"""How much is kept of what is larger than an event may be; any other is kept whole, so that it can
be mended and tried again."""

MOST_WARNINGS = 20
LONGEST_VALUE = 64
"""Values that no rule knows: so many are named at once, and so many characters of each."""

Line = tuple[int, Incoming]
"""Its number, and an event: bytes, or what JSON made of it."""

Unruled = Counter[tuple[str, str, str, str]]
"""(portal, event, field, value) → events whose value no rule knows."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the lines. rejected: kept in quarantine. forbidden: the sender may not send
    them, and nothing was kept. reasons: (line number from 1, why), of both."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    forbidden: int = 0
    reasons: tuple[tuple[int, str], ...] = ()
    unruled: Unruled = field(default_factory=Counter)
    """What was accepted though no rule knows a value."""

    @property
    def warnings(self) -> list[str]:
        """About what was accepted and may have been meant otherwise; the most frequent first."""
        return [
            f"{kind}: no rule knows the {name} {value!r}, so it was taken as other ({number}×)"
            for (_, kind, name, value), number in self.unruled.most_common()
        ]

    def __add__(self, other: "Added") -> "Added":
        return Added(
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.rejected + other.rejected,
            self.forbidden + other.forbidden,
            (self.reasons + other.reasons)[:1000],
            Counter(dict((self.unruled + other.unruled).most_common(MOST_WARNINGS))),
        )


class Intake:
    """One per process. add() may be called from several threads."""

    def __init__(
        self, store: Store, rules: RulesInUse, contact_ids: Callable[[str], ContactIds]
    ) -> None:
        self._store, self._rules, self._contact_ids = store, rules, contact_ids

    def add_stream(
        self, stream: BufferedReader, now: Millis, *, name: str = "events", sender: Sender = FILE
    ) -> Added:
        """CloudEvents as JSON Lines (read in pieces), or one JSON array (up to 200 MB).

        Raises InputError for a file that is no text at all; then nothing was taken.
        """
        if stream.peek(PEEK).startswith(BOM):
            stream.read(len(BOM))
        head = stream.peek(PEEK)[:PEEK]
        check_text(head, name)
        if head.lstrip()[:1] == b"[":
            return self._add_array(stream.read(MAX_ARRAY_BYTES + 1), now, name, sender)
        return self.add_lines(bounded_lines(stream, MAX_EVENT_BYTES), now, name=name, sender=sender)

    def add_lines(
        self, lines: Iterable[Line], now: Millis, *, name: str = "events", sender: Sender = FILE
    ) -> Added:
        """(line number, one event) in order of acceptance. Every batch is one transaction."""
        added = Added()
        source = iter(lines)
        while batch := list(islice(source, BATCH)):
            with collector_waits():
                added += self._add_batch(batch, now, name, sender)
        return added

    def _add_array(self, raw: bytes, now: Millis, name: str, sender: Sender) -> Added:
        if len(raw) > MAX_ARRAY_BYTES:
            raise InputError(
                f"the array has more than {MAX_ARRAY_BYTES:,} bytes",
                where=name,
                fix="send one event per line instead; lines may be any number",
            )
        try:
            elements = read_array(raw, "this array")
        except UnreadableError as error:
            reason = f"{error}; mend it, or send one event per line"
            return self._refuse([(1, raw, reason)], now, name, sender)
        numbered = enumerate(elements or (), 1)
        return self.add_lines(numbered, now, name=name, sender=sender)

    def add_one(self, raw: bytes, now: Millis, *, name: str, sender: Sender) -> Added:
        """One CloudEvent. Raises NotUnderstoodError instead of keeping it."""
        doors, rules = self._doors(), self._rules.now()
        addressed = understand(raw, rules, doors.contacts, now)
        _check_assistant(addressed, rules, doors)
        return self._write([(1, raw, addressed)], rules, now, name, sender)

    def _doors(self) -> "Doors":
        with self._store.read() as tx:
            portals = list(tx.portals.list())
            assistants = {
                portal.name: frozenset(a.email.lower() for a in tx.portals.assistants(portal.name))
                for portal in portals
            }
        ids = {portal.name: self._contact_ids(portal.crm) for portal in portals}
        return Doors(ids, assistants)

    def _add_batch(self, batch: list[Line], now: Millis, name: str, sender: Sender) -> Added:
        doors, rules = self._doors(), self._rules.now()
        good: list[tuple[int, Incoming, Addressed]] = []
        bad: list[tuple[int, bytes, str]] = []
        forbidden: list[tuple[int, str]] = []
        for number, given in batch:
            incoming = given
            if type(given) is bytes:
                incoming = given.strip()
                if not incoming:
                    continue
            try:
                addressed = understand(incoming, rules, doors.contacts, now)
                kind = addressed.event.type
                refused = sender.keys and sender.refusal(rules.rules, addressed.portal, kind)
                if refused:
                    forbidden.append((number, refused))
                    continue
                _check_assistant(addressed, rules, doors)
                good.append((number, incoming, addressed))
            except NotUnderstoodError as error:
                bad.append((number, as_bytes(incoming), str(error)))
        added = self._write(good, rules, now, name, sender) if good else Added()
        added += _forbidden(forbidden, sender)
        return added + self._refuse(bad, now, name, sender)

    def _write(
        self,
        good: list[tuple[int, Incoming, Addressed]],
        rules: LeadMachine,
        now: Millis,
        name: str,
        sender: Sender,
    ) -> Added:
        start = rules.rules.start_event
        asked = [a for _, _, a in good if "@" in a.who]
        with self._store.write() as tx:
            lanes = _lanes_of(tx, asked) if asked else {}
            events: list[NewEvent] = []
            for _, _, addressed in good:
                who, lane = addressed.who, ""
                needs = CONTACT if addressed.event.type == start else ""
                if asked and "@" in who:
                    lane = lanes.get((addressed.portal, who), "")
                    needs = ADDRESS_OF_LEAD if lane else ADDRESS
                events.append(
                    NewEvent(addressed.portal, who, addressed.event, needs, lane, sender.via)
                )
            taken = tx.inbox.add(events, now=now)
            unruled = _unruled(compress((one for _, _, one in good), taken), rules)
            if unruled:
                tx.unruled.note(unruled, now=now)
        _warn(unruled)
        return Added(sum(taken), len(taken) - sum(taken), unruled=unruled)

    def refuse(
        self, bad: list[tuple[int, bytes, str]], now: Millis, *, name: str, sender: Sender
    ) -> Added:
        """Keep (number, raw, why it is no event) in quarantine."""
        return self._refuse(bad, now, name, sender)

    def _refuse(
        self, bad: list[tuple[int, bytes, str]], now: Millis, name: str, sender: Sender
    ) -> Added:
        if not bad:
            return Added()
        with self._store.write() as tx:
            return _quarantine(tx, bad, now, name, sender)


def _unruled(taken: Iterable[Addressed], rules: LeadMachine) -> Unruled:
    """What the rules take as `other` because they do not know it; the most frequent values."""
    found: Unruled = Counter()
    for one in taken:
        event = one.event
        odd = rules.variants.unruled(event.type, event.data) if event.data else None
        if odd is not None:
            found[one.portal, event.type, odd[0], plain(odd[1])[:LONGEST_VALUE]] += 1
    return Counter(dict(found.most_common(MOST_WARNINGS)))


def _warn(unruled: Unruled) -> None:
    for (portal, kind, name, value), number in unruled.items():
        log.warning(
            "no rule knows the value", action="intake", portal=portal, event_type=kind,
            field=name, value=value, events=number,
        )  # fmt: skip


def _forbidden(refused: list[tuple[int, str]], sender: Sender) -> Added:
    """Nothing is kept of them: who has no right to a thing does not fill the quarantine either."""
    if refused:
        log.warning(
            "events refused", action="intake", via=sender.via, events=len(refused),
            reason=refused[0][1],
        )  # fmt: skip
    return Added(forbidden=len(refused), reasons=tuple(refused))


def _lanes_of(tx: Tx, asked: list[Addressed]) -> dict[tuple[str, str], str]:
    """(portal, address) → the lead of ours that has the address, where it is one.

    Only a place to wait in, so that the lead's events keep their order: whose the address is now
    says the CRM, which is not asked here. A sender waits for no network, and learns from no answer
    whether somebody has an address.
    """
    by_portal: dict[str, set[str]] = {}
    for one in asked:
        by_portal.setdefault(one.portal, set()).add(one.who)
    return {
        (portal, email): lane
        for portal, emails in by_portal.items()
        for email, lane in tx.leads.of_addresses(portal, emails).items()
    }


@dataclass(frozen=True, slots=True)
class Doors:
    """What an event is checked against besides the rules, by portal: the form of its CRM's contact
    ids, the addresses of its assistants."""

    contacts: Mapping[str, ContactIds]
    assistants: Mapping[str, frozenset[str]]


def _check_assistant(addressed: Addressed, rules: LeadMachine, doors: Doors) -> None:
    """Raises NotUnderstoodError."""
    if addressed.event.type != rules.rules.start_event:
        return
    email, portal = addressed.event.data["assistant"], addressed.portal
    if email not in doors.assistants[portal]:
        raise NotUnderstoodError(
            f"portal {portal} has no assistant {email}; add it with: "
            f"leadback assistant add NAME --portal {portal} --email {email}"
        )


def _quarantine(
    tx: Tx, bad: list[tuple[int, bytes, str]], now: Millis, name: str, sender: Sender
) -> Added:
    if bad:
        tx.quarantine.add(
            [
                Quarantined(
                    portal="",
                    source=f"{name}:{number}"[:256],
                    raw=_kept(raw),
                    reason=reason,
                    at=now,
                    via=sender.via,
                )
                for number, raw, reason in bad
            ]
        )
    return Added(rejected=len(bad), reasons=tuple((number, reason) for number, _, reason in bad))


def _kept(raw: bytes) -> str:
    kept = raw if len(raw) <= MAX_EVENT_BYTES else raw[:KEPT_BYTES]
    return kept.decode("utf-8", "backslashreplace")
