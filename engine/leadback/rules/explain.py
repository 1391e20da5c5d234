"""The rules in plain English: one paragraph per state, one sentence per line, fit for a review."""

from collections.abc import Collection, Iterator

from leadback.rules.decides import Deciding
from leadback.rules.model import PREVIOUS, Rule, Rules, State, Work
from leadback.rules.values import own_cells, values_for
from leadback.rules.wording import FACTS, guard, in_units, listed, outcome, when_due

Sentences = dict[str, list[str]]
"""What happens, and the events on which it does."""

_WORK = {
    Work.WAITS: "The assistant waits",
    Work.GOES_ON: "The assistant goes on",
    Work.DONE: "The assistant is done, and the contact goes back",
    Work.FINAL: "The assistant is done for good, and the contact goes back",
}


def explain(rules: Rules, *, state: str | None = None) -> str:
    """The whole file, or one state of it, as Markdown. The same file gives the same text."""
    deciding = Deciding(rules)
    names = [state] if state is not None else list(rules.states)
    always = _in_every_state(deciding)
    parts = [_state(deciding, rules.states[name], always) for name in names]
    if state is None:
        everywhere = [["## In every state", "", *_sentences(always)]] if always else []
        parts = [_beginning(rules), *everywhere, *parts]
        if rules.invariants:
            parts.append(_promises(rules))
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _beginning(rules: Rules) -> list[str]:
    lines = [
        "# The life of a lead",
        "",
        f"A contact becomes a lead when {rules.start_event} happens: it {outcome(rules.start)}.",
    ]
    for event in rules.events.values():
        if event.keeps_sub_state:
            lines.append(f"When {event.name} moves a lead, its {event.by} becomes the sub-state.")
        does = [f"counts {event.counts}"] if event.counts else []
        does += [f"sets {name} to 0" for name in event.resets]
        if does and event.automatic:
            does[-1] += f" (not for {listed(event.automatic, last='or')})"
        does += [f"tells that {FACTS[event.contact]}"] if event.contact else []
        does += ["is done by hand"] if event.manual else []
        does += [f"is logged as {event.logs.replace('_', ' ')}"] if event.logs else []
        if does:
            lines.append(f"The event {event.name} {listed(does)}.")
    return lines


def _promises(rules: Rules) -> list[str]:
    lines = ["## Promises", ""]
    for one in rules.invariants.values():
        states = listed(one.states, last="or")
        match one.form:
            case "left_only_by":
                how = f"is only left by {listed(one.events, last='or')}" if one.events else ""
                lines.append(f"{states} {how or 'is never left'}.")
            case "never":
                ways = f", except by {listed(one.events, last='or')}" if one.events else ""
                goal = listed(one.targets, last="or")
                lines.append(f"From {states} a lead never comes straight to {goal}{ways}.")
            case "always":
                lines.append(f"In {states}: {guard(one.guard)}.")
            case "then":
                by = f" within {in_units(one.within)}" if one.within else " at once"
                lines.append(f"Whoever enters {states}: {one.then}{by}.")
    return lines


def _state(deciding: Deciding, state: State, always: Sentences) -> list[str]:
    means = f": {state.means}" if state.means else ""
    lines = [f"## {state.name}", "", f"{_WORK[state.work]}{means}."]
    lines += _arrivals(deciding, state)
    common = {trigger for triggers in always.values() for trigger in triggers}
    lines += _sentences(_by_outcome(deciding, state, without=common))
    lines += list(_timers(deciding, state))
    but = ", but for what holds in every state" if always else ""
    lines.append(f"Nothing else changes it{but}.")
    lines += list(_shown(deciding.rules, state))
    return lines


