"""What if: the real history, decided anew by other rules. Pure decisions; nothing is written.

Every lead is replayed from its start by both files, side by side, so that both are asked exactly
the same. Timers come from the history too: a timer fires when it fired, if it still runs then.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from leadback.base.clock import Millis, format_time
from leadback.lead.change import GONE
from leadback.lead.decide import decide
from leadback.lead.effects import with_values, words
from leadback.lead.machine import LeadMachine, UnknownTriggerError
from leadback.lead.records import Decision, EffectKind, Event, Lead
from leadback.rules.model import CrmMapping, Rules
from leadback.rules.values import values_for
from leadback.store import RecordedEvent, Tx, Unreadable

PAGE = 5_000
BATCH = 100
"""Contacts in one call."""

CALLS_PER_MINUTE = 600
"""100 calls in 10 s: the least that HubSpot allows an app."""

Document = dict[str, Any]
Progress = Callable[[int, int], None]
"""(events replayed, events in all)."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A wish to replay the history: only leads of late (see replayed), and who is told how far."""

    since: Millis | None = None
    progress: Progress = lambda done, total: None


@dataclass(frozen=True, slots=True)
class Turn:
    """Where the two first part: the event, and what each rules file made of it."""

    event: str
    at: Millis
    old: str
    new: str


@dataclass(slots=True)
class _Lead:
    """One lead by both rules: one and the same object as long as they agree."""

    old: Lead | None = None
    new: Lead | None = None
    turn: Turn | None = None
    handbacks: list[int] = field(default_factory=lambda: [0, 0])


