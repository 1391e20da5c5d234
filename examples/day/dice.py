"""Chance that falls alike on every Python: only Random.random() is promised to stay the same."""

from collections.abc import MutableSequence, Sequence
from random import Random
from typing import TypeVar

Thing = TypeVar("Thing")


class Dice:
    """A seeded source of choices."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def below(self, end: int) -> int:
        """0, 1, … end - 1."""
        return int(self._random.random() * end)

    def between(self, low: int, high: int) -> int:
        """low, … high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def pick(self, things: Sequence[Thing]) -> Thing:
        return things[self.below(len(things))]

    def shuffle(self, things: MutableSequence[Thing]) -> None:
        for last in range(len(things) - 1, 0, -1):
            other = self.below(last + 1)
            things[last], things[other] = things[other], things[last]
