"""A measured figure: what was measured, in which unit, against which target."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FULL = bool(os.environ.get("LEADBACK_BENCH_FULL"))
"""`make bench-full`: sizes and figures that take longer than a few minutes."""


@dataclass(frozen=True, slots=True)
class Figure:
    """target: a readable bound such as ">= 10000", "" = none is set. note: what to know of it."""

    name: str
    value: float
    unit: str
    target: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if not self.target:
            return None
        bound, number = self.target.split()
        limit = float(number)
        return {
            ">=": self.value >= limit,
            "<=": self.value <= limit,
            "<": self.value < limit,
            "==": self.value == limit,
        }[bound]


Benchmark = Callable[[], Iterator[Figure]]
