"""The recorded day, played through the real way of the house, ends as the oracle says on paper."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from leadback.base.shipped import RECORDED_DAY
from leadback.cli.demo_day import Day
from leadback.cli.demo_portal import sandbox_process
from leadback.cli.demo_report import compare
from tests.oracle.expectation import diff, expected
from tests.oracle.sandbox_dump import contacts

pytestmark = pytest.mark.long


@dataclass
class End:
    """What the day came to."""

    dumps: dict[str, Any]
    leads: list[dict[str, Any]]
    verdicts: Counter[str]
    added: Any
    status: dict[str, Any]
    stats: dict[str, Any]
    differences: list[str]


@pytest.fixture(scope="module")
def end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[End]:
    with sandbox_process() as portals:
        day = Day(portals, RECORDED_DAY, tmp_path_factory.mktemp("day") / "day.db")
        with day.opened() as app:
            day.play(app, lambda *_: None)
            leads = app.leads.list(limit=100_000)
            dumps = {name: portals.dump(name) for name in day.names}
            with app.store.read() as tx:
                verdicts = Counter(
                    entry.what
                    for lead in leads
                    for entry in tx.ledger.of_lead(lead["portal"], lead["id"].partition("/")[2])
                    if entry.by == "leadback"
                )
            yield End(
                dumps=dumps,
                leads=leads,
                verdicts=verdicts,
                added=day.added,
                status=app.queue.status(),
                stats={name: portals.stats(name) for name in day.names},
                differences=[
                    line
                    for name in day.names
                    for line in compare(app, name, dumps[name]).differences
                ],
            )


def test_every_contact_and_every_lead_is_as_the_oracle_says(end: End) -> None:
    actual = {
        "portals": {name: contacts(dump) for name, dump in end.dumps.items()},
        "leads": end.leads,
        "totals": {
            "accepted": end.added.accepted,
            "duplicate": end.added.duplicate,
            "rejected": end.added.rejected,
        },
    }
    assert diff(expected(RECORDED_DAY), actual) == []


def test_the_handbacks_end_as_the_oracle_says(end: End) -> None:
    assert end.verdicts == Counter(expected(RECORDED_DAY).verdicts)


def test_the_demos_own_comparison_agrees(end: End) -> None:
    assert end.differences == []


def test_nothing_is_left_over(end: End) -> None:
    outbox = end.status["outbox"]
    assert [outbox[k] for k in ("pending", "leased", "uncertain", "failed")] == [0, 0, 0, 0]
    assert end.status["inbox"]["due"] == 0
    assert end.status["paused"] == []


def test_the_portal_was_never_pressed(end: End) -> None:
    assert [stats["rate_limited"] for stats in end.stats.values()] == [0, 0]
