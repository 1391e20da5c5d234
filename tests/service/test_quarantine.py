"""What was not understood is found by its id and gone through in parts, however much there is."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from leadback.service.attention import Attention
from leadback.store import Quarantined
from tests.service.worlds import BEGIN, World, world

MANY, SIZE = 300, 200_000


def fill(here: World, count: int = MANY, size: int = SIZE) -> list[str]:
    """Events that cannot be read: their ids in the list, oldest first."""
    with here.app.store.write() as tx:
        tx.quarantine.add(
            [Quarantined("", "file:1", f"{n} {'x' * size}", "why", BEGIN) for n in range(count)]
        )
    return [row["id"] for row in here.app.queue.list(quarantined=True, limit=count)]


def one(here: World, item: str) -> None:
    assert here.app.queue.retry([item]) == {"retried": 0, "rejected": 1, "unknown": 0}


def dropped(here: World, item: str) -> None:
    assert here.app.queue.drop([item], "a test's")["dropped"] == 1


def discarded(here: World, item: str) -> None:
    app = here.app
    attention = Attention(app.store, app.clock, app.queue, app.intake, lambda: 0, audit=app.audit)
    assert attention.discard(item).startswith("150 x")


def every(here: World, _: str) -> None:
    assert here.app.queue.retry(None) == {"retried": 0, "rejected": MANY, "unknown": 0}


@pytest.mark.parametrize("command", [one, dropped, discarded, every], ids=lambda c: c.__name__)
def test_no_command_reads_all_that_is_in_quarantine(
    tmp_path: Path, command: Callable[[World, str], None]
) -> None:
    with world(tmp_path) as here:
        ids = fill(here)
        tracemalloc.start()
        command(here, ids[150])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MANY * SIZE / 3, f"{peak:,} bytes"


def test_each_is_tried_again_once_and_what_is_refused_again_stays(tmp_path: Path) -> None:
    good = '{"specversion":"1.0","id":"1","source":"m","type":"email_opened","subject":"acme/1"}'
    with world(tmp_path) as here:
        fill(here, count=50, size=10)
        with here.app.store.write() as tx:
            tx.quarantine.add([Quarantined("", "file:1", good, "why", BEGIN)])
        before = here.app.queue.list(quarantined=True, limit=100)
        assert here.app.queue.retry(None) == {"retried": 1, "rejected": 50, "unknown": 0}
        after = here.app.queue.list(quarantined=True, limit=100)
    assert len(after) == 50
    assert not {row["id"] for row in before} & {row["id"] for row in after}
