"""Why not: for every rule before the one that decides, what would have had to differ."""

from pathlib import Path

import pytest

from leadback.base.errors import InputError
from tests.service.worlds import world


def test_what_would_have_had_to_differ(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        here.happen("1", "email_opened")
        (step,) = here.app.leads.why("acme/1", "email_opened")
    assert (step["from"], step["to"]) == ("Engaged", "Engaged")
    assert step["needed"] == ["not email_opened: to Warm when opens >= 3: opens is 2, needed ≥ 3"]


def test_nothing_is_needed_when_the_first_rule_decides(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        for _ in range(2):
            here.happen("1", "email_opened")
        (step,) = here.app.leads.why("acme/1", "email_opened")
    assert step["to"] == "Warm"
    assert step["needed"] == []


def test_a_flag_is_said_in_words(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        (step,) = here.app.leads.why("acme/1", "assigned")
    assert step["needed"] == ["not assigned: to New when finished: it is not finished"]


def test_a_timer_is_asked_for_like_an_event(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        here.happen("1", "marked", action="hot")
        (fires,) = here.app.leads.why("acme/1", "timer.owner_silent")
        here.happen("2", "assigned")
        (sleeps,) = here.app.leads.why("acme/2", "timer.owner_silent")
        with pytest.raises(InputError, match=r"no event 'timer\.owner'") as refused:
            here.app.leads.why("acme/1", "timer.owner")
    assert (fires["from"], fires["to"], fires["result"]) == (
        "Hot",
        "LeadAtRisk",
        "would have moved",
    )
    assert (sleeps["to"], sleeps["result"]) == ("New", "would be ignored")
    assert "timer.owner_silent" in str(refused.value)


def test_a_lead_that_waits_for_a_date_says_until_when_and_where_it_comes_from(
    tmp_path: Path,
) -> None:
    with world(tmp_path) as here:
        here.happen("1", "assigned")
        here.happen("1", "capacity_available")
        assert here.app.leads.show("acme/1")["waits"] == ""
        here.happen("1", "replied", intent="OutOfOffice", return_date="2099-12-10T09:00:00Z")
        here.happen("1", "email_opened")
        waits = here.app.leads.show("acme/1")["waits"]
        assert waits == "waits until 2099-12-10T09:00:00Z, as return_date says"
        here.happen("1", "unsubscribed")
        assert here.app.leads.show("acme/1")["waits"] == ""
