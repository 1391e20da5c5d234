"""Records that are made by the million: frozen where it is checked, quick where they are made.

A frozen dataclass sets every field through object.__setattr__: a lead costs eight times as much to
make, and records were a quarter of what an event cost. So `record` freezes for the type checker
alone: mypy refuses every assignment, in the engine and in plugins; nothing is checked at run time.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """`@dataclass(frozen=True, slots=True)` for records of the hot path; equal and hashable."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
