"""Why a rule fired, why another did not, and what would have had to differ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leadback.rules.decides import Deciding
from leadback.rules.model import FLAGS, PREVIOUS, Comparison, Rule, Rules
from leadback.rules.regions import Value, holds
from leadback.rules.wording import guard, listed, outcome


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule of the event in this state. fits: it decides, if no earlier one does.

    failing: the comparisons that do not hold. instead: what would have had to differ, in words.
    """

    rule: Rule
    fits: bool
    decides: bool
    failing: tuple[Comparison, ...]
    instead: str

    def __str__(self) -> str:
        when = f" when {guard(self.rule.guard)}" if self.rule.guard else ""
        verdict = "decides" if self.decides else "fits, but comes later" if self.fits else "no"
        because = f": {self.instead}" if self.instead else ""
        return f"{self.rule.at} {outcome(self.rule)}{when} — {verdict}{because}"


def why(
    rules: Rules, state: str, trigger: str, facts: Mapping[str, Value], *, came_from: str | None
) -> tuple[Tried, ...]:
    """Every rule that the trigger tries in the state, in order, for a lead with these facts.

    facts: counters (once the event has counted), finished, stopped, sub_state.
    """
    found: list[Tried] = []
    decided = False
    for rule in Deciding(rules).rows_in(state, trigger):
        failing = tuple(part for part in rule.guard if not holds(part, facts.get(part.fact, 0)))
        lost = rule.to == PREVIOUS and (came_from is None or came_from not in rules.states)
        fits = not failing and not lost
        needed = [_needed(part, facts.get(part.fact, 0)) for part in failing]
        if lost:
            needed.append("there is no state before this one")
        found.append(Tried(rule, fits, fits and not decided, failing, "; ".join(needed)))
        decided = decided or fits
    return tuple(found)


def _needed(part: Comparison, value: Value) -> str:
    if part.fact in FLAGS:
        return f"it is {'' if value else 'not '}{part.fact}"
    if isinstance(part.value, tuple):
        wanted = listed(part.value, last="or")
        negated = "one of those it must not be" if part.op == "not in" else f"needed {wanted}"
        return f"sub-state is {value or 'none'}, {negated}"
    return f"{part.fact} is {value}, needed {guard((part,)).removeprefix(part.fact).strip()}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What never happened: rules that never fired, states never entered, events never seen."""

    rules: tuple[Rule, ...]
    states: tuple[str, ...]
    events: tuple[str, ...]


def coverage(
    rules: Rules, *, fired: Iterable[str], entered: Iterable[str], seen: Iterable[str]
) -> Coverage:
    """fired: names of rules as decisions record them; entered: states; seen: event types.

    Rules of the same name (the same event, goal and guard for other states) count as one.
    """
    names, states, events = set(fired), set(entered), set(seen)
    return Coverage(
        tuple(rule for rule in rules.rules if rule.name not in names),
        tuple(name for name in rules.states if name not in states),
        tuple(name for name in rules.events if name not in events),
    )
