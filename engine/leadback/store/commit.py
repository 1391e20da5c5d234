"""Writes what claimed events came to: leads, history, effects, timers; set by set, not row by row.

Part of the transaction of the claim. The claim's locks make sure that nobody else writes these.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, update

from leadback.base.clock import HOUR, Millis
from leadback.lead.records import Decision, Effect, Ended, Event, Lead, TimerSet
from leadback.store import erase, history, internal, merge, parked
from leadback.store.leads import COLUMNS as LEAD
from leadback.store.records import Decided
from leadback.store.statements import (
    Constant,
    DeleteRows,
    InsertRows,
    InSet,
    UpdateRows,
    either,
    word,
)
from leadback.store.tables import FAR, leads, outbox, waiting
from leadback.store.transaction import Transaction, dump

_KEY = ("portal", "lead_id")
_MOVING = ("counters", "done", "stopped", "ended", "entered_at", "updated_at", "revision")
_STATE = ("state", "sub_state", "came_from_state", "came_from_sub_state")
_NEW_LEADS = InsertRows(leads, (*LEAD, "changed_hour"))
_SAME_STATE = UpdateRows(leads, _MOVING, _KEY)
_MOVED = UpdateRows(leads, (*_STATE, *_MOVING, "changed_hour"), _KEY)
_CHANGED = UpdateRows(leads, (*(c for c in LEAD if c not in _KEY), "changed_hour"), _KEY)
_ARM = InsertRows(
    waiting,
    ("portal", "due_at", "seq", "lead_id", "placed_at", "timer", "number"),
    fixed={"status": "timer", "needs": "", "attempts": 0, "lease_until": 0},
)
_DONE = DeleteRows(waiting, ("portal", "due_at", "seq"))
_HOLD = UpdateRows(waiting, ("due_at", "status", "parked_at"), ("portal", "due_at", "seq"))
_ORDERED = (
    "portal",
    "id",
    "lead_id",
    "crm_id",
    "kind",
    "payload",
    "reference",
    "due_at",
    "created_at",
)
_UNTRIED: dict[str, Constant] = {"attempts": 0, "maybe_sent": False, "fence": 0, "result": "{}"}
_EFFECTS = InsertRows(
    outbox,
    _ORDERED,
    fixed={"status": "pending", "settled_at": None, "reason": "", **_UNTRIED},
)
_WHY_CANCELLED = "the contact is gone"
_CANCELLED_EFFECTS = InsertRows(
    outbox,
    (*_ORDERED, "settled_at"),
    fixed={"status": "cancelled", "reason": _WHY_CANCELLED, **_UNTRIED},
)
_CLEAR_TIMERS = delete(waiting).where(
    waiting.c.portal == bindparam("portal"),
    waiting.c.status == word("timer"),
    InSet(waiting.c.lead_id, "lead_ids"),
)
_CANCEL = (
    update(outbox)
    .where(
        outbox.c.portal == bindparam("portal"),
        either(outbox.c.status, "pending", "leased", "uncertain"),
        InSet(outbox.c.lead_id, "lead_ids"),
    )
    .values(
        status=word("cancelled"),
        fence=0,  # whoever is sending it now finds that it is not his any more
        settled_at=bindparam("now"),
        reason=bindparam("why"),
    )
)
_REVIVE = (
    update(outbox)
    .where(
        outbox.c.portal == bindparam("portal"),
        outbox.c.status == word("cancelled"),
        outbox.c.reason == bindparam("why"),
        InSet(outbox.c.lead_id, "lead_ids"),
    )
    .values(
        status=word("pending"),
        created_at=bindparam("now"),  # three days to try it, from now on
        maybe_sent=outbox.c.attempts > 0,  # it may have been on its way: due_at stays as it was
        settled_at=None,
        reason=word(""),
    )
)
TIMER_SOURCE = "leadback/timer"


@dataclass(slots=True)
class _Writes:
    """What a commit writes, collected in one walk over the decisions."""

    portal: str
    now: Millis
    version: str
    numbers: Iterator[int]
    """Of the history, one per decision."""
    done: list[tuple[Any, ...]] = field(default_factory=list)
    held: list[tuple[Any, ...]] = field(default_factory=list)
    fired: list[tuple[Any, ...]] = field(default_factory=list)
    first: dict[str, Lead | None] = field(default_factory=dict)
    last: dict[str, Lead] = field(default_factory=dict)
    history: list[tuple[Any, ...]] = field(default_factory=list)
    effects: list[tuple[str, Effect]] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    """Lead → how many of `effects` were there when its effects were dropped."""
    revived: set[str] = field(default_factory=set)
    timers: dict[str, list[TimerSet]] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    merged: list[merge.Merge] = field(default_factory=list)
    erased: dict[str, Lead] = field(default_factory=dict)
    scrubbed: list[int] = field(default_factory=list)

    def take(self, decided: Decided) -> None:
        decision, before = decided.decision, decided.before
        claimed = decided.event
        seq = claimed.seq
        if decision is None:
            self.held.append((FAR, "held", self.now, self.portal, claimed.due_at, seq))
            return
        self.done.append((self.portal, claimed.due_at, seq))
        lead = decision.lead
        lane = lead.lead_id
        if lane not in self.last:
            self.first[lane] = before
        self.last[lane] = lead
        event = claimed.event
        if claimed.timer is not None:
            self.fired.append(_fired_row(self.portal, seq, lead.crm_id, event, self.now))
        self.history.append(
            (
                self.portal,
                next(self.numbers),
                lead.updated_at if lead.updated_at > self.now else self.now,  # see decide(): SKEW
                lane,
                event.type,
                event.source,
                event.id,
                event.at,
                None if before is None else before.state,
                lead.state,
                lead.sub_state,
                decision.result,
                decision.rule,
                decision.rule_at,
                dump(decision.reads),
                decision.because,
                self.version,
                event.internal,
            )
        )
        self._take_orders(lane, decision)
        if decision.merged_into is not None and before is not None:
            self.merged.append(merge.Merge(before.crm_id, decision.merged_into, lead))
        if lead.ended is Ended.ERASED:
            self.scrubbed.append(seq)
            if decision.erased and before is not None:
                self.erased[lane] = before

    def _take_orders(self, lane: str, decision: Decision) -> None:
        """Effects and timers, and the end of earlier ones."""
        if decision.drops_effects:
            self.dropped[lane] = len(self.effects)
            self.revived.discard(lane)
        if decision.revives_effects:
            self.dropped.pop(lane, None)
            self.revived.add(lane)
        for effect in decision.effects:
            self.effects.append((lane, effect))
        if decision.clears_timers:
            self.cleared.add(lane)
            self.timers.pop(lane, None)
        if decision.timers:
            self.timers.setdefault(lane, []).extend(decision.timers)


def commit(
    tx: Transaction, portal: str, decided: Sequence[Decided], *, now: Millis, rules_version: str
) -> None:
    """See Inbox.commit."""
    if not decided:
        return
    writes = _Writes(portal, now, rules_version, iter(tx.take_ids(len(decided))))
    for one in decided:
        writes.take(one)
    _events(tx, writes)
    _leads(tx, writes)
    tx.rows(history.INSERT, writes.history)
    _orders(tx, writes)
    for merged in writes.merged:
        merge.follow(tx, portal, merged)
    created = [lane for lane, before in writes.first.items() if before is None]
    if created:
        tx.run(merge.RELEASE, portal=portal, lead_ids=created)
    if writes.scrubbed:
        erase.scrub_events(tx, portal, writes.scrubbed)
    for lane, before in writes.erased.items():
        erase.erase(tx, portal, lane, before)
    tx.rings = True


def _events(tx: Transaction, writes: _Writes) -> None:
    portal = writes.portal
    tx.rows(_DONE, writes.done)
    tx.rows(_HOLD, writes.held)
    internal.put(tx, portal, writes.fired)
    if writes.cleared:
        cleared = sorted(writes.cleared)
        tx.run(_CLEAR_TIMERS, portal=portal, lead_ids=cleared)
        parked.clear_timers(tx, portal, cleared)
    if writes.dropped:
        tx.run(
            _CANCEL,
            portal=portal,
            lead_ids=sorted(writes.dropped),
            now=writes.now,
            why=_WHY_CANCELLED,
        )
    if writes.revived:
        tx.run(
            _REVIVE,
            portal=portal,
            lead_ids=sorted(writes.revived),
            now=writes.now,
            why=_WHY_CANCELLED,
        )


def _leads(tx: Transaction, writes: _Writes) -> None:
    """Most decisions only count or move: then indexes of other columns are left alone."""
    new, counted, moved, changed = [], [], [], []
    for lane, lead in writes.last.items():
        before = writes.first[lane]
        if before is None:
            new.append((*lead_row(lead), lead.updated_at // HOUR))
        elif not _same_contact(before, lead):
            row = lead_row(lead)
            changed.append((*row[2:], lead.updated_at // HOUR, row[0], row[1]))
        elif _same_place(before, lead):
            counted.append((*_moving(lead), *_key(lead)))
        else:
            moved.append((*_state(lead), *_moving(lead), lead.updated_at // HOUR, *_key(lead)))
    tx.rows(_NEW_LEADS, new)
    tx.rows(_SAME_STATE, counted)
    tx.rows(_MOVED, moved)
    tx.rows(_CHANGED, changed)


def _same_place(before: Lead, lead: Lead) -> bool:
    return (
        lead.state == before.state
        and lead.updated_at // HOUR == before.updated_at // HOUR
        and lead.sub_state == before.sub_state
        and lead.came_from == before.came_from
    )


def _same_contact(before: Lead, lead: Lead) -> bool:
    return (
        lead.crm_id == before.crm_id
        and lead.assigned_at == before.assigned_at
        and lead.email == before.email
        and lead.name == before.name
        and lead.assistant == before.assistant
        and lead.assistant_name == before.assistant_name
        and lead.context == before.context
        and lead.previous_owner == before.previous_owner
    )


def _key(lead: Lead) -> tuple[str, str]:
    return lead.portal, lead.lead_id


def _moving(lead: Lead) -> tuple[Any, ...]:
    """In the order of _MOVING."""
    return (
        dump(lead.counters),
        lead.done,
        lead.stopped,
        lead.ended and lead.ended.value,
        lead.entered_at,
        lead.updated_at,
        lead.revision,
    )


def _state(lead: Lead) -> tuple[str | None, ...]:
    """In the order of _STATE."""
    came_from = lead.came_from or (None, None)
    return lead.state, _clean(lead.sub_state), came_from[0], _clean(came_from[1])


def lead_row(lead: Lead) -> tuple[Any, ...]:
    """In the order of leads.COLUMNS."""
    return (
        lead.portal,
        lead.lead_id,
        lead.crm_id,
        *_state(lead),
        _clean(lead.email),
        _clean(lead.name),
        _clean(lead.assistant),
        _clean(lead.assistant_name),
        _clean(lead.context),
        _clean(lead.previous_owner),
        dump(lead.counters),
        lead.done,
        lead.stopped,
        lead.ended and lead.ended.value,
        lead.assigned_at,
        lead.entered_at,
        lead.updated_at,
        lead.revision,
    )


def _orders(tx: Transaction, writes: _Writes) -> None:
    """Effects and timers get their ids in one go, in the order of the decisions."""
    timers = [(lane, timer) for lane, found in writes.timers.items() for timer in found]
    ids = iter(tx.take_ids(len(writes.effects) + len(timers)))
    portal, now, last, dropped = writes.portal, writes.now, writes.last, writes.dropped
    ordered, cancelled = [], []
    for place, (lane, effect) in enumerate(writes.effects):
        row = (
            portal,
            next(ids),
            lane,
            last[lane].crm_id,
            effect.kind.value,
            dump(effect.payload),
            effect.reference,
            now,
            now,
        )
        if dropped and place < dropped.get(lane, 0):
            cancelled.append((*row, now))
        else:
            ordered.append(row)
    tx.rows(_EFFECTS, ordered)
    tx.rows(_CANCELLED_EFFECTS, cancelled)
    tx.rows(
        _ARM,
        [
            (portal, timer.due, next(ids), lane, timer.due, timer.name, timer.number)
            for lane, timer in timers
        ],
    )


def timer_event(lead_id: str, name: str, number: int, *, due_at: Millis, seq: int) -> Event:
    """The event that a timer is when it fires."""
    identity = f"{lead_id}/{name}/{seq}"
    return Event(f"timer.{name}", due_at, TIMER_SOURCE, identity, {"number": number}, internal=True)


def _fired_row(portal: str, seq: int, crm_id: str, event: Event, now: Millis) -> tuple[Any, ...]:
    data = dump(event.data)
    return (portal, seq, crm_id, event.source, event.id, event.type, event.at, data, now)


def _clean(text: str | None) -> str | None:
    """PostgreSQL keeps no zero bytes in a text."""
    return text.replace("\0", "") if text is not None and "\0" in text else text
