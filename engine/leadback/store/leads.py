"""Leads: found by id, CRM id, address or filter; written by decisions only (see commit.py)."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select

from leadback.base.clock import HOUR
from leadback.lead.records import Ended, Lead
from leadback.store.records import LeadFilter
from leadback.store.statements import InSet
from leadback.store.tables import contact_aliases, portals
from leadback.store.tables import leads as table
from leadback.store.transaction import Transaction, load_or_unreadable

COLUMNS = (
    "portal",
    "lead_id",
    "crm_id",
    "state",
    "sub_state",
    "came_from_state",
    "came_from_sub_state",
    "email",
    "name",
    "assistant",
    "assistant_name",
    "context",
    "previous_owner",
    "counters",
    "done",
    "stopped",
    "ended",
    "assigned_at",
    "entered_at",
    "updated_at",
    "revision",
)
_OF_PORTAL = table.c.portal == bindparam("portal")
_ALL = select(*(table.c[name] for name in COLUMNS)).where(_OF_PORTAL)
_BY_ID = _ALL.where(table.c.lead_id == bindparam("lead_id"))
_BY_IDS = _ALL.where(InSet(table.c.lead_id, "lead_ids"))
_PAGE = (
    _ALL.where(table.c.lead_id > bindparam("after"))
    .order_by(table.c.lead_id)
    .limit(bindparam("limit"))
)
_NOT_ENDED_FIRST = (table.c.ended.isnot(None), table.c.updated_at.desc(), table.c.lead_id)
_BY_CRM_ID = _ALL.where(table.c.crm_id == bindparam("crm_id")).order_by(*_NOT_ENDED_FIRST)
_BY_EMAIL = _ALL.where(table.c.email == bindparam("email")).order_by(*_NOT_ENDED_FIRST)
_BY_ADDRESS = select(table.c.email, table.c.lead_id, table.c.ended).where(
    _OF_PORTAL, InSet(table.c.email, "emails")
)
_ALIASES = select(contact_aliases.c.crm_id, contact_aliases.c.lead_id).where(
    contact_aliases.c.portal == bindparam("portal"), InSet(contact_aliases.c.crm_id, "crm_ids")
)
_COUNT = select(table.c.state, func.count()).where(_OF_PORTAL).group_by(table.c.state)
_COUNT_GONE = (
    select(table.c.state, func.count())
    .where(_OF_PORTAL, table.c.ended != bindparam("taken_back"))
    .group_by(table.c.state)
)
_WORKING = select(table.c.crm_id).where(
    _OF_PORTAL, table.c.done.is_(False), table.c.ended.is_(None)
)
_NAMES = select(portals.c.name)


class Leads:
    """`tx.leads`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def get(self, portal: str, lead_id: str) -> Lead | None:
        row = self._tx.run(_BY_ID, portal=portal, lead_id=lead_id).first()
        return None if row is None else to_lead(row)

    def get_many(self, portal: str, lead_ids: Sequence[str]) -> dict[str, Lead]:
        """By lead id; ids that are no leads are left out."""
        rows = self._tx.fetch(_BY_IDS, portal=portal, lead_ids=list(lead_ids))
        return {row[1]: to_lead(row) for row in rows}

    def page(self, portal: str, *, after: str, limit: int) -> list[Lead]:
        """All of a portal in the order of their ids, whatever changes meanwhile. after: the id of
        the last lead of the page before, "" for the first."""
        rows = self._tx.run(_PAGE, portal=portal, after=after, limit=limit)
        return [to_lead(row) for row in rows]

    def by_crm_id(self, portal: str, crm_id: str) -> Lead | None:
        """The lead that is this contact now; one that has not ended before one that has."""
        row = self._tx.run(_BY_CRM_ID, portal=portal, crm_id=crm_id).first()
        return None if row is None else to_lead(row)

    def by_email(self, portal: str, email: str) -> list[Lead]:
        """All with this address, those that have not ended first."""
        return [to_lead(row) for row in self._tx.run(_BY_EMAIL, portal=portal, email=email)]

    def of_addresses(self, portal: str, emails: Collection[str]) -> dict[str, str]:
        """address → lead id, of those that exactly one lead has; ended ones count for those
        that no other lead has."""
        rows = self._tx.run(_BY_ADDRESS, portal=portal, emails=list(emails)).all()
        lanes = self.aliases(portal, [row[1] for row in rows])
        found: dict[str, tuple[set[str], set[str]]] = {}
        for email, lead_id, ended in rows:
            of_one = found.setdefault(email, (set(), set()))
            of_one[ended is not None].add(lanes.get(lead_id, lead_id))
        chosen = {email: going or gone for email, (going, gone) in found.items()}
        return {email: min(leads) for email, leads in chosen.items() if len(leads) == 1}

    def lane_of(self, portal: str, crm_ids: Sequence[str]) -> dict[str, str]:
        """CRM id → the lead id that its events belong to: after merges another one."""
        return {**{crm_id: crm_id for crm_id in crm_ids}, **self.aliases(portal, crm_ids)}

    def aliases(self, portal: str, crm_ids: Collection[str]) -> dict[str, str]:
        """As lane_of, only those that a merge has led elsewhere."""
        if not crm_ids:
            return {}
        rows = self._tx.run(_ALIASES, portal=portal, crm_ids=list(crm_ids))
        return {row[0]: row[1] for row in rows}

    def working(self, portal: str) -> set[str]:
        """CRM ids of the leads that are not finished: a million of them fit in 100 MB."""
        return {row[0] for row in self._tx.run(_WORKING, portal=portal)}

    def list(
        self, wanted: LeadFilter | None = None, *, limit: int = 100, after: Lead | None = None
    ) -> list[Lead]:
        """Changed last first. after: the last lead of the page before."""
        wanted = wanted or LeadFilter()
        if wanted.portal is not None:
            return [*self._of_portal(wanted.portal, wanted, limit, after)]
        names = [row[0] for row in self._tx.run(_NAMES)]
        found = [lead for name in names for lead in self._of_portal(name, wanted, limit, after)]
        return sorted(found, key=_place)[:limit]

    def count_by_state(self, portal: str | None = None) -> dict[str, int]:
        """How many leads are in each state, ended ones too."""
        names = [row[0] for row in self._tx.run(_NAMES)] if portal is None else [portal]
        counts: dict[str, int] = {}
        for name in names:
            for state, count in self._tx.run(_COUNT, portal=name):
                counts[state] = counts.get(state, 0) + count
        return counts

    def count_there(self, portal: str) -> dict[str, int]:
        """As count_by_state, of leads whose contact is there to be written to."""
        counts = self.count_by_state(portal)
        for state, gone in self._tx.run(
            _COUNT_GONE, portal=portal, taken_back=Ended.TAKEN_BACK.value
        ):
            counts[state] -= gone
        return counts

    def _of_portal(
        self, portal: str, wanted: LeadFilter, limit: int, after: Lead | None
    ) -> Sequence[Lead]:
        query = _filtered(portal, wanted)
        if after is not None:
            hour = after.updated_at // HOUR
            query = query.where(table.c.changed_hour <= hour, _comes_after(portal, after))
        query = query.order_by(
            table.c.changed_hour.desc(), table.c.updated_at.desc(), table.c.lead_id
        ).limit(limit)
        return [to_lead(row) for row in self._tx.connection.execute(query)]


