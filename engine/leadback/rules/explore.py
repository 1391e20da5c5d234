"""Every kind of lead that any sequence of events can make, and the shortest way to each.

A search over finitely many kinds: what it does not find, no sequence of events can do. Timers are
taken to fire at any moment, which is more than they can: proofs hold, a counter-example may not.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from leadback.rules.kinds import Kind, Step
from leadback.rules.walk import Walker

MOST_KINDS = 60_000
MOST_STEPS = 250_000


@dataclass(slots=True)
class Explored:
    """All kinds found, each with the step that first made it; complete: none is missing."""

    came_by: dict[Kind, Step] = field(default_factory=dict)
    complete: bool = True

    def path(self, step: Step) -> list[str]:
        """The shortest sequence of triggers that ends with this step."""
        triggers = [step.trigger]
        kind = step.before
        while kind is not None:
            earlier = self.came_by[kind]
            triggers.append(earlier.trigger)
            kind = earlier.before
        return triggers[::-1]


def explore(
    walker: Walker, *, most: int = MOST_KINDS, most_steps: int = MOST_STEPS
) -> Iterator[tuple[Explored, Step]]:
    """Every step of every reachable kind, nearest first. The Explored grows along the way."""
    first = walker.start()
    explored = Explored({first.after: first})
    yield explored, first
    todo = deque([first.after])
    steps = 0
    while todo:
        if steps > most_steps:
            explored.complete = False
            return
        for step in walker.steps(todo.popleft()):
            steps += 1
            if step.after not in explored.came_by:
                if len(explored.came_by) >= most:
                    explored.complete = False
                    continue
                explored.came_by[step.after] = step
                todo.append(step.after)
            yield explored, step


def all_kinds(walker: Walker, *, most_steps: int = MOST_STEPS) -> Explored:
    """Every reachable kind."""
    explored = Explored()
    for found, _ in explore(walker, most_steps=most_steps):
        explored = found
    return explored


def in_words(triggers: list[str]) -> str:
    """`assigned, email_opened (3 times), replied.other`."""
    parts: list[tuple[str, int]] = []
    for trigger in triggers:
        if parts and parts[-1][0] == trigger:
            parts[-1] = (trigger, parts[-1][1] + 1)
        else:
            parts.append((trigger, 1))
    return ", ".join(name if times == 1 else f"{name} ({times} times)" for name, times in parts)
