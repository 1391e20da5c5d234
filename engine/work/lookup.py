"""Asks the CRM about contacts before anything is decided: hints become events, addresses become
contacts, events get facts.

The only place above the plugins that reads contacts. Nothing is decided and nothing written to
the CRM here; a portal that cannot be read now is asked again later.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog

from engine.base.clock import MINUTE, SECOND, Millis
from engine.base.errors import HandbackError
from engine.hooks.errors import PortalUnavailable
from engine.hooks.outcomes import Access
from engine.hooks.specs import CrmSpecs
from engine.lead.ownership import facts, interpret
from engine.lead.records import Assistant, ContactReading, Lead
from engine.lead.retry import next_attempt
from engine.store import (
    ADDRESS,
    ADDRESS_OF_LEAD,
    HintRow,
    Lookup,
    NewEvent,
    NewHint,
    Store,
    Tx,
)
from engine.work.access import Accesses
from engine.work.rules_in_use import RulesInUse

LEASE: Millis = 30 * SECOND
BATCH = 500
STILL_THERE: Millis = MINUTE
LOOKS = 10
"""How often, and how many, a contact is looked for that was said to be erased and is there."""
ADDRESSES = 100
"""Events with addresses in one claim: one call of most CRMs."""
STRANGERS = 10_000
"""Events of one unknown address that are refused at once; the rest follows in the next round."""
CONCURRENT_PORTALS = 8
"""A slow portal holds up none of the others."""

HELD = ("assigned", "kept", "assigned_again")
"""Entries of the ledger after which the assistant has the contact."""

log = structlog.get_logger()


class Lookups:
    """One per process; several processes share the work through leases."""

    def __init__(self, store: Store, accesses: Accesses, rules: RulesInUse) -> None:
        self._store, self._accesses, self._rules = store, accesses, rules

    def look_up_due(self, now: Millis) -> int:
        """Everything that is due in every portal, once; the number of contacts read."""
        portals = self.due(now)
        if len(portals) < 2:
            return sum(self.look_up(portal, now) for portal in portals)
        with ThreadPoolExecutor(CONCURRENT_PORTALS, thread_name_prefix="look-up") as pool:
            return sum(pool.map(lambda portal: self.look_up(portal, now), portals))

    def due(self, now: Millis) -> list[str]:
        """Portals with something to look up now."""
        with self._store.read() as tx:
            return sorted({*tx.hints.portals(now), *tx.inbox.lookup_portals(now)})

    def look_up(self, portal: str, now: Millis) -> int:
        """What is due in one portal, once; the number of contacts read.

        Addresses that a lead of ours has and all others have a claim each: a flood of either holds
        up neither the other nor the facts of assigned contacts.
        """
        return (
            self._hints(portal, now)
            + self._facts(portal, now)
            + self._addresses(portal, ADDRESS_OF_LEAD, now)
            + self._addresses(portal, ADDRESS, now)
        )

    def _hints(self, portal: str, now: Millis) -> int:
        with self._store.write() as tx:
            rows = tx.hints.claim(portal, now=now, lease=LEASE, limit=BATCH)
        if not rows:
            return 0
        try:
            access, hooks = self.access_with_owners(portal)
            readings = hooks.crm_read_contacts(access=access, crm_ids=[row.crm_id for row in rows])
        except HandbackError as error:
            self._postpone_hints(portal, rows, error, now)
            return 0
        read = {reading.asked: reading for reading in readings}
        doubted = _believe_erasures(portal, rows, read)
        self._interpret(access, rows, read, now, doubted)
        return len(rows)

    def _interpret(
        self,
        access: Access,
        rows: Sequence[HintRow],
        read: Mapping[str, ContactReading],
        now: Millis,
        doubted: Collection[HintRow] = (),
    ) -> None:
        """doubted: of `rows`, those that are to be read once more in a while."""
        portal = access.portal.name
        erased = {row.crm_id for row in rows if row.erased}
        by_owner = _by_owner(access.assistants)
        source = f"{access.portal.crm}:{portal}"
        rules = self._rules.now()
        with self._store.write() as tx:
            lanes = tx.leads.lane_of(portal, list(read))
            events: list[NewEvent] = []
            again: list[NewHint] = []
            for asked, reading in read.items():
                lead = tx.leads.get(portal, lanes.get(asked, asked))
                if lead is None and not _follow(tx, portal, reading):
                    again.append(NewHint(asked, now + SECOND, asked in erased))
                    continue
                held = lead is None or not _was_given_away(tx, lead)
                found = interpret(rules, reading, lead, by_owner, source=source, now=now, held=held)
                events.extend(NewEvent(portal, asked, event) for event in found)
            tx.inbox.add(events, now=now)
            tx.hints.settle(portal, [row for row in rows if row not in doubted])
            tx.hints.postpone(portal, list(doubted), until=now + STILL_THERE)
            tx.hints.add(portal, again, now=now)

    def _postpone_hints(
        self, portal: str, rows: Sequence[HintRow], error: HandbackError, now: Millis
    ) -> None:
        log.warning("look-up postponed", action="postpone", portal=portal, reason=str(error))
        until = now + _wait(error, max(row.attempts for row in rows), now)
        with self._store.write() as tx:
            tx.hints.postpone(portal, rows, until=until)

    def _facts(self, portal: str, now: Millis) -> int:
        """Facts for `assigned` events that came without them."""
        with self._store.write() as tx:
            rows = tx.inbox.claim_lookups(portal, now=now, lease=LEASE, limit=BATCH)
        if not rows:
            return 0
        try:
            access, hooks = self.access_with_owners(portal)
            readings = hooks.crm_read_contacts(
                access=access, crm_ids=list(dict.fromkeys(row.crm_id for row in rows))
            )
        except HandbackError as error:
            self._postpone_events(portal, rows, error, now)
            return 0
        read = {reading.asked: reading for reading in readings}
        filled, refused = _fill(access, rows, read)
        with self._store.write() as tx:
            tx.inbox.fill_facts(portal, filled)
            tx.inbox.refuse(portal, refused, now=now)
        return len(rows)

    def _addresses(self, portal: str, needs: str, now: Millis) -> int:
        """Whose the addresses are that events came with; the CRM's word counts, not our memory of
        it: an address may have moved to another contact. Only where no contact has it any more is
        it the lead's that had it."""
        with self._store.write() as tx:
            rows = tx.inbox.claim_lookups(
                portal, now=now, lease=LEASE, limit=ADDRESSES, needs=needs
            )
        if not rows:
            return 0
        emails = list(dict.fromkeys(row.crm_id for row in rows))
        try:
            access, hooks = self._accesses.of(portal)
            answers = hooks.crm_find_contacts(access=access, emails=emails)
        except HandbackError as error:
            self._postpone_events(portal, rows, error, now)
            return 0
        found = {email: crm_id for email in emails if (crm_id := answers.get(email))}
        start = self._rules.now().rules.start_event
        with self._store.write() as tx:
            tx.inbox.place(portal, found, rows, start=start)
            if needs == ADDRESS:
                _refuse_strangers(tx, portal, [e for e in emails if e not in found], now)
        return len(rows)

    def _postpone_events(
        self, portal: str, rows: Sequence[Lookup], error: HandbackError, now: Millis
    ) -> None:
        log.warning("look-up postponed", action="postpone", portal=portal, reason=str(error))
        until = now + _wait(error, max(row.attempts for row in rows), now)
        with self._store.write() as tx:
            tx.inbox.postpone(portal, [row.seq for row in rows], until=until)

    def access_with_owners(self, portal: str) -> tuple[Access, CrmSpecs]:
        """The access with every assistant's owner id known, as far as the CRM has one."""
        access, hooks = self._accesses.of(portal)
        if all(assistant.owner_id for assistant in access.assistants):
            return access, hooks
        known = [
            assistant
            if assistant.owner_id
            else replace(
                assistant,
                owner_id=hooks.crm_find_assistant_owner(access=access, assistant=assistant),
            )
            for assistant in access.assistants
        ]
        with self._store.write() as tx:
            for assistant in known:
                if assistant.owner_id:
                    tx.portals.put_assistant(assistant)
        return replace(access, assistants=tuple(known)), hooks


