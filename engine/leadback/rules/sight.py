"""How far leads have to be told apart so that every guard of some rules can be answered.

What no guard can tell apart is the same kind of lead; that is what makes a search finite.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from leadback.rules.model import FLAGS, KEEP, PREVIOUS, SUB_STATE, Comparison, Rule, Rules


@dataclass(frozen=True, slots=True)
class Sight:
    """What has to be told apart: counters up to a number, sub-states by name, and so on.

    reading: states in which it matters which sub-state a lead has. backs: states that `previous`
    leaves. unlimited: counters go on counting and nothing is left out, for playing real sequences.
    bounds: where one range of a counter ends and the next begins; with them, only ranges are told
    apart. A lead may then seem to need fewer events than it does, never more: good for proofs.
    """

    caps: Mapping[str, int]
    sub_states: frozenset[str]
    reading: frozenset[str]
    backs: frozenset[str]
    stopped: bool
    unlimited: bool = False
    bounds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @staticmethod
    def of(*several: Rules) -> "Sight":
        """Enough for the guards of all these rules and their invariants."""
        caps: dict[str, int] = {}
        names: set[str] = set()
        stopped = False
        for part in _comparisons(several):
            if isinstance(part.value, tuple):
                names.update(part.value)
            elif part.fact in FLAGS:
                stopped = stopped or part.fact == "stopped"
            else:
                caps[part.fact] = max(caps.get(part.fact, 0), part.value + 1)
        rules = [rule for one in several for rule in one.rules]
        backs = frozenset(s for rule in rules if rule.to == PREVIOUS for s in rule.sources)
        return Sight(caps, frozenset(names), _reading(several), backs, stopped)

    @staticmethod
    def in_ranges(rules: Rules) -> "Sight":
        """As of(), but counters only by the ranges that comparisons tell apart."""
        bounds: dict[str, set[int]] = {}
        for part in _comparisons([rules]):
            if isinstance(part.value, int) and part.fact not in FLAGS:
                first = part.value if part.op in (">=", "<", "==", "!=") else part.value + 1
                found = bounds.setdefault(part.fact, {0})
                found.add(first)
                if part.op in ("==", "!="):
                    found.add(first + 1)
        ranges = {name: tuple(sorted(found)) for name, found in bounds.items()}
        return replace(Sight.of(rules), bounds=ranges)

    def counted(self, name: str, value: int) -> tuple[int, ...]:
        """What a counter can be after one more event."""
        if self.unlimited:
            return (value + 1,)
        if not self.bounds:
            return (min(value + 1, self.caps[name]),)
        bounds = self.bounds[name]
        above = next((bound for bound in bounds if bound > value), None)
        if above is None:
            return (value,)
        return (above,) if above == value + 1 else (value, above)

    def sub(self, name: str | None, state: str) -> str | None:
        if self.unlimited or (name in self.sub_states and state in self.reading):
            return name
        return None


def _reading(several: Iterable[Rules]) -> frozenset[str]:
    """States where a guard reads the sub-state, and those that hand theirs on to them."""
    found: set[str] = set()
    kept: list[Rule] = []
    for rules in several:
        for rule in rules.rules:
            if any(part.fact == SUB_STATE for part in rule.guard):
                found.update(rule.sources)
            if rule.sub_state == KEEP:
                kept.append(rule)
        for invariant in rules.invariants.values():
            if any(part.fact == SUB_STATE for part in invariant.guard):
                found.update(invariant.states)
    before = -1
    while found and len(found) != before:
        before = len(found)
        for rule in kept:
            if rule.to in found:
                found.update(rule.sources)
    return frozenset(found)


def _comparisons(several: Iterable[Rules]) -> Iterator[Comparison]:
    for rules in several:
        for rule in rules.rules:
            yield from rule.guard
        for invariant in rules.invariants.values():
            yield from invariant.guard
