"""The first page of leads as a person opens it: every order, every filter, searches; on both
databases. 100,000 leads in `make bench`, a million in `make bench-full`.

The figure is the slowest of them all, each the best of two or three: the service's answer with its
count, without drawing it.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.crowd import PORTAL, RARE, fill
from bench.figures import FULL, Figure
from bench.server import database
from leadback.base.clock import DAY, SystemClock
from leadback.service.attention import Attention
from leadback.service.browse import ORDERS, Browse
from leadback.service.overview import Overview
from leadback.service.rulebook import Rulebook
from leadback.store.listing import LeadsWanted
from leadback.wiring import App, open_app
from leadback.work.trends import sample

LEADS = 1_000_000 if FULL else 100_000
TIMES = 3 if FULL else 2
NOW = SystemClock().now()

FILTERS: Mapping[str, Mapping[str, Any]] = {
    "state Cold": {"state": "Cold"},
    "state LeadAtRisk": {"state": "LeadAtRisk"},
    "no state": {"state": "New"},
    "reason SpamTrap": {"sub_state": "SpamTrap"},
    "reason Unsubscribe": {"sub_state": "Unsubscribe"},
    "assistant": {"assistant": "tara3@example.com"},
    "rare assistant": {"assistant": RARE},
    "owner": {"owner": "100"},
    "rare owner": {"owner": "4242"},
    "finished": {"finished": True},
    "goes on": {"finished": False},
    "today": {"since": NOW - DAY},
    "long ago": {"until": NOW - 390 * DAY},
    "one day": {"since": NOW - 100 * DAY, "until": NOW - 99 * DAY},
    "opens 3": {"counters": (("opens", 3),)},
    "opens 11": {"counters": (("opens", 11),)},
    "opens 50": {"counters": (("opens", 50),)},
    "Cold of one assistant": {"state": "Cold", "assistant": "tara3@example.com"},
    "Hot, of one owner": {"state": "Hot", "owner": "100", "counters": (("opens", 5),)},
}
SEARCHES = ("anbo", "yenzowil zowilyen", "qqqq", "a", "anboel@", "zo.example", "10050000")


def cases() -> Iterator[tuple[str, LeadsWanted]]:
    for order in ORDERS:
        for descending in (True, False):
            wanted = LeadsWanted(order=order, descending=descending)
            yield f"by {order}", wanted
            for name, given in FILTERS.items():
                yield f"{name}, by {order}", replace(wanted, **given)
    for text in SEARCHES:
        yield f"search {text}", LeadsWanted(search=text)
        yield (
            f"search {text} among Cold by name",
            LeadsWanted(search=text, state="Cold", order="name"),
        )


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="lb-bench-") as folder:
        yield from _figures(f"sqlite:///{Path(folder) / 'leads.db'}", "sqlite")
    with database() as url:
        yield from _figures(url, "postgresql")


def _figures(url: str, where: str) -> Iterator[Figure]:
    fill(url, LEADS, now=NOW)
    size = "1m" if FULL else "100k"
    with open_app(database=url) as app:
        taken = {name: _milliseconds(app, wanted) for name, wanted in cases()}
    slowest = max(taken, key=lambda name: taken[name])
    most = 300 if FULL else ""
    target = f"< {most}" if most else ""
    note = f"{where}, slowest of {len(taken)}: {slowest}; as it opens {taken['by changed']:.0f}"
    suffix = "" if where == "sqlite" else f"_{where}"
    yield Figure(f"leads_first_page_ms_{size}{suffix}", taken[slowest], "ms", target, note)
    yield _counts(url, where, size, suffix, target)
    searches = {name: ms for name, ms in taken.items() if name.startswith("search")}
    slowest = max(searches, key=lambda name: searches[name])
    note = f"{where}: {slowest}"
    yield Figure(f"leads_search_ms_{size}{suffix}", searches[slowest], "ms", target, note)


def _counts(url: str, where: str, size: str, suffix: str, target: str) -> Figure:
    """What the other pages count: the number in every header, the overview and its plots, the
    rules' picture."""
    with open_app(database=url) as app:
        sample(app.store, app.clock.now())
        attention = Attention(app.store, app.clock, app.queue, app.intake, lambda: 0)
        overview = Overview(app.store, app.clock, app.rules)
        rules = Rulebook(app.settings.rules_file, app.rules, app.store, app.clock, app.audit)
        reads: Mapping[str, Callable[[], object]] = {
            "mark": overview.mark,
            "attention in the header": attention.count,
            "attention": attention.everything,
            "overview": overview.look,
            "a month": lambda: overview.trends("month"),
            "rules": rules.diagram,
        }
        taken = {name: _best(read) for name, read in reads.items()}
    slowest = max(taken, key=lambda name: taken[name])
    note = f"{where}: " + ", ".join(f"{name} {ms:.0f}" for name, ms in taken.items())
    return Figure(f"pages_counts_ms_{size}{suffix}", taken[slowest], "ms", target, note)


def _milliseconds(app: App, wanted: LeadsWanted) -> float:
    browse = Browse(
        app.store, app.clock, app.rules, app.decisions, app.accesses, app.leads.document,
        audit=app.audit,
    )  # fmt: skip
    return _best(lambda: browse.page(replace(wanted, portal=PORTAL)))


def _best(read: Callable[[], object]) -> float:
    """Milliseconds."""
    best = float("inf")
    for _ in range(TIMES):
        began = time.perf_counter()
        read()
        best = min(best, time.perf_counter() - began)
    return best * 1000
