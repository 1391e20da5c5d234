"""Delivers a portal's effects: claimed under a lease, sent in batches, one outcome recorded each.

The attempt is on record before the call leaves, no call happens inside a transaction, and the
outcome is written under the claim's fence. What may have happened is asked, never guessed.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import assert_never

import structlog

from leadback.base.clock import MINUTE, SECOND, Clock, Millis
from leadback.base.errors import LeadbackError
from leadback.hooks.errors import PortalUnavailable
from leadback.hooks.outcomes import (
    Access,
    Delivery,
    Done,
    GiveUp,
    Outcome,
    TryLater,
    Uncertain,
)
from leadback.hooks.specs import CrmSpecs
from leadback.lead.records import EffectKind, Event
from leadback.lead.retry import next_attempt
from leadback.store import (
    Claim,
    ClaimedEffect,
    LedgerEntry,
    NewEvent,
    NewHint,
    Settlement,
    Store,
    Tx,
)
from leadback.work.access import Accesses
from leadback.work.batches import Lanes
from leadback.work.containing import PortalByPortal, contained, last_line
from leadback.work.rules_in_use import RulesInUse

LEASE: Millis = 30 * SECOND
"""How long a worker may be silent before others take over what it claimed."""
RENEWAL: Millis = 8 * SECOND
CLAIM = 2_000
MOST_IN_FLIGHT = 16
"""Calls of one portal at once, whatever its plugin wishes: each is a thread."""
CONCURRENT_PORTALS = 8
"""A slow portal holds up none of the others."""

Batch = list[ClaimedEffect]
Answered = Sequence[tuple[ClaimedEffect, Outcome]]

log = structlog.get_logger()


class Deliveries:
    """One per process; several processes share the work through leases and fences."""

    def __init__(self, store: Store, accesses: Accesses, rules: RulesInUse, clock: Clock) -> None:
        self._store, self._accesses = store, accesses
        self._rules, self._clock = rules, clock
        self._portals = PortalByPortal("deliver")

    def deliver_due(self) -> int:
        """One claim in every portal with due effects; the number of effects settled as done."""
        portals, now = self.due(), self._clock.now()
        if len(portals) < 2:
            return self._portals.each(portals, self.deliver_portal, now)
        with ThreadPoolExecutor(CONCURRENT_PORTALS, thread_name_prefix="portal") as pool:
            under_way = {name: pool.submit(self.deliver_portal, name) for name in portals}
        return self._portals.each(portals, lambda name: under_way[name].result(), now)

    def due(self) -> list[str]:
        """Portals with effects that can be sent now, the one that waits longest first."""
        with self._store.read() as tx:
            return tx.outbox.due_portals(self._clock.now())

    def deliver_portal(self, portal: str) -> int:
        """One claim of one portal, sent to its end."""
        access, hooks = self._accesses.of(portal)
        in_flight = _in_flight(access, hooks)
        with self._store.write() as tx:
            now = self._clock.now()
            claim = tx.outbox.claim(portal, now=now, lease=LEASE, limit=CLAIM)
            unchanged = _leave_unsent(tx, portal, claim, now)
        if not claim.effects:
            return 0
        to_send = [effect for effect in claim.effects if effect.id not in unchanged]
        lanes = Lanes(to_send, lambda kind: hooks.crm_batch_limit(kind=kind))
        kept = self._rules.now().tells.get("kept")
        run = _Run(self._store, self._clock, access, hooks, kept, claim.fence, lanes)
        return len(unchanged) + run.to_its_end(in_flight)


def _in_flight(access: Access, hooks: CrmSpecs) -> int:
    """How many calls are worth it at once; one where nothing can be called: that call says why."""
    try:
        return max(1, min(hooks.crm_calls_in_flight(access=access), MOST_IN_FLIGHT))
    except LeadbackError:
        return 1


def _leave_unsent(tx: Tx, portal: str, claim: Claim, now: Millis) -> set[int]:
    """Settle field values that their contact is known to show; the rest is in doubt from now on."""
    fields = {e.crm_id: e for e in claim.effects if e.kind is EffectKind.FIELDS}
    shown = tx.shown.already(portal, {i: e.payload for i, e in fields.items()}, now=now)
    same = [e.id for i, e in fields.items() if i in shown and not e.maybe_sent]
    done = [Settlement(number, "done", result={"unchanged": True}) for number in same]
    tx.outbox.settle(portal, claim.fence, done, now=now)
    unchanged = set(same)
    tx.shown.forget(portal, [i for i, e in fields.items() if e.id not in unchanged])
    return unchanged


class _Run:
    """One claim on its way out. kept: the event that tells that no owner took a contact back."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        access: Access,
        hooks: CrmSpecs,
        kept: str | None,
        fence: int,
        lanes: Lanes,
    ) -> None:
        self._store, self._clock, self._access = store, clock, access
        self._hooks, self._kept, self._fence, self._lanes = hooks, kept, fence, lanes
        self._stopped = False
        self._done = 0
        self._renewed_at = clock.now()

    def to_its_end(self, in_flight: int) -> int:
        """Keep so many calls in flight until nothing can be sent; effects settled as done."""
        under_way: dict[Future[Mapping[int, Outcome]], Batch] = {}
        with ThreadPoolExecutor(in_flight, thread_name_prefix="deliver") as pool:
            while True:
                while len(under_way) < in_flight and not self._stopped:
                    batch = self._lanes.next_batch()
                    if not batch:
                        break
                    under_way[pool.submit(self._send, batch)] = batch
                if not under_way:
                    break
                finished, _ = wait(under_way, timeout=RENEWAL / SECOND, return_when=FIRST_COMPLETED)
                for future in finished:
                    self._record(under_way.pop(future), future.result())
                self._stay_alive()
        self._return(self._lanes.rest(), self._clock.now())
        return self._done

    def _stay_alive(self) -> None:
        """Calls wait for the portal's budget; the lease must not run out meanwhile."""
        now = self._clock.now()
        if now - self._renewed_at < RENEWAL:
            return
        self._renewed_at = now
        with self._store.write() as tx:
            tx.outbox.renew(self._access.portal.name, self._fence, until=now + LEASE)

    def _send(self, batch: Batch) -> Mapping[int, Outcome]:
        deliveries = [
            Delivery(e.id, e.kind, e.crm_id, e.payload, e.reference, e.attempts, e.maybe_sent)
            for e in batch
        ]
        try:
            return self._hooks.crm_deliver(
                access=self._access, kind=batch[0].kind, deliveries=deliveries
            )
        except LeadbackError as error:  # there is no token to send anything with
            after = error.after if isinstance(error, PortalUnavailable) else MINUTE
            later = TryLater(str(error), after=after, whole_portal=True)
            return {e.id: later for e in batch}
        except Exception as error:  # a plugin's mistake: nobody knows how far it came
            log.exception("the plugin failed", action="deliver", portal=self._access.portal.name)
            return {e.id: Uncertain(f"the plugin failed: {error!r}", after=MINUTE) for e in batch}

    def _record(self, batch: Batch, outcomes: Mapping[int, Outcome]) -> None:
        now = self._clock.now()
        missing = Uncertain("the plugin said nothing about it", after=MINUTE)
        answered = [(effect, outcomes.get(effect.id, missing)) for effect in batch]
        pauses = [o for _, o in answered if isinstance(o, TryLater) and o.whole_portal]
        waiting = {e.lead_id for e, o in answered if isinstance(o, TryLater | Uncertain)}
        self._done += self._keep(answered, now)
        if pauses:
            self._stopped = True
            self._pause(pauses, now)
        self._return(self._lanes.settled(batch, waiting), now)

    def _keep(self, answered: Answered, now: Millis) -> int:
        """Write the outcomes; how many effects are done. One that cannot be written is parked, and
        keeps none of its batch from being written."""

        def park(one: tuple[ClaimedEffect, Outcome], error: Exception) -> None:
            effect, outcome = one
            portal, number = self._access.portal.name, effect.id
            told = {"action": "deliver", "portal": portal, "lead": effect.lead_id, "effect": number}
            log.error("outcome not written", **told, exc_info=error)
            why = f"{type(outcome).__name__} could not be written: {last_line(error)}"
            failed = Settlement(number, "failed", reason=why)
            with self._store.write() as tx:
                tx.outbox.settle(portal, self._fence, [failed], now=now)

        return contained(answered, lambda some: self._write(some, now), park)

    def _write(self, answered: Answered, now: Millis) -> int:
        portal = self._access.portal.name
        settlements = [self._settlement(effect, outcome, now) for effect, outcome in answered]
        reread = [
            NewHint(e.crm_id, now)
            for e, o in answered
            if isinstance(o, TryLater | Uncertain) and o.reread
        ]
        with self._store.write() as tx:
            stale = set(tx.outbox.settle(portal, self._fence, settlements, now=now))
            good = [(e, o) for e, o in answered if e.id not in stale and isinstance(o, Done)]
            ledger = [_ledger(self._access, e, o, now) for e, o in good if _is_handback(e)]
            if ledger:
                tx.ledger.append(ledger)
            kept = [e for e, o in good if _says_kept(e, o)]
            if kept and self._kept is not None:
                told = [_told(self._kept, self._access, effect, now) for effect in kept]
                tx.inbox.add(told, now=now)
            confirmed = {e.crm_id: e.payload for e, _ in good if e.kind is EffectKind.FIELDS}
            tx.shown.confirm(portal, confirmed, now=now)
            if reread:
                tx.hints.add(portal, reread, now=now)
        return len(good)

    def _pause(self, pauses: Sequence[TryLater], now: Millis) -> None:
        portal, reason = self._access.portal.name, pauses[0].reason
        with self._store.write() as tx:
            until = now + max(pause.after for pause in pauses)
            tx.portals.pause(portal, until=until, reason=reason)
        log.warning("portal paused", action="pause", portal=portal, reason=reason)

    def _return(self, effects: Sequence[ClaimedEffect], due_at: Millis) -> None:
        """Claimed but not sent: back as they were."""
        if effects:
            unsent = [Settlement(e.id, "unsent", due_at) for e in effects]
            with self._store.write() as tx:
                tx.outbox.settle(self._access.portal.name, self._fence, unsent, now=due_at)

    def _settlement(self, effect: ClaimedEffect, outcome: Outcome, now: Millis) -> Settlement:
        match outcome:
            case Done():
                return Settlement(effect.id, "done", result=outcome.result)
            case GiveUp():
                return Settlement(effect.id, "failed", reason=outcome.reason)
            case TryLater():
                return _again(effect, "retry", outcome, now)
            case Uncertain():
                return _again(effect, "uncertain", outcome, now)
            case _:
                assert_never(outcome)


