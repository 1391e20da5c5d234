"""What two rules files do differently: not their text, but which leads end elsewhere, and why.

Every difference is one that some lead can meet: regions that no sequence of events reaches, by the
old or by the new rules, are left out. No difference means that no sequence tells the two apart.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from leadback.rules.decides import Deciding
from leadback.rules.meeting import Meeting, in_box
from leadback.rules.model import KEEP, OTHER, PREVIOUS, CrmMapping, Event, Rule, Rules, Timer
from leadback.rules.regions import CAME_FROM, Box, TooComplexError, Value
from leadback.rules.wording import FACTS, outcome, region, when_due

What = Literal["start", "state", "event", "decision", "timer", "text", "mapping"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. state, event: where; region: for which leads, '' = all of them there.

    old, new: what happens, or is shown; '' where there is nothing. box, domain: the region for
    fits(); empty when it is all leads of the state.
    """

    what: What
    state: str
    event: str
    region: str
    old: str
    new: str
    box: Box = field(default_factory=dict, repr=False, compare=False)
    domain: Box = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.state, self.event) if part)
        leads = f" when {self.region}" if self.region else ""
        return f"{self.what} {place}{leads}: {self.old or 'nothing'} → {self.new or 'nothing'}"

    def fits(self, facts: Mapping[str, Value]) -> bool:
        """Whether a lead of the state is concerned. facts: counters, finished, stopped, sub_state.

        Counters as they are once the event has counted.
        """
        return in_box(self.box, self.domain, facts)


def diff(old: Rules, new: Rules) -> tuple[Difference, ...]:
    """All differences, in the order of the new file's states."""
    found = [
        *_start(old, new),
        *_states(old, new),
        *_events(old, new),
        *_decisions(old, new),
        *_timers(old, new),
        *_texts(old, new),
        *_mappings(old, new),
    ]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Loaded:
    version: str
    rules: Rules = field(compare=False)


def diff_loaded(old: Rules, new: Rules) -> tuple[Difference, ...]:
    """As diff, of rules as they were loaded, and kept for the next who asks: an editor compares a
    draft, plans it and applies it, and walking through both files takes a second."""
    return _diff_loaded(_Loaded(old.version, old), _Loaded(new.version, new))


@lru_cache(maxsize=16)
def _diff_loaded(old: _Loaded, new: _Loaded) -> tuple[Difference, ...]:
    return diff(old.rules, new.rules)


def _start(old: Rules, new: Rules) -> Iterator[Difference]:
    if (old.start_event, _does(old, old.start)) != (new.start_event, _does(new, new.start)):
        before, after = (f"{r.start_event}: {outcome(r.start)}" for r in (old, new))
        yield Difference("start", "", "", "", before, after)


def _states(old: Rules, new: Rules) -> Iterator[Difference]:
    for name in dict.fromkeys((*new.states, *old.states)):
        before, after = old.states.get(name), new.states.get(name)
        one, two = (state.work.value if state else "" for state in (before, after))
        if one != two:
            to = f", its leads go to {new.migrate[name]}" if name in new.migrate else ""
            yield Difference("state", name, "", "", one, two or f"gone{to}")


def _events(old: Rules, new: Rules) -> Iterator[Difference]:
    for name in dict.fromkeys((*new.events, *old.events)):
        one, two = (_event(rules.events.get(name)) for rules in (old, new))
        if one != two:
            yield Difference("event", "", name, "", one, two)


def _event(event: Event | None) -> str:
    """What an event does besides its rules, in words that can be compared."""
    if event is None:
        return ""
    parts = [f"chosen by {event.by}"] if event.by else []
    parts += [f"automatic {name}" for name in sorted(event.automatic)]
    parts += ["keeps it as sub-state"] if event.keeps_sub_state else []
    parts += [f"counts {event.counts}"] if event.counts else []
    parts += [f"resets {name}" for name in sorted(event.resets)]
    parts += [f"logs {event.logs}"] if event.logs else []
    parts += [f"tells that {FACTS[event.contact]}"] if event.contact else []
    parts += ["done by hand"] if event.manual else []
    return ", ".join(parts) or "known"


