"""Fills a database with as many leads as wanted, and what belongs to them, faster than by events.

Nothing is decided: the rows are written as the engine writes them. Skewed as real ones are: few
states and assistants have most of the leads, and most were changed last long ago.
"""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import make_url

from bench.server import analyze
from leadback.base.clock import DAY, HOUR, Millis
from leadback.lead.records import Assistant, Portal
from leadback.store.leads import COLUMNS
from leadback.store.tables import metadata
from leadback.wiring import open_app

PORTAL = "acme"
STATES = (
    ("Cold", None, 400), ("Engaged", None, 140), ("Warm", None, 85), ("Warm", "ConnectLater", 5),
    ("OutOfOffice", "OutOfOffice", 10), ("Hot", "AgreedToMeet", 20), ("Responded", "Other", 30),
    ("LeadAtRisk", "AgreedToMeet", 10), ("UnSubscribed", "Unsubscribe", 90),
    ("DeActivated", "InvalidEmail", 79), ("DeActivated", "SpamTrap", 1), ("Processed", None, 130),
)  # fmt: skip
RARE = "rare@example.com"
"""An assistant with every 100,000th lead; her leads go back to the owner 4242, too."""
_SYLLABLES = (
    "an", "bo", "chi", "da", "el", "fo", "gar", "hu", "is", "jo", "ka", "lin", "mo", "na", "os",
    "pe", "ri", "sa", "to", "ul", "va", "wil", "yen", "zo",
)  # fmt: skip
_WORKING = ("Cold", "Engaged", "Warm", "OutOfOffice")
_SPREAD: Millis = 400 * DAY
_LEADS = (*COLUMNS, "changed_hour")


def fill(url: str, leads: int, *, now: Millis) -> None:
    """The database is made, and empty. Statistics are taken as autovacuum would."""
    with open_app(database=url) as app, app.store.write() as tx:
        tx.portals.put(Portal(PORTAL, "hubspot", "http://127.0.0.1:1", "NONE"))
        for number in range(20):
            tx.portals.put_assistant(Assistant(PORTAL, _assistant(number), f"Tara {number}"))
        tx.portals.put_assistant(Assistant(PORTAL, RARE, "Rare"))
    _write(url, "leads", _LEADS, _leads(leads, now))
    for table in ("history", "outbox", "ownership"):
        columns = tuple(column.name for column in metadata.tables[table].columns)
        _write(url, table, columns, _ROWS[table](leads, now))
    if url.startswith("postgresql"):
        analyze(url)


def _assistant(number: int) -> str:
    return f"tara{number}@example.com"


def _leads(count: int, now: Millis) -> Iterator[tuple[Any, ...]]:
    dice = random.Random(1)
    weights = [weight for *_, weight in STATES]
    for number in range(count):
        state, reason, _ = dice.choices(STATES, weights)[0]
        name = " ".join("".join(dice.choices(_SYLLABLES, k=3)).title() for _ in range(2))
        changed = now - int(_SPREAD * dice.random() ** 2)
        assigned = changed - int(30 * DAY * dice.random())
        rare = number % 100_000 == 7
        done = state not in _WORKING
        counters = {"opens": int(dice.random() ** 6 * 12), "followups": dice.randrange(5)}
        yield (
            PORTAL, str(10_000_000 + number), str(10_000_000 + number), state, reason, None, None,
            f"{name.lower().replace(' ', '.')}{number}@{dice.choice(_SYLLABLES)}.example", name,
            RARE if rare else _assistant(min(19, int(dice.expovariate(0.3)))), "Tara", None,
            "4242" if rare else str(70 + dice.randrange(200)), orjson.dumps(counters).decode(),
            done, False, None, assigned, changed, changed, 5, changed // HOUR,
        )  # fmt: skip


def _history(leads: int, now: Millis) -> Iterator[tuple[Any, ...]]:
    dice = random.Random(2)
    count = leads * 2
    for number in range(count):
        yield (
            PORTAL, 100_000_000 + number, now - (count - number) * 1_000,
            str(10_000_000 + dice.randrange(leads)), "email_opened", "mailer", f"p{number}", now,
            "Cold", "Engaged" if number % 10 == 0 else "Cold", None, "stayed", "email_opened/2",
            "", "{}", "it is counted", "v",
        )  # fmt: skip


def _effects(leads: int, now: Millis) -> Iterator[tuple[Any, ...]]:
    """Mostly done; many superseded, some that wait, few that need a person."""
    dice = random.Random(3)
    count = leads * 2
    for number in range(count):
        status = "superseded" if number % 5 == 0 else "failed" if number % 10_000 == 7 else "done"
        if number > count - 500:
            status = "pending"
        at, lead = now - (count - number) * 1_000, str(10_000_000 + dice.randrange(leads))
        yield (
            PORTAL, 200_000_000 + number, lead, lead, "fields", "{}", f"r{number}", status, 1,
            False, at, 0, at, None if status == "pending" else at, "", "{}",
        )  # fmt: skip


def _ownership(leads: int, now: Millis) -> Iterator[tuple[Any, ...]]:
    dice = random.Random(4)
    for number in range(leads):
        what = "kept" if number % 50_000 == 7 else "handed_back" if number % 2 else "assigned"
        lead = str(10_000_000 + dice.randrange(leads))
        yield (
            PORTAL, 300_000_000 + number, lead, lead, now - (leads - number) * 5_000, what,
            "1", "77", "leadback", "", "",
        )  # fmt: skip


_ROWS = {"history": _history, "outbox": _effects, "ownership": _ownership}


def _write(url: str, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    names, parsed = ", ".join(columns), make_url(url)
    if parsed.get_backend_name() == "sqlite":
        marks = ", ".join("?" * len(columns))
        with sqlite3.connect(str(parsed.database)) as connection:
            connection.execute("PRAGMA cache_size = -200000")
            connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
        connection.close()
        return
    import psycopg

    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with (
        psycopg.connect(plain) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
