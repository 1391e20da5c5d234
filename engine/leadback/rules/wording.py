"""Rules in plain English: the phrases that explanations, differences and pictures share."""

from collections.abc import Iterable, Mapping, Sequence

from leadback.base.clock import DAY, HOUR, MINUTE, SECOND, Millis
from leadback.base.words import many
from leadback.rules.model import (
    FLAGS,
    KEEP,
    PREVIOUS,
    SUB_STATE,
    Action,
    Comparison,
    ContactFact,
    Rule,
    Timer,
)
from leadback.rules.regions import CAME_FROM, Box, Value

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))
_SIGNS = {"==": "=", "!=": "≠", ">=": "≥", "<=": "≤", ">": ">", "<": "<"}
_ACTIONS: Mapping[str, str] = {
    "start_anew": "starts anew (counters 0, not stopped)",
    "stop": "follow-ups stop",
    "resume": "follow-ups go on",
    "release": "a person holds the contact from now on",
    "handback": "the contact is handed back",
    "close": "the contact is gone",
    "reopen": "the contact is back",
    "follow_merge": "the lead follows the contact it was merged into",
    "erase": "everything personal is erased",
}

FACTS: Mapping[ContactFact, str] = {
    "taken_back": "a person took the contact back",
    "deleted": "the contact was deleted in the CRM",
    "restored": "the contact was restored in the CRM",
    "merged": "the contact was merged into another one",
    "erased": "the contact was erased for privacy",
    "kept": "no owner could take the contact back",
}
"""What the engine finds out about a contact, as a sentence."""


def listed(parts: Sequence[str], *, last: str = "and") -> str:
    """`a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def in_units(duration: Millis) -> str:
    """`24 hours`, `1 day`; up to two days in hours."""
    for size, unit in _UNITS:
        if duration % size == 0 and (unit != "day" or duration >= 2 * DAY):
            return many(duration // size, unit)
    return f"{duration} ms"


def guard(parts: Iterable[Comparison]) -> str:
    """`opens ≥ 3 and not finished`."""
    return " and ".join(_comparison(part) for part in parts)


def _comparison(part: Comparison) -> str:
    if isinstance(part.value, tuple):
        negated = "" if part.op == "in" else "not "
        return f"sub-state is {negated}{listed(part.value, last='or')}"
    if part.fact in FLAGS:
        return str(part)
    return f"{part.fact} {_SIGNS[part.op]} {part.value}"


def outcome(rule: Rule | None) -> str:
    """What a rule does: `goes to Warm, is done`, `stays`, `is refused`."""
    if rule is None:
        return "stays"
    if rule.refuse is not None:
        return "is refused"
    if rule.to is None:
        words = ["stays"]
    elif rule.to == PREVIOUS:
        words = ["goes back to the state before"]
    else:
        words = [f"goes to {rule.to}"]
    if rule.sub_state == KEEP:
        words.append("keeps its sub-state")
    elif rule.sub_state is not None:
        words.append(f"with sub-state {rule.sub_state}")
    if rule.done:
        words.append("is done")
    return ", ".join([*words, *(_action(action) for action in rule.actions)])


def _action(action: Action) -> str:
    if action.counter is not None:
        return f"{action.counter} goes up by 1"
    return f"{action.kind} “{action.text}”" if action.text else _ACTIONS[action.kind]


def when_due(timer: Timer) -> str:
    """`24 hours after entering`."""
    if timer.every is not None:
        return f"every {in_units(timer.every)}, {timer.times} times"
    if timer.at_field is not None:
        return f"at {timer.at_field}, or else {in_units(timer.default or 0)} after entering"
    return f"{in_units(timer.after or 0)} after entering"


def region(box: Box, domain: Box) -> str:
    """The leads of a box: `opens is 1 or 2 and not finished`; '' when it is all of them."""
    parts = [
        _fact(fact, values, domain[fact])
        for fact, values in box.items()
        if len(values) < len(domain[fact])
    ]
    return " and ".join(parts)


def _fact(fact: str, values: tuple[Value, ...], whole: tuple[Value, ...]) -> str:
    if fact in FLAGS:
        return fact if values == (1,) else f"not {fact}"
    if fact == CAME_FROM:
        return "it was in another state before" if values == (1,) else "it was in no other state"
    if fact == SUB_STATE:
        return f"sub-state is {listed([str(v or 'none') for v in values], last='or')}"
    numbers = [value for value in whole if isinstance(value, int)]
    runs = _runs([v for v in values if isinstance(v, int)], numbers)
    return f"{fact} is {listed(runs, last='or')}"


def _runs(values: Sequence[int], whole: Sequence[int]) -> list[str]:
    """Representatives back to ranges: each stands for itself up to before the next one."""
    found: list[str] = []
    index = 0
    while index < len(values):
        first = values[index]
        while index + 1 < len(values) and _next(whole, values[index]) == values[index + 1]:
            index += 1
        after = _next(whole, values[index])
        if after is None:
            found.append(f"{first} or more")
        else:
            found.append(str(first) if after - 1 == first else f"{first} to {after - 1}")
        index += 1
    return found


def _next(whole: Sequence[int], value: int) -> int | None:
    return next((number for number in whole if number > value), None)
