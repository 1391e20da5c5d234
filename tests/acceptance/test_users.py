"""The assistant's user in the CRM is deleted, and made anew under another owner id."""

from collections.abc import Iterator

import pytest
import structlog

from leadback.base.clock import DAY, ManualClock
from leadback.store import NewHint
from leadback.wiring import App
from leadback.work.polling import Polls
from tests.acceptance.conftest import Program
from tests.acceptance.test_polling import EVERY, HANNA, OMAR, TARA, process, work
from tests.acceptance.test_polling import clock as clock

Here = tuple[Program, App, Polls, str]


@pytest.fixture
def here(ready: Program, clock: ManualClock) -> Iterator[Here]:
    """A lead at work that Hanna gave to the assistant."""
    contact = ready.new_contact(1, HANNA)
    ready.act({"action": "assign", "contact": contact, "owner": TARA})
    with process(ready, clock) as (app, polls):
        polls.poll("acme", clock.now())
        work(app)
        yield ready, app, polls, contact


def made_anew(program: Program) -> None:
    program.act(
        {"action": "deactivate_owner", "owner": TARA}, {"action": "add_owner", "email": TARA}
    )


def poll(polls: Polls, clock: ManualClock) -> None:
    clock.advance(EVERY)
    polls.poll("acme", clock.now(), every=EVERY)


def untouched(app: App, contact: str) -> bool:
    lead = app.leads.show(f"acme/{contact}")
    kinds = [step["event"] for step in lead["history"]]
    return lead["ended"] is None and kinds == ["assigned"]


def test_it_is_known_again_by_the_next_poll_and_said(here: Here, clock: ManualClock) -> None:
    program, app, polls, contact = here
    made_anew(program)
    with structlog.testing.capture_logs() as lines:
        poll(polls, clock)
        poll(polls, clock)
    said = [one for one in lines if one["event"] == "the assistant's user was made anew"]
    assert [(one["log_level"], one["assistant"]) for one in said] == [("warning", "tara")]
    work(app)
    assert untouched(app, contact)
    (row,) = app.queue.status()["users"]
    assert (row["portal"], row["assistant"], row["missing"]) == ("acme", "tara", False)
    assert program.owners()[TARA] in row["reason"]
    program.act(
        {"action": "assign", "contact": contact, "owner": TARA},
        {"action": "assign", "contact": (new := program.new_contact(2, HANNA)), "owner": TARA},
    )
    poll(polls, clock)
    work(app)
    assert untouched(app, contact), "it was the assistant's all along"
    assert app.leads.show(f"acme/{new}")["state"] == "New"
    clock.advance(8 * DAY)
    assert app.queue.status()["users"] == []


def test_a_webhook_before_any_poll_takes_nothing_back(here: Here, clock: ManualClock) -> None:
    program, app, _, contact = here
    made_anew(program)
    program.act({"action": "assign", "contact": contact, "owner": TARA})
    clock.advance(EVERY)
    with app.store.write() as tx:
        tx.hints.add("acme", [NewHint(contact, clock.now())], now=clock.now())
    work(app)
    assert untouched(app, contact)


def test_a_person_still_takes_contacts_back(here: Here, clock: ManualClock) -> None:
    program, app, polls, contact = here
    made_anew(program)
    poll(polls, clock)
    work(app)
    program.act({"action": "assign", "contact": contact, "owner": OMAR})
    poll(polls, clock)
    work(app)
    assert app.leads.show(f"acme/{contact}")["ended"] == "taken_back"


def test_a_user_that_is_gone_is_said_until_there_is_one(here: Here, clock: ManualClock) -> None:
    program, app, polls, contact = here
    program.act({"action": "deactivate_owner", "owner": TARA})
    poll(polls, clock)
    work(app)
    app.portals.list_assistants()
    assert untouched(app, contact)
    clock.advance(30 * DAY)
    (row,) = app.queue.status()["users"]
    assert row["missing"]
    assert TARA in row["reason"]
    program.act({"action": "activate_owner", "owner": TARA})
    poll(polls, clock)
    assert app.queue.status()["users"] == []
    work(app)
    assert untouched(app, contact)
