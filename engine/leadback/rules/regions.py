"""Guards as regions: which leads of a state does each rule of an event decide?

Counters have no end, but comparisons only tell finitely many kinds apart; one representative of
each kind stands for all. So gaps, overlaps and shadows are found exactly, not by sampling.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from leadback.rules.model import FLAGS, SUB_STATE, Comparison, Event, Rule, State

CAME_FROM = "came_from"
"""Hidden fact: there is a state that `previous` leads to. Only a new lead has none."""

ELSE = "(another)"
"""Stands for every sub-state that no guard names."""

Value = int | str | None
Box = Mapping[str, tuple[Value, ...]]
"""Facts and the representatives that they may have; every combination is meant."""


class TooComplexError(Exception):
    """The guards combine in more ways than the budget allows."""


@dataclass(slots=True)
class Budget:
    """How many pieces may be looked at before giving up."""

    left: int = 50_000

    def spend(self, pieces: int = 1) -> None:
        self.left -= pieces
        if self.left < 0:
            raise TooComplexError


def holds(comparison: Comparison, value: Value) -> bool:
    """One comparison against one value."""
    wanted = comparison.value
    if isinstance(wanted, tuple):
        return (value in wanted) == (comparison.op == "in")
    number = value if isinstance(value, int) else 0
    match comparison.op:
        case "==":
            return number == wanted
        case "!=":
            return number != wanted
        case ">=":
            return number >= wanted
        case "<=":
            return number <= wanted
        case ">":
            return number > wanted
        case _:
            return number < wanted


def guard_of(rule: Rule, *, maybe_new: bool) -> tuple[Comparison, ...]:
    """The rule's guard; `previous` only fits a lead that was somewhere before."""
    if rule.to == "previous" and maybe_new:
        return (*rule.guard, Comparison(CAME_FROM, "==", 1))
    return rule.guard


@dataclass(frozen=True, slots=True)
class Place:
    """What is known about a lead before a rule is tried: its state, and what just happened.

    maybe_new: it may never have been in another state. maybe_unfinished: it is in a done state,
    but a rule may have started it anew there. event: None for a timer.
    """

    state: State
    event: Event | None
    maybe_new: bool = False
    maybe_unfinished: bool = False

    def domain(self, guards: Iterable[Sequence[Comparison]], *, also: Sequence[str] = ()) -> Box:
        """For each fact that the guards (and `also`) name: a representative of every kind."""
        parts: dict[str, list[Comparison]] = {fact: [] for fact in also}
        for guard in guards:
            for part in guard:
                parts.setdefault(part.fact, []).append(part)
        return {fact: self._values(fact, found) for fact, found in parts.items()}

    def _values(self, fact: str, parts: list[Comparison]) -> tuple[Value, ...]:
        if fact == CAME_FROM:
            return (0, 1) if self.maybe_new else (1,)
        if fact == SUB_STATE:
            return self._sub_states(parts)
        if fact in FLAGS:
            done = fact == "finished" and self.state.work.is_done and not self.maybe_unfinished
            return (1,) if done else (0, 1)
        return self._numbers(fact, parts)

    def _numbers(self, fact: str, parts: list[Comparison]) -> tuple[int, ...]:
        lowest = 0
        if self.event is not None:
            counts, resets = self.event.counts == fact, fact in self.event.resets
            if resets:
                return (1,) if counts else (0,)
            lowest = 1 if counts else 0
        limits = {part.value for part in parts if isinstance(part.value, int)}
        found = {lowest, *limits, *(limit + 1 for limit in limits)}
        return tuple(sorted(number for number in found if number >= lowest))

    def _sub_states(self, parts: list[Comparison]) -> tuple[Value, ...]:
        named = dict.fromkeys(n for p in parts if isinstance(p.value, tuple) for n in p.value)
        allowed = self.state.sub_states
        if allowed is None:
            return (None,)
        if allowed == ():
            return (*named, ELSE, None)
        rest = [name for name in allowed if name not in named]
        others = (ELSE,) if len(rest) > 1 else tuple(rest)
        return (*(name for name in named if name in allowed), *others, None)


def within(box: Box, part: Comparison, *, wanted: bool = True) -> Box | None:
    """The piece of the box where the comparison holds (or does not); None when there is none."""
    kept = tuple(value for value in box[part.fact] if holds(part, value) == wanted)
    if not kept:
        return None
    return box if len(kept) == len(box[part.fact]) else {**box, part.fact: kept}


def fitting(box: Box, guard: Sequence[Comparison]) -> Box | None:
    """The piece of the box where the whole guard holds."""
    piece: Box | None = box
    for part in guard:
        piece = within(piece, part) if piece is not None else None
    return piece


def failing(box: Box, guard: Sequence[Comparison]) -> list[Box]:
    """The pieces of the box where the guard does not hold; they do not overlap."""
    pieces: list[Box] = []
    rest: Box | None = box
    for part in guard:
        if rest is None:
            break
        outside = within(rest, part, wanted=False)
        if outside is not None:
            pieces.append(outside)
        rest = within(rest, part)
    return pieces


def cells(
    box: Box, rules: Sequence[Rule], budget: Budget, *, maybe_new: bool = False
) -> list[tuple[Box, Rule | None]]:
    """The box cut into pieces, each with the rule that decides there (None: no rule fits).

    Raises TooComplexError when the budget runs out.
    """
    found: list[tuple[Box, Rule | None]] = []
    open_pieces = [box]
    for rule in rules:
        guard = guard_of(rule, maybe_new=maybe_new)
        next_pieces: list[Box] = []
        for piece in open_pieces:
            budget.spend()
            inside = fitting(piece, guard)
            if inside is None:
                next_pieces.append(piece)
                continue
            found.append((inside, rule))
            next_pieces += failing(piece, guard)
        open_pieces = next_pieces
        if not open_pieces:
            break
    return found + [(piece, None) for piece in open_pieces]


def example(box: Box) -> str:
    """One lead of this box, in words: `opens = 1 and not finished`."""
    return " and ".join(_fact_in_words(fact, values[0]) for fact, values in box.items())


def _fact_in_words(fact: str, value: Value) -> str:
    if fact == CAME_FROM:
        return "a state before this one" if value else "no state before this one"
    if fact in FLAGS:
        return fact if value else f"not {fact}"
    if fact == SUB_STATE:
        return f"sub_state {value}" if value else "no sub_state"
    return f"{fact} = {value}"
