"""A worker on both databases: woken by the bell, fair between portals, ending when asked."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from leadback.lead.records import Event, Portal
from leadback.store import NewEvent, Store
from leadback.wiring import App, open_app
from leadback.work import lag, worker

PATIENCE = 20.0


@pytest.fixture
def app(url: str) -> Iterator[App]:
    with open_app(database=url) as opened:
        yield opened


def connect(app: App, *names: str) -> None:
    with app.store.write() as tx:
        for name in names:
            tx.portals.put(Portal(name, "hubspot", "http://127.0.0.1:9", "NO_SUCH_TOKEN"))


def arrive(app: App, portal: str, *contacts: str, kind: str = "assigned") -> None:
    now = app.clock.now()
    with app.store.write() as tx:
        tx.inbox.add(
            [
                NewEvent(
                    portal,
                    contact,
                    Event(kind, now, "test", f"{contact}-{kind}", {
                        "portal": portal, "crm_id": contact, "assistant": "t@example.com",
                    }),
                )
                for contact in contacts
            ],
            now=now,
        )  # fmt: skip


@contextmanager
def at_work(app: App) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=app.worker(2).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def leads(app: App, portal: str) -> int:
    with app.store.read() as tx:
        return sum(tx.leads.count_by_state(portal).values())


def test_a_worker_is_woken_by_the_bell(app: App, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking anyway would come an hour later."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 3_600.0)
    connect(app, "acme")
    with at_work(app), open_app(database=url) as other:
        until(lambda: not other.queue.status()["inbox"]["due"])
        for number in range(3):
            arrive(other, "acme", str(number))
            until(lambda number=number: leads(other, "acme") == number + 1)  # type: ignore[misc]  # mypy infers no type for a default
        # stop is seen: the loops are woken by it too
        monkeypatch.setattr(worker, "IDLE_SECONDS", 0.01)
        arrive(other, "acme", "last")


def test_failure_11_a_busy_portal_starves_no_other(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "claim_events", 10)
    connect(app, "busy", "quiet")
    arrive(app, "busy", *(str(n) for n in range(100)))
    arrive(app, "quiet", "501")
    assert app.decisions.decide_due(app.clock.now()) == 11
    assert leads(app, "quiet") == 1
    assert leads(app, "busy") == 10


def test_failure_17_a_stopped_worker_leaves_the_queue_alive(app: App, url: str) -> None:
    connect(app, "acme")
    with at_work(app):
        arrive(app, "acme", *(str(n) for n in range(50)))
    with open_app(database=url) as other, at_work(other):
        until(lambda: leads(other, "acme") == 50)
    with app.store.read() as tx:
        assert all(len(tx.history.of_lead("acme", str(n))) == 1 for n in range(50))


def test_work_that_lags_is_said_in_the_log(app: App) -> None:
    connect(app, "acme")
    now = app.clock.now()
    arrive(app, "acme", "1", "2", kind="assigned")
    with capture_logs() as said:
        lag.tell_lag(app.store, now + 30_000)
        assert [line for line in said if line["log_level"] == "warning"] == []
        lag.tell_lag(app.store, now + 90_000)
    (line,) = [line for line in said if line["log_level"] == "warning"]
    assert (line["action"], line["due"]) == ("lag", 2)
    assert 80 < line["oldest_due_seconds"] <= 90


def test_a_worker_says_it_now_and_then(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LAG_SECONDS", 0.01)
    monkeypatch.setattr(lag, "LATE_SECONDS", 0.0)
    with capture_logs() as said, at_work(app):
        until(lambda: any(line.get("action") == "lag" for line in said))
