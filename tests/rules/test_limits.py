"""Files with far too many entries are refused at once, with the place; checking them took 19 s."""

import time

import pytest

from leadback.rules.loader import parse
from leadback.rules.shapes import MAX_PAIRS


@pytest.mark.parametrize("section", ["groups", "counters", "events", "texts"])
def test_a_section_with_twenty_thousand_entries(section: str) -> None:
    lines = "".join(f"  g{number}: [New, Cold]\n" for number in range(20_000))
    started = time.process_time()
    model, findings = parse(f"format: 1\n{section}:\n{lines}", file="x.yaml")
    assert time.process_time() - started < 8
    assert model is None
    (found,) = [one for one in findings if one.code == "R002"]
    assert (found.line, f"{MAX_PAIRS:,}" in found.message) == (MAX_PAIRS + 3, True)
