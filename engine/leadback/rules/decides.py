"""Which rule decides about which leads: per state and trigger, exact, for a whole rules file.

The completeness matrix, explanations and differences are three ways of looking at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from leadback.rules.model import OTHER, Rule, Rules, event_of
from leadback.rules.regions import Box, Budget, Place, cells, guard_of

Decided = tuple[tuple[Box, Rule | None], ...]


@dataclass(frozen=True)
class Deciding:
    """The view on one file. Everything it answers is computed when asked for, and pure."""

    rules: Rules

    @cached_property
    def rows(self) -> Mapping[tuple[str, str], tuple[Rule, ...]]:
        """(trigger, state) → its rows in order."""
        found: dict[tuple[str, str], list[Rule]] = {}
        for rule in self.rules.rules:
            for state in rule.sources:
                found.setdefault((rule.trigger, state), []).append(rule)
        return {key: tuple(rows) for key, rows in found.items()}

    @cached_property
    def triggers(self) -> tuple[str, ...]:
        """Every trigger, events before timers, in file order; events without rules too."""
        with_rules = dict.fromkeys(rule.trigger for rule in self.rules.rules)
        known = {trigger.partition(".")[0] for trigger in with_rules}
        bare = [name for name in self.rules.events if name not in known]
        events = [trigger for trigger in with_rules if not trigger.startswith("timer.")]
        timers = [trigger for trigger in with_rules if trigger.startswith("timer.")]
        return (*events, *bare, *timers)

    @cached_property
    def _unfinished(self) -> frozenset[str]:
        anew = (
            rule
            for rule in self.rules.rules
            if rule.stay is not None and any(a.kind == "start_anew" for a in rule.actions)
        )
        return frozenset((*(s for rule in anew for s in rule.sources), str(self.rules.start.to)))

    def trigger_of(self, trigger: str) -> str:
        """The trigger whose rows are tried: of a variant without rows of its own, `other`; of any,
        the event alone where these rules do not choose by it."""
        name, dot, _ = trigger.partition(".")
        if not dot or name == "timer" or trigger in self._with_rows:
            return trigger
        event = self.rules.events.get(name)
        return name if event is not None and event.by is None else f"{name}.{OTHER}"

    @cached_property
    def _with_rows(self) -> frozenset[str]:
        return frozenset(rule.trigger for rule in self.rules.rules)

    def place(self, state: str, trigger: str) -> Place:
        """What is known of a lead in this state when this trigger is pulled."""
        return Place(
            self.rules.states[state],
            event_of(self.rules.events, trigger),
            maybe_new=state == self.rules.start.to,
            maybe_unfinished=state in self._unfinished,
        )

    def rows_in(self, state: str, trigger: str) -> tuple[Rule, ...]:
        return self.rows.get((self.trigger_of(trigger), state), ())

    def domain(self, state: str, trigger: str) -> Box:
        """The kinds of lead that the rows tell apart."""
        place = self.place(state, trigger)
        guards = [guard_of(r, maybe_new=place.maybe_new) for r in self.rows_in(state, trigger)]
        return place.domain(guards)

    def decided(self, state: str, trigger: str, *, domain: Box | None = None) -> Decided:
        """The rule for each piece of the domain (its own unless given).

        Raises TooComplexError when there are too many pieces.
        """
        box = self.domain(state, trigger) if domain is None else domain
        new = state == self.rules.start.to
        return tuple(cells(box, self.rows_in(state, trigger), Budget(), maybe_new=new))


def matrix(rules: Rules) -> dict[tuple[str, str], tuple[str, ...]]:
    """Completeness: (state, trigger) → goals in order, `stay`, `refuse`; () is a hole."""
    deciding = Deciding(rules)
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for state in rules.states:
        for trigger in deciding.triggers:
            timer = rules.timers.get(trigger.removeprefix("timer."))
            if trigger.startswith("timer.") and timer is not None and state not in timer.states:
                continue
            goals: dict[str, None] = {}
            for rule in deciding.rows_in(state, trigger):
                goals[rule.to or ("stay" if rule.stay is not None else "refuse")] = None
                if not rule.guard:
                    break
            found[state, trigger] = tuple(goals)
    return found
