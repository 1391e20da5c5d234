"""Effects on their way to the CRM: claimed under a lease with a fence, settled once.

Of a lead, effects leave in order: the first open one is the lock for those behind it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, case, func, select, true, update

from leadback.base.clock import Millis
from leadback.lead.records import Effect, EffectKind, Lead
from leadback.store.coalesce import coalesce
from leadback.store.records import BlockedLead, Claim, ClaimedEffect, OutboxRow, Settlement
from leadback.store.statements import InsertRows, InSet, UpdateRows, either, word
from leadback.store.tables import leads, portals
from leadback.store.tables import outbox as table
from leadback.store.transaction import Transaction, Unreadable, dump, load_or_unreadable

PER_LEAD = 100
"""Effects of one lead in one claim at most: a long queue of one must not crowd out the rest."""

_COLUMNS = (
    "portal",
    "id",
    "lead_id",
    "crm_id",
    "kind",
    "payload",
    "reference",
    "status",
    "attempts",
    "maybe_sent",
    "due_at",
    "created_at",
    "settled_at",
    "reason",
    "result",
)
_OF_PORTAL = table.c.portal == bindparam("portal")
_IDS = InSet(table.c.id, "ids")
_FENCED = table.c.fence == bindparam("fence_now")

_EARLIER = table.alias("earlier")
IS_HEAD = ~(
    select(_EARLIER.c.id)
    .where(
        _EARLIER.c.portal == table.c.portal,
        _EARLIER.c.lead_id == table.c.lead_id,
        either(_EARLIER.c.status, "pending", "leased", "uncertain"),
        _EARLIER.c.id < table.c.id,
    )
    .exists()
)


def _open(query: Select[Any]) -> Select[Any]:
    return query.where(either(table.c.status, "pending", "leased", "uncertain"))


_HEADS = (
    _open(select(table.c.lead_id))
    .where(_OF_PORTAL, table.c.due_at <= bindparam("now"), IS_HEAD)
    .order_by(table.c.due_at, table.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_LANES = (
    _open(select(*(table.c[name] for name in (*_COLUMNS[1:7], "attempts", "maybe_sent"))))
    .add_columns(table.c.status, table.c.created_at, table.c.due_at)
    .where(_OF_PORTAL, InSet(table.c.lead_id, "lead_ids"))
    .order_by(table.c.lead_id, table.c.id)
)
_LEASE = (
    update(table)
    .where(_OF_PORTAL, _IDS)
    .values(
        status=word("leased"),
        attempts=table.c.attempts + 1,
        maybe_sent=case(
            (either(table.c.status, "leased", "uncertain"), true()), else_=table.c.maybe_sent
        ),
        due_at=bindparam("until"),
        fence=bindparam("fence_new"),
    )
)
_RENEW = (
    update(table)
    .where(_OF_PORTAL, table.c.status == word("leased"), _FENCED)
    .values(due_at=bindparam("until"))
)
_ADD = InsertRows(table, (*_COLUMNS, "fence"))
_SUPERSEDE = UpdateRows(table, ("status", "settled_at", "reason", "result"), ("portal", "id"))
_PAYLOAD = UpdateRows(table, ("payload",), ("portal", "id"))
_MINE = (
    select(table.c.id, table.c.lead_id)
    .where(_OF_PORTAL, table.c.status == word("leased"), _FENCED, _IDS)
    .order_by(table.c.id)
    .with_for_update()
)
_SETTLE = UpdateRows(
    table,
    ("status", "due_at", "settled_at", "reason", "result"),
    ("portal", "id"),
)
_UNSENT = update(table).where(_OF_PORTAL, _IDS).values(attempts=table.c.attempts - 1)
_WAKE = (
    update(table)
    .where(_OF_PORTAL, table.c.status == word("pending"), table.c.due_at > bindparam("now"))
    .values(due_at=bindparam("now"))
)
_BEHIND = (
    update(table)
    .where(
        _OF_PORTAL,
        table.c.lead_id == bindparam("lead"),
        table.c.status == word("pending"),
        table.c.id > bindparam("head"),
        table.c.due_at < bindparam("until"),
    )
    .values(due_at=bindparam("until"))
)
_HEAD_DUE = (
    _open(select(table.c.due_at))
    .where(table.c.portal == portals.c.name, table.c.due_at <= bindparam("now"), IS_HEAD)
    .order_by(table.c.due_at, table.c.id)
    .limit(1)
    .scalar_subquery()
    .correlate(portals)
)
_DUE_PORTALS = select(portals.c.name, _HEAD_DUE).where(
    func.coalesce(portals.c.paused_until, 0) <= bindparam("now")
)
_NEWER = table.alias("newer")
_OUTDATED = (
    (table.c.kind == word("fields"))
    & select(_NEWER.c.id)
    .where(
        _NEWER.c.portal == table.c.portal,
        _NEWER.c.lead_id == table.c.lead_id,
        _NEWER.c.kind == word("fields"),
        _NEWER.c.id > table.c.id,
    )
    .exists()
) | (
    (table.c.kind == word("handback"))
    & select(leads.c.lead_id)
    .where(
        leads.c.portal == table.c.portal,
        leads.c.lead_id == table.c.lead_id,
        leads.c.assigned_at > table.c.created_at,
    )
    .exists()
)
"""Newer field values were ordered since, or the lead was assigned anew: not to be sent any more."""
_FAILED = table.c.status == word("failed")
_OUTDATE = (
    update(table)
    .where(_OF_PORTAL, _FAILED, _OUTDATED)
    .values(status=word("superseded"), settled_at=bindparam("now"))
)
_RETRY = (
    update(table)
    .where(_OF_PORTAL, _FAILED)
    .values(
        status=word("pending"),
        due_at=bindparam("now"),
        created_at=bindparam("now"),
        settled_at=None,
    )
)
_GIVE_UP = (
    update(table)
    .where(
        _OF_PORTAL,
        table.c.id == bindparam("effect"),
        either(table.c.status, "pending", "leased", "uncertain", "failed"),
    )
    .values(
        status=word("cancelled"),
        fence=0,
        settled_at=bindparam("now"),
        reason=bindparam("why"),
    )
)
_ROWS = select(*(table.c[name] for name in _COLUMNS))
_OF_LEAD = _ROWS.where(_OF_PORTAL, table.c.lead_id == bindparam("lead_id")).order_by(table.c.id)
_COUNT_DONE = select(func.count()).where(_OF_PORTAL, table.c.status == word("done"))
_BLOCKED = (
    _open(
        select(
            table.c.portal,
            table.c.lead_id,
            table.c.id,
            table.c.kind,
            table.c.due_at,
            table.c.attempts,
            table.c.reason,
        )
    )
    .where(_OF_PORTAL, table.c.due_at > bindparam("now"), IS_HEAD)
    .order_by(table.c.due_at, table.c.id)
    .limit(bindparam("limit"))
)
_NAMES = select(portals.c.name).order_by(portals.c.name)
_STATUS = {"done": "done", "retry": "pending", "unsent": "pending", "uncertain": "uncertain"}


class Outbox:
    """`tx.outbox`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def due_portals(self, now: Millis) -> list[str]:
        """Portals with effects that can be sent now and that are not paused, oldest first."""
        rows = self._tx.run(_DUE_PORTALS, now=now)
        return [name for name, due in sorted(rows, key=lambda row: row[1] or 0) if due is not None]

    def claim(self, portal: str, *, now: Millis, lease: Millis, limit: int) -> Claim:
        """Effects to send, of at most `limit` leads and about as many, until the lease runs out.

        The attempt is on record when this commits. Older field values of a lead are superseded by
        the newest, which takes over what it does not say itself.
        """
        heads = self._tx.run(_HEADS, portal=portal, now=now, limit=limit).scalars().all()
        if not heads:
            return Claim(0)
        rows = self._tx.run(_LANES, portal=portal, lead_ids=sorted(set(heads))).all()
        mine = self._readable(portal, _due_beginnings(rows, now, limit), now)
        (fence,) = self._tx.take_ids(1)
        ids = [effect.id for effect in mine]
        self._tx.run(_LEASE, portal=portal, ids=ids, until=now + lease, fence_new=fence)
        merged = coalesce(mine)
        self._tx.rows(
            _SUPERSEDE,
            [
                ("superseded", now, "newer values were sent instead", dump({"by": by}), portal, old)
                for old, by in merged.superseded.items()
            ],
        )
        self._tx.rows(
            _PAYLOAD, [(dump(payload), portal, which) for which, payload in merged.payloads.items()]
        )
        return Claim(fence, merged.effects, merged.superseded)

    def _readable(
        self, portal: str, effects: list[ClaimedEffect], now: Millis
    ) -> list[ClaimedEffect]:
        """Those that can be sent. What is kept of the others is broken: they wait for a person."""
        broken = [one for one in effects if isinstance(one.payload, Unreadable)]
        if not broken:
            return effects
        said = [
            Settlement(one.id, "failed", reason=f"its values cannot be read: {one.payload!r}")
            for one in broken
        ]
        self._tx.rows(_SETTLE, [_settled(portal, one, now) for one in said])
        return [one for one in effects if not isinstance(one.payload, Unreadable)]

    def settle(
        self, portal: str, fence: int, settlements: Sequence[Settlement], *, now: Millis
    ) -> list[int]:
        """Record outcomes. The ids refused: their lease ran out and somebody else has them, or
        they were cancelled meanwhile; nothing is recorded for those."""
        if not settlements:
            return []
        ids = [one.id for one in settlements]
        mine = dict(
            tuple(row) for row in self._tx.run(_MINE, portal=portal, fence_now=fence, ids=ids)
        )
        good = [one for one in settlements if one.id in mine]
        self._tx.rows(_SETTLE, [_settled(portal, one, now) for one in good])
        unsent = [one.id for one in good if one.verdict == "unsent"]
        if unsent:
            self._tx.run(_UNSENT, portal=portal, ids=unsent)
        for one in good:
            if one.verdict in ("retry", "uncertain"):
                # What is behind it waits as long, and is not looked at in vain meanwhile.
                self._tx.run(
                    _BEHIND, portal=portal, lead=mine[one.id], head=one.id, until=one.due_at
                )
        return [one.id for one in settlements if one.id not in mine]

    def add(self, portal: str, ordered: Sequence[tuple[Lead, Effect]], *, now: Millis) -> None:
        """Effects that no decision ordered: repairs of what the CRM has lost."""
        ids = self._tx.take_ids(len(ordered))
        self._tx.rows(
            _ADD,
            [
                (
                    portal, number, lead.lead_id, lead.crm_id, effect.kind.value,
                    dump(effect.payload), effect.reference, "pending", 0, True,
                    now, now, None, "", "{}", 0,
                )
                for number, (lead, effect) in zip(ids, ordered, strict=True)
            ],
        )  # fmt: skip
        self._tx.rings = True

    def renew(self, portal: str, fence: int, *, until: Millis) -> None:
        """Keep what is left of a claim until then: its worker is alive."""
        self._tx.run(_RENEW, portal=portal, fence_now=fence, until=until)

    def wake(self, portal: str, *, now: Millis) -> None:
        """What was put off is due now: the portal can be written to again."""
        self._tx.run(_WAKE, portal=portal, now=now)
        self._tx.rings = True

    def retry(
        self, *, now: Millis, portal: str | None = None, ids: Sequence[int] | None = None
    ) -> int:
        """Send failed effects again (these, or all), with a new time to give up; how many.

        One that has been overtaken, by newer field values or a new assignment, is not sent again.
        """
        names = [portal] if portal is not None else list(self._tx.run(_NAMES).scalars())
        return sum(self._retry(name, ids, now) for name in names)

    def give_up(self, portal: str, effect_id: int, *, reason: str, now: Millis) -> bool:
        """Never send this effect. False: there is none that could still be sent."""
        done = self._tx.run(_GIVE_UP, portal=portal, effect=effect_id, why=reason, now=now)
        return done.rowcount > 0

    def of_lead(self, portal: str, lead_id: str) -> list[OutboxRow]:
        """All effects of a lead, oldest first."""
        return [_row(row) for row in self._tx.run(_OF_LEAD, portal=portal, lead_id=lead_id)]

    def list(
        self, *, portal: str | None = None, status: str | None = None, limit: int = 100
    ) -> list[OutboxRow]:
        """Oldest first."""
        names = [portal] if portal is not None else list(self._tx.run(_NAMES).scalars())
        found: list[OutboxRow] = []
        for name in names:
            query = _listed(name, status).limit(limit - len(found))
            found += [_row(row) for row in self._tx.connection.execute(query)]
        return found

    def blocked(self, portal: str, *, now: Millis, limit: int = 100) -> Sequence[BlockedLead]:
        """Leads whose first effect waits: "lead X waits for Y until T", the soonest first."""
        rows = self._tx.run(_BLOCKED, portal=portal, now=now, limit=limit)
        return [BlockedLead(r[0], r[1], r[2], EffectKind(r[3]), *r[4:]) for r in rows]

    def count_done(self, portal: str) -> int:
        """How many effects of the portal were delivered."""
        found: int = self._tx.run(_COUNT_DONE, portal=portal).scalar_one()
        return found

    def _retry(self, portal: str, ids: Sequence[int] | None, now: Millis) -> int:
        outdate, again = (_OUTDATE, _RETRY) if ids is None else (_OUTDATE_SOME, _RETRY_SOME)
        which = {} if ids is None else {"ids": list(ids)}
        self._tx.run(outdate, portal=portal, now=now, **which)
        changed = self._tx.run(again, portal=portal, now=now, **which).rowcount
        self._tx.rings = self._tx.rings or changed > 0
        return changed


