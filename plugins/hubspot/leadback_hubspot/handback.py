"""Gives contacts back: read owner and history, compare, write, read back, restore.

The decisions are in ownership.py; this module only asks and tells HubSpot, 50 contacts at a time.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from leadback.api import (
    ContactReading,
    Delivery,
    Done,
    GiveUp,
    Millis,
    Outcome,
    Ownership,
    PortalUnavailable,
    TryLater,
    Uncertain,
    previous_owner,
)
from leadback_hubspot.answers import Answer, Verdict
from leadback_hubspot.contacts import OWNER, read_contacts
from leadback_hubspot.owners import Directory
from leadback_hubspot.ownership import (
    NOBODY,
    Case,
    Reading,
    Target,
    assigned_since,
    choose_target,
    holdings,
    moved_before,
    read_back,
    source_id,
)
from leadback_hubspot.portals import Desk
from leadback_hubspot.updates import (
    Failed,
    MergedInto,
    Missing,
    NoEffect,
    Rejected,
    Update,
    UpdateEnd,
    Written,
    update_contacts,
)
from leadback_hubspot.verdicts import outcome_of

ROUNDS = 3
CALLS = 3
SOON: Millis = 2_000
GONE = "the contact was deleted in HubSpot"


class Handback:
    """One batch."""

    def __init__(self, desk: Desk, directory: Directory) -> None:
        self._desk, self._directory = desk, directory
        assistants = desk.access.assistants
        self._owner_ids = {a.email.lower(): next(iter(a.owner_ids), None) for a in assistants}
        self._assistants = frozenset(owner_id for a in assistants for owner_id in a.owner_ids)
        self._outcomes: dict[int, Outcome] = {}

    def run(self, deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
        started = _millis()
        readings = self._read([d.crm_id for d in deliveries], deliveries)
        if readings is None:
            return self._outcomes
        writes: list[Case] = []
        checks: list[Case] = []
        for delivery in deliveries:
            case = self._begin(delivery, readings[delivery.crm_id])
            if case is not None:
                (checks if case.written else writes).append(case)
        history = {case.delivery.id: readings[case.delivery.crm_id].owners for case in checks}
        restores = [r for case in checks if (r := self._judge(case, history[case.delivery.id]))]
        self._write(writes, started)
        self._write(restores, _millis())
        return self._outcomes

    def _begin(self, delivery: Delivery, reading: ContactReading) -> Case | None:
        """The case, unless it is settled already; written when an earlier attempt has done so."""
        if reading.status != "found":
            self._later(delivery, GONE, written=False)
            return None
        if reading.crm_id != delivery.crm_id:
            self._later(delivery, _merged(reading.crm_id), written=False)
            return None
        owners = reading.owners
        assistant = self._owner_ids.get(str(delivery.payload.get("assistant") or "").lower())
        known = delivery.payload.get("assigned_at")
        if delivery.maybe_sent:
            for before in holdings(owners, assistant, known):
                case = Case(delivery, assistant, self._target(delivery, before), before)
                if case.target.owner is not None and self._seen(case, owners).ours:
                    return replace(case, written=True)
        moved = moved_before(owners, assistant, self._assistants)
        if moved is not None:
            owner = owners[0].owner if owners else None
            self._end(delivery, "human_owner", owner, f"{moved}; nothing was written")
            return None
        if assigned_since(owners, known):
            why = "the contact was assigned again since; nothing was written"
            self._end(delivery, "assigned_again", assistant, why)
            return None
        target = self._target(delivery, owners)
        if target.owner is None:
            self._end(delivery, "kept", assistant, target.why)
            return None
        return Case(delivery, assistant, target, owners)

    def _target(self, delivery: Delivery, owners: Sequence[Ownership]) -> Target:
        """owners: the history up to the assistant's holding. What was remembered when the lead was
        assigned serves where that shows nobody: people come and go without the lead noticing."""
        access = self._desk.access
        email = str(delivery.payload.get("assistant") or "").lower()
        own = next((a.fallback_owner for a in access.assistants if a.email.lower() == email), None)
        remembered = delivery.payload.get("previous_owner")
        return choose_target(
            previous_owner(owners, self._assistants) or (str(remembered) if remembered else None),
            (own, access.portal.fallback_owner),
            self._directory,
            self._assistants,
        )

    def _write(self, cases: Sequence[Case], started: Millis) -> None:
        """Write, check, and restore whoever was overwritten, a few times at most."""
        for _ in range(ROUNDS):
            if not cases:
                return
            updates = [
                Update(c.delivery.id, c.delivery.crm_id, {OWNER: c.owner}, c.delivery.reference)
                for c in cases
            ]
            ends = update_contacts(self._desk.api, updates)
            window = _millis() - started
            again: list[Case] = []
            written: list[Case] = []
            for case in cases:
                goes_on = self._read_end(case, ends[case.delivery.id], again)
                if goes_on:
                    mine = case.window if case.written else window
                    written.append(replace(case, written=True, window=mine))
            started = _millis()
            cases = again + self._check(written)
        for case in cases:
            reason = "the owner changes as fast as it is written"
            self._outcomes[case.delivery.id] = Uncertain(reason, after=SOON)

    def _read_end(self, case: Case, end: UpdateEnd, again: list[Case]) -> bool:
        """Whether the write has to be checked. A refused owner gets the case another target."""
        delivery = case.delivery
        match end:
            case Written() | NoEffect():
                return True
            case Failed(answer):
                if answer.verdict is Verdict.LOST:
                    return True
                self._outcomes[delivery.id] = self._unwritten(case, answer)
            case Missing():
                self._later(delivery, GONE, written=case.written)
            case MergedInto(winner):
                self._later(delivery, _merged(winner), written=case.written)
            case Rejected():
                self._rejected(case, end, again)
        return False

    def _unwritten(self, case: Case, answer: Answer) -> Outcome:
        outcome = outcome_of(answer)
        if case.restores is None or isinstance(outcome, GiveUp):
            return outcome
        # Our first write stands and a person waits to be restored: it must be looked at again.
        return Uncertain(f"a person's change has to be restored: {answer.reason}", answer.after)

    def _rejected(self, case: Case, end: Rejected, again: list[Case]) -> None:
        delivery, refusal = case.delivery, end.refusal
        bad_owner = any(fault.code == "INVALID_OWNER_ID" for fault in refusal.faults)
        if bad_owner and case.restores is None and case.owner != NOBODY:
            self._directory = self._directory.without(case.owner)
            target = self._target(delivery, case.before)
            if target.owner is None:
                self._end(delivery, "kept", case.assistant, target.why)
            elif target.owner != case.target.owner:
                again.append(replace(case, target=target))
                return
        if delivery.id not in self._outcomes:
            said = refusal.message or refusal.category or "without saying why"
            self._outcomes[delivery.id] = GiveUp(f"HubSpot refused the owner: {said}")

    def _check(self, cases: Sequence[Case]) -> list[Case]:
        """Read back; the cases whose overwritten owner has to be restored."""
        if not cases:
            return []
        ids = [case.delivery.crm_id for case in cases]
        readings = self._read(ids, [case.delivery for case in cases], written=True)
        if readings is None:
            return []
        restores: list[Case] = []
        for case in cases:
            reading = readings[case.delivery.crm_id]
            if reading.status != "found":
                self._later(case.delivery, GONE, written=True)
            elif reading.crm_id != case.delivery.crm_id:
                self._later(case.delivery, _merged(reading.crm_id), written=True)
            else:
                restore = self._judge(case, reading.owners)
                if restore is not None:
                    restores.append(restore)
        return restores

    def _seen(self, case: Case, history: Sequence[Ownership]) -> Reading:
        target = case.target.owner or NOBODY
        return read_back(case.before, history, target=target, app_id=self._desk.memory.app_id)

    def _judge(self, case: Case, history: tuple[Ownership, ...]) -> Case | None:
        """Settle a written case by its history, or say what to restore."""
        seen = self._seen(case, history)
        if seen.overwritten is not None:
            return replace(case, restores=seen.overwritten)
        if seen.restored:
            why = f"{seen.restored} chose another owner while we wrote; that owner was restored"
            verdict = "assigned_again" if seen.owner == case.assistant else "human_owner"
            self._end(case.delivery, verdict, seen.owner, why, case.window)
        elif seen.ours:
            why = case.target.why
            if seen.after:
                why += f"; then moved on by {seen.after}, which is left as it is"
            elif self._desk.memory.app_id is None:
                self._desk.memory.app_id = source_id(history, case.owner)
            self._end(case.delivery, case.target.verdict, seen.owner, why, case.window)
        elif seen.owner == case.assistant:
            reason = "HubSpot accepted the new owner, but the contact still has the old one"
            self._outcomes[case.delivery.id] = Uncertain(reason, after=SOON)
        else:
            why = f"the contact was moved by {seen.by or 'somebody'} just before our write"
            self._end(case.delivery, "human_owner", seen.owner, why, case.window)
        return None

    def _read(
        self, ids: Sequence[str], deliveries: Sequence[Delivery], *, written: bool = False
    ) -> Mapping[str, ContactReading] | None:
        try:
            return {reading.asked: reading for reading in read_contacts(self._desk, ids)}
        except PortalUnavailable as error:
            unread: Outcome = (
                Uncertain(f"the new owner was written, not checked: {error.what}", error.after)
                if written
                else TryLater(error.what, error.after, whole_portal=error.after >= 10_000)
            )
            self._outcomes.update({d.id: unread for d in deliveries})
            return None

    def _end(
        self,
        delivery: Delivery,
        verdict: str,
        owner: str | None,
        why: str,
        window: Millis | None = None,
    ) -> None:
        result: dict[str, str | int | None] = {"verdict": verdict, "owner": owner, "why": why}
        if window is not None:
            result["window_ms"] = window
        self._outcomes[delivery.id] = Done(result)

    def _later(self, delivery: Delivery, reason: str, *, written: bool) -> None:
        kind = Uncertain if written else TryLater
        self._outcomes[delivery.id] = kind(reason, after=SOON, reread=True)


def hand_back(desk: Desk, deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """One outcome for every delivery (kind handback)."""
    directory = desk.directory()
    if isinstance(directory, Answer):
        outcome = outcome_of(directory)
        return dict.fromkeys((d.id for d in deliveries), outcome)
    # Read, write, read back without waiting in between: the window is as short as it can be.
    ready = _knowing_users(desk, directory).prepaid(CALLS)
    if isinstance(ready, Answer):
        return dict.fromkeys((d.id for d in deliveries), outcome_of(ready))
    first: dict[str, Delivery] = {}
    for delivery in deliveries:
        first.setdefault(delivery.crm_id, delivery)
    outcomes = Handback(ready, directory).run(list(first.values()))
    waits = TryLater("another handback of the same contact goes first", after=SOON)
    return {d.id: outcomes.get(d.id, waits) for d in deliveries}


def _knowing_users(desk: Desk, directory: Directory) -> Desk:
    """The desk with the assistants' users as the portal has them: also one that was deactivated, or
    made anew a moment ago."""
    known = []
    for assistant in desk.access.assistants:
        owner = directory.find(assistant.email)
        new = () if owner is None or owner.id in assistant.owner_ids else (owner.id,)
        former = (*assistant.former_owner_ids, *new)
        known.append(replace(assistant, former_owner_ids=former))
    return replace(desk, access=replace(desk.access, assistants=tuple(known)))


def _merged(winner: str) -> str:
    return f"the contact became part of contact {winner}; the lead has to follow first"


def _millis() -> Millis:
    return time.monotonic_ns() // 1_000_000