def _decisions(old: Rules, new: Rules) -> Iterator[Difference]:
    before, after = Deciding(old), Deciding(new)
    triggers = dict.fromkeys((*after.triggers, *before.triggers, *_rest(old, new)))
    candidates = [
        difference
        for state in new.states
        if state in old.states
        for trigger in triggers
        for difference in _in(before, after, state, trigger)
    ]
    if candidates:
        met = Meeting(before, after)
        yield from _joined(
            one for one in candidates if met.tells_apart(one.state, one.event, one.box, one.domain)
        )


def _joined(found: Iterable[Difference]) -> Iterator[Difference]:
    """Regions with the same change that differ in one fact only are one region."""
    groups: dict[tuple[str, ...], list[Difference]] = {}
    for one in found:
        apart = groups.setdefault((one.state, one.event, one.old, one.new), [])
        while (both := next(((o, u) for o in apart if (u := _union(o, one))), None)) is not None:
            apart.remove(both[0])
            one = both[1]
        apart.append(one)
    for apart in groups.values():
        yield from apart


def _union(one: Difference, other: Difference) -> Difference | None:
    """Of two differences of one state, event and change; None when it would hold more than both."""
    apart = [fact for fact, values in one.box.items() if values != other.box[fact]]
    if len(apart) != 1:
        return None
    (fact,) = apart
    values = tuple(v for v in one.domain[fact] if v in (*one.box[fact], *other.box[fact]))
    box = {**one.box, fact: values}
    return replace(one, box=box, region=region(box, one.domain))


def _in(before: Deciding, after: Deciding, state: str, trigger: str) -> Iterator[Difference]:
    if not (_knows(before.rules, trigger) and _knows(after.rules, trigger)):
        return  # the event itself came or went, or its variants say it all
    domain = _common(before, after, state, trigger)
    try:
        pieces = before.decided(state, trigger, domain=domain)
        others = after.decided(state, trigger, domain=domain)
    except TooComplexError:
        yield Difference("decision", state, trigger, "(too many guards to compare)", "?", "?")
        return
    merged: dict[tuple[str, str], list[Box]] = {}
    for box, rule in pieces:
        for other_box, other in others:
            shared = _both(box, other_box)
            one, two = (
                _does(before.rules, rule, trigger, state),
                _does(after.rules, other, trigger, state),
            )
            if shared is not None and one != two:
                merged.setdefault((outcome(rule), outcome(other)), []).append(shared)
    for (was, becomes), boxes in merged.items():
        for box in boxes:
            where = region(box, domain)
            yield Difference("decision", state, trigger, where, was, becomes, box, domain)


def _knows(rules: Rules, trigger: str) -> bool:
    name, _, rest = trigger.partition(".")
    if name == "timer":
        return rest in rules.timers
    event = rules.events.get(name)
    return event is not None and (event.by is None or bool(rest))


def _rest(old: Rules, new: Rules) -> Iterator[str]:
    """All other values of events that one file chooses by and the other does not."""
    for name in new.events.keys() & old.events.keys():
        if (old.events[name].by is None) != (new.events[name].by is None):
            yield f"{name}.{OTHER}"


def _common(before: Deciding, after: Deciding, state: str, trigger: str) -> Box:
    """A domain fine enough for the guards of both."""
    rows = (*before.rows_in(state, trigger), *after.rows_in(state, trigger))
    one, two = before.place(state, trigger), after.place(state, trigger)
    guards = [rule.guard for rule in rows]
    also = [CAME_FROM] if any(rule.to == PREVIOUS for rule in rows) else []
    first, second = (place.domain(guards, also=also) for place in (one, two))
    return {fact: tuple(dict.fromkeys((*first[fact], *second[fact]))) for fact in first}


