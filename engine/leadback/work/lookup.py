"""Asks the CRM about contacts before anything is decided: hints become events, addresses become
contacts, events get facts.

The only place above the plugins that reads contacts. Nothing is decided and nothing written to
the CRM here; a portal that cannot be read now is asked again later.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from leadback.base.clock import SECOND, Millis
from leadback.base.errors import LeadbackError
from leadback.hooks.outcomes import Access
from leadback.hooks.specs import CrmSpecs
from leadback.lead.contact import FACTS
from leadback.lead.event_data import fact
from leadback.lead.ownership import facts
from leadback.lead.records import ContactReading
from leadback.store import ADDRESS, ADDRESS_OF_LEAD, HintRow, Lookup, Store
from leadback.work.access import Accesses
from leadback.work.containing import PortalByPortal, asked_apart, contained, last_line
from leadback.work.hinted import HintedContacts, by_owner, pause
from leadback.work.rules_in_use import RulesInUse
from leadback.work.users import strangers, with_users

LEASE: Millis = 30 * SECOND
BATCH = 500
ADDRESSES = 100
"""Events with addresses in one claim: one call of most CRMs."""
STRANGERS = 10_000
"""Events of one unknown address that are refused at once; the rest follows in the next round."""
CONCURRENT_PORTALS = 8
"""A slow portal holds up none of the others."""

log = structlog.get_logger()


class Lookups:
    """One per process; several processes share the work through leases."""

    def __init__(self, store: Store, accesses: Accesses, rules: RulesInUse) -> None:
        self._store, self._accesses, self._rules = store, accesses, rules
        self._hinted = HintedContacts(store, rules)
        self._portals = PortalByPortal("look up")

    def look_up_due(self, now: Millis) -> int:
        """Everything that is due in every portal, once; the number of contacts read."""
        portals = self.due(now)
        with ThreadPoolExecutor(CONCURRENT_PORTALS, thread_name_prefix="look-up") as pool:
            under_way = {name: pool.submit(self.look_up, name, now) for name in portals}
        return self._portals.each(portals, lambda name: under_way[name].result(), now)

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
            ids = [row.crm_id for row in rows]
            read, failed = _read(access, hooks, ids)
            met = strangers(access, [one.owners[0].owner for one in read.values() if one.owners])
            if met and (known := with_users(self._store, access, hooks, met)) is not access:
                access = known
                read, failed = _read(access, hooks, ids)
        except Exception as error:
            until = _postponed(portal, rows, error, now)
            with self._store.write() as tx:
                tx.hints.postpone(portal, rows, until=until)
            return 0
        for row in rows:
            if row.crm_id in failed:
                self._hinted.put_off(portal, row, failed[row.crm_id], now)
        self._hinted.settle(access, [row for row in rows if row.crm_id not in failed], read, now)
        return len(rows)

    def _facts(self, portal: str, now: Millis) -> int:
        """Facts for `assigned` events that came without them."""
        with self._store.write() as tx:
            rows = tx.inbox.claim_lookups(portal, now=now, lease=LEASE, limit=BATCH)
        if not rows:
            return 0
        unreadable = {row.seq: ValueError(row.unreadable) for row in rows if row.unreadable}
        try:
            access, hooks = self.access_with_owners(portal)
            read, failed = _read(access, hooks, list(dict.fromkeys(row.crm_id for row in rows)))
        except Exception as error:
            self._postpone_events(portal, rows, error, now)
            return 0

        def fill(some: Sequence[Lookup]) -> int:
            filled, refused = _fill(access, some, read)
            with self._store.write() as tx:
                tx.inbox.fill_facts(portal, filled)
                tx.inbox.refuse(portal, refused, now=now)
            return len(some)

        good = []
        for row in rows:
            broken = unreadable.get(row.seq) or failed.get(row.crm_id)
            if broken is None:
                good.append(row)
            else:
                self._park(portal, row.seq, broken, now)
        contained(good, fill, lambda row, error: self._park(portal, row.seq, error, now))
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
            answers, failed = asked_apart(
                emails, lambda some: hooks.crm_find_contacts(access=access, emails=some)
            )
        except Exception as error:
            self._postpone_events(portal, rows, error, now)
            return 0
        for row in rows:
            if row.crm_id in failed:
                self._park(portal, row.seq, failed[row.crm_id], now)
        asked = [row for row in rows if row.crm_id not in failed]
        found = {row.crm_id: crm_id for row in asked if (crm_id := answers.get(row.crm_id))}
        self._place(portal, found, asked, now)
        if needs == ADDRESS:
            self._refuse_strangers(
                portal, [e for e in emails if e not in found and e not in failed], now
            )
        return len(rows)

    def _place(
        self, portal: str, found: Mapping[str, str], rows: Sequence[Lookup], now: Millis
    ) -> None:
        """Whose the addresses of these rows are: all that waits for that goes where it belongs."""
        start = self._rules.now().rules.start_event

        def place(seqs: Sequence[int]) -> int:
            with self._store.write() as tx:
                tx.inbox.place(portal, found, seqs, start=start)
            return len(seqs)

        with self._store.read() as tx:
            moving = tx.inbox.moving(portal, found, rows)
        contained(moving, place, lambda seq, error: self._park(portal, seq, error, now))

    def _refuse_strangers(self, portal: str, emails: Sequence[str], now: Millis) -> None:
        """Events of addresses that no contact of the portal has."""
        refused: list[tuple[int, str]] = []
        with self._store.read() as tx:
            for email in emails:
                reason = f"{portal} has no contact with the address {email}; use the CRM id"
                under = tx.inbox.under(portal, [email], limit=STRANGERS)
                refused += [(seq, reason) for seq in under]

        def refuse(some: Sequence[tuple[int, str]]) -> int:
            with self._store.write() as tx:
                tx.inbox.refuse(portal, some, now=now)
            return len(some)

        contained(refused, refuse, lambda one, error: self._park(portal, one[0], error, now))

    def _park(self, portal: str, seq: int, error: Exception, now: Millis) -> None:
        """What the CRM says about it cannot be understood or written: it waits for a person."""
        told = {"action": "look up", "portal": portal, "seq": seq}
        log.error("event parked", **told, reason=last_line(error))
        log.info("why the event was parked", **told, exc_info=error)
        with self._store.write() as tx:
            tx.inbox.park_lookups(portal, [(seq, last_line(error))], now=now)

    def _postpone_events(
        self, portal: str, rows: Sequence[Lookup], error: Exception, now: Millis
    ) -> None:
        until = _postponed(portal, rows, error, now)
        with self._store.write() as tx:
            tx.inbox.postpone(portal, [row.seq for row in rows], until=until)

    def access_with_owners(self, portal: str) -> tuple[Access, CrmSpecs]:
        """The access with every assistant's owner id known, as far as the CRM has one."""
        access, hooks = self._accesses.of(portal)
        if all(assistant.owner_id for assistant in access.assistants):
            return access, hooks
        return with_users(self._store, access, hooks, ()), hooks

    def access_with_users(self, portal: str) -> tuple[Access, CrmSpecs]:
        """As access_with_owners, and the CRM is asked whether they are the same still."""
        access, hooks = self._accesses.of(portal)
        return with_users(self._store, access, hooks, None), hooks


