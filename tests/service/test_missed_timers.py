"""Overdue timers through the whole engine: nothing ran for a day, then a worker comes up."""

from pathlib import Path

import pytest

from leadback.base.clock import DAY, HOUR, MINUTE, parse_time
from leadback.base.shipped import SHIPPED_RULES
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


def test_failure_15_a_clock_that_jumps_forward_and_back_fires_a_timer_once(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        here.happen("1", "replied", intent="AgreedToMeet")
        begin = here.clock.now()
        here.clock.advance(DAY + HOUR)  # a wrong clock, or 25 hours without a worker
        here.decide()
        assert here.lead("1").state == "LeadAtRisk"
        decided = here.lead("1").revision
        here.clock.set(begin + HOUR)  # the clock is put right
        assert here.decide() == 0
        here.happen("1", "email_opened")
        assert here.lead("1").revision == decided + 1  # events are decided, whatever the clock says
        here.clock.set(begin + DAY + HOUR)
        here.decide()
        fired = [
            row for row in here.app.leads.show("acme/1")["history"] if "timer." in row["event"]
        ]
        assert len(fired) == 1


def test_failure_15_a_day_is_24_hours_when_the_clocks_change(tmp_path: Path) -> None:
    """Instants are kept, not wall clocks: 2027-03-28 has 23 hours in Berlin, and nobody notices."""
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        here.clock.set(parse_time("2027-03-27T20:00:00+01:00") - MINUTE)
        here.happen("1", "replied", intent="AgreedToMeet")
        here.clock.set(parse_time("2027-03-28T20:59:59+02:00"))
        here.decide()
        assert here.lead("1").state == "Hot"
        here.clock.set(parse_time("2027-03-28T21:00:00+02:00"))
        here.decide()
        assert here.lead("1").state == "LeadAtRisk"
