"""10,000 contacts assigned at once in HubSpot: seconds until all have note, status and lead.

Real processes: the sandbox with the limits of a real portal sends signed webhooks to `leadback
serve`, which takes, decides and delivers. Compared with the seconds that the limit alone needs.
"""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from bench.assigning import ASSISTANT, Portal, serving
from bench.figures import Figure

CONTACTS = 10_000
CALLS = CONTACTS // 50 + 2 * CONTACTS // 100
"""Reads with history, notes, field values: what nobody can save."""
CALLS_PER_SECOND = 19.0
PATIENCE_SECONDS = 120.0
AT_ONCE = 1_000


def measure() -> Iterator[Figure]:
    with serving() as (portal, folder):
        ids = _contacts(portal)
        time.sleep(10.5)
        portal.control("DELETE", "stats")
        started = time.monotonic()
        for first in range(0, CONTACTS, AT_ONCE):
            moves = [
                {"action": "assign", "contact": crm_id, "owner": ASSISTANT}
                for crm_id in ids[first : first + AT_ONCE]
            ]
            portal.control("POST", "actions", moves)
        _wait_for_effects(folder / "leadback.db", 2 * CONTACTS)
        seconds = time.monotonic() - started
        stats = portal.control("GET", "stats")
        missing = set(ids) - portal.ready()
    least = CALLS / CALLS_PER_SECOND
    note = f"{seconds:.1f} s, {stats['total']} calls; the limit alone: {least:.1f} s"
    yield Figure("assign_10k_to_limit", seconds / least, "ratio", "<= 1.25", note)
    yield Figure("assign_10k_missing", len(missing), "contacts", "== 0")
    yield Figure("assign_10k_429", stats["rate_limited"], "answers", "== 0")


def _contacts(portal: Portal) -> list[str]:
    found: list[str] = []
    for first in range(0, CONTACTS, AT_ONCE):
        made = portal.control(
            "POST",
            "actions",
            [
                {"action": "create_contact", "properties": {"email": f"many{n}@example.org"}}
                for n in range(first, first + AT_ONCE)
            ],
        )
        found += [str(one["contact"]) for one in made]
    return found


def _wait_for_effects(database: Path, wanted: int) -> None:
    """Until so many effects are done; looked up in the file, so that nobody is slowed down."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        while time.monotonic() < deadline:
            query = "SELECT count(*) FROM outbox WHERE status = 'done'"
            if connection.execute(query).fetchone()[0] >= wanted:
                return
            time.sleep(0.2)
    raise TimeoutError("not all contacts were taken in time")