def _both(one: Box, two: Box) -> Box | None:
    shared = {fact: tuple(v for v in values if v in two[fact]) for fact, values in one.items()}
    return shared if all(shared.values()) else None


def _does(rules: Rules, rule: Rule | None, trigger: str = "", state: str = "") -> object:
    """What a decision comes to, to compare it. Staying is staying, whatever the reason."""
    if rule is None:
        return ("stay", ())
    actions = tuple((action.kind, action.text, action.counter) for action in rule.actions)
    if rule.to is None:
        return ("refuse" if rule.refuse is not None else "stay", actions)
    event = rules.events.get(trigger.partition(".")[0])
    sub = rule.sub_state
    if sub == KEEP and state and rules.states[state].sub_states is None:
        sub = None  # there is none to keep
    elif sub is None and event is not None and event.keeps_sub_state and rule.to != PREVIOUS:
        sub = "value of the event"
    target = rules.states.get(rule.to)
    done = rule.done or (target is not None and target.work.is_done)
    if any(action.kind == "start_anew" for action in rule.actions):
        sub, done = None, False
    return (rule.to, sub, done, actions)


def _timers(old: Rules, new: Rules) -> Iterator[Difference]:
    for name in dict.fromkeys((*new.timers, *old.timers)):
        one, two = old.timers.get(name), new.timers.get(name)
        if one is not None and two is not None and _timing(one) == _timing(two):
            continue
        yield Difference("timer", "", name, "", _timer(one), _timer(two))


def _timing(timer: Timer) -> object:
    times = (timer.after, timer.at_field, timer.default, timer.every, timer.times)
    return (*times, timer.missed, frozenset(timer.states))


def _timer(timer: Timer | None) -> str:
    if timer is None:
        return ""
    missed = "" if timer.missed == "fire" else f", overdue: {timer.missed}"
    return f"{when_due(timer)} in {', '.join(timer.states)}{missed}"


def _texts(old: Rules, new: Rules) -> Iterator[Difference]:
    for name in dict.fromkeys((*new.texts, *old.texts)):
        one, two = old.texts.get(name, ""), new.texts.get(name, "")
        if one != two:
            yield Difference("text", "", name, "", one, two)


def _mappings(old: Rules, new: Rules) -> Iterator[Difference]:
    states = tuple(dict.fromkeys((*new.states, *old.states)))
    for crm in dict.fromkeys((*new.crm, *old.crm)):
        before, after = old.crm.get(crm), new.crm.get(crm)
        usual = dict(_cells(before, after, states))
        portals = {
            portal: dict(_cells(before and before.of(portal), after and after.of(portal), states))
            for table in (after, before)
            for portal in (table.portals if table is not None else ())
        }
        for (state, column), change in usual.items():
            spared = [name for name, theirs in portals.items() if (state, column) not in theirs]
            where = f"the portal is not {' or '.join(spared)}" if spared else ""
            yield Difference("mapping", state, f"{crm}.{column}", where, *change)
        for portal, theirs in portals.items():
            for (state, column), change in theirs.items():
                if usual.get((state, column)) != change:
                    where = f"the portal is {portal}"
                    yield Difference("mapping", state, f"{crm}.{column}", where, *change)


def _cells(
    old: CrmMapping | None, new: CrmMapping | None, states: Iterable[str]
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """(state, column), (value before, value after), for each that is not the same."""
    for state in states:
        one, two = _shown(old, state), _shown(new, state)
        for column in dict.fromkeys((*two, *one)):
            if one.get(column) != two.get(column):
                yield (state, column), (one.get(column) or "", two.get(column) or "")


def _shown(mapping: CrmMapping | None, state: str) -> dict[str, str | None]:
    if mapping is None or state not in mapping.states:
        return {}
    return dict(zip(mapping.columns, mapping.states[state], strict=True))
