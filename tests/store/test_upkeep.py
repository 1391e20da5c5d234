"""Forgetting what is old, and being woken up instead of asking."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from leadback.base.clock import DAY
from leadback.base.errors import InputError
from leadback.lead.records import TimerSet
from leadback.service.archive import pruned
from leadback.store import NewHint, Quarantined, Settlement, Store
from leadback.store.retention import Pruned
from tests.store.worlds import PORTAL, add, connect, decide, decision, lead, make_lead, new, note

OLD, YOUNG = 1_000, 100 * DAY


@pytest.fixture(autouse=True)
def _portals(store: Store) -> None:
    connect(store)


def deliver(store: Store, now: int, verdict: str = "done") -> None:
    with store.write() as tx:
        claimed = tx.outbox.claim(PORTAL, now=now, lease=1, limit=1_000)
        done = [Settlement(e.id, verdict, reason="x") for e in claimed.effects]  # type: ignore[arg-type]  # a word
        tx.outbox.settle(PORTAL, claimed.fence, done, now=now)


# ---------------------------------------------------------------------- prune


def test_what_is_old_and_over_is_forgotten(store: Store) -> None:
    for number in range(5):
        make_lead(store, f"old{number}", note(f"o{number}"), now=OLD)
    deliver(store, OLD)
    make_lead(store, "failed", note("f"), now=OLD)
    deliver(store, OLD, "failed")
    make_lead(store, "open", note("p"), now=OLD)
    add(store, new("nobody", "held"), now=OLD)
    decide(store, now=OLD)
    with store.write() as tx:
        tx.quarantine.add([Quarantined("", "s", "r", "w", at) for at in (OLD, YOUNG)])
    make_lead(store, "young", note("y"), now=YOUNG)
    gone = store.prune(before=YOUNG - DAY)
    assert gone == Pruned(history=7, events=7, effects=5, held=1, quarantined=1)
    with store.read() as tx:
        assert len(tx.leads.list(limit=100)) == 8
        assert [e.event.id for e in tx.history.events(PORTAL)] == ["assigned-young"]
        assert tx.inbox.held() == []
        left = tx.outbox.list(portal=PORTAL)
    assert [(row.reference, row.status) for row in left] == [
        ("f", "failed"),
        ("p", "pending"),
        ("y", "pending"),
    ]
    assert store.prune(before=YOUNG - DAY) == Pruned()


def test_what_waits_is_never_forgotten(store: Store) -> None:
    add(store, new("501", "a", "assigned"), new("502", "b", needs="contact"), now=OLD)
    add(store, new("503", "c", "assigned"), now=OLD)
    keeper = decision(lead("503"), timers=[TimerSet("t", YOUNG)])
    with store.write() as tx:
        lanes = {x.lead_id: x for x in tx.inbox.claim(PORTAL, now=OLD, limit=9)}
        from leadback.store import Decided

        tx.inbox.commit(
            PORTAL,
            [Decided(lanes["503"].events[0], None, keeper)],
            now=OLD,
            rules_version="v",
        )
    assert store.prune(before=YOUNG + DAY).events == 1
    assert [row[0] for row in decide(store, now=YOUNG)] == ["501", "503"]
    with store.write() as tx:
        assert len(tx.inbox.claim_lookups(PORTAL, now=YOUNG, lease=1, limit=9)) == 1


def test_forgetting_goes_on_beyond_one_step(store: Store) -> None:
    for page in range(3):
        add(store, *(new("501", f"{page}-{n}", "assigned") for n in range(1_000)), now=OLD)
    while decide(store, now=OLD):
        pass
    gone = store.prune(before=YOUNG)
    assert (gone.history, gone.events) == (3_000, 3_000)


# ---------------------------------------------------------------------- woken up


def test_the_bell_rings_when_another_process_brings_work(
    store: Store, opened: Callable[[], Store]
) -> None:
    bell, other = store.bell(), opened()
    assert not bell.wait(0)
    woken: list[bool] = []
    waiter = threading.Thread(target=lambda: woken.append(bell.wait(30)))
    waiter.start()
    add(other, new("501", 1, "assigned"))
    waiter.join(10)
    assert woken == [True]
    for work in (
        lambda: decide(other),
        lambda: _hint(other),
        lambda: add(other, new("501", 2)),
    ):
        while bell.wait(0):
            pass
        work()
        assert bell.wait(10), work
    bell.close()


def _hint(store: Store) -> None:
    with store.write() as tx:
        tx.hints.add(PORTAL, [NewHint("501", 1)], now=1)


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
@pytest.mark.postgres
def test_reading_and_rolling_back_ring_no_bell(store: Store, opened: Callable[[], Store]) -> None:
    bell, other = store.bell(), opened()

    def dies() -> None:
        with other.write() as tx:
            tx.inbox.add([new("501", 1)], now=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        dies()
    with other.read() as tx:
        tx.queue.status(1)
    assert not bell.wait(0.05)
    bell.close()


def test_what_goes_is_in_the_archive_first(store: Store, tmp_path: Path) -> None:
    make_lead(store, "501", note("n"), now=OLD)
    deliver(store, OLD)
    make_lead(store, "young", note("y"), now=YOUNG)
    file = tmp_path / "archive.jsonl"
    gone = pruned(store, before=YOUNG - DAY, archive=file)
    assert gone == Pruned(history=1, events=1, effects=1)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(row["table"] for row in rows) == ["history", "inbox", "outbox"]
    assert {row.get("lead_id") or row["crm_id"] for row in rows} == {"501"}
    assert file.stat().st_mode & 0o077 == 0


def test_an_archive_that_fails_keeps_the_rows(store: Store) -> None:
    make_lead(store, "501", now=OLD)

    def full(table: str, rows: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        store.prune(before=YOUNG, archive=full)
    with store.read() as tx:
        assert tx.history.count(PORTAL) == 1
    with pytest.raises(InputError, match="cannot be written"):
        pruned(store, before=YOUNG, archive=Path("/nowhere/archive.jsonl"))