def to_lead(row: Any) -> Lead:
    """A row of COLUMNS."""
    (
        portal, lead_id, crm_id, state, sub_state, came_from, came_from_sub_state, email, name,
        assistant, assistant_name, context, previous_owner, counters, done, stopped, ended,
        assigned_at, entered_at, updated_at, revision,
    ) = row  # fmt: skip
    return Lead(
        portal,
        lead_id,
        crm_id,
        state,
        sub_state,
        None if came_from is None else (came_from, came_from_sub_state),
        email,
        name,
        assistant,
        assistant_name,
        context,
        previous_owner,
        load_or_unreadable(counters),
        bool(done),
        bool(stopped),
        None if ended is None else Ended(ended),
        assigned_at,
        entered_at,
        updated_at,
        revision,
    )


def _filtered(portal: str, wanted: LeadFilter) -> Select[Any]:
    query = select(*(table.c[name] for name in COLUMNS)).where(table.c.portal == portal)
    if wanted.state is not None:
        query = query.where(table.c.state == wanted.state)
    if wanted.assistant is not None:
        query = query.where(table.c.assistant == wanted.assistant)
    if wanted.finished is not None:
        goes_on = and_(table.c.done.is_(False), table.c.ended.is_(None))
        query = query.where(~goes_on if wanted.finished else goes_on)
    if wanted.search:
        text = wanted.search
        query = query.where(
            or_(
                table.c.crm_id == text,
                table.c.lead_id == text,
                func.lower(table.c.email).startswith(text.lower(), autoescape=True),
                func.lower(table.c.name).contains(text.lower(), autoescape=True),
            )
        )
    return query


def _place(lead: Lead) -> tuple[int, str, str]:
    return (-lead.updated_at, lead.portal, lead.lead_id)


def _comes_after(portal: str, last: Lead) -> Any:
    """The order over all portals is: changed last first, then portal, then lead id."""
    earlier = table.c.updated_at < last.updated_at
    same = table.c.updated_at == last.updated_at
    if portal < last.portal:
        return earlier
    if portal > last.portal:
        return or_(earlier, same)
    return or_(earlier, and_(same, table.c.lead_id > last.lead_id))
