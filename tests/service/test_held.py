"""Events of a contact that never becomes a lead: after LEADBACK_HELD_DAYS they need a person."""

from pathlib import Path

import pytest

from leadback.base.clock import DAY
from leadback.cli.queue import needs_a_person
from leadback.service.queue import HELD_DAYS
from tests.service.worlds import World, world


def needing(here: World) -> list[str]:
    found = {row["id"] for row in here.app.queue.list() if row["status"] == "held"}
    with here.app.store.read() as tx:
        counted = tx.views.needing(held_before=here.app.queue.held_before())
    assert counted.held_long == len(found) == here.app.queue.status()["inbox"]["held_long"]
    assert needs_a_person(here.app.queue.status()) == bool(found)
    return sorted(found)


@pytest.mark.parametrize("days", [None, 3])
def test_what_is_held_longer_than_the_setting_needs_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int | None
) -> None:
    if days is not None:
        monkeypatch.setenv("LEADBACK_HELD_DAYS", str(days))
    most = HELD_DAYS if days is None else days
    with world(tmp_path) as here:
        here.happen("501", "email_opened")
        here.happen("502", "email_opened")
        assert len(here.app.queue.list(held=True)) == 2
        here.clock.advance(most * DAY - DAY)
        assert needing(here) == []
        here.clock.advance(2 * DAY)
        both = needing(here)
        assert len(both) == 2
        assert here.app.queue.keep(both[:1])["kept"] == 1
        assert needing(here) == both[1:]
        assert here.app.queue.drop(both[1:], "a test's")["dropped"] == 1
        assert needing(here) == []
        here.clock.advance(most * DAY + DAY)
        assert needing(here) == both[:1], "kept for as long again"
        here.happen("501", "assigned")
        here.decide()
        assert needing(here) == []
        steps = [step["event"] for step in here.app.leads.why("acme/501")]
        assert steps == ["assigned", "email_opened"]