def _read(
    access: Access, hooks: CrmSpecs, crm_ids: Sequence[str]
) -> tuple[dict[str, ContactReading], dict[str, Exception]]:
    def read(some: list[str]) -> dict[str, ContactReading]:
        readings = hooks.crm_read_contacts(access=access, crm_ids=some)
        return {reading.asked: reading for reading in readings}

    return asked_apart(crm_ids, read)


def _fill(
    access: Access, rows: Sequence[Lookup], read: Mapping[str, ContactReading]
) -> tuple[dict[int, dict[str, object]], list[tuple[int, str]]]:
    by_email = {a.email.lower(): a for a in access.assistants}
    owner_ids = frozenset(by_owner(access.assistants))
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
            known = facts(reading, assistant, owner_ids)
            said = {name: known[name] for name in FACTS if fact(name, getattr(reading, name))}
            place = {"crm_id": row.crm_id, "portal": access.portal.name}
            filled[row.seq] = {**known, **given, **said, **place}
    return filled, refused


def _postponed(
    portal: str, rows: Sequence[HintRow] | Sequence[Lookup], error: Exception, now: Millis
) -> Millis:
    """The portal cannot be read: when it is asked about these again."""
    told = {"action": "postpone", "portal": portal}
    if isinstance(error, LeadbackError):
        log.warning("look-up postponed", **told, reason=str(error))
    else:
        log.error("look-up failed", **told, reason=last_line(error), exc_info=error)
    return pause(error, max(row.attempts for row in rows), now)
