"""Leadback and its peers doing the same work in the same run: see bench.peers.work."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import events, postgresql
from bench.figures import Figure
from bench.server import database

HUEY, PROCRASTINATE, PGQUEUER, DBOS_SQLITE, DBOS_POSTGRESQL = 1_500, 1_000, 4_000, 300, 500
"""Events, so that each takes about ten seconds."""


def measure() -> Iterator[Figure]:
    """The peers come with the extra `bench`. Each one's own figure, then the ratios."""
    from bench.peers import on_dbos, on_huey, on_pgqueuer, on_procrastinate

    on_sqlite = {
        "huey": _in_folder(on_huey.events_per_s, HUEY),
        "dbos_sqlite": _in_folder(on_dbos.sqlite_events_per_s, DBOS_SQLITE),
    }
    yield from _figures(on_sqlite)
    ours = events.sqlite_events_per_s()
    yield _ratio("to_best_peer_sqlite", ours, on_sqlite)
    on_postgresql = {
        "procrastinate": _in_database(on_procrastinate.events_per_s, PROCRASTINATE),
        "pgqueuer": _in_database(on_pgqueuer.events_per_s, PGQUEUER),
        "dbos_postgresql": _in_database(on_dbos.postgresql_events_per_s, DBOS_POSTGRESQL),
    }
    yield from _figures(on_postgresql)
    ours = postgresql.two_workers_events_per_s()
    yield _ratio("to_best_peer_postgresql", ours, on_postgresql)


def _in_folder(run: Callable[[Path, int], float], count: int) -> float:
    with tempfile.TemporaryDirectory(prefix="lb-peer-") as folder:
        return run(Path(folder), count)


def _in_database(run: Callable[[str, int], float], count: int) -> float:
    with database() as url:
        return run(url, count)


def _figures(peers: dict[str, float]) -> Iterator[Figure]:
    for name, rate in peers.items():
        yield Figure(f"peer_{name}_events_per_s", rate, "events/s")


def _ratio(name: str, ours: float, peers: dict[str, float]) -> Figure:
    best = max(peers, key=lambda peer: peers[peer])
    return Figure(name, ours / peers[best], "ratio", ">= 5", f"{ours:,.0f} events/s to {best}'s")
