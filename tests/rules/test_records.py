"""What the pure core hands around cannot be changed by whoever gets it."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import leadback.lead
import leadback.rules

BUILT_UP = {
    "leadback.lead.actions.Work",
    "leadback.rules.check_rows._Event",
    "leadback.rules.draft.Draft",
    "leadback.rules.example_runner._Stage",
    "leadback.rules.explore.Explored",
    "leadback.rules.reader.Reading",
    "leadback.rules.reader._Frame",
    "leadback.rules.regions.Budget",
    "leadback.rules.shapes.Report",
}
"""What is filled while a file is read, a lead is decided, or kinds of lead are searched."""
QUICK = {f"leadback.lead.records.{n}" for n in ("Decision", "Effect", "Event", "Lead", "TimerSet")}
"""Made for every event: freezing costs half of what making one does. They have a hash instead."""
CACHING = {"leadback.rules.decides.Deciding"}
"""Remembers in a dictionary of its own what it has worked out."""


def records() -> Iterator[tuple[str, Any]]:
    for package in (leadback.rules, leadback.lead):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                ours = getattr(value, "__module__", "") == module.name
                if ours and isinstance(value, type) and dataclasses.is_dataclass(value):
                    yield f"{module.name}.{name}", value


@pytest.mark.parametrize(("name", "record"), list(records()))
def test_a_record_has_its_fields_and_no_others(name: str, record: Any) -> None:
    parameters = record.__dataclass_params__
    assert ("__slots__" in vars(record)) is (name not in CACHING)
    assert parameters.frozen is (name not in BUILT_UP | QUICK)
    assert parameters.unsafe_hash is (name in QUICK)
