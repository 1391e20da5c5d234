"""Asks portals which contacts changed hands: for those that no webhook reaches, and to be sure.

Of all workers one asks at a time. Mostly only for changes, from a cursor that is kept; now and
then for everything, which also finds contacts that were merged or deleted.
"""

from collections.abc import Iterable

import structlog

from engine.base.clock import HOUR, Millis
from engine.base.errors import HandbackError
from engine.hooks.outcomes import Access
from engine.store import Heard, NewHint, Store, Tx
from engine.work.lookup import Lookups

COMPARE_EVERY: Millis = HOUR

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
        except HandbackError as error:
            log.warning("portal not polled", action="poll", portal=portal, reason=str(error))
        except Exception:
            log.exception("polling failed", action="poll", portal=portal)

    def poll(self, portal: str, now: Millis, *, every: Millis | None = None) -> int:
        """Leave hints for contacts whose owner is news; how many. Raises HandbackError."""
        with self._store.write() as tx:
            if every is None:
                heard: Heard | None = tx.listening.of(portal)
            else:
                heard = tx.listening.claim_poll(portal, now=now, every=every)
        if heard is None:
            return 0
        access, hooks = self._lookups.access_with_owners(portal)
        owners = _owners(access)
        if not owners:
            return 0
        everything = every is None or _is_stale(heard, owners, now)
        cursor = 0 if everything else heard.cursor
        found = hooks.crm_changed_contacts(access=access, cursor=cursor)
        owned = {hint.crm_id for hint in found.owned}
        left = {hint.crm_id for hint in found.left}
        with self._store.write() as tx:
            if everything:
                news = owned ^ tx.leads.working(portal)
            else:
                working = set(_working(tx, portal, owned | left))
                news = (owned - working) | (left & working)
            tx.hints.add(portal, [NewHint(crm_id, now) for crm_id in sorted(news)], now=now)
            tx.listening.polled(
                portal, at=now, cursor=found.cursor, owners=owners, compared=everything
            )
        return len(news)


def _owners(access: Access) -> str:
    return " ".join(sorted({a.owner_id for a in access.assistants if a.owner_id}))


def _is_stale(heard: Heard, owners: str, now: Millis) -> bool:
    """A new assistant may own contacts since long ago."""
    if heard.cursor == 0 or heard.compared_at is None or heard.owners != owners:
        return True
    return abs(now - heard.compared_at) >= COMPARE_EVERY


def _working(tx: Tx, portal: str, crm_ids: Iterable[str]) -> Iterable[str]:
    """Those that are leads at work."""
    wanted = list(crm_ids)
    lanes = tx.leads.lane_of(portal, wanted) if wanted else {}
    for crm_id in wanted:
        lead = tx.leads.get(portal, lanes.get(crm_id, crm_id))
        if lead is not None and not lead.finished:
            yield crm_id
