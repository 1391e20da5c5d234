"""Leads by the page on a real database: filters, order, export, acting on many."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from leadback.base.clock import DAY, ManualClock
from leadback.base.errors import InputError
from leadback.base.shipped import SHIPPED_RULES
from leadback.lead.records import Assistant, Portal
from leadback.service.attention import Attention
from leadback.service.browse import Browse, csv_of, harmless, wanted_from
from leadback.wiring import App, open_app
from tests.databases import database_in

NOW = 1_800_000_000_000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    database = database_in(tmp_path)
    with open_app(database=database, rules=SHIPPED_RULES, clock=ManualClock(NOW)) as opened:
        with opened.store.write() as tx:
            for name in ("acme", "zeta"):
                tx.portals.put(Portal(name, "hubspot", "http://127.0.0.1:1", "NO_TOKEN"))
                tx.portals.put_assistant(Assistant(name, "tara@example.com", "tara"))
        yield opened


@pytest.fixture
def browse(app: App) -> Browse:
    return Browse(
        app.store, app.clock, app.rules, app.decisions, app.accesses, app.leads.document,
        audit=app.audit,
    )  # fmt: skip


def happen(app: App, subject: str, kind: str, **data: Any) -> None:
    """An event about a lead, decided at once; `assigned` carries all facts itself."""
    clock = app.clock
    assert isinstance(clock, ManualClock)
    clock.advance(1000)
    portal, crm_id = subject.split("/")
    event = {
        "specversion": "1.0", "source": "test", "id": f"{kind}-{subject}-{clock.now()}",
        "type": kind, "subject": subject, "data": data,
    }  # fmt: skip
    added = app.events.add_lines([orjson.dumps(event)])
    assert added.accepted == 1, added
    if kind == "assigned":
        with app.store.write() as tx:
            rows = tx.inbox.claim_lookups(portal, now=clock.now(), lease=1000, limit=10)
            facts = {"portal": portal, "crm_id": crm_id, "previous_owner": None, **data}
            tx.inbox.fill_facts(portal, {row.seq: facts for row in rows})
    while app.decisions.decide_due(clock.now()):
        pass


def give(app: App, subject: str, name: str, email: str) -> None:
    happen(app, subject, "assigned", assistant="tara@example.com", name=name, email=email)


@pytest.fixture
def three(app: App) -> App:
    give(app, "acme/1", "Berta Beispiel", "berta@example.org")
    give(app, "acme/2", "=HYPERLINK(0)", "anna@example.org")
    give(app, "zeta/3", "Clara", "clara@example.org")
    happen(app, "acme/1", "unsubscribed")
    happen(app, "zeta/3", "email_opened")
    return app


def ids(browse: Browse, **given: str) -> list[str]:
    return [row["id"] for row in browse.page(wanted_from(given))["rows"]]


def test_changed_last_comes_first_over_all_portals(three: App, browse: Browse) -> None:
    assert ids(browse) == ["zeta/3", "acme/1", "acme/2"]
    assert ids(browse, direction="up") == ["acme/2", "acme/1", "zeta/3"]
    assert ids(browse, order="email", direction="up") == ["acme/2", "acme/1", "zeta/3"]


FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({"portal": "zeta"}, {"zeta/3"}),
    ({"state": "UnSubscribed"}, {"acme/1"}),
    ({"sub_state": "Unsubscribe"}, {"acme/1"}),
    ({"finished": "yes"}, {"acme/1"}),
    ({"finished": "no"}, {"acme/2", "zeta/3"}),
    ({"min_opens": "1"}, {"zeta/3"}),
    ({"assistant": "nobody@example.com"}, set()),
    ({"search": "beispiel"}, {"acme/1"}),
    ({"search": "anna@"}, {"acme/2"}),
    ({"search": "3"}, {"zeta/3"}),
    ({"search": "%"}, set()),
    ({"since": "2027-01-15", "until": "2027-01-15"}, {"acme/1", "acme/2", "zeta/3"}),
    ({"since": "2027-01-16"}, set()),
]


def test_filters(three: App, browse: Browse) -> None:
    assert [(given, set(ids(browse, **given))) for given, _ in FILTERS] == FILTERS


def test_pages_follow_each_other_without_gap_or_overlap(app: App, browse: Browse) -> None:
    for number in range(7):
        give(app, f"{'acme' if number % 2 else 'zeta'}/{number}", f"N{number}", f"n{number}@e.org")
    wanted = wanted_from({})
    pages = [browse.page(wanted, limit=3, offset=n)["rows"] for n in (0, 3, 6)]
    assert [row["crm_id"] for page in pages for row in page] == list("6543210")
    assert browse.page(wanted, limit=3)["total"] == 7


def test_a_filter_that_cannot_be_read_is_named() -> None:
    for given in ({"since": "yesterday"}, {"min_opens": "many"}):
        with pytest.raises(InputError, match=r"the filter (since|min_opens) cannot be"):
            wanted_from(given)


def test_the_export_has_what_is_filtered_and_runs_nothing(three: App, browse: Browse) -> None:
    text = "".join(browse.export(wanted_from({"portal": "acme"}), by="ada"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["id"] for row in rows} == {"acme/1", "acme/2"}
    assert "'=HYPERLINK(0)" in {row["name"] for row in rows}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("\t=1+1", "'=1+1"), (" @SUM(A1)", "' @SUM(A1)"), ("\r\n-2", "'-2"),
        ("a;b", "a;b"), ("a\x1b[2Jb\x00", "a[2Jb"), ("line\u2028break", "linebreak"),
        ('say "x"', 'say "x"'), (7, "7"), (None, ""), (True, "True"),
    ],
)  # fmt: skip
def test_a_cell_is_quoted_seen_and_never_run(value: object, cell: str) -> None:
    """Also for spreadsheets that split at a semicolon or a tab."""
    line = csv_of([[harmless(value), "end"]])
    assert next(csv.reader(io.StringIO(line))) == [cell, "end"]
    assert line.startswith('"')
    assert line.endswith('","end"\r\n')
    assert not any(c < " " for c in line[:-2])


def test_a_preview_changes_nothing_and_says_who_is_refused(three: App, browse: Browse) -> None:
    names = browse.ids(wanted_from({}))
    seen = browse.preview(names, "hot")
    assert (seen["leads"], seen["done"], seen["refused"]) == (3, 2, 1)
    assert seen["reasons"] == [{"reason": "the lead has unsubscribed", "leads": 1}]
    assert ids(browse, state="Hot") == []
    browse.act(names, "hot")
    assert set(ids(browse, state="Hot")) == {"acme/2", "zeta/3"}
    assert three.audit.list()[0]["what"] == "mark hot"


def test_an_action_or_a_lead_that_is_none_changes_nothing(three: App, browse: Browse) -> None:
    with pytest.raises(InputError, match="no action"):
        browse.act(["acme/1"], "explode")
    with pytest.raises(InputError, match="no lead"):
        browse.act(["acme/2", "acme/404"], "hot")
    assert ids(browse, state="Hot") == []


def test_what_needs_a_person_is_counted_and_mended(three: App) -> None:
    broken = [0]
    attention = Attention(
        three.store, three.clock, three.queue, three.intake, lambda: broken[0], audit=three.audit
    )
    assert attention.count() == 0
    three.events.add_lines([b'{"specversion":"1.0"}', b"garbage"])
    broken[0] = 3
    assert attention.count() == 3
    found = attention.everything()
    assert len(found["quarantined"]) == 2
    assert found["broken_rules"] == 3
    item = found["quarantined"][1]["id"]
    for raw in ("still garbage", '{"specversion":"1.0"}'):
        with pytest.raises(InputError):
            attention.mend(item, raw)
    assert attention.count() == 3
    good = {
        "specversion": "1.0", "source": "test", "id": "mended", "type": "email_opened",
        "subject": "acme/2", "time": "2027-01-15T00:00:00Z",
    }  # fmt: skip
    assert attention.mend(item, orjson.dumps(good).decode())["accepted"] == 1
    attention.discard(found["quarantined"][0]["id"])
    assert attention.count() == 1
    with pytest.raises(InputError, match="any more"):
        attention.discard(item)


def test_intents_nobody_has_a_rule_for_need_a_person(three: App) -> None:
    attention = Attention(
        three.store, three.clock, three.queue, three.intake, lambda: 0, audit=three.audit
    )
    reply = {
        "specversion": "1.0", "source": "test", "id": "odd", "type": "replied",
        "subject": "acme/2", "data": {"intent": "WantsLunch"},
    }  # fmt: skip
    three.events.add_lines([orjson.dumps(reply)])
    assert attention.count() == 1
    (row,) = attention.everything()["unruled"]
    assert (row["value"], row["events"]) == ("WantsLunch", 1)
    three.queue.drop([row["id"]], "dismissed")
    assert attention.count() == 0


def test_days_are_whole(three: App, browse: Browse) -> None:
    assert (
        wanted_from({"until": "2027-01-15"}).until
        == wanted_from({"since": "2027-01-15"}).since + DAY
    )  # type: ignore[operator]  # both are given


def test_an_action_decides_its_own_leads_and_not_the_backlog(three: App, browse: Browse) -> None:
    """Others' events are the workers'; what the lead itself was told before comes first."""
    waiting = [
        {
            "specversion": "1.0", "source": "mailer", "id": f"{crm_id}-{n}",
            "type": "email_opened", "subject": f"acme/{crm_id}",
        }
        for n in range(3)
        for crm_id in (2, 77)
    ]  # fmt: skip
    three.events.add_lines([orjson.dumps(event) for event in waiting])
    with three.store.read() as tx:
        before = tx.queue.status(three.clock.now()).due
    assert browse.act(["acme/2"], "responded") == {"leads": 1}
    with three.store.read() as tx:
        assert before - tx.queue.status(three.clock.now()).due == 3
        lead = tx.leads.by_crm_id("acme", "2")
    assert lead is not None
    assert (lead.state, lead.counters["opens"]) == ("Responded", 3)
