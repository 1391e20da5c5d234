"""A contact became part of another one: where its events and effects go from now on."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from leadback.lead.records import Ended, Lead
from leadback.store.statements import InsertRows, InSet, either, word
from leadback.store.tables import contact_aliases, leads, outbox, waiting
from leadback.store.transaction import Transaction

_PUT = InsertRows(contact_aliases, ("portal", "crm_id", "lead_id"), "update")
_OWNER = select(contact_aliases.c.lead_id).where(
    contact_aliases.c.portal == bindparam("portal"), contact_aliases.c.crm_id == bindparam("crm_id")
)
_LEAD_ALIASES = (
    update(contact_aliases)
    .where(
        contact_aliases.c.portal == bindparam("portal"),
        contact_aliases.c.lead_id == bindparam("old"),
    )
    .values(lead_id=bindparam("new"))
)
_MOVE_EVENTS = (
    update(waiting)
    .where(waiting.c.portal == bindparam("portal"), waiting.c.lead_id == bindparam("old"))
    .values(lead_id=bindparam("new"))
)
RELEASE = (
    update(waiting)
    .where(
        waiting.c.portal == bindparam("portal"),
        waiting.c.status == word("held"),
        InSet(waiting.c.lead_id, "lead_ids"),
    )
    .values(status=word("pending"), due_at=waiting.c.placed_at)
)
"""Events that waited for their contact to become a lead take their places in its lane."""
_IS_LEAD = select(leads.c.lead_id).where(
    leads.c.portal == bindparam("portal"), leads.c.lead_id == bindparam("lead_id")
)
_READDRESS = (
    update(outbox)
    .where(
        outbox.c.portal == bindparam("portal"),
        outbox.c.lead_id == bindparam("lead"),
        either(outbox.c.status, "pending", "leased", "uncertain"),
    )
    .values(crm_id=bindparam("into"))
)


@dataclass(frozen=True, slots=True)
class Merge:
    """crm_id: the contact that is gone; into: the one it is part of; lead: after the decision."""

    crm_id: str
    into: str
    lead: Lead


def follow(tx: Transaction, portal: str, merge: Merge) -> None:
    """The lead follows its contact, or its events go to the lead that the winner is already."""
    loser = merge.lead.lead_id
    if merge.lead.ended is Ended.MERGED:
        winner = tx.run(_OWNER, portal=portal, crm_id=merge.into).scalar() or merge.into
        old, new = loser, str(winner)
        aliases = {loser: new, merge.crm_id: new}
    else:
        old, new = merge.into, loser
        aliases = {merge.into: loser, merge.crm_id: loser}
        tx.run(_READDRESS, portal=portal, lead=loser, into=merge.into)
    aliases.pop(new, None)  # a lead's own id needs no detour
    _lead_on(tx, portal, old, new, aliases)
    tx.run(RELEASE, portal=portal, lead_ids=[new])


def join(tx: Transaction, portal: str, crm_id: str, lane: str) -> None:
    """A contact that is no lead became part of the one of this lane."""
    if crm_id == lane:
        return
    _lead_on(tx, portal, crm_id, lane, {crm_id: lane})
    if tx.run(_IS_LEAD, portal=portal, lead_id=lane).first() is not None:
        tx.run(RELEASE, portal=portal, lead_ids=[lane])
        tx.rings = True


def _lead_on(tx: Transaction, portal: str, old: str, new: str, aliases: Mapping[str, str]) -> None:
    """What went to the lane `old` goes to `new`: events that wait, and those to come."""
    tx.run(_LEAD_ALIASES, portal=portal, old=old, new=new)
    tx.rows(_PUT, [(portal, crm_id, lead_id) for crm_id, lead_id in sorted(aliases.items())])
    tx.run(_MOVE_EVENTS, portal=portal, old=old, new=new)
