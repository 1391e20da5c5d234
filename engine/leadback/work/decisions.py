"""The decide loop: leads with due events are claimed, folded, and written in one transaction.

No network, no clock of its own. A worker that dies rolls back, and the events are decided again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from leadback.base.clock import Millis
from leadback.base.collector import collector_waits
from leadback.base.errors import LeadbackError
from leadback.lead.decide import decide
from leadback.lead.effects import with_values
from leadback.lead.machine import LeadMachine, UnknownTriggerError
from leadback.lead.records import Decision, Ended, Event, Lead
from leadback.rules.model import CrmMapping
from leadback.store import Decided, InboxEvent, Lane, LedgerEntry, NewHint, Place, Store, Tx
from leadback.store.inbox import place_of
from leadback.work.containing import ClaimSize, PortalByPortal, last_line
from leadback.work.rules_in_use import RulesInUse, RulesMovedError
from leadback.work.shadow import disagreements

log = structlog.get_logger()


TRIES = 48
"""Claims of one portal in a row while an event that cannot be decided is looked for: enough to
halve the largest claim, and to grow again. Then the other portals have their turn."""


class Decisions:
    """One per process; safe to use from several threads."""

    def __init__(self, store: Store, rules: RulesInUse) -> None:
        self._store, self._rules = store, rules
        self._portals = PortalByPortal("decide")
        self._sizes: dict[str, ClaimSize] = {}
        self._unwatched: set[tuple[str, str]] = set()

    def decide_due(self, now: Millis) -> int:
        """One claim in every portal that has due events; the number of events decided or parked.

        Raises what a portal raised when nothing could be done in any."""
        with self._store.read() as tx:
            portals = tx.inbox.due_portals(now)
        return self._portals.each(portals, lambda portal: self.decide_portal(portal, now), now)

    def decide_portal(self, portal: str, now: Millis) -> int:
        """One claim of one portal, in one transaction, by the rules that are in use then.

        An event that cannot be decided or written is parked, and the others go on: the claim is
        tried again with fewer events until it is alone. Raises LeadbackError when it is the
        database or the set-up that fails, and not an event.
        """
        size = self._sizes.pop(portal, None) or ClaimSize(self._store.claim_events)
        done = self._claims(portal, now, size, None)
        if not size.is_whole:
            self._sizes[portal] = size
        return done

    def decide_leads(self, portal: str, lead_ids: Sequence[str], now: Millis) -> int:
        """As decide_portal, of these leads alone: for who waits for them, and not for the rest."""
        return self._claims(portal, now, ClaimSize(self._store.claim_events), lead_ids)

    def _claims(self, portal: str, now: Millis, size: ClaimSize, of: Sequence[str] | None) -> int:
        done = 0
        unwatched: tuple[str, Exception] | None = None
        for _ in range(TRIES):
            claim = _Claim(size.next, of, watches=unwatched is None)
            try:
                done += self._caught_up(portal, now, claim)
            except (LeadbackError, MemoryError):
                raise
            except Exception as error:
                if claim.watched:  # once more without the shadow: the decisions stand
                    unwatched = claim.watched, error
                    continue
                unwatched = None
                if claim.first is None:  # it was not about any event
                    raise
                if claim.taken > 1:
                    size.failed(claim.taken)
                else:
                    done += self._park(portal, claim.first, error, now)
                    size.parked()
                continue
            self._tell_unwatched(portal, unwatched)
            unwatched = None
            size.worked(claim.taken)
            if size.is_whole or not claim.taken:
                break
        return done

    def _caught_up(self, portal: str, now: Millis, claim: "_Claim") -> int:
        while True:
            try:
                with collector_waits():
                    return self._decide(portal, now, claim)
            except RulesMovedError:
                self._rules.catch_up(now)

    def _decide(self, portal: str, now: Millis, claim: "_Claim") -> int:
        with self._store.write() as tx:
            claimed = tx.inbox.take(portal, now=now, limit=claim.limit, of=claim.of)
            if not claimed:
                return 0
            if claim.limit == 1:  # a locked lane comes with what waits before the event in it
                claimed = claimed[:1]
            rules, watching = self._rules.both(
                tx, now
            )  # after the claim: from here on nobody changes them
            connected = tx.portals.get(portal)
            mapping = rules.rules.mapping(connected.crm, portal) if connected else None
            claim.taken, claim.first = len(claimed), place_of(claimed[0])
            folder = _Folder(rules, tx, portal, mapping, now)
            for lane in tx.inbox.lanes(portal, claimed):
                folder.fold(lane)
            tx.inbox.commit(portal, folder.decided, now=now, rules_version=rules.version)
            if folder.failed:
                tx.inbox.park(portal, folder.failed, now=now)
            if folder.ledger:
                tx.ledger.append(folder.ledger)
            if folder.strangers and connected is not None:
                tx.hints.add(portal, folder.strangers, now=now)
            if watching is not None and claim.watches:
                claim.watched = watching.version
                tx.shadow.add(portal, list(disagreements(watching, portal, folder.decided, now)))
        return len(folder.decided) + len(folder.failed)

    def _tell_unwatched(self, portal: str, why: tuple[str, Exception] | None) -> None:
        """What the shadow would have said of a claim is not kept. Once for each version."""
        if why is not None and (portal, why[0]) not in self._unwatched:
            self._unwatched.add((portal, why[0]))
            told = {"action": "decide", "portal": portal, "version": why[0]}
            log.error("shadow not kept", **told, reason=last_line(why[1]))

    def _park(self, portal: str, place: Place, error: Exception, now: Millis) -> int:
        """Out of the way, visibly. Whoever has the lead meanwhile finds out for himself."""
        with self._store.write() as tx:
            if not tx.inbox.lock_lane(portal, place.lead_id):
                return 0
            tx.inbox.park(portal, [(place, last_line(error))], now=now)
        _tell(portal, place, error)
        return 1


@dataclass(slots=True)
class _Claim:
    """One claim: at most so many events, of these leads if any are named; what is known of it also
    when its transaction fails."""

    limit: int
    of: Sequence[str] | None
    watches: bool = True
    taken: int = 0
    first: Place | None = None
    watched: str = ""
    """The version of the shadow, once it was its turn."""


def _tell(portal: str, place: Place, error: Exception) -> None:
    """One line for the operator; where it was raised is for developers, at a level of its own."""
    told = {"action": "decide", "portal": portal, "lead": place.lead_id, "seq": place.seq}
    log.error("event parked", **told, reason=last_line(error))
    log.info("why the event was parked", **told, exc_info=error)


class _Folder:
    """Folds the lanes of one claim; what comes of it is collected here."""

    def __init__(
        self, rules: LeadMachine, tx: Tx, portal: str, mapping: CrmMapping | None, now: Millis
    ) -> None:
        self._rules, self._tx, self._portal = rules, tx, portal
        self._mapping, self._now = mapping, now
        self.decided: list[Decided] = []
        self.failed: list[tuple[Place, str]] = []
        self.ledger: list[LedgerEntry] = []
        self.strangers: list[NewHint] = []
        """Contacts that are no leads, and have got their first events: they may be part of others
        since long ago, which nobody has told us."""
        self._start, self._taken_back = rules.rules.start_event, rules.tells.get("taken_back")
        self._folded: set[str] = set()
        self._left: set[str] = set()

    def fold(self, lane: Lane) -> None:
        """One lead's events in order. An event that cannot be decided stops nobody but itself."""
        if lane.lead_id in self._left:
            return
        self._folded.add(lane.lead_id)
        if self._fold(lane) and not lane.held:
            self.strangers.append(NewHint(lane.lead_id, self._now))

    def _fold(self, lane: Lane) -> bool:
        """Whether events of it are held: the contact is no lead."""
        lead, held = lane.lead, lane.held
        timers_over = False
        for row in lane.events:
            if row.timer is not None and timers_over:
                continue
            moves = "into" in row.event.data
            event = self._with_winner(lead, row.event) if moves else row.event
            if event is None:
                return held
            if lead is None and event.type == self._start:
                event = _of_lane(event, lane.lead_id)
            try:
                decision = self._decision(lead, event)
            except MemoryError:
                raise
            except Exception as error:
                self._fail(lane.lead_id, row, error)
                continue
            self.decided.append(Decided(row, lead, decision))
            if decision is None:
                held = True
                continue
            self._note_owner(lead, decision, row)
            if held and lead is None:
                return False
            lead = decision.lead
            timers_over = timers_over or decision.clears_timers
        return held

    def _decision(self, lead: Lead | None, event: Event) -> Decision | None:
        decision = decide(self._rules, lead, event, self._now)
        return None if decision is None else with_values(decision, self._mapping)

    def _fail(self, lead_id: str, row: InboxEvent, error: Exception) -> None:
        place = Place(lead_id, row.due_at, row.seq)
        if isinstance(error, UnknownTriggerError):
            self.failed.append((place, f"the rules in use do not know it: {error}"))
            return
        _tell(self._portal, place, error)
        self.failed.append((place, last_line(error)))

    def _with_winner(self, lead: Lead | None, event: Event) -> Event | None:
        """A merge has to know whether the winner is a lead of its own; None: not now.

        What the same claim came to for the winner is not in the tables yet, so the lane that is
        looked at first goes first, and the other one has its turn in the next claim.
        """
        into = event.data["into"]
        if into is None or lead is None or not self._rules.tells_of(event, "merged"):
            return event
        lane = self._tx.leads.lane_of(self._portal, [str(into)])[str(into)]
        if lane != lead.lead_id:
            if lane in self._folded | self._left or not self._tx.inbox.lock_lane(
                self._portal, lane
            ):
                return None
            self._left.add(lane)
        winner = self._tx.leads.by_crm_id(self._portal, str(into))
        if winner is None or winner.lead_id == lead.lead_id:
            return event
        found = {"winner_is_lead": True, "winner_is_erased": winner.ended is Ended.ERASED}
        return replace(event, data={**event.data, **found})

    def _note_owner(self, before: Lead | None, decision: Decision, row: InboxEvent) -> None:
        took = row.event.type == self._start
        if _goes_on(before) if took else row.event.type != self._taken_back:
            return
        lead, by = decision.lead, str(row.event.data.get("by") or "a person")
        if not row.event.internal:
            by += f", as {row.event.source} says"  # a sender may write any name here
        self.ledger.append(
            LedgerEntry(
                portal=lead.portal,
                lead_id=lead.lead_id,
                crm_id=lead.crm_id,
                at=row.event.at,
                what="assigned" if took else "taken_back",
                owner_before=lead.previous_owner if took else lead.assistant,
                owner_after=lead.assistant if took else None,
                by=by,
                why="given to the assistant" if took else "a person took the contact back",
            )
        )


def _of_lane(event: Event, lead_id: str) -> Event:
    """An assignment that was read before its contact became part of another one is that one's."""
    if event.data.get("crm_id") in (None, lead_id):
        return event
    return replace(event, data={**event.data, "crm_id": lead_id})


def _goes_on(before: Lead | None) -> bool:
    return before is not None and not before.finished