@dataclass(slots=True)
class Replay:
    """Two rules files over one history. Feed it recorded events, then ask for the report."""

    old: LeadMachine
    new: LeadMachine
    crms: Mapping[str, str]
    """Portal → its CRM."""
    only: Mapping[str, frozenset[str]] | None = None
    """Portal → the lead ids that are of interest; None = all."""
    events: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    headless: set[tuple[str, str]] = field(default_factory=set)
    effects: tuple[Counter[str], Counter[str]] = field(
        default_factory=lambda: (Counter(), Counter())
    )
    leads: dict[tuple[str, str], _Lead] = field(default_factory=dict)
    _same: dict[tuple[str, str], bool] = field(default_factory=dict)
    _contacts: dict[tuple[str, str], str] = field(default_factory=dict)
    _alike: bool = False
    _rules: tuple[Rules, Rules] = field(init=False)

    def __post_init__(self) -> None:
        self._rules = self.old.rules, self.new.rules
        self._alike = _alike(*self._rules)

    def feed(self, recorded: Iterable[RecordedEvent]) -> None:
        """Decide these events, which come in the order of deciding."""
        for one in recorded:
            self.events += 1
            if isinstance(one.event.data, Unreadable):
                continue  # as one whose data was pruned
            key = (one.portal, one.lead_id)
            if self.only is not None and one.lead_id not in self.only.get(one.portal, ()):
                if one.event.type == self.old.rules.start_event:
                    self._contacts[one.portal, str(one.event.data.get("crm_id"))] = one.lead_id
                continue
            lead = self.leads.get(key)
            if lead is None:
                lead = self.leads[key] = _Lead()
            self._decide(key, lead, self._with_winner(key, one.event), one.decided_at)

    def _decide(self, key: tuple[str, str], lead: _Lead, event: Event, now: Millis) -> None:
        before = lead.old
        old = self._one(0, lead, before, event, now)
        if lead.new is before and self._decides_alike(event, before):
            new = old
            self._count(1, lead, new)
        else:
            new = self._one(1, lead, lead.new, event, now)
        was_together = _place(before) == _place(lead.new)
        lead.old = old.lead if old is not None else before
        lead.new = new.lead if new is not None else lead.new
        if lead.new == lead.old:
            lead.new = lead.old  # one and the same again
        if lead.old is None and lead.new is None:
            self.headless.add(key)
        elif before is None and lead.old is not None:
            self._contacts[key[0], lead.old.crm_id] = key[1]
        if was_together and lead.turn is None and _place(lead.old) != _place(lead.new):
            lead.turn = Turn(event.type, now, _rule(old), _rule(new))
        elif lead.turn is not None and _place(lead.old) == _place(lead.new):
            lead.turn = None

    def _one(
        self, which: int, lead: _Lead, before: Lead | None, event: Event, now: Millis
    ) -> Decision | None:
        try:
            decision = decide((self.old, self.new)[which], before, event, now)
        except UnknownTriggerError:
            if which == 1:
                self.unknown[event.type] += 1
            return None
        self._count(which, lead, decision)
        return decision

    def _count(self, which: int, lead: _Lead, decision: Decision | None) -> None:
        if decision is None or not decision.effects:
            return
        for effect in with_values(decision, self._mapping(which, decision.lead)).effects:
            self.effects[which][effect.kind.value] += 1
            if effect.kind is EffectKind.HANDBACK:
                lead.handbacks[which] += 1

    def _with_winner(self, key: tuple[str, str], event: Event) -> Event:
        """As when it was decided: a merge goes another way when the winner is a lead itself."""
        into = event.data.get("into") if self.old.tells_of(event, "merged") else None
        if into is None or self._contacts.get((key[0], str(into)), key[1]) == key[1]:
            return event
        return replace(event, data={**event.data, "winner_is_lead": True})

    def _decides_alike(self, event: Event, lead: Lead | None) -> bool:
        """Whether both files are sure to make the same of it: then it is decided only once."""
        if not self._alike or lead is None:
            return False
        try:
            trigger = self.old.trigger_for(event.type, event.data)
            if trigger != self.new.trigger_for(event.type, event.data):
                return False
        except UnknownTriggerError:
            return False
        known = self._same.get((trigger, lead.state))
        if known is None:
            known = self.old.candidates(trigger, lead.state) == self.new.candidates(
                trigger, lead.state
            ) and self.old.event(event.type) == self.new.event(event.type)
            self._same[trigger, lead.state] = known
        return known

    # ------------------------------------------------------------------ the report

    def report(self) -> Document:
        """What would be otherwise."""
        elsewhere: list[Document] = []
        handbacks: list[Document] = []
        rewritten = again = seen = 0
        for (portal, lead_id), lead in self.leads.items():
            seen += lead.old is not None or lead.new is not None
            name = f"{portal}/{lead_id}"
            if _place(lead.old) != _place(lead.new):
                elsewhere.append(_elsewhere(name, lead))
            if lead.handbacks[0] != lead.handbacks[1]:
                handbacks.append({"lead": name, "old": lead.handbacks[0], "new": lead.handbacks[1]})
            before, after = self._shown(0, lead.old), self._shown(1, lead.new)
            rewritten += any(before.get(column) != value for column, value in after.items())
            again += max(0, lead.handbacks[1] - lead.handbacks[0])
        calls = -(-rewritten // BATCH) + 2 * -(-again // BATCH)
        kinds = [kind.value for kind in EffectKind]
        return {
            "old": self.old.version,
            "new": self.new.version,
            "events": self.events,
            "leads": seen,
            "elsewhere": elsewhere,
            "handbacks": handbacks,
            "writes": {k: {"old": self.effects[0][k], "new": self.effects[1][k]} for k in kinds},
            "unknown_events": dict(self.unknown),
            "without_beginning": len(self.headless),
            "cost": {
                "contacts": rewritten,
                "handbacks": again,
                "api_calls": calls,
                "minutes": round(calls / CALLS_PER_MINUTE, 2),
            },
        }

    def _shown(self, which: int, lead: Lead | None) -> Mapping[str, str]:
        """What the portal shows of the lead, as far as rules say it."""
        if lead is None or lead.ended in GONE:
            return {}
        return values_for(self._mapping(which, lead), lead.state, words(lead))

    def _mapping(self, which: int, lead: Lead) -> CrmMapping | None:
        crm = self.crms.get(lead.portal)
        return None if crm is None else self._rules[which].mapping(crm, lead.portal)


def replayed(
    tx: Tx, old: Rules, new: Rules, *, since: Millis | None, progress: Progress
) -> Document:
    """The whole history of a database through both rules; see Replay.report.

    since: only leads for which something was decided since then.
    """
    crms = {portal.name: portal.crm for portal in tx.portals.list()}
    portals = list(crms)
    total = sum(tx.history.count(portal) for portal in portals)
    only = None
    if since is not None:
        only = {portal: tx.history.active_leads(portal, since=since) for portal in portals}
    replay = Replay(LeadMachine(old), LeadMachine(new), crms, only)
    for page in _pages(tx, portals):
        replay.feed(page)
        progress(replay.events, total)
    return replay.report()


def _pages(tx: Tx, portals: Iterable[str]) -> Iterator[list[RecordedEvent]]:
    for portal in portals:
        after: int | None = None
        while page := tx.history.events(portal, limit=PAGE, after=after):
            after = page[-1].seq
            yield page


def _alike(old: Rules, new: Rules) -> bool:
    """Whether everything but the rows of the rules table is the same."""
    return all(
        getattr(old, part) == getattr(new, part)
        for part in ("states", "start", "start_event", "timers", "texts")
    )


def _place(lead: Lead | None) -> object:
    return None if lead is None else (lead.state, lead.sub_state, lead.ended)


def _rule(decision: Decision | None) -> str:
    if decision is None:
        return "not known"
    return decision.rule or f"{decision.result}: {decision.because}"


def _elsewhere(name: str, lead: _Lead) -> Document:
    turn = lead.turn
    return {
        "lead": name,
        "old": _words(lead.old),
        "new": _words(lead.new),
        "event": None if turn is None else turn.event,
        "at": None if turn is None else format_time(turn.at),
        "old_rule": None if turn is None else turn.old,
        "new_rule": None if turn is None else turn.new,
    }


def _words(lead: Lead | None) -> str | None:
    if lead is None:
        return None
    sub = f" / {lead.sub_state}" if lead.sub_state not in (None, lead.state) else ""
    ended = f" ({lead.ended.value})" if lead.ended is not None else ""
    return f"{lead.state}{sub}{ended}"
