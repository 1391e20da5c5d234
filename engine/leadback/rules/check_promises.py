"""Are the invariants kept? Proved over every reachable kind of lead, or broken by a sequence."""

from collections.abc import Callable, Iterator, Mapping

from leadback.rules.explore import MOST_KINDS, Explored, explore, in_words
from leadback.rules.findings import Finding, finding
from leadback.rules.kinds import HELD, Step
from leadback.rules.model import TEXT_ACTIONS, Invariant, Rule, Rules
from leadback.rules.regions import holds
from leadback.rules.sight import Sight
from leadback.rules.walk import Walker

Broken = str | None
"""What a step did against an invariant, in words; None: nothing."""


def broken_promises(rules: Rules, *, most: int = MOST_KINDS) -> Iterator[Finding]:
    """R061 with the shortest sequence for each broken invariant, R062 when the search gave up."""
    if not rules.invariants:
        return
    surely = Walker(rules, Sight.in_ranges(rules), told_apart=_named(rules))
    if _kept(rules, surely, most=most):
        return
    yield from _shown(rules, most=most)


def _named(rules: Rules) -> frozenset[str]:
    return frozenset(event for one in rules.invariants.values() for event in one.events)


def _kept(rules: Rules, walker: Walker, *, most: int) -> bool:
    """A quick proof that looks at more than can happen; False says nothing."""
    explored = Explored()
    for found, step in explore(walker, most=most):
        explored = found
        if _is_news(found, step) and any(
            _CHECKS[one.form](one, step, walker) for one in rules.invariants.values()
        ):
            return False
    return explored.complete


def _is_news(explored: Explored, step: Step) -> bool:
    """A move, or a kind of lead that was not looked at before."""
    moved = step.before is None or step.before.state != step.after.state
    return moved or explored.came_by.get(step.after) is step


def _shown(rules: Rules, *, most: int) -> Iterator[Finding]:
    """Exactly what can happen: what is broken, by the shortest sequence, and what is not proved."""
    walker = Walker(rules, Sight.of(rules), told_apart=_named(rules))
    left = dict(rules.invariants)
    explored = Explored()
    for found, step in explore(walker, most=most):
        explored = found
        if not _is_news(found, step):
            continue
        for name, invariant in list(left.items()):
            broken = _CHECKS[invariant.form](invariant, step, walker)
            if broken is not None:
                del left[name]
                path = in_words(explored.path(step))
                message = f"the invariant {name} is broken: {broken}, after {path}"
                fix = "change the rule that fires last, or the invariant"
                yield finding("R061", invariant.at, message, fix=fix)
        if not left:
            return
    if not explored.complete:
        for name, invariant in left.items():
            held = len(explored.came_by)
            message = f"{name} held for {held} kinds of lead, but there are more"
            fix = "use fewer different numbers and counters in guards"
            yield finding("R062", invariant.at, message, fix=fix)


def _left_only_by(one: Invariant, step: Step, walker: Walker) -> Broken:
    before = step.before
    if before is None or before.state not in one.states or step.after.state == before.state:
        return None
    if step.trigger in one.events:
        return None
    return f"{step.trigger} moves a lead from {before.state} to {step.after.state}"


def _never(one: Invariant, step: Step, walker: Walker) -> Broken:
    before, after = step.before, step.after
    if before is None or before.state not in one.states or after.state not in one.targets:
        return None
    if after.state == before.state or step.trigger in one.events:
        return None
    return f"{step.trigger} moves a lead from {before.state} to {after.state}"


def _always(one: Invariant, step: Step, walker: Walker) -> Broken:
    if step.after.state not in one.states:
        return None
    facts = walker.facts(step.after)
    failing = [part for part in one.guard if not holds(part, facts.get(part.fact, 0))]
    if not failing:
        return None
    return f"a lead is in {step.after.state} and {failing[0]} does not hold"


def _then(one: Invariant, step: Step, walker: Walker) -> Broken:
    """Entering is coming from outside `states`; who left the assistant's hands is handed back."""
    after = step.after
    came_in = step.before is None or step.before.state not in one.states
    if not came_in or after.state not in one.states or _happened(one, step):
        return None
    if one.within and any(_in_time(one, rule, walker) for rule in _timers(step, walker)):
        return None
    by = f" within {one.within // 1000} s" if one.within else " at once"
    return f"a lead enters {after.state}, and {one.then} does not follow{by}"


def _happened(one: Invariant, step: Step) -> bool:
    if one.then == "handback":
        return "handback" in step.ordered or step.after.done or step.after.ended != HELD
    if one.then in TEXT_ACTIONS:
        return one.then in step.ordered
    return step.after.state == one.then


def _timers(step: Step, walker: Walker) -> Iterator[Rule]:
    return (
        rule
        for rule in walker.rules.rules
        if rule.trigger.startswith("timer.") and step.after.state in rule.sources
    )


def _in_time(one: Invariant, rule: Rule, walker: Walker) -> bool:
    """A timer that is due in time and has no guard that could stop it."""
    timer = walker.rules.timers[rule.trigger.removeprefix("timer.")]
    due = timer.after or timer.every
    if due is None or due > one.within or rule.guard:
        return False
    if one.then == "handback":
        target = walker.rules.states.get(rule.to or "")
        orders = any(action.kind == "handback" for action in rule.actions)
        return orders or rule.done or (target is not None and target.work.is_done)
    if one.then in TEXT_ACTIONS:
        return any(action.kind == one.then for action in rule.actions)
    return rule.to == one.then


_CHECKS: Mapping[str, Callable[[Invariant, Step, Walker], Broken]] = {
    "left_only_by": _left_only_by,
    "never": _never,
    "always": _always,
    "then": _then,
}
