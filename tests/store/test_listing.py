"""Leads by the page, on both databases: every way gives the same, and none reads all of them."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from leadback.store import Store, listing
from leadback.store.listing import LeadsWanted
from leadback.store.sqlite import Sqlite
from leadback.store.tables import leads
from tests.store.worlds import AT, MINUTE, PORTAL, make_lead, order, three_leads


@pytest.fixture(autouse=True)
def _world(store: Store) -> None:
    three_leads(store)


WAYS = {"few": 7_000, "walk": -1}
"""FEW: candidates are looked up, or there are too many of them."""


@pytest.fixture(params=["few", "walk"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    few = WAYS[request.param]
    monkeypatch.setattr(listing, "FEW", few)
    return str(request.param)


CASES: list[tuple[LeadsWanted, list[str]]] = [
    (LeadsWanted(), ["501", "503", "502"]),
    (LeadsWanted(portal=PORTAL, descending=False), ["502", "503", "501"]),
    (LeadsWanted(portal="zeta"), []),
    (LeadsWanted(state="Warm"), ["503", "502"]),
    (LeadsWanted(sub_state="Deep"), ["502"]),
    (LeadsWanted(assistant="t@x.example"), ["501"]),
    (LeadsWanted(owner="7"), ["501"]),
    (LeadsWanted(finished=True), ["503"]),
    (LeadsWanted(finished=False), ["501", "502"]),
    (LeadsWanted(since=AT + 3 * MINUTE), ["501"]),
    (LeadsWanted(until=AT + 2 * MINUTE), ["502"]),
    (LeadsWanted(counters=(("opens", 2),)), ["502"]),
    (LeadsWanted(counters=(("opens", 0),)), ["501", "503", "502"]),
    (LeadsWanted(search="502"), ["502"]),
    (LeadsWanted(search="ann@"), ["501"]),
    (LeadsWanted(search="100%"), ["502"]),
    (LeadsWanted(search="%"), ["502"]),
    (LeadsWanted(search="gård"), ["501"]),
    (LeadsWanted(search="nobody"), []),
    (LeadsWanted(search="ÖDEGÅRD"), ["501"]),
    (LeadsWanted(search="ANN Ö"), ["501"]),
    (LeadsWanted(search="@x.ex"), ["501", "502"]),
    (LeadsWanted(search="x.example", state="Warm"), ["502"]),
    (LeadsWanted(search="x.example", state="Hot", order="name"), ["501"]),
    (LeadsWanted(state="Warm", order="name", descending=False), ["503", "502"]),
    (LeadsWanted(state="Warm", order="email"), ["502", "503"]),
    (LeadsWanted(state="Warm", sub_state="Deep", order="assigned"), ["502"]),
    (LeadsWanted(since=AT, until=AT + 2 * MINUTE, order="email"), ["502"]),
    (LeadsWanted(since=AT + 2 * MINUTE, order="state"), ["503", "501"]),
    (LeadsWanted(order="assistant"), ["501", "503", "502"]),
    (LeadsWanted(order="name", descending=False, finished=False), ["501", "502"]),
    (LeadsWanted(order="email", descending=True, finished=False), ["502", "501"]),
    (LeadsWanted(order="state", descending=False), ["501", "502", "503"]),
]


def test_leads_are_found_and_counted(store: Store, way: str) -> None:
    for wanted, found in CASES:
        with store.read() as tx:
            page = tx.listing.page(wanted, limit=10)
            pages = [tx.listing.page(wanted, limit=1, offset=n) for n in range(len(found))]
        assert [one.lead_id for one in page.leads] == found, wanted
        assert (page.total, page.further) == (len(found), False), wanted
        assert [one.lead_id for page in pages for one in page.leads] == found, wanted
        walked = way == "walk" and wanted.search and not wanted.search.isdigit()
        total = None if walked else len(found)  # who walks for a search does not count
        assert [page.total for page in pages] == [total] * len(found), wanted


@pytest.mark.parametrize(
    "broken",
    ["", "nonsense", '{"a', "[1]", "[2, 3]", '{"opens": "many"}', '{"opens": null}', "7", "null"],
)
def test_counters_that_cannot_be_read_count_nothing_and_hide_no_other_lead(
    store: Store, broken: str, way: str
) -> None:
    with store._dialect.engine.begin() as connection:
        spoil = update(leads).where(leads.c.lead_id == "501").values(counters=broken)
        connection.execute(spoil)
    assert names(store, LeadsWanted(counters=(("opens", 2),)), limit=10) == ["502"]
    assert sorted(names(store, LeadsWanted(counters=(("opens", 0),)), limit=10)) == [
        "501",
        "502",
        "503",
    ]


def test_all_that_are_wanted_follow_by_id(store: Store) -> None:
    for wanted, found in CASES:
        with store.read() as tx:
            part, everything = tx.listing.after(wanted, None, limit=2), []
            while part:
                everything += part
                part = tx.listing.after(wanted, everything[-1], limit=2)
        assert [one.lead_id for one in everything] == sorted(found), wanted


def names(store: Store, wanted: LeadsWanted, **given: Any) -> list[str]:
    with store.read() as tx:
        return [one.lead_id for one in tx.listing.page(wanted, **given).leads]


def test_a_count_stops_where_it_is_told(store: Store, way: str) -> None:
    with store.read() as tx:
        assert tx.listing.page(LeadsWanted(), limit=1, most=2).total == 2
        assert tx.listing.page(LeadsWanted(state="Warm"), limit=1, most=2).total == 2


def test_what_was_not_looked_at_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FEW", -1)
    wanted = LeadsWanted(counters=(("opens", 5),))  # only the lead that was changed first
    with store.read() as tx:
        found = tx.listing.page(wanted, limit=5, looked=2)
        assert (found.leads, found.total, found.further) == ([], None, True)
        found = tx.listing.page(wanted, limit=5, looked=3)
        assert ([one.lead_id for one in found.leads], found.further) == (["502"], False)
        assert [one.lead_id for one in tx.listing.page(wanted, limit=5, looked=None).leads] == [
            "502"
        ]


ORDERS: tuple[listing.Order, ...] = (
    "changed", "assigned", "state", "email", "name", "assistant",
)  # fmt: skip


@pytest.mark.usefixtures("way")
def test_pages_of_several_portals_follow_each_other(store: Store) -> None:
    for number in range(6):
        made: dict[str, Any] = {"name": f"N{number % 2}", "email": f"{number % 3}@e.example"}
        make_lead(
            store,
            f"z{number}",
            now=AT + 9,
            portal="zeta" if number % 2 else PORTAL,
            updated_at=AT,
            **made,
        )
    for by, descending in itertools.product(ORDERS, (True, False)):
        wanted = LeadsWanted(order=by, descending=descending)
        everything = names(store, wanted, limit=20)
        assert len(everything) == 9
        pages = [names(store, wanted, limit=2, offset=first) for first in range(0, 10, 2)]
        assert [lead for page in pages for lead in page] == everything, wanted


def test_the_directory_follows_the_leads(store: Store) -> None:
    made = make_lead(store, "601", now=AT, name="Old Name", email="Old@X.example")
    assert names(store, LeadsWanted(search="old n"), limit=5) == ["601"]
    assert names(store, LeadsWanted(search="old@x"), limit=5) == ["601"]
    made = order(
        store, made, now=AT + 1, name="New Name", email=None, assistant="t2@x.example",
        previous_owner="88", assigned_at=9,
    )  # fmt: skip
    assert names(store, LeadsWanted(search="old"), limit=5) == []
    assert names(store, LeadsWanted(search="new na"), limit=5) == ["601"]
    assert names(store, LeadsWanted(assistant="t2@x.example", owner="88"), limit=5) == ["601"]
    order(store, made, now=AT + 2, name=None, state="Warm")
    assert names(store, LeadsWanted(search="new"), limit=5) == []
    assert names(store, LeadsWanted(assistant="t2@x.example"), limit=5) == ["601"]


def test_a_name_that_no_index_would_take_is_kept_and_found(store: Store) -> None:
    long = "".join(chr(0x4E00 + number % 5_000) for number in range(9_000))
    make_lead(store, "602", now=AT, name=long, assistant=long, previous_owner=long)
    assert names(store, LeadsWanted(search=long[:300]), limit=5) == ["602"]
    assert names(store, LeadsWanted(owner=long, assistant=long), limit=5) == ["602"]
    assert names(store, LeadsWanted(owner=long[:500]), limit=5) == []


# ---------------------------------------------------------------------- plans

FILTERS: list[dict[str, Any]] = [
    {},
    {"state": "Warm"},
    {"sub_state": "Deep"},
    {"assistant": "t@x.example"},
    {"owner": "7"},
    {"finished": True},
    {"search": "ann"},
    {"search": "ann", "state": "Warm"},
    {"since": AT, "until": AT + 9 * MINUTE},
    {"counters": (("opens", 1),)},
]


@pytest.fixture
def asked(store: Store) -> Iterator[tuple[Engine, list[tuple[str, Any]]]]:
    """Statements with their values as they are run."""
    engine = store._dialect.engine
    seen: list[tuple[str, Any]] = []

    def note_it(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        if statement.startswith("SELECT") and "FROM portals" not in statement:
            seen.append((statement, values))

    event.listen(engine, "before_cursor_execute", note_it)
    yield engine, seen
    event.remove(engine, "before_cursor_execute", note_it)


@pytest.mark.usefixtures("way")
def test_no_page_sorts_or_reads_all_leads(
    store: Store,
    asked: tuple[Engine, list[tuple[str, Any]]],
) -> None:
    """Walks go along an index in its order, and lists of ids are looked up; what is read whole is
    an index. By the statistics that every database file of ours has."""
    if not isinstance(store._dialect, Sqlite):
        pytest.skip("PostgreSQL's plans depend on the tables' size: bench/first_page.py measures")
    engine, seen = asked
    for given, by in itertools.product(FILTERS, ORDERS):
        with store.read() as tx:
            tx.listing.page(replace(LeadsWanted(portal=PORTAL, order=by), **given), limit=1)
    assert len(seen) > len(FILTERS)
    with engine.connect() as connection:
        for statement, values in seen[:]:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plan = [row[3] for row in rows]
            for step in plan:
                assert not step.startswith(("SCAN leads", "SCAN directory")), plan
            looked_up = any("json_each" in step for step in plan)
            if looked_up:
                assert any("lead_id=?" in step for step in plan), plan
                assert not any("(portal=?)" in step for step in plan), plan
            else:
                assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan
