"""Privacy deletion: everything personal about a lead goes; that it existed stays."""

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, delete, select, update

from leadback.lead.records import Lead
from leadback.store import lookups
from leadback.store.accounts import Accounts
from leadback.store.quarantine import Quarantine
from leadback.store.statements import InSet, word
from leadback.store.tables import (
    contact_aliases,
    disagreements,
    history,
    inbox,
    leads,
    outbox,
    ownership,
    waiting,
)
from leadback.store.transaction import Transaction
from leadback.store.unruled import UnruledValues

_EMPTY = word("{}")
_NOTHING = word("")
_SCRUB = (
    update(inbox)
    .where(inbox.c.portal == bindparam("portal"), InSet(inbox.c.seq, "seqs"))
    .values(data=_EMPTY, erased=True)
)
_OWN_IDS = select(contact_aliases.c.crm_id).where(
    contact_aliases.c.portal == bindparam("portal"), contact_aliases.c.lead_id == bindparam("lead")
)
_KNOWN = select(leads.c.crm_id, leads.c.email).where(
    leads.c.portal == bindparam("portal"), InSet(leads.c.lead_id, "lead_ids")
)
_LEADS = (
    update(leads)
    .where(leads.c.portal == bindparam("portal"), InSet(leads.c.lead_id, "lead_ids"))
    .values(
        email=None,
        name=None,
        context=None,
        sub_state=None,
        came_from_state=None,
        came_from_sub_state=None,
    )
)
_DECIDED = (
    select(inbox.c.seq)
    .join(
        history,
        and_(
            history.c.portal == inbox.c.portal,
            history.c.source == inbox.c.source,
            history.c.event_id == inbox.c.event_id,
            history.c.internal == inbox.c.internal,
        ),
    )
    .where(history.c.portal == bindparam("portal"), InSet(history.c.lead_id, "lead_ids"))
)
_WAITING = select(waiting.c.seq).where(
    waiting.c.portal == bindparam("portal"), InSet(waiting.c.lead_id, "lead_ids")
)
_NEVER = (
    delete(waiting)
    .where(waiting.c.portal == bindparam("portal"), waiting.c.lead_id == bindparam("lane"))
    .returning(waiting.c.seq)
)
_HISTORY = (
    update(history)
    .where(history.c.portal == bindparam("portal"), InSet(history.c.lead_id, "lead_ids"))
    .values(reads=_EMPTY, sub_state=None)
)
_DISAGREEMENTS = delete(disagreements).where(
    disagreements.c.portal == bindparam("portal"), InSet(disagreements.c.lead_id, "lead_ids")
)
_OUTBOX = (
    update(outbox)
    .where(outbox.c.portal == bindparam("portal"), InSet(outbox.c.lead_id, "lead_ids"))
    .values(payload=_EMPTY, result=_EMPTY, reason=_NOTHING)
)
_FAILED = (
    update(waiting)
    .where(
        waiting.c.portal == bindparam("portal"),
        waiting.c.status == word("failed"),
        InSet(waiting.c.lead_id, "lead_ids"),
    )
    .values(reason=_NOTHING)
)
_OWNERSHIP = (
    update(ownership)
    .where(ownership.c.portal == bindparam("portal"), InSet(ownership.c.lead_id, "lead_ids"))
    .values(why=_NOTHING)
)


def scrub_events(tx: Transaction, portal: str, seqs: Sequence[int]) -> None:
    """What late events of an erased lead carry goes as well."""
    tx.run(_SCRUB, portal=portal, seqs=list(seqs))
    tx.erases = True


def erase_waiting(tx: Transaction, portal: str, lane: str) -> None:
    """What is not decided of a contact that is no lead: it never will be."""
    seqs = tx.run(_NEVER, portal=portal, lane=lane).scalars().all()
    if seqs:
        scrub_events(tx, portal, seqs)


def erase(tx: Transaction, portal: str, lead_id: str, before: Lead) -> None:
    """The lead, those merged into it, and every row that speaks of them."""
    lead_ids = sorted({lead_id, *tx.run(_OWN_IDS, portal=portal, lead=lead_id).scalars()})
    mentions = {before.email, f'"{portal}/{before.crm_id}"'}
    for crm_id, email in tx.run(_KNOWN, portal=portal, lead_ids=lead_ids):
        mentions |= {email, f'"{portal}/{crm_id}"'}
    seqs = {
        seq
        for query in (_DECIDED, _WAITING)
        for seq in tx.run(query, portal=portal, lead_ids=lead_ids).scalars()
    }
    emails = sorted({email for email in mentions if email and "@" in email})
    seqs |= set(lookups.belongs(tx, portal, emails, lead_ids, before))
    scrub_events(tx, portal, sorted(seqs))
    for statement in (_LEADS, _HISTORY, _OUTBOX, _FAILED, _OWNERSHIP, _DISAGREEMENTS):
        tx.run(statement, portal=portal, lead_ids=lead_ids)
    Accounts(tx).forget(emails)
    Quarantine(tx).forget(portal, sorted(text for text in mentions if text))
    UnruledValues(tx).forget(portal, [*emails, *filter(None, [before.name])])
