"""PostgreSQL: two worker processes and the server on this machine; accepted → committed."""

from collections.abc import Iterator

from bench.events import LEADS, latency, populate
from bench.figures import Figure
from bench.processes import events_per_s
from bench.server import analyze, database
from leadback.wiring import open_app

EVENTS = 60_000


def measure() -> Iterator[Figure]:
    with database() as url:
        _populate(url)
        one = events_per_s(url, processes=1, events=EVENTS)
    two = two_workers_events_per_s()
    yield Figure(
        "postgresql_events_per_s", two, "events/s", note="2 workers; to be judged beside peers"
    )
    yield Figure("postgresql_events_per_s_1_worker", one, "events/s")
    with database() as url:
        _populate(url)
        four = events_per_s(url, processes=4, events=EVENTS)
    yield Figure("postgresql_4_workers_to_1", four / one, "ratio")
    with database() as url:
        _populate(url)
        with open_app(database=url) as app:
            p50, p99 = latency(app)
        yield Figure("commit_p50_ms_postgresql", p50, "ms")
        yield Figure("commit_p99_ms_postgresql", p99, "ms", "< 50")


def two_workers_events_per_s() -> float:
    with database() as url:
        _populate(url)
        return events_per_s(url, processes=2, events=EVENTS)


def _populate(url: str) -> None:
    with open_app(database=url) as app:
        populate(app, LEADS)
    analyze(url)
