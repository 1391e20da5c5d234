"""When timers are due. A timer is an event that is not due yet; the store keeps it as one."""

from typing import Any

from leadback.base.clock import MINUTE, Millis, format_time, parse_date_or_time
from leadback.lead.machine import TIMER_PREFIX, LeadMachine
from leadback.lead.records import Event, TimerSet
from leadback.rules.model import Timer

LATE: Millis = 5 * MINUTE
"""A timer that fires later than this after its time is overdue: nothing ran meanwhile."""


def arm(rules: LeadMachine, state: str, event: Event, now: Millis) -> tuple[TimerSet, ...]:
    """The timers that start when `state` is entered at `now` because of `event`."""
    return tuple(TimerSet(t.name, _first_due(t, event, now)) for t in rules.timers_in[state])


def arm_again(rules: LeadMachine, event: Event, now: Millis) -> tuple[TimerSet, ...]:
    """The next round of a repeating timer that has just fired. Rounds missed meanwhile are skipped.

    event.at is when the round was due, event.data["number"] which one it was.
    """
    if not event.type.startswith(TIMER_PREFIX):
        return ()
    timer = rules.rules.timers[event.type[len(TIMER_PREFIX) :]]
    number = int(event.data.get("number", 1))
    if timer.every is None or number >= timer.times:
        return ()
    missed = max(0, (now - event.at) // timer.every)
    return (TimerSet(timer.name, event.at + (missed + 1) * timer.every, number + 1),)


def instead(rules: LeadMachine, event: Event, now: Millis) -> tuple[TimerSet, ...] | None:
    """What an overdue timer does instead of firing, as its author chose; None: it fires.

    skip: this round is left out, the next one of a repeating timer comes. restart: the same round
    again, counted from now.
    """
    if not event.type.startswith(TIMER_PREFIX) or now - event.at <= LATE:
        return None
    timer = rules.rules.timers[event.type[len(TIMER_PREFIX) :]]
    if timer.missed == "fire":
        return None
    if timer.missed == "skip":
        return arm_again(rules, event, now)
    length = timer.after or timer.default or timer.every or 0
    return (TimerSet(timer.name, now + length, int(event.data.get("number", 1))),)


def _first_due(timer: Timer, event: Event, now: Millis) -> Millis:
    if timer.at_field is not None:
        given = _instant(event.data.get(timer.at_field))
        return now + (timer.default or 0) if given is None else max(given, now)
    return now + (timer.after or timer.every or 0)


def why_until(rules: LeadMachine, state: str, event: Event, now: Millis) -> str:
    """Until when a lead waits that enters `state`, and where that comes from; "" where no time of
    the event says so."""
    for timer in rules.timers_in[state]:
        if timer.at_field is None:
            continue
        given = _instant(event.data.get(timer.at_field))
        if given is None:
            until = format_time(_first_due(timer, event, now))
            return f"waits until {until}: no {timer.at_field} was given"
        if given <= now:
            return f"does not wait: {timer.at_field} {format_time(given)} is over"
        return f"waits until {format_time(given)}, as {timer.at_field} says"
    return ""


def _instant(value: Any) -> Millis | None:
    if not isinstance(value, str):
        return None
    try:
        return parse_date_or_time(value)
    except ValueError:
        return None
