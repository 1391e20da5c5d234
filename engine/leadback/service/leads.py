"""Leads as people and scripts see them: list, show, why, and a person's own actions."""

import secrets
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from leadback.base.clock import Clock, Millis, format_time
from leadback.base.errors import InputError, LeadbackError
from leadback.lead.decide import decide
from leadback.lead.machine import TIMER_PREFIX, LeadMachine, facts_of
from leadback.lead.records import Decision, Event, Lead
from leadback.rules.model import Work
from leadback.rules.why import why as rules_tried
from leadback.service.actions import Action, action_named, actions_of
from leadback.store import (
    HistoryEntry,
    LeadFilter,
    LedgerEntry,
    NewEvent,
    OutboxRow,
    Store,
    Tx,
    Unreadable,
)
from leadback.work.decisions import Decisions
from leadback.work.rules_in_use import RulesInUse

Document = dict[str, Any]
Documents = list[Document]
"""JSON-ready."""

SOURCE = "person"
LEADBACK = "leadback"
"""`via` of what the engine makes itself, as it is shown."""
HISTORY = 10_000


class Leads:
    """Queries and commands about leads; documents are JSON-ready, times ISO 8601."""

    def __init__(self, store: Store, clock: Clock, rules: RulesInUse, decisions: Decisions) -> None:
        self._store, self._clock = store, clock
        self._rules, self._decisions = rules, decisions

    def list(
        self, *, portal: str | None = None, state: str | None = None, limit: int = 1000
    ) -> Documents:
        """Leads, changed last first. Raises InputError for a state that the rules do not have."""
        rules = self._rules.now()
        if state is not None and state not in rules.rules.states:
            raise InputError(
                f"there is no state {state!r}",
                fix=f"use one of {', '.join(rules.rules.states)}",
            )
        with self._store.read() as tx:
            found = tx.leads.list(LeadFilter(portal=portal, state=state), limit=limit)
            owners = {lead.id: self._owner(tx, lead) for lead in found}
        return [_document(rules, lead, owners[lead.id]) for lead in found]

    def show(self, name: str) -> Document:
        """One lead with history (oldest first), effects, owners. Raises InputError."""
        with self._store.read() as tx:
            lead = find_lead(tx, name)
            history = tx.history.of_lead(lead.portal, lead.lead_id, limit=HISTORY)
            effects = tx.outbox.of_lead(lead.portal, lead.lead_id)
            owners = tx.ledger.of_lead(lead.portal, lead.lead_id)
            owner = self._owner(tx, lead)
        rules = self._rules.now()
        return {
            **_document(rules, lead, owner),
            "waits": _waits(rules, lead, history),
            "history": [_step(entry) for entry in reversed(history)],
            "effects": [_effect(row) for row in effects],
            "owners": [_ownership(entry) for entry in owners],
        }

    def why(self, name: str, event: str | None = None) -> Documents:
        """Every decision about the lead; with `event`, what that event would decide now."""
        with self._store.read() as tx:
            lead = find_lead(tx, name)
            history = tx.history.of_lead(lead.portal, lead.lead_id, limit=HISTORY)
        if event is None:
            return [_step(entry) for entry in reversed(history)]
        return [self._what_if(lead, event)]

    def actions(self) -> tuple[Action, ...]:
        """What a person can do to a lead by hand, by the rules in use."""
        return actions_of(self._rules.now())

    def mark(self, name: str, action: str, *, via: str = "") -> Document:
        """Do what a person asks, now; the decision. Raises InputError for an unknown lead, or an
        action that the rules in use do not have."""
        asked = action_named(self._rules.now(), action)
        now = self._clock.now()
        with self._store.write() as tx:
            lead = find_lead(tx, name)
            event = Event(asked.event, now, SOURCE, secrets.token_hex(8), asked.data, internal=True)
            tx.inbox.add([NewEvent(lead.portal, lead.crm_id, event, via=via)], now=now)
        for _ in range(100):
            entry = self._decided(lead, event)
            if entry is not None:
                return _step(entry)
            self._decisions.decide_leads(lead.portal, [lead.lead_id], now)
        raise LeadbackError(
            f"{action} for {lead.id} is accepted, but other work of the lead comes first",
            fix="start the worker: leadback run",
        )

    def _decided(self, lead: Lead, event: Event) -> HistoryEntry | None:
        with self._store.read() as tx:
            entries = tx.history.of_lead(lead.portal, lead.lead_id, limit=50)
        return next(
            (e for e in entries if e.internal and (e.source, e.event_id) == (SOURCE, event.id)),
            None,
        )

    def _what_if(self, lead: Lead, name: str) -> Document:
        rules, now = self._rules.now(), self._clock.now()
        event = _imagined(rules, name, now)
        if isinstance(lead.counters, Unreadable):
            raise LeadbackError(f"what {name} would do depends on counters that cannot be read")
        decision = decide(rules, lead, event, now)
        if decision is None:
            raise InputError(f"{name} decides nothing for {lead.id}")
        trigger = rules.trigger_for(event.type, event.data)
        return {
            "at": format_time(now),
            "event": name,
            "from": lead.state,
            "to": decision.lead.state,
            "result": f"would {'have' if decision.result in _ACTS else 'be'} {decision.result}",
            "rule": decision.rule,
            "rule_at": decision.rule_at,
            "reads": dict(decision.reads),
            "because": decision.because,
            "needed": _needed(rules, trigger, lead, decision),
        }

    def document(self, tx: Tx, lead: Lead) -> Document:
        """One lead of an open transaction, as list() gives it."""
        return _document(self._rules.now(), lead, self._owner(tx, lead))

    def _owner(self, tx: Tx, lead: Lead) -> str | None:
        if not lead.finished:
            return lead.assistant
        entries = tx.ledger.of_lead(lead.portal, lead.lead_id)
        return entries[-1].owner_after if entries else lead.assistant


