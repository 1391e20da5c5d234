"""Contacts that become one at the same time: in the end one lead speaks for each contact."""

from pathlib import Path

import pytest
from sqlalchemy import select

from leadback.lead.records import Ended, Event, Lead
from leadback.store import NewEvent
from leadback.store.tables import metadata
from tests.service.worlds import PORTAL, World, world


def arrive(here: World, *events: tuple[str, str, dict[str, object]]) -> None:
    """(contact, kind, data), all in one claim."""
    now = here.clock.now()
    with here.app.store.write() as tx:
        tx.inbox.add(
            [
                NewEvent(PORTAL, crm_id, Event(kind, now, "crm", f"{crm_id}:{kind}", data))
                for crm_id, kind, data in events
            ],
            now=now,
        )
    for _ in range(5):
        here.decide()


def speaking(here: World, crm_id: str) -> list[Lead]:
    with here.app.store.read() as tx:
        return [
            one for one in tx.leads.list(limit=50) if one.crm_id == crm_id and one.ended is None
        ]


def assigned(crm_id: str) -> tuple[str, str, dict[str, object]]:
    facts: dict[str, object] = {"portal": PORTAL, "crm_id": crm_id, "assistant": "tara@example.com"}
    return crm_id, "assigned", facts


def merged(crm_id: str) -> tuple[str, str, dict[str, object]]:
    return crm_id, "contact_merged", {"into": "900"}


@pytest.mark.parametrize("first", [0, 1])
def test_the_winner_becomes_a_lead_in_the_same_claim(tmp_path: Path, first: int) -> None:
    with world(tmp_path) as here:
        here.happen("501", "assigned")
        both = [merged("501"), assigned("900")]
        arrive(here, both[first], both[1 - first])
        assert len(speaking(here, "900")) == 1
        arrive(here, ("900", "email_opened", {}))
        (lead,) = speaking(here, "900")
        assert lead.counters == {"opens": 1}


def test_two_leads_become_part_of_a_third_contact_in_one_claim(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        for crm_id in ("501", "502"):
            here.happen(crm_id, "assigned")
        arrive(here, merged("501"), merged("502"))
        assert len(speaking(here, "900")) == 1
        arrive(here, ("501", "email_opened", {}), ("502", "email_opened", {"n": 2}))
        (lead,) = speaking(here, "900")
        assert lead.counters == {"opens": 2}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_who_became_part_of_somebody_erased_is_erased(
    tmp_path: Path, first: int, together: bool
) -> None:
    """Whichever is heard of first: a merge can be parked, or come late."""
    with world(tmp_path) as here:
        for crm_id in ("501", "900"):
            here.happen(crm_id, "assigned")
        both = [merged("501"), ("900", "contact_erased", {})]
        both = [both[first], both[1 - first]]
        for some in [both] if together else [[one] for one in both]:
            arrive(here, *some)
        with here.app.store.read() as tx:
            leads = {lead.lead_id: lead for lead in tx.leads.list(limit=10)}
        assert [lead.email for lead in leads.values()] == [None, None]
        assert leads["900"].ended is Ended.ERASED
        with here.app.store._dialect.engine.connect() as connection:
            kept = "".join(
                str(connection.execute(select(table)).all()) for table in metadata.sorted_tables
            )
        assert "501@example.com" not in kept
