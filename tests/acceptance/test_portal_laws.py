"""Laws of the whole: whatever happens to a lead, the portal shows it, and no person is overrun.

A real sandbox over HTTP, a real SQLite file; the engine's clock is moved by the tests.
"""

import csv
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from leadback.base.clock import DAY, HOUR, ManualClock
from leadback.service.connections import Wanted
from leadback.store import NewHint
from leadback.wiring import App, open_app
from leadback.work.hinted import LOOKS, STILL_THERE
from tests.acceptance.conftest import TOKEN, sandbox
from tests.databases import database_in
from tests.lead.lives import INTENTS, MARKS, REASONS

pytestmark = pytest.mark.long

CONTRACT = Path(__file__).resolve().parents[1] / "data" / "state-mapping.csv"
HUMANS = ("hanna@example.com", "omar@example.com", "mei@example.com")
ASSISTANT = "tara@example.com"
START = 1_793_610_000_000
numbers = itertools.count(1)

OUTSIDE = (
    "capacity_available", "email_verified", "email_unverifiable", "email_sent", "email_opened",
    "link_clicked", "email_bounced", "unsubscribed", "owner_replied", "sequence_completed",
    "followup_stopped", "followup_continued", "followup_restarted",
)  # fmt: skip
happenings = st.one_of(
    st.sampled_from(OUTSIDE).map(lambda kind: (kind, {})),
    st.sampled_from(INTENTS).map(lambda intent: ("replied", {"intent": intent})),
    st.sampled_from(MARKS).map(lambda action: ("marked", {"action": action})),
    st.sampled_from(REASONS).map(lambda reason: ("email_invalid", {"reason": reason})),
)


def contract() -> dict[str, tuple[str, str]]:
    """State → (lead status, connection status), as HubSpot spells its options."""
    with CONTRACT.open(newline="") as file:
        return {
            row["lead_state"]: (
                row["hubspot_contact_status"].upper(),
                row["lead_connection_status"],
            )
            for row in csv.DictReader(file)
        }


class World:
    """The engine and one portal, as the tests drive them."""

    def __init__(self, app: App, clock: ManualClock, url: str) -> None:
        self.app, self.clock, self.url = app, clock, url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"
        self.owner_ids = {o["email"]: i for i, o in self.control("GET", "dump")["owners"].items()}

    def control(self, method: str, what: str, body: Any = None) -> Any:
        answer = self.session.request(method, f"{self.url}/_sandbox/{what}", json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def act(self, **action: Any) -> Any:
        answer = self.control("POST", "actions", action)
        assert answer["ok"], answer
        return answer

    def new_contact(self, owner: str | None) -> str:
        properties = {"email": f"law{next(numbers)}@example.org"}
        if owner is not None:
            properties["hubspot_owner_id"] = self.owner_ids[owner]
        return str(self.act(action="create_contact", properties=properties)["contact"])

    def tell(self, crm_id: str, kind: str, data: dict[str, Any]) -> None:
        line = {
            "specversion": "1.0",
            "id": f"law-{next(numbers)}",
            "source": "laws",
            "type": kind,
            "subject": f"acme/{crm_id}",
            "data": data,
        }
        assert self.app.events.add_lines([orjson.dumps(line)]).accepted == 1

    def work(self) -> None:
        self.app.worker().run_until_idle()

    def read(self, crm_id: str) -> dict[str, Any]:
        answer = self.session.get(
            f"{self.url}/crm/objects/2026-09/contacts/{crm_id}",
            params={"properties": "hs_lead_status,lead_connection_status,hubspot_owner_id"},
            timeout=30,
        )
        assert answer.ok, answer.text
        return dict(answer.json()["properties"])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    clock = ManualClock(START)
    os.environ["LEADBACK_LAW_TOKEN"] = TOKEN
    with (
        sandbox("--search-lag", "0", "--no-rate-limit") as url,
        tempfile.TemporaryDirectory() as folder,
        open_app(database=database_in(Path(folder)), clock=clock) as app,
    ):
        app.connections.connect(Wanted("acme", base_url=url), token_env="LEADBACK_LAW_TOKEN")
        app.portals.setup("acme", apply=True)
        app.portals.add_assistant("acme", ASSISTANT, name="tara", context="things")
        yield World(app, clock, url)


def check_fields(world: World, crm_id: str) -> None:
    lead = world.app.leads.show(f"acme/{crm_id}")
    shown = world.read(crm_id)
    wanted = contract()[lead["state"]]
    assert (shown["hs_lead_status"], shown["lead_connection_status"]) == wanted


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(happenings, max_size=6), min_size=1, max_size=3))
def test_the_portal_shows_the_mapping_of_the_leads_state(
    world: World, batches: list[list[tuple[str, dict[str, Any]]]]
) -> None:
    crm_id = world.new_contact(HUMANS[0])
    world.act(action="assign", contact=crm_id, owner=ASSISTANT)
    world.work()
    for batch in batches:
        for kind, data in batch:
            world.tell(crm_id, kind, data)
        world.work()
        check_fields(world, crm_id)
        world.clock.advance(7 * HOUR)


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(st.sampled_from((*HUMANS, None)), st.booleans(), st.sampled_from(HUMANS), st.booleans())
def test_a_handback_never_overruns_a_person(
    world: World, before: str | None, interferes: bool, who: str, early: bool
) -> None:
    crm_id = world.new_contact(before)
    world.act(action="assign", contact=crm_id, owner=ASSISTANT)
    world.work()
    world.tell(crm_id, "replied", {"intent": "AgreedToMeet"})
    if interferes and early:
        world.act(action="assign", contact=crm_id, owner=who)
    world.work()
    if interferes and not early:
        world.act(action="assign", contact=crm_id, owner=who)
        world.work()
    owner = world.read(crm_id)["hubspot_owner_id"]
    wanted = who if interferes else before
    assert (owner or None) == (world.owner_ids[wanted] if wanted else None)