_ACTS = ("moved", "stayed")
"""What a lead does; the other results are done to the event."""


def _imagined(rules: LeadMachine, name: str, now: Millis) -> Event:
    """`replied`, `replied.AgreedToMeet` or `timer.silence`, as if it came now."""
    kind, _, variant = name.partition(".")
    if name.startswith(TIMER_PREFIX) and variant in rules.rules.timers:
        return Event(name, now, SOURCE, "what-if", {}, internal=True)
    known = rules.event(kind)
    if known is None:
        timers = (f"{TIMER_PREFIX}{timer}" for timer in rules.rules.timers)
        raise InputError(
            f"there is no event {name!r}",
            fix=f"use one of {', '.join((*rules.rules.events, *timers))}",
        )
    data: Document = {known.by: variant} if known.by and variant else {}
    if "into" in rules.required_data(kind):
        data["into"] = "another"
    return Event(kind, now, SOURCE, "what-if", data, internal=True)


def _waits(rules: LeadMachine, lead: Lead, history: Sequence[HistoryEntry]) -> str:
    """Until when the lead waits and where that comes from, where an event may say so; "" where it
    may not. history: newest first."""
    if all(timer.at_field is None for timer in rules.timers_in.get(lead.state, ())):
        return ""
    return next((e.because for e in history if e.result == "moved"), "")


def _needed(rules: LeadMachine, trigger: str, lead: Lead, decision: Decision) -> Sequence[str]:
    """For each rule before the one that fired: what would have had to differ."""
    facts = facts_of(lead, decision.lead.counters)
    came_from = lead.came_from and lead.came_from[0]
    tried = rules_tried(rules.rules, lead.state, trigger, facts, came_from=came_from)
    before = takewhile(lambda one: not one.decides, tried)
    return [f"not {one.rule.name}: {one.instead}" for one in before]


