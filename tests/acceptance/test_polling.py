"""Without webhooks: a portal is asked for changes, from a cursor that outlives the process."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from leadback.base.clock import DAY, HOUR, ManualClock
from leadback.wiring import App, open_app
from leadback.work.hinted import SURE_AFTER
from leadback.work.polling import Polls
from tests.acceptance.conftest import RULES, TOKEN, Program, event

EVERY = 60_000
HANNA, OMAR, TARA = "hanna@example.com", "omar@example.com", "tara@example.com"


@contextmanager
def process(program: Program, clock: ManualClock) -> Iterator[tuple[App, Polls]]:
    """The engine as one more process has it."""
    os.environ["HUBSPOT_TOKEN"] = TOKEN
    database = f"sqlite:///{program.folder / 'leadback.db'}"
    with open_app(database=database, rules=RULES, clock=clock) as app:
        yield app, Polls(app.store, app.lookups)


def work(app: App) -> None:
    app.worker().run_until_idle(poll=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_793_707_200_000)


def searches(program: Program) -> int:
    calls = program.control("GET", "stats")["calls"]
    return sum(sum(s.values()) for route, s in calls.items() if route.endswith("/search"))


def test_the_cursor_outlives_the_process(ready: Program, clock: ManualClock) -> None:
    old = [ready.new_contact(n, HANNA) for n in range(3)]
    ready.act(*({"action": "assign", "contact": i, "owner": TARA} for i in old))
    with process(ready, clock) as (app, polls):
        assert polls.poll("acme", clock.now(), every=EVERY) == 3
        work(app)
    clock.advance(EVERY)
    new, taken = ready.new_contact(7, HANNA), old[0]
    ready.act(
        {"action": "assign", "contact": new, "owner": TARA},
        {"action": "assign", "contact": taken, "owner": OMAR},
    )
    with process(ready, clock) as (app, polls):
        with app.store.read() as tx:
            before = tx.listening.of("acme")
        assert before.cursor > 0
        assert polls.poll("acme", clock.now(), every=EVERY) == 2
        work(app)
        assert app.leads.show(f"acme/{new}")["state"] == "New"
        assert app.leads.show(f"acme/{taken}")["ended"] == "taken_back"
        with app.store.read() as tx:
            after = tx.listening.of("acme")
        assert after.cursor > before.cursor
        assert (after.polled_at, after.compared_at) == (clock.now(), before.compared_at)


def kept(program: Program) -> tuple[int, int]:
    """Events ever accepted, and contacts to be read."""
    with closing(sqlite3.connect(program.folder / "leadback.db")) as database:
        events = database.execute("SELECT count(*) FROM inbox").fetchone()[0]
        return events, database.execute("SELECT count(*) FROM hints").fetchone()[0]


def test_a_poll_of_contacts_that_are_as_their_leads_say_leaves_nothing(
    ready: Program, clock: ManualClock
) -> None:
    many = [ready.new_contact(n, TARA, lastname=f"Contact {n}") for n in range(60)]
    with process(ready, clock) as (app, polls):
        polls.poll("acme", clock.now())
        work(app)
        quiet = kept(ready)
        for every in (None, EVERY, EVERY):
            clock.advance(EVERY)
            assert polls.poll("acme", clock.now(), every=every) == 0
        assert kept(ready) == quiet
        ready.act({"action": "set", "contact": many[7], "properties": {"lastname": "Other"}})
        clock.advance(EVERY)
        assert polls.poll("acme", clock.now(), every=EVERY) == 1
        work(app)
        assert app.leads.show(f"acme/{many[7]}")["name"] == "Lead7 Other"
        assert kept(ready) == (quiet[0] + 1, quiet[1])


def test_of_several_workers_one_asks(ready: Program, clock: ManualClock) -> None:
    ready.act({"action": "assign", "contact": ready.new_contact(1, HANNA), "owner": TARA})
    with process(ready, clock) as (_, one), process(ready, clock) as (_, other):
        assert one.poll("acme", clock.now(), every=EVERY) == 1
        asked = searches(ready)
        assert other.poll("acme", clock.now(), every=EVERY) == 0
        assert searches(ready) == asked


def test_a_deletion_is_found_by_the_next_full_comparison(
    ready: Program, clock: ManualClock
) -> None:
    contact = ready.new_contact(1, HANNA)
    ready.act({"action": "assign", "contact": contact, "owner": TARA})
    with process(ready, clock) as (app, polls):
        polls.poll("acme", clock.now(), every=EVERY)
        work(app)
        ready.act({"action": "delete", "contact": contact})
        clock.advance(EVERY)
        assert polls.poll("acme", clock.now(), every=EVERY) == 0, "a search does not show it"
        clock.advance(HOUR)
        assert polls.poll("acme", clock.now(), every=EVERY) == 1
        work(app)
        assert app.leads.show(f"acme/{contact}")["ended"] == "deleted"


@pytest.mark.parametrize("merged", [False, True])
def test_an_erasure_is_told_from_a_deletion_without_webhooks(
    ready: Program, clock: ManualClock, merged: bool
) -> None:
    """A deleted contact stays one, as long as it is in the recycle bin; who is erased, alone or as
    part of another contact, is erased here, when a second look has found no trace either."""
    deleted, erased, other = (ready.new_contact(number, HANNA) for number in range(3))
    ready.act(*({"action": "assign", "contact": i, "owner": TARA} for i in (deleted, erased)))
    with process(ready, clock) as (app, polls):

        def polled() -> list[tuple[str, str]]:
            polls.poll("acme", clock.now())
            work(app)
            shown = (app.leads.show(f"acme/{crm_id}") for crm_id in (deleted, erased))
            return [(lead["ended"], lead["email"] or "") for lead in shown]

        (_, first), (_, second) = polled()
        ready.act({"action": "delete", "contact": deleted})
        if merged:
            ready.act({"action": "merge", "primary": other, "merged": erased})
        ready.act({"action": "erase", "contact": other if merged else erased})
        assert polled() == [("deleted", first), ("deleted", second)]
        clock.advance(SURE_AFTER)
        assert polled() == [("deleted", first), ("erased", "")]
        clock.advance(DAY)
        assert polled() == [("deleted", first), ("erased", "")], "nothing more is asked"
        with app.store.read() as tx:
            assert tx.hints.portals(clock.now() + DAY) == []
        ready.act(*({"action": what, "contact": deleted} for what in ("restore", "erase")))
        steps = app.reconcile.run("acme", apply=True)["steps"]
        assert [step["what"] for step in steps] == ["the contact was deleted, and is erased now"]
        work(app)
        clock.advance(SURE_AFTER)
        assert polled() == [("erased", ""), ("erased", "")]


def test_a_new_assistant_gets_what_it_owned_before(ready: Program, clock: ManualClock) -> None:
    ready.act({"action": "assign", "contact": ready.new_contact(1, HANNA), "owner": TARA})
    others = ready.new_contact(2, OMAR)
    with process(ready, clock) as (app, polls):
        polls.poll("acme", clock.now(), every=EVERY)
        work(app)
        app.portals.add_assistant("acme", OMAR, name="omar")
        clock.advance(EVERY)
        assert polls.poll("acme", clock.now(), every=EVERY) >= 1
        work(app)
        assert app.leads.show(f"acme/{others}")["assistant"] == OMAR


def test_the_status_says_when_the_portal_was_heard_of(ready: Program) -> None:
    before = ready.json("portal", "status", "acme")
    assert before["last_poll_at"] is before["last_webhook_at"] is None
    ready.act({"action": "assign", "contact": ready.new_contact(1, HANNA), "owner": TARA})
    ready.run("run", "--until-idle")
    after = ready.json("portal", "status", "acme")
    assert after["last_poll_at"] == after["last_comparison_at"]
    assert after["last_poll_at"] is not None
    assert 0 < after["budget"]["burst"]["used"] <= after["budget"]["burst"]["limit"] == 171
    assert after["budget"]["search"]["limit"] == 4
    printed = ready.run("portal", "status", "acme").stdout.decode()
    assert "last webhook at: never" in printed
    assert "budget burst:" in printed


def test_events_of_a_contact_that_was_merged_away_earlier_follow_it(
    ready: Program, clock: ManualClock
) -> None:
    """Nobody has told of the merge, and nothing was known of the contact when it happened."""
    lead, other = ready.new_contact(1, TARA), ready.new_contact(2, HANNA)
    ready.act({"action": "merge", "primary": lead, "merged": other})
    with process(ready, clock) as (app, polls):
        polls.poll("acme", clock.now())
        work(app)
        told(app, other, "email_opened")
        work(app)
        (row,) = app.leads.list()
        assert row["crm_id"] not in (lead, other)
        assert app.leads.show(row["id"])["counters"]["opens"] == 1
        assert app.queue.list(held=True) == []
        assert kept(ready)[1] == 0


@pytest.mark.parametrize("new_id", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
def test_held_events_follow_a_merge_that_only_the_winner_shows(
    ready: Program, clock: ManualClock, new_id: bool, when: str
) -> None:
    """The contact was looked at while it was a contact of its own."""
    lead, other = ready.new_contact(1, TARA), ready.new_contact(2, HANNA)
    merge = {"action": "merge", "primary": lead, "merged": other, "new_id": new_id}
    with process(ready, clock) as (app, polls):
        if when == "after":
            polls.poll("acme", clock.now())
        told(app, other, "email_opened")
        work(app)
        assert len(app.queue.list(held=True)) == 1
        ready.act(merge)
        for _ in range(3):
            clock.advance(HOUR)
            polls.poll("acme", clock.now(), every=EVERY)
            work(app)
        assert app.queue.list(held=True) == []
        (row,) = [one for one in app.leads.list() if one["ended"] is None]
        assert app.leads.show(row["id"])["counters"]["opens"] == 1
        quiet = kept(ready)
        clock.advance(HOUR)
        assert polls.poll("acme", clock.now(), every=EVERY) == 0
        assert kept(ready) == quiet


def told(app: App, contact: str, kind: str) -> None:
    line = json.dumps(event(1, kind, f"acme/{contact}")).encode()
    assert app.events.add_lines([line]).accepted == 1