def _believe_erasures(
    portal: str, rows: Sequence[HintRow], read: dict[str, ContactReading]
) -> list[HintRow]:
    """A privacy deletion cannot be undone here, so it is believed when the CRM has the contact no
    more: that reading then says "erased". The rows of those that it still has, as the announcement
    may be earlier than the deletion; after some time there was none."""
    doubted: list[HintRow] = []
    for row in rows:
        if not row.erased:
            continue
        if read[row.crm_id].status == "deleted":
            read[row.crm_id] = ContactReading(row.crm_id, "erased", row.crm_id)
        elif row.attempts < LOOKS:
            doubted.append(row)
        else:
            log.warning(
                "a contact that was said to be erased for privacy is still there, and stays",
                action="look up", portal=portal, contact=row.crm_id,
            )  # fmt: skip
    return doubted


def _follow(tx: Tx, portal: str, reading: ContactReading) -> bool:
    """Events of a contact that is no lead go where the contact went. False: not now."""
    if reading.status == "erased":
        return tx.inbox.erase_waiting(portal, reading.asked)
    if reading.status == "found" and reading.crm_id != reading.asked:
        return tx.inbox.follow(portal, reading.asked, reading.crm_id)
    return True


def _refuse_strangers(tx: Tx, portal: str, emails: Sequence[str], now: Millis) -> None:
    """Events of addresses that no contact of the portal has."""
    for email in emails:
        reason = f"{portal} has no contact with the address {email}; use the CRM id"
        events = tx.inbox.under(portal, [email], limit=STRANGERS)
        tx.inbox.refuse(portal, [(seq, reason) for seq in events], now=now)