def _arrivals(deciding: Deciding, state: State) -> list[str]:
    """Ways in, events with the same origins together."""
    by_trigger: dict[str, dict[str, None]] = {}
    for rule in deciding.rules.rules:
        sources = [name for name in rule.sources if name != state.name]
        if rule.to == state.name and sources:
            by_trigger.setdefault(rule.trigger, {}).update(dict.fromkeys(sources))
    ways: dict[str, list[str]] = {}
    for trigger, origins in by_trigger.items():
        ways.setdefault(_origins(deciding, state, list(origins)), []).append(trigger)
    lines = [
        f"It is reached from {origin} on {listed(on, last='or')}." for origin, on in ways.items()
    ]
    if deciding.rules.start.to == state.name:
        lines.insert(0, f"It is where a lead begins, on {deciding.rules.start_event}.")
    return lines


def _origins(deciding: Deciding, state: State, names: list[str]) -> str:
    others = [
        other.name
        for other in deciding.rules.states.values()
        if other.work is not Work.FINAL and other is not state
    ]
    return "any other state" if len(names) > 3 and set(names) == set(others) else listed(names)


def _in_every_state(deciding: Deciding) -> Sentences:
    """What holds everywhere is said once."""
    found = [_by_outcome(deciding, state) for state in deciding.rules.states.values()]
    common: Sentences = {}
    for what, triggers in found[0].items():
        shared = [t for t in triggers if all(t in other.get(what, ()) for other in found)]
        if shared:
            common[what] = shared
    return common


def _sentences(found: Sentences) -> list[str]:
    return [f"On {listed(triggers, last='or')}{what}." for what, triggers in found.items()]


def _by_outcome(deciding: Deciding, state: State, *, without: Collection[str] = ()) -> Sentences:
    """What can happen, moves first. Events that only say why the lead stays are left out."""
    moves: dict[str, list[str]] = {}
    stays: dict[str, list[str]] = {}
    for trigger in deciding.triggers:
        rows = _tried(deciding.rows_in(state.name, trigger))
        if trigger.startswith("timer.") or trigger in without:
            continue
        if not any(_does_something(rule) for rule in rows):
            continue
        into = moves if any(rule.to is not None for rule in rows) else stays
        into.setdefault(_sentence(rows), []).append(trigger)
    return {**moves, **stays}


def _tried(rows: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rows up to the first that always fits."""
    for index, rule in enumerate(rows):
        if not rule.guard and rule.to != PREVIOUS:
            return rows[: index + 1]
    return rows


def _does_something(rule: Rule) -> bool:
    return rule.to is not None or rule.refuse is not None or bool(rule.actions)


def _sentence(rows: tuple[Rule, ...]) -> str:
    """`, it goes to Hot`, or `: when opens ≥ 3, it goes to Warm; otherwise it stays`."""
    parts: list[str] = []
    for rule in rows:
        why = f" ({rule.refuse})" if rule.refuse else ""
        when = f"when {guard(rule.guard)}, " if rule.guard else "otherwise " if parts else ""
        parts.append(f"{when}it {outcome(rule)}{why}")
    if rows and rows[-1].guard:
        parts.append("otherwise it stays")
    return ("; ".join(parts)).join((": " if rows[0].guard else ", ", ""))


def _timers(deciding: Deciding, state: State) -> Iterator[str]:
    for timer in deciding.rules.timers.values():
        if state.name in timer.states:
            rows = deciding.rows_in(state.name, timer.trigger)
            missed = "" if timer.missed == "fire" else f" (overdue: {timer.missed})"
            due = when_due(timer)
            yield f"{due[0].upper()}{due[1:]}, {_sentence(rows).lstrip(':, ')}{missed}."


def _shown(rules: Rules, state: State) -> Iterator[str]:
    for mapping in rules.crm.values():
        shown = values_for(mapping, state.name, {}).items()
        words = listed([f"{column} {value}" for column, value in shown])
        yield f"{mapping.crm} shows {words or 'what it showed before'}."
        for portal in mapping.portals:
            cells = own_cells(mapping, portal).get(state.name, {}).items()
            if cells:
                words = listed(
                    [f"{column} {value or 'what it showed before'}" for column, value in cells]
                )
                yield f"In portal {portal}: {words}."
