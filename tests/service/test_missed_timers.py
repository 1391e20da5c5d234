"""Overdue timers through the whole engine: nothing ran for a day, then a worker comes up."""

from pathlib import Path

import pytest

from engine.base.clock import DAY, HOUR
from engine.base.settings import SHIPPED_RULES
from tests.service.worlds import world

TEXT = SHIPPED_RULES.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("missed", "at_once", "a_day_later"),
    [
        ("fire", "LeadAtRisk", "LeadAtRisk"),
        ("skip", "Hot", "Hot"),
        ("restart", "Hot", "LeadAtRisk"),
    ],
)
def test_after_downtime(tmp_path: Path, missed: str, at_once: str, a_day_later: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(TEXT.replace("after: 24h", f"after: 24h, missed: {missed}"), encoding="utf-8")
    with world(tmp_path, rules) as here:
        here.happen("1", "assigned")
        here.happen("1", "replied", intent="AgreedToMeet")
        here.clock.advance(DAY + HOUR)
        here.decide()
        assert here.lead("1").state == at_once
        here.clock.advance(DAY + 1)
        here.decide()
        assert here.lead("1").state == a_day_later