def _was_given_away(tx: Tx, lead: Lead) -> bool:
    """Whether the last change of owner that we know of took the contact from the assistant."""
    if lead.finished:
        return False
    entries = tx.ledger.of_lead(lead.portal, lead.lead_id)
    return bool(entries) and entries[-1].what not in HELD


def _by_owner(assistants: Sequence[Assistant]) -> dict[str, Assistant]:
    return {a.owner_id: a for a in assistants if a.owner_id}


def _fill(
    access: Access, rows: Sequence[Lookup], read: Mapping[str, ContactReading]
) -> tuple[dict[int, dict[str, object]], list[tuple[int, str]]]:
    by_email = {a.email.lower(): a for a in access.assistants}
    owner_ids = frozenset(_by_owner(access.assistants))
    filled: dict[int, dict[str, object]] = {}
    refused: list[tuple[int, str]] = []
    for row in rows:
        reading = read.get(row.crm_id)
        assistant = by_email.get(str(row.event.data.get("assistant", "")).lower())
        if reading is None or reading.status != "found":
            refused.append((row.seq, f"{access.portal.name} has no contact {row.crm_id}"))
        elif assistant is None:
            refused.append(
                (row.seq, f"the assistant {row.event.data.get('assistant')} was removed")
            )
        else:
            given = {k: v for k, v in row.event.data.items() if v is not None}
            filled[row.seq] = {**facts(reading, assistant, owner_ids), **given}
            filled[row.seq]["crm_id"] = row.crm_id
            filled[row.seq]["portal"] = access.portal.name
    return filled, refused


def _wait(error: HandbackError, attempts: int, now: Millis) -> Millis:
    """Contacts are asked about for ever, with growing pauses: a hint must not be lost."""
    after = error.after if isinstance(error, PortalUnavailable) else 30 * SECOND
    due = next_attempt(
        attempts=min(attempts, 12), created_at=now, now=now, after=after, reference="look-up"
    )
    return (due or now + after) - now
