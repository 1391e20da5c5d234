"""Nobody outside can take the place of an event that the engine, or a person, makes here.

For each of them, from each door: somebody claims its next identity, then it happens all the same.
"""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from leadback.brokers.consumer import Taken
from leadback.brokers.messages import from_rabbitmq
from leadback.service.apikeys import ApiKeys
from leadback.service.attention import Attention
from leadback.store.tables import inbox
from leadback.work.senders import FILE, SENDING
from tests.databases import database_in
from tests.service.identities import (
    CASES,
    KEPT_NOWHERE,
    LEAD,
    OUTSIDE,
    PORTAL,
    READS,
    Case,
    World,
    is_internal,
    places,
    says_where_from,
    world,
)

Known = tuple[str, str]
"""(source, id)"""


def internal_events(here: World) -> set[Known]:
    query = select(inbox.c.source, inbox.c.event_id).where(inbox.c.internal)
    with here.app.store._dialect.engine.connect() as connection:
        return {(row[0], row[1]) for row in connection.execute(query)}


def outcome(here: World) -> list[tuple[Any, ...]]:
    """All leads, and what was decided about them."""
    with here.app.store.read() as tx:
        leads = tx.leads.list(limit=50)
        found = [
            (entry.lead_id, entry.type, entry.source, entry.event_id, entry.to_state, entry.result)
            for lead in leads
            for entry in tx.history.of_lead(PORTAL, lead.lead_id)
        ]
    return [*sorted((lead.lead_id, lead.state, lead.ended) for lead in leads), *sorted(found)]


# ---------------------------------------------------------------------- the doors


def lines(claimed: list[Known]) -> list[bytes]:
    """Harmless events of a contact that is no lead, under names that are not theirs."""
    return [
        json.dumps(
            {
                "specversion": "1.0",
                "type": "email_opened",
                "subject": f"{PORTAL}/424242",
                "source": source,
                "id": event_id,
            }
        ).encode()
        for source, event_id in claimed
    ]


def by_file(here: World, claims: list[bytes]) -> None:
    stream = BufferedReader(io.BytesIO(b"\n".join(claims)))  # type: ignore[arg-type]  # is raw
    assert here.app.events.add(stream).accepted == len(claims)


def keys_of(here: World) -> ApiKeys:
    return ApiKeys(here.app.store, here.app.clock, here.app.audit)


def by_http(here: World, claims: list[bytes]) -> None:
    key = keys_of(here).add("all", list(SENDING))["key"]
    with serving(here) as url:
        answer = requests.post(
            f"{url}/events",
            data=b"[" + b",".join(claims) + b"]",
            headers={
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/cloudevents-batch+json",
            },
            timeout=60,
        )
    assert answer.json()["accepted"] == len(claims), answer.text


@contextmanager
def serving(here: World) -> Iterator[str]:
    """The event API on a free port."""
    uvicorn = pytest.importorskip("uvicorn")
    fastapi = pytest.importorskip("fastapi")
    from leadback.web.eventapi import event_api, keeper_of

    door = fastapi.FastAPI()
    keeper = keeper_of(keys_of(here), here.app.clock)
    door.include_router(event_api(keeper, here.app.events.add_lines, here.app.leads))
    running = uvicorn.Server(uvicorn.Config(door, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join()


def by_broker(here: World, claims: list[bytes]) -> None:
    taken = Taken(here.app, "events")
    taken.take([from_rabbitmq({}, "application/cloudevents+json", claim) for claim in claims])
    assert taken.added.accepted == len(claims)


def parked(here: World, claims: list[bytes]) -> list[str]:
    here.app.intake.refuse(
        [(1, claim, "odd") for claim in claims], here.clock.now(), name="file", sender=FILE
    )
    return [row["id"] for row in here.app.queue.list(quarantined=True)]


def by_retry(here: World, claims: list[bytes]) -> None:
    done = here.app.queue.retry(parked(here, claims))
    assert done == {"retried": len(claims), "rejected": 0, "unknown": 0}


def by_mending(here: World, claims: list[bytes]) -> None:
    app = here.app
    page = Attention(app.store, app.clock, app.queue, app.intake, lambda: 0, audit=app.audit)
    for item, claim in zip(parked(here, claims), claims, strict=True):
        assert page.mend(item, claim.decode())["accepted"] == 1


DOORS: dict[str, Callable[[World, list[bytes]], None]] = {
    "file": by_file,
    "http": by_http,
    "broker": by_broker,
    "retry": by_retry,
    "mend": by_mending,
}


# ---------------------------------------------------------------------- the law


def undisturbed(url: str, case: Case) -> tuple[list[Known], list[tuple[Any, ...]]]:
    """The identities that come next, and what comes of them."""
    with world(url) as here:
        case.prepare(here)
        before = internal_events(here)
        case.happen(here)
        return sorted(internal_events(here) - before), outcome(here)


@pytest.mark.parametrize("name", list(CASES))
def test_what_somebody_claims_from_outside_happens_all_the_same(
    fresh: Callable[[], str], name: str
) -> None:
    case = CASES[name]
    coming, expected = undisturbed(fresh(), case)
    assert coming, "this case makes no event of the engine's own"
    for door, claim in DOORS.items():
        with world(fresh()) as here:
            case.prepare(here)
            claim(here, lines(coming))
            case.happen(here)
            assert outcome(here) == expected, door
            assert set(coming) <= internal_events(here), door


def test_every_place_that_makes_an_event_is_covered() -> None:
    """A new source of events has to say that it is the engine's, and has to happen above."""
    found = {place: calls for place, calls in places().items() if place != OUTSIDE}
    silent = [place for place, calls in found.items() if not all(map(says_where_from, calls))]
    assert silent == [], "these make events that anybody could claim: say internal=True"
    made = {place for place, calls in found.items() if any(map(is_internal, calls))}
    covered = {case.place for case in CASES.values()} | KEPT_NOWHERE.keys()
    assert made == covered
    assert all(place.startswith(READS) for place in found.keys() - made)


def test_no_sender_can_say_that_it_is_the_engine(tmp_path: Path) -> None:
    """Whatever it writes into its event."""
    with world(database_in(tmp_path)) as here:
        content = json.loads(lines([("person", "1")])[0]) | {"internal": True, "via": "pages: ada"}
        content |= {"type": "marked", "subject": f"{PORTAL}/{LEAD}", "data": {"action": "hot"}}
        by_file(here, [json.dumps(content).encode()])
        here.decide()
        forged = here.app.leads.why(f"{PORTAL}/{LEAD}")[-1]
        assert (forged["source"], forged["internal"], forged["via"]) == ("person", False, "file")
        here.app.leads.mark(f"{PORTAL}/{LEAD}", "cold")
        real = here.app.leads.why(f"{PORTAL}/{LEAD}")[-1]
        assert (real["source"], real["internal"]) == ("person", True)
        assert real["via"].startswith("command line: ")
