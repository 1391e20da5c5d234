"""What waits and what is parked, and how a person lets it go on."""

from collections.abc import Sequence
from typing import Any

from engine.base.clock import Clock, Millis, format_time
from engine.base.errors import InputError
from engine.store import BlockedLead, OutboxRow, PortalState, Quarantined, Store
from engine.work.intake import Intake
from engine.work.senders import again

Document = dict[str, Any]
Documents = list[Document]
"""JSON-ready."""

ATTENTION = ("failed", "uncertain")
QUARANTINE = "quarantine"


class Queue:
    """Ids: `quarantine:N` for a quarantined event, `PORTAL:N` for an effect."""

    def __init__(self, store: Store, clock: Clock, intake: Intake) -> None:
        self._store, self._clock, self._intake = store, clock, intake

    def status(self, *, done: bool = True) -> Document:
        """Counts, the age of the oldest due work in seconds, and portals that wait.

        done: with the effects done, for a person who can wait; a row of each has to be looked at.
        """
        now = self._clock.now()
        with self._store.read() as tx:
            found = tx.queue.status(now, done=done)
        return {
            "inbox": {
                "due": found.due,
                "waiting": found.waiting,
                "quarantined": found.quarantined,
            },
            "outbox": {
                "pending": found.pending,
                "leased": found.leased,
                "uncertain": found.uncertain,
                "failed": found.failed,
                **({"done": found.done} if done else {}),
            },
            "oldest_due_seconds": found.oldest_due_seconds,
            "paused": self.paused(),
        }

    def paused(self) -> Documents:
        """Portals that nothing is sent to for now, and why."""
        now = self._clock.now()
        with self._store.read() as tx:
            states = [(portal.name, tx.portals.state(portal.name)) for portal in tx.portals.list()]
        return [
            _pause(name, state)
            for name, state in states
            if state.paused_until is not None and state.paused_until > now
        ]

    def list(
        self,
        *,
        quarantined: bool = False,
        held: bool = False,
        waiting: bool = False,
        status: str | None = None,
        limit: int = 100,
    ) -> Documents:
        """Rows with id, kind, status, lead, at, reason. Without a choice: what needs a person.

        waiting: leads whose next effect is tried again later, with everything behind it.
        """
        everything = not quarantined and not held and not waiting and status is None
        rows: Documents = []
        with self._store.read() as tx:
            if quarantined or everything:
                rows += [
                    {
                        "id": f"{QUARANTINE}:{item.id}",
                        "kind": "event",
                        "status": "quarantined",
                        "lead": None,
                        "at": format_time(item.at),
                        "reason": item.reason,
                        "source": item.source,
                        "via": item.via,
                        "raw": item.raw,
                    }
                    for item in tx.quarantine.list(limit=limit)
                ]
            if held:
                rows += [
                    {
                        "id": event.event.id,
                        "kind": event.event.type,
                        "status": "held",
                        "lead": f"{event.portal}/{event.lead_id}",
                        "at": format_time(event.event.at),
                        "reason": "the contact is no lead yet",
                    }
                    for event in tx.inbox.held(limit=limit)
                ]
            if waiting:
                now = self._clock.now()
                for portal in tx.portals.list():
                    rows += map(_waiting, tx.outbox.blocked(portal.name, now=now, limit=limit))
            for wanted in (status,) if status else ATTENTION if everything else ():
                rows += [_row(row) for row in tx.outbox.list(status=wanted, limit=limit)]
        return rows

    def retry(self, ids: Sequence[str] | None) -> Document:
        """Try parked things again: these, or all (None)."""
        now = self._clock.now()
        events, effects = _split(ids)
        with self._store.write() as tx:
            kept = [
                item
                for item in tx.quarantine.list(limit=100_000)
                if ids is None or item.id in events
            ]
            retried = 0
            if ids is None:
                retried += tx.outbox.retry(now=now)
            for portal, numbers in effects.items():
                retried += tx.outbox.retry(portal=portal, ids=numbers, now=now)
        rejected = sum(self._take_again(item, now) for item in kept)
        unknown = len(events) - len(kept) if ids is not None else 0
        return {"retried": retried + len(kept) - rejected, "rejected": rejected, "unknown": unknown}

    def _take_again(self, item: Quarantined, now: Millis) -> int:
        """In the name of whoever sent it: a person who retries it does not vouch for it. How many
        were refused once more."""
        line = item.raw.encode()
        with self._store.read() as tx:
            sender = again(item.via, tx.accounts.api_keys())
        added = self._intake.add_lines([(1, line)], now, name=item.source, sender=sender)
        if added.forbidden:
            bad = [(1, line, added.reasons[0][1])]
            self._intake.refuse(bad, now, name=item.source, sender=sender)
        with self._store.write() as tx:
            tx.quarantine.delete(item.portal, [item.id])
        return added.rejected + added.forbidden

    def give_up(self, item: str, reason: str) -> None:
        """Park an effect for good. Raises InputError for an id that is none."""
        _, effects = _split([item])
        for portal, numbers in effects.items():
            with self._store.write() as tx:
                tx.outbox.give_up(portal, numbers[0], reason=reason, now=self._clock.now())


def _split(ids: Sequence[str] | None) -> tuple[set[int], dict[str, list[int]]]:
    events: set[int] = set()
    effects: dict[str, list[int]] = {}
    for item in ids or ():
        where, _, number = item.rpartition(":")
        if not where or not number.isdigit():
            raise InputError(f"{item!r} is no id", fix="take it from: handback queue list")
        if where == QUARANTINE:
            events.add(int(number))
        else:
            effects.setdefault(where, []).append(int(number))
    return events, effects


def _waiting(row: BlockedLead) -> Document:
    lead, until = f"{row.portal}/{row.lead_id}", format_time(row.until)
    again = f", after {row.attempts} attempts: {row.reason}" if row.reason else ""
    return {
        "id": f"{row.portal}:{row.effect_id}",
        "kind": row.kind.value,
        "status": "waiting",
        "lead": lead,
        "at": until,
        "attempts": row.attempts,
        "due_at": until,
        "reason": f"lead {lead} waits for its {row.kind.value} until {until}{again}",
    }


def _row(row: OutboxRow) -> Document:
    return {
        "id": f"{row.portal}:{row.id}",
        "kind": row.kind.value,
        "status": row.status,
        "lead": f"{row.portal}/{row.lead_id}",
        "at": format_time(row.created_at),
        "attempts": row.attempts,
        "due_at": format_time(row.due_at),
        "reason": row.reason,
    }


def _pause(portal: str, state: PortalState) -> Document:
    """until None: a person has to connect the portal again."""
    if state.disconnected_at is not None:
        reason = f"not connected: {state.disconnected_why}"
        return {"portal": portal, "until": None, "reason": reason}
    assert state.paused_until is not None  # noqa: S101 — the caller asked
    return {"portal": portal, "until": format_time(state.paused_until), "reason": state.reason}
