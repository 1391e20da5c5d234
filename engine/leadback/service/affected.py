"""Which running leads the differences between two versions of the rules are about."""

from collections.abc import Iterable, Mapping, Sequence

from leadback.lead.change import GONE
from leadback.lead.machine import facts_of
from leadback.lead.records import Lead
from leadback.rules.diff import Difference, diff_loaded
from leadback.rules.model import Rules, event_of
from leadback.service.rules import Document, told
from leadback.store import LeadFilter, Tx, Unreadable

PAGE = 5_000
"""Leads read at a time."""


def differences_now(old: Rules, new: Rules, tx: Tx) -> list[Document]:
    """What the new rules do differently, and how many running leads each difference is about."""
    found = diff_loaded(old, new)
    return told(found, _affected(found, new, tx))


def _affected(found: Sequence[Difference], new: Rules, tx: Tx) -> list[int | None]:
    by_state: dict[str, list[int]] = {}
    counts: list[int | None] = []
    for number, one in enumerate(found):
        timer = new.timers.get(one.event) if one.what == "timer" else None
        for state in timer.states if timer is not None else [one.state] if one.state else []:
            by_state.setdefault(state, []).append(number)
        counts.append(0 if one.state or timer is not None else None)
    for state, numbers in by_state.items():
        for lead in _running(tx, state):
            for number in numbers:
                if found[number].what != "decision" or _meets(found[number], lead, new):
                    counts[number] = (counts[number] or 0) + 1
    return counts


def _running(tx: Tx, state: str) -> Iterable[Lead]:
    """Leads of a state whose contact is still there."""
    for portal in tx.portals.list():
        wanted, last = LeadFilter(portal=portal.name, state=state), None
        while page := tx.leads.list(wanted, limit=PAGE, after=last):
            last = page[-1]
            yield from (lead for lead in page if lead.ended not in GONE)


def _meets(one: Difference, lead: Lead, rules: Rules) -> bool:
    """Whether the next event of this kind goes another way for this lead, as far as it can be
    read."""
    if isinstance(lead.counters, Unreadable):
        return False
    return one.fits(facts_of(lead, _counted(lead.counters, rules, one.event)))


def _counted(counters: Mapping[str, int], rules: Rules, trigger: str) -> dict[str, int]:
    event = event_of(rules.events, trigger)
    found = dict(counters)
    if event is not None:
        found.update(dict.fromkeys(event.resets, 0))
        if event.counts is not None:
            found[event.counts] = found.get(event.counts, 0) + 1
    return found
