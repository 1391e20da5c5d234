"""The queries of the pages, on both databases."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from leadback.lead.records import Ended
from leadback.store import LeadFilter, LedgerEntry, Quarantined, Settlement, Store
from leadback.store.sqlite import Sqlite
from leadback.store.views import Needing
from tests.store.worlds import AT, MINUTE, PORTAL, make_lead, note, order, three_leads


@pytest.fixture(autouse=True)
def _world(store: Store) -> None:
    three_leads(store)


def test_search_by_part_of_a_name_is_the_same_for_scripts(store: Store) -> None:
    with store.read() as tx:
        assert [one.lead_id for one in tx.leads.list(LeadFilter(search="ob 1"))] == ["502"]
        assert [one.lead_id for one in tx.leads.list(LeadFilter(search="BOB@"))] == ["502"]


def test_flows_are_counted_by_the_minute(store: Store) -> None:
    with store.write() as tx:
        claimed = tx.outbox.claim(PORTAL, now=AT + MINUTE, lease=1, limit=9)
        done = [Settlement(effect.id, "done") for effect in claimed.effects]
        tx.outbox.settle(PORTAL, claimed.fence, done, now=AT + MINUTE)
    with store.read() as tx:
        assert tx.views.decided_per_minute(since=0) == {60: 1, 61: 1, 62: 1, 63: 1}
        assert tx.views.decided_per_minute(since=AT + 2 * MINUTE) == {62: 1, 63: 1}
        assert tx.views.settled_per_minute(since=0) == {61: 1}
        assert tx.views.moves() == {("Cold", "Hot"): 1}


def test_a_mark_changes_with_what_a_page_shows(store: Store) -> None:
    marks = set()

    def look() -> None:
        with store.read() as tx:
            assert tx.views.mark() == tx.views.mark()
            marks.add(tx.views.mark())

    look()
    made = make_lead(store, "504", note("n"), now=AT + 9)
    look()
    with store.write() as tx:
        tx.outbox.claim(PORTAL, now=AT + 10, lease=1, limit=9)
    look()
    order(store, made, now=AT + 11, ended=Ended.DELETED)
    look()
    assert len(marks) == 4


def test_contacts_that_nobody_could_take_are_listed_until_somebody_does(store: Store) -> None:
    def entry(lead_id: str, what: str, at: int) -> LedgerEntry:
        return LedgerEntry(PORTAL, lead_id, lead_id, at, what, "t", None, "leadback")

    with store.write() as tx:
        tx.ledger.append([entry("501", "kept", 1), entry("502", "kept", 2)])
        tx.ledger.append([entry("501", "handed_back", 3), entry("503", "fallback", 5)])
    with store.read() as tx:
        assert [one.lead_id for one in tx.views.kept(limit=9)] == ["502"]
        assert tx.views.count_kept() == 1
        assert tx.views.handbacks_since(3) == 2
        assert tx.views.handbacks_since(4) == 1
        assert tx.views.rules_versions() == []


def test_what_needs_a_person_and_what_is_on_its_way_are_counted(store: Store) -> None:
    for number in range(5):
        make_lead(store, f"60{number}", note(f"n{number}"), now=AT + number)
    with store.write() as tx:
        claimed = tx.outbox.claim(PORTAL, now=AT + MINUTE, lease=MINUTE, limit=9)
        verdicts = ["done", "failed", "failed", "uncertain"]
        settled = [
            Settlement(effect.id, verdict, AT + 9 * MINUTE)
            for effect, verdict in zip(claimed.effects, verdicts, strict=False)
        ]
        tx.outbox.settle(PORTAL, claimed.fence, settled, now=AT + MINUTE)
        tx.quarantine.add([Quarantined(PORTAL, "mailer", "{", "no JSON", AT)])
    with store.read() as tx:
        assert tx.views.needing() == Needing(failed=2, uncertain=1, quarantined=1)
        assert tx.views.unsent() == 2  # two are leased; the fixture's is among them
        status = tx.queue.status(AT + MINUTE)
        quick = tx.queue.status(AT + MINUTE, done=False)
    assert status.done is not None
    assert quick == replace(status, done=None)
    assert (status.failed, status.uncertain, status.pending + status.leased) == (2, 1, 2)


def test_a_lead_has_a_mark_of_its_own(store: Store) -> None:
    def mark(lead_id: str) -> str:
        with store.read() as tx:
            return tx.views.mark_of(PORTAL, lead_id)

    made = make_lead(store, "701", note("x"), now=AT)
    other = make_lead(store, "702", now=AT)
    marks = [mark("701")]
    order(store, other, now=AT + 1, state="Warm")
    assert mark("701") == marks[0]
    order(store, made, now=AT + 1)
    marks.append(mark("701"))
    with store.write() as tx:
        claimed = tx.outbox.claim(PORTAL, now=AT + 2, lease=MINUTE, limit=9)
    marks.append(mark("701"))
    with store.write() as tx:
        done = [Settlement(effect.id, "done") for effect in claimed.effects]
        tx.outbox.settle(PORTAL, claimed.fence, done, now=AT + 3)
    marks.append(mark("701"))
    entry = LedgerEntry(PORTAL, "701", "701", AT, "kept", "t", None, "leadback")
    with store.write() as tx:
        tx.ledger.append([entry])
    marks.append(mark("701"))
    assert len(set(marks)) == len(marks)


def test_counts_for_every_page_touch_small_indexes_only(
    store: Store, request: pytest.FixtureRequest
) -> None:
    if not isinstance(store._dialect, Sqlite):
        pytest.skip("PostgreSQL's plans depend on the tables' size")
    engine = store._dialect.engine
    seen: list[tuple[str, Any]] = []

    def note_it(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        seen.append((statement, values))

    event.listen(engine, "before_cursor_execute", note_it)
    request.addfinalizer(lambda: event.remove(engine, "before_cursor_execute", note_it))
    with store.read() as tx:
        tx.views.needing()
        tx.views.count_kept()
        tx.views.handbacks_since(AT)
        tx.views.unsent()
    asked = [one for one in seen if one[0].startswith("SELECT count")]
    asked += [one for one in seen if "GROUP BY" in one[0]]
    assert len({statement for statement, _ in asked}) == 9
    with engine.connect() as connection:
        for statement, values in asked:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            for step in [row[3] for row in rows]:
                if "SCAN quarantine" in step or step.startswith(("USE TEMP", "CORRELATED")):
                    continue
                assert "INDEX ix_" in step, (statement, step)