def _document(rules: LeadMachine, lead: Lead, owner: str | None) -> Document:
    return {
        "id": lead.id,
        "portal": lead.portal,
        "crm_id": lead.crm_id,
        "email": lead.email,
        "name": lead.name,
        "state": lead.state,
        "sub_state": lead.sub_state,
        "assistant": lead.assistant,
        "owner": owner,
        "previous_owner": lead.previous_owner,
        "context": lead.context,
        "counters": _counted(rules, lead),
        "followups_active": _active(rules, lead),
        "ended": lead.ended.value if lead.ended else None,
        "updated_at": format_time(lead.updated_at),
        **_unreadable(counters=lead.counters),
    }


def _unreadable(**kept: Mapping[str, Any]) -> Document:
    """Nothing, or what of a row cannot be shown, and why."""
    broken = [f"{name}: {one.why}" for name, one in kept.items() if isinstance(one, Unreadable)]
    return {"unreadable": f"cannot be read, {'; '.join(broken)}"} if broken else {}


def _readable(kept: Mapping[str, Any]) -> Document:
    return {} if isinstance(kept, Unreadable) else dict(kept)


def _counted(rules: LeadMachine, lead: Lead) -> Mapping[str, int]:
    """Every counter of the rules, and what is kept of others; {} when nobody can tell."""
    if isinstance(lead.counters, Unreadable):
        return {}
    return {**dict.fromkeys(rules.rules.counters, 0), **lead.counters}


def _active(rules: LeadMachine, lead: Lead) -> bool:
    state = rules.rules.states.get(lead.state)
    works = state is not None and state.work is Work.GOES_ON
    return works and not lead.finished and not lead.stopped


def find_lead(tx: Tx, name: str) -> Lead:
    """PORTAL/CRM-ID or PORTAL/EMAIL → the lead. Raises InputError."""
    portal, slash, who = name.partition("/")
    lead: Lead | None = None
    if slash and "@" in who:
        found = tx.leads.by_email(portal, who.lower())
        lead = found[0] if found else None
    elif slash:
        lead = tx.leads.by_crm_id(portal, who) or tx.leads.get(portal, who)
        if lead is None:
            lanes = tx.leads.lane_of(portal, [who])
            lead = tx.leads.get(portal, lanes.get(who, who))
    if lead is None:
        raise InputError(
            f"there is no lead {name!r}", fix="name it PORTAL/CRM-ID; see: leadback lead list"
        )
    return lead


def _step(entry: HistoryEntry) -> Document:
    return {
        "at": format_time(entry.at),
        "event": entry.type,
        "event_at": format_time(entry.event_at),
        "source": entry.source,
        "event_id": entry.event_id,
        "internal": entry.internal,
        "via": entry.via or (LEADBACK if entry.internal else ""),
        "from": entry.from_state,
        "to": entry.to_state,
        "sub_state": entry.sub_state,
        "result": entry.result,
        "rule": entry.rule,
        "rule_at": entry.rule_at,
        "reads": _readable(entry.reads),
        "because": entry.because,
        "rules_version": entry.rules_version,
        **_unreadable(reads=entry.reads),
    }


def came_through(step: Mapping[str, Any]) -> str:
    """Where an event of a history came from, for people. What a sender calls itself stands last,
    and only with events that came from outside: it may call itself anything."""
    via = step["via"] or "(door not kept)"
    return str(via) if step["internal"] else f"{via}, source {step['source']}"


def _effect(row: OutboxRow) -> Document:
    return {
        "id": f"{row.portal}:{row.id}",
        "kind": row.kind.value,
        "status": row.status,
        "attempts": row.attempts,
        "payload": _readable(row.payload),
        "reference": row.reference,
        "created_at": format_time(row.created_at),
        "settled_at": format_time(row.settled_at) if row.settled_at else None,
        "reason": row.reason,
        "result": _readable(row.result),
        **_unreadable(payload=row.payload, result=row.result),
    }


def _ownership(entry: LedgerEntry) -> Document:
    return {
        "at": format_time(entry.at),
        "verdict": entry.what,
        "owner_before": entry.owner_before,
        "owner": entry.owner_after,
        "by": entry.by,
        "why": entry.why,
    }
