"""What other rules mean for a lead that lives already: a decision like any other.

The event RULES_CHANGED comes from the engine alone, to the head of the lead's lane, when a version
takes over; its data say everything there is to know, so that the decision can be replayed.
"""

from collections.abc import Sequence
from dataclasses import replace

from leadback.base.clock import Millis
from leadback.lead.effects import fields_effect, handback_effect, order, reference
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Decision, Effect, Ended, Event, Lead, TimerSet
from leadback.rules.model import Timer

RULES_CHANGED = "rules.changed"
"""No file can declare an event of this name: names have no dots."""

GONE = (Ended.DELETED, Ended.MERGED, Ended.ERASED)
"""Endings after which there is no contact to write to."""


def change_rules(rules: LeadMachine, lead: Lead, event: Event, now: Millis) -> Decision:
    """rules: the new ones. event.data:

    moves   {old state: new state}, for states that the new rules do not have
    fields  true: the CRM is to show something else
    timers  [[name, due, number], …] as they run now; without it they go on as they are
    was, is versions
    """
    data = event.data
    moves = dict(data.get("moves", {}))
    after = _moved(rules, lead, moves, now)
    gone = lead.ended in GONE
    effects: list[Effect] = []
    if not gone:
        if data.get("fields"):
            effects.append(fields_effect(after, reference(lead, event, 0)))
        if after.done and not lead.done:
            effects.append(handback_effect(after, reference(lead, event, 1)))
    running = data.get("timers")
    timers = () if gone or running is None else _armed(rules, after, running, now)
    moved = after.state != lead.state
    return Decision(
        lead=after,
        result="moved" if moved else "stayed",
        rule=f"migrate: {lead.state} to {after.state}" if moved else "",
        because=f"the rules changed from {data.get('was')} to {data.get('is')}",
        effects=order(effects),
        timers=timers,
        clears_timers=running is not None,
    )


def _moved(rules: LeadMachine, lead: Lead, moves: dict[str, str], now: Millis) -> Lead:
    """A state that is gone has a successor, in which the time since entering goes on."""
    states = rules.rules.states
    goal = moves.get(lead.state, "")
    state = goal if lead.state not in states and goal in states else lead.state
    sub_state = lead.sub_state
    if state != lead.state:
        allowed = states[state].sub_states
        if allowed is None or (allowed and sub_state not in allowed):
            sub_state = None
    came_from = lead.came_from
    if came_from is not None and came_from[0] not in states:
        before = moves.get(came_from[0])
        came_from = None if before not in states or before == state else (str(before), came_from[1])
    return replace(
        lead,
        state=state,
        sub_state=sub_state,
        came_from=came_from,
        done=lead.done or (state != lead.state and states[state].work.is_done),
        updated_at=now,
        revision=lead.revision + 1,
    )


def _armed(
    rules: LeadMachine, lead: Lead, running: Sequence[Sequence[int | str]], now: Millis
) -> tuple[TimerSet, ...]:
    """Timers as if the state had been entered by these rules; one that would have fired since
    then was missed, and does what its author chose for that."""
    known = {str(name): (int(due), int(number)) for name, due, number in running}
    armed = (_one(t, lead, known.get(t.name), now) for t in rules.timers_in.get(lead.state, ()))
    return tuple(timer for timer in armed if timer is not None)


def _one(
    timer: Timer, lead: Lead, known: tuple[Millis, int] | None, now: Millis
) -> TimerSet | None:
    if timer.at_field is not None:
        due = known[0] if known is not None else lead.entered_at + (timer.default or 0)
        return _or_missed(timer, TimerSet(timer.name, due), now)
    if timer.every is None:
        return _or_missed(timer, TimerSet(timer.name, lead.entered_at + (timer.after or 0)), now)
    number = known[1] if known is not None else 1
    if number > timer.times:
        return None
    return _or_missed(
        timer, TimerSet(timer.name, lead.entered_at + number * timer.every, number), now
    )


def _or_missed(timer: Timer, armed: TimerSet, now: Millis) -> TimerSet | None:
    if armed.due > now:
        return armed
    if timer.missed == "fire":
        return replace(armed, due=now)
    if timer.missed == "restart":
        length = timer.after or timer.default or timer.every or 0
        return replace(armed, due=now + length)
    if timer.every is None:
        return None
    skipped = (now - armed.due) // timer.every + 1
    number = armed.number + skipped
    if number > timer.times:
        return None
    return TimerSet(timer.name, armed.due + skipped * timer.every, number)