class LeadLife(RuleBasedStateMachine):
    """One lead, lived step by step by people, mail and time."""

    world: World

    @initialize(owner=st.sampled_from((*HUMANS, None)))
    def be_born(self, owner: str | None) -> None:
        self.crm_id = self.world.new_contact(owner)
        self.world.act(action="assign", contact=self.crm_id, owner=ASSISTANT)
        self.holder = ASSISTANT
        self.gone = self.unsubscribed = False
        self.world.work()

    @precondition(lambda self: not self.gone)
    @rule(happening=happenings)
    def something_happens(self, happening: tuple[str, dict[str, Any]]) -> None:
        self.world.tell(self.crm_id, *happening)
        self.world.work()

    @precondition(lambda self: not self.gone)
    @rule(who=st.sampled_from(HUMANS))
    def a_person_takes_it(self, who: str) -> None:
        self.world.act(action="assign", contact=self.crm_id, owner=who)
        self.holder = who
        self.world.work()

    @precondition(lambda self: not self.gone)
    @rule()
    def it_is_assigned_again(self) -> None:
        self.world.clock.advance(HOUR)
        self.world.act(action="assign", contact=self.crm_id, owner=ASSISTANT)
        self.holder = ASSISTANT
        self.world.work()

    @rule(days=st.integers(1, 4))
    def time_passes(self, days: int) -> None:
        self.world.clock.advance(days * DAY)
        self.world.work()

    @precondition(lambda self: not self.gone)
    @rule()
    def the_contact_is_deleted(self) -> None:
        self.world.act(action="delete", contact=self.crm_id)
        self.gone = True
        self.world.work()

    @invariant()
    def the_portal_shows_the_state(self) -> None:
        if not self.gone:
            check_fields(self.world, self.crm_id)

    @invariant()
    def nobody_but_the_assistant_ever_loses_the_contact(self) -> None:
        if self.gone:
            return
        owner = self.world.read(self.crm_id)["hubspot_owner_id"] or None
        if self.holder != ASSISTANT:
            assert owner == self.world.owner_ids[self.holder]

    @invariant()
    def unsubscribed_stays_unsubscribed(self) -> None:
        state = self.world.app.leads.show(f"acme/{self.crm_id}")["state"]
        assert state == "UnSubscribed" or not self.unsubscribed
        self.unsubscribed = state == "UnSubscribed"


def test_a_leads_life(world: World) -> None:
    class Life(LeadLife):
        pass

    Life.world = world

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life,
        settings=settings(
            max_examples=8,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_delivery_that_finds_no_contact_tells_the_lead(world: World) -> None:
    crm_id = world.new_contact(HUMANS[0])
    world.act(action="assign", contact=crm_id, owner=ASSISTANT)
    world.work()
    world.act(action="delete", contact=crm_id)
    world.tell(crm_id, "capacity_available", {})
    world.app.worker().run_until_idle(poll=False)
    assert world.app.leads.show(f"acme/{crm_id}")["ended"] == "deleted"


def test_a_contact_is_erased_when_the_portal_does_not_have_it_any_more(world: World) -> None:
    """Nobody can undo it, so a signed notification alone is not enough."""
    crm_id = world.new_contact(HUMANS[0])
    world.act(action="assign", contact=crm_id, owner=ASSISTANT)
    world.work()
    email = world.app.leads.show(f"acme/{crm_id}")["email"]

    def announced() -> dict[str, Any]:
        with world.app.store.write() as tx:
            now = world.clock.now()
            tx.hints.add("acme", [NewHint(crm_id, now, erased=True)], now=now)
        return looked()

    def looked() -> dict[str, Any]:
        world.work()
        return dict(world.app.leads.show(f"acme/{crm_id}"))

    assert (announced()["email"], looked()["ended"]) == (email, None)
    for _ in range(LOOKS + 1):  # it is looked for again, and given up
        world.clock.advance(STILL_THERE)
        assert looked()["email"] == email
    with world.app.store.read() as tx:
        assert tx.hints.portals(world.clock.now() + DAY) == []
    announced()
    world.act(action="erase", contact=crm_id)  # the announcement was earlier than the deletion
    world.clock.advance(STILL_THERE)
    erased = looked()
    assert (erased["ended"], erased["email"], erased["name"]) == ("erased", None, None)
