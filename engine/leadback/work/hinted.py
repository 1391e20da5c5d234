"""What became of contacts that were hinted at: each reading is turned into events, or put off."""

from collections.abc import Mapping, Sequence

import structlog

from leadback.base.clock import HOUR, MINUTE, SECOND, Millis
from leadback.hooks.errors import PortalUnavailable
from leadback.hooks.outcomes import Access
from leadback.lead.ownership import interpret
from leadback.lead.records import Assistant, ContactReading, Ended, Lead
from leadback.lead.retry import next_attempt
from leadback.store import HintRow, NewEvent, NewHint, Store, Tx
from leadback.work.containing import contained, last_line
from leadback.work.rules_in_use import RulesInUse

STILL_THERE: Millis = MINUTE
LOOKS = 10
"""How often, and how many, a contact is looked for that was said to be erased and is there."""
SURE_AFTER: Millis = HOUR
"""What is erased here stays erased. Where nobody announced it, the CRM is asked again this much
later whether it really has no trace of the contact; until then the lead's is a deleted one. Events
of a contact that is no lead are kept for a person to see: its id may have been mistyped."""
HELD = ("assigned", "kept", "assigned_again")
"""Entries of the ledger after which the assistant has the contact."""

log = structlog.get_logger()


class HintedContacts:
    """One per process. Nothing here asks the CRM."""

    def __init__(self, store: Store, rules: RulesInUse) -> None:
        self._store, self._rules = store, rules

    def settle(
        self,
        access: Access,
        rows: Sequence[HintRow],
        read: Mapping[str, ContactReading],
        now: Millis,
    ) -> None:
        """Write what the readings of these hints came to. A contact whose reading cannot be
        understood or written is put off, alone."""
        contained(
            rows,
            lambda some: self._settle(access, some, read, now),
            lambda row, error: self.put_off(access.portal.name, row, error, now),
        )

    def put_off(self, portal: str, row: HintRow, error: Exception, now: Millis) -> None:
        """Read again after growing pauses, and shown until then: a hint must not be lost."""
        told = {"action": "look up", "portal": portal, "contact": row.crm_id}
        log.error("contact not understood", **told, reason=last_line(error))
        log.info("why the contact was not understood", **told, exc_info=error)
        until = pause(error, row.attempts, now)
        with self._store.write() as tx:
            tx.hints.put_off(portal, row, until=until, reason=last_line(error))

    def _settle(
        self,
        access: Access,
        rows: Sequence[HintRow],
        readings: Mapping[str, ContactReading],
        now: Millis,
    ) -> int:
        portal = access.portal.name
        read = {row.crm_id: readings[row.crm_id] for row in rows if row.crm_id in readings}
        doubted = _believe_erasures(portal, rows, read)
        erased = {row.crm_id for row in rows if row.erased}
        looks = {row.crm_id: row.revision for row in rows}
        assistants = by_owner(access.assistants)
        source = f"{access.portal.crm}:{portal}"
        rules = self._rules.now()
        with self._store.write() as tx:
            lanes = tx.leads.lane_of(portal, list(read))
            events: list[NewEvent] = []
            again: list[NewHint] = []
            for asked, reading in read.items():
                lead = tx.leads.get(portal, lanes.get(asked, asked))
                if reading.status == "erased" and asked not in erased:
                    reading = ContactReading(asked, "deleted", asked)
                    if lead is not None and lead.ended is not Ended.ERASED:
                        again.append(NewHint(asked, now + SURE_AFTER, erased=True))
                if lead is None and not _follow(tx, portal, reading):
                    again.append(NewHint(asked, now + SECOND, asked in erased))
                    continue
                held = lead is None or not _was_given_away(tx, lead)
                found = interpret(
                    rules, reading, lead, assistants, source=source, now=now, held=held,
                    look=looks[asked],
                )  # fmt: skip
                events.extend(NewEvent(portal, asked, event) for event in found)
            tx.inbox.add(events, now=now)
            tx.hints.settle(portal, [row for row in rows if row not in doubted])
            tx.hints.postpone(portal, doubted, until=now + STILL_THERE)
            tx.hints.add(portal, again, now=now)
        return len(rows)


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
        if read[row.crm_id].status != "found":
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


def _was_given_away(tx: Tx, lead: Lead) -> bool:
    """Whether the last change of owner that we know of took the contact from the assistant."""
    if lead.finished:
        return False
    entries = tx.ledger.of_lead(lead.portal, lead.lead_id)
    return bool(entries) and entries[-1].what not in HELD


def by_owner(assistants: Sequence[Assistant]) -> dict[str, Assistant]:
    """Owner id → the assistant, as far as the CRM has given them one; former ones too."""
    former = {owner_id: a for a in assistants for owner_id in a.former_owner_ids}
    return former | {a.owner_id: a for a in assistants if a.owner_id}


def pause(error: Exception, attempts: int, now: Millis) -> Millis:
    """When to ask again. Contacts are asked about for ever, with growing pauses."""
    after = error.after if isinstance(error, PortalUnavailable) else 30 * SECOND
    due = next_attempt(
        attempts=min(attempts, 12), created_at=now, now=now, after=after, reference="look-up"
    )
    return due or now + after