_OUTDATE_SOME = _OUTDATE.where(_IDS)
_RETRY_SOME = _RETRY.where(_IDS)


def _due_beginnings(rows: Sequence[Any], now: Millis, limit: int) -> list[ClaimedEffect]:
    """Of each lead the effects up to the first that is not due; of all together about `limit`."""
    found: list[ClaimedEffect] = []
    lead_id, count, over = None, 0, False
    for row in rows:
        if row[1] != lead_id:
            if len(found) >= limit:
                break
            lead_id, count, over = row[1], 0, False
        due_at, status = row[10], row[8]
        over = over or due_at > now or count >= PER_LEAD
        if over:
            continue
        count += 1
        found.append(
            ClaimedEffect(
                id=row[0],
                lead_id=row[1],
                crm_id=row[2],
                kind=EffectKind(row[3]),
                payload=load_or_unreadable(row[4]),
                reference=row[5],
                attempts=row[6] + 1,
                maybe_sent=bool(row[7]) or status in ("leased", "uncertain"),
                created_at=row[9],
            )
        )
    return found


def _settled(portal: str, one: Settlement, now: Millis) -> tuple[Any, ...]:
    status = _STATUS.get(one.verdict, "failed")
    over = status in ("done", "failed")
    return (
        status,
        now if over else one.due_at,
        now if over else None,
        one.reason,
        dump(one.result),
        portal,
        one.id,
    )


def _listed(portal: str, status: str | None) -> Select[Any]:
    query = _ROWS.where(table.c.portal == portal)
    if status is not None:
        query = query.where(table.c.status == status)
    return query.order_by(table.c.id)


def _row(row: Any) -> OutboxRow:
    return OutboxRow(
        portal=row[0],
        id=row[1],
        lead_id=row[2],
        crm_id=row[3],
        kind=EffectKind(row[4]),
        payload=load_or_unreadable(row[5]),
        reference=row[6],
        status=row[7],
        attempts=row[8],
        maybe_sent=bool(row[9]),
        due_at=row[10],
        created_at=row[11],
        settled_at=row[12],
        reason=row[13],
        result=load_or_unreadable(row[14]),
    )