def _again(
    effect: ClaimedEffect, verdict: str, outcome: TryLater | Uncertain, now: Millis
) -> Settlement:
    due = next_attempt(
        attempts=effect.attempts,
        created_at=effect.created_at,
        now=now,
        after=outcome.after,
        reference=effect.reference,
    )
    if due is None:
        return Settlement(effect.id, "failed", reason=f"given up after 3 days: {outcome.reason}")
    if verdict == "retry":
        return Settlement(effect.id, "retry", due, outcome.reason)
    return Settlement(effect.id, "uncertain", due, outcome.reason)


def _is_handback(effect: ClaimedEffect) -> bool:
    return effect.kind is EffectKind.HANDBACK


def _says_kept(effect: ClaimedEffect, outcome: Done) -> bool:
    return _is_handback(effect) and outcome.result.get("verdict") == "kept"


def _ledger(access: Access, effect: ClaimedEffect, outcome: Done, now: Millis) -> LedgerEntry:
    owner = outcome.result.get("owner")
    return LedgerEntry(
        portal=access.portal.name,
        lead_id=effect.lead_id,
        crm_id=effect.crm_id,
        at=now,
        what=str(outcome.result.get("verdict", "handed_back")),
        owner_before=effect.payload.get("assistant"),
        owner_after=str(owner) if owner is not None else None,
        by="leadback",
        why=str(outcome.result.get("why", "")),
        reference=effect.reference,
    )


def _told(kept: str, access: Access, effect: ClaimedEffect, now: Millis) -> NewEvent:
    """No owner could take the contact back: that matters to the rules, so it is an event."""
    event = Event(kept, now, "leadback", effect.reference, {}, internal=True)
    return NewEvent(access.portal.name, effect.crm_id, event)
