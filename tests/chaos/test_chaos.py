"""20 kills of workers and 3 restarts of the server under load; `make chaos` does it at length."""

from dataclasses import replace

import pytest

from tests.acceptance.conftest import Program
from tests.chaos.checker import problems
from tests.chaos.server import server
from tests.chaos.storm import Storm

pytestmark = [pytest.mark.slow, pytest.mark.long]
SEED = 20_261_124


def test_kill_9_under_load_on_sqlite(program: Program) -> None:
    url = f"sqlite:///{program.folder / 'leadback.db'}"
    storm = Storm(program, url, SEED, kills=20, restarts=0, events=1_000)
    assert storm.run() == []
    assert storm.in_flight > 5, "the blows fell while nothing was done"


@pytest.mark.postgres
def test_failure_1_the_server_restarts_under_load_while_workers_are_killed(
    program: Program,
) -> None:
    with server() as running:
        storm = Storm(
            program, running.url, SEED, kills=20, restarts=3, events=1_000, server=running
        )
        assert storm.run() == []
        assert storm.in_flight > 5, "the blows fell while nothing was done"


def test_the_checker_finds_what_is_lost_doubled_or_out_of_order(program: Program) -> None:
    """The same run, compared with another account of what was sent."""
    url = f"sqlite:///{program.folder / 'leadback.db'}"
    storm = Storm(program, url, SEED, kills=1, restarts=0, events=60, leads=2)
    assert storm.run() == []
    read, dump, sent = storm.reader(), program.dump(), storm.sent
    lost = replace(sent[-1], event_id="c-lost", subject="Mail lost")
    assert len(problems(read, dump, [*sent, lost])) == 4  # history, counter, order, portal
    assert any("too often" in one for one in problems(read, dump, sent[:-1]))
    assert any("out of order" in one for one in problems(read, dump, [*reversed(sent)]))
