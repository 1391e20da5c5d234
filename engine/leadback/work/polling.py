"""Asks portals which contacts changed hands, or are not what their leads say: for those that no
webhook reaches, and to be sure.

Of all workers one asks at a time. Mostly only for changes, from a cursor that is kept; now and
then for everything, which also finds contacts that were merged or deleted.
"""

from collections.abc import Iterable, Iterator, Sequence

import structlog

from leadback.base.clock import HOUR, Millis
from leadback.base.errors import LeadbackError
from leadback.hooks.outcomes import Access, ContactChanges
from leadback.lead.ownership import changed_facts
from leadback.lead.records import Lead
from leadback.store import Heard, NewHint, Store, Tx
from leadback.work.lookup import Lookups

COMPARE_EVERY: Millis = HOUR
PART = 1_000
"""Contacts of one look into the database."""

log = structlog.get_logger()


class Polls:
    """One per process."""

    def __init__(self, store: Store, lookups: Lookups) -> None:
        self._store, self._lookups = store, lookups

    def poll_all(self, now: Millis, *, every: Millis | None = None) -> None:
        """All portals; one that cannot be asked is asked again the next time.

        every: ms between two polls of a portal, by whichever worker; None = compare all now.
        """
        for portal in self.portals():
            self.try_portal(portal, now, every=every)

    def portals(self) -> list[str]:
        """Those that are connected."""
        with self._store.read() as tx:
            names = [portal.name for portal in tx.portals.list()]
            return [n for n in names if tx.portals.state(n).disconnected_at is None]

    def try_portal(self, portal: str, now: Millis, *, every: Millis | None) -> None:
        """One portal; when it cannot be asked, that is said in the log."""
        try:
            self.poll(portal, now, every=every)
        except LeadbackError as error:
            log.warning("portal not polled", action="poll", portal=portal, reason=str(error))
        except Exception:
            log.exception("polling failed", action="poll", portal=portal)

    def poll(self, portal: str, now: Millis, *, every: Millis | None = None) -> int:
        """Leave hints for contacts whose owner is news; how many. Raises LeadbackError."""
        with self._store.write() as tx:
            if every is None:
                heard: Heard | None = tx.listening.of(portal)
            else:
                heard = tx.listening.claim_poll(portal, now=now, every=every)
        if heard is None:
            return 0
        access, hooks = self._lookups.access_with_users(portal)
        owners = _owners(access)
        if not owners:
            return 0
        everything = every is None or _is_stale(heard, owners, now)
        cursor = 0 if everything else heard.cursor
        found = hooks.crm_changed_contacts(access=access, cursor=cursor)
        news = self._news(access, found, everything=everything)
        with self._store.write() as tx:
            tx.hints.add(portal, [NewHint(crm_id, now) for crm_id in sorted(news)], now=now)
            tx.listening.polled(
                portal, at=now, cursor=found.cursor, owners=owners, compared=everything
            )
        return len(news)

    def _news(self, access: Access, found: ContactChanges, *, everything: bool) -> set[str]:
        """Contacts that are to be read again: an assistant owns them and they are no leads at work,
        or the other way round, or they are shown otherwise than the leads say."""
        portal = access.portal.name
        owned = {hint.crm_id: hint.shown for hint in found.owned}
        left = {hint.crm_id for hint in found.left}
        working: set[str] = set()
        changed: set[str] = set()
        for some in _parts(owned.keys() | left):
            with self._store.read() as tx:
                leads = _at_work(tx, portal, some)
            working |= leads.keys()
            for crm_id, lead in leads.items():
                shown = owned.get(crm_id)
                if shown is not None and changed_facts(lead, shown, access.assistants):
                    changed.add(crm_id)
            for part in _parts(f for i in some if (s := owned.get(i)) for f in s.former):
                with self._store.read() as tx:
                    changed |= _left_behind(tx, portal, part)
        if everything:
            with self._store.read() as tx:
                return (owned.keys() ^ tx.leads.working(portal)) | changed
        return (owned.keys() - working) | (left & working) | changed


def _owners(access: Access) -> str:
    return " ".join(sorted({owner_id for a in access.assistants for owner_id in a.owner_ids}))


def _is_stale(heard: Heard, owners: str, now: Millis) -> bool:
    """A new assistant may own contacts since long ago."""
    if heard.cursor == 0 or heard.compared_at is None or heard.owners != owners:
        return True
    return abs(now - heard.compared_at) >= COMPARE_EVERY


def _parts(crm_ids: Iterable[str]) -> Iterator[list[str]]:
    wanted = sorted(crm_ids)
    for first in range(0, len(wanted), PART):
        yield wanted[first : first + PART]


def _left_behind(tx: Tx, portal: str, former: Sequence[str]) -> set[str]:
    """Those of these contacts, part of others now, that are leads still or have events."""
    leads = _at_work(tx, portal, former)
    alone = {crm_id for crm_id, lead in leads.items() if lead.crm_id == crm_id}
    return alone | tx.inbox.held_of(portal, former)


def _at_work(tx: Tx, portal: str, crm_ids: Sequence[str]) -> dict[str, Lead]:
    """CRM id → its lead, of those that are leads at work."""
    lanes = tx.leads.lane_of(portal, crm_ids)
    leads = tx.leads.get_many(portal, list(lanes.values()))
    found = {crm_id: leads.get(lanes[crm_id]) for crm_id in crm_ids}
    return {crm_id: lead for crm_id, lead in found.items() if lead and not lead.finished}
