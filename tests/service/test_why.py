"""Why not: for every rule before the one that decides, what would have had to differ."""

from pathlib import Path

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
