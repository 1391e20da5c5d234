"""Small worlds full of trouble: no promise is broken; `make worlds` lives thousands of them."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.worlds.databases import Tables
from tests.worlds.life import World
from tests.worlds.portal import HANNA, OMAR, TARA
from tests.worlds.promises import broken
from tests.worlds.worlds import Worlds

pytestmark = [pytest.mark.slow, pytest.mark.long]
SEEDS = range(1, 1 + int(os.environ.get("LEADBACK_WORLDS", "100")))


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with Worlds() as made:
        yield made


def test_no_promise_is_broken(worlds: Worlds) -> None:
    found: dict[int, list[str]] = {}
    deaths = cursed = 0
    for seed in SEEDS:
        lived = worlds.live(seed)
        deaths += lived.deaths
        cursed += bool(lived.curses)
        if lived.broken:
            found[seed] = lived.broken
    assert found == {}
    assert deaths > len(SEEDS), "hardly a process died"
    assert cursed > len(SEEDS) / 3, "a statement failed in hardly a world"


def test_a_world_can_be_lived_again(worlds: Worlds) -> None:
    first = worlds.live(1080)
    with Worlds() as others:
        second = others.live(1080)
    assert len(first.log) > 50
    assert (first.log, first.deaths) == (second.log, second.deaths)


@pytest.fixture(scope="module")
def settled(worlds: Worlds) -> Iterator[World]:
    with worlds.lived(1003) as world:
        yield world


def _forget(tables: Tables, dump: Any) -> None:
    tables.execute("DELETE FROM history WHERE source = 'world' AND seq = "
                   "(SELECT max(seq) FROM history WHERE source = 'world')")  # fmt: skip


def _park(tables: Tables, dump: Any) -> None:
    tables.execute("UPDATE outbox SET status = 'uncertain' WHERE kind = 'note'")


def _double(tables: Tables, dump: Any) -> None:
    number, note = next(iter(dump["notes"].items()))
    dump["notes"][f"{number}0"] = note


def _lose(tables: Tables, dump: Any) -> None:
    dump["notes"].clear()


def _show_another_state(tables: Tables, dump: Any) -> None:
    for contact in dump["contacts"].values():
        contact["properties"]["lead_connection_status"] = "Elsewhere"


def _steal(tables: Tables, dump: Any) -> None:
    for contact in dump["contacts"].values():
        owner = contact["properties"].get("hubspot_owner_id")
        contact["properties"]["hubspot_owner_id"] = OMAR if owner == HANNA else HANNA


def _leave_undecided(tables: Tables, dump: Any) -> None:
    tables.execute("UPDATE waiting SET status = 'failed'")


def _forget_leads(tables: Tables, dump: Any) -> None:
    tables.execute("DELETE FROM leads")
    for contact in dump["contacts"].values():
        contact["properties"]["hubspot_owner_id"] = TARA


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (_forget, "accepted were"),
        (_leave_undecided, "are still failed"),
        (_forget_leads, "and is no lead"),
        (_park, "note is uncertain"),
        (_double, "and 2 times in the portal"),
        (_lose, "is done, and 0 times"),
        (_show_another_state, "and the portal shows"),
        (_steal, "belongs to"),
    ],
)
def test_a_broken_promise_is_found(
    worlds: Worlds, settled: World, tamper: Callable[[Tables, Any], None], says: str
) -> None:
    dump = settled.control("GET", "dump")
    with worlds.databases.tables(settled.database) as tables:
        assert broken(tables, settled, dump) == []
        tamper(tables, dump)
        assert any(says in sentence for sentence in broken(tables, settled, dump))
        tables.rollback()


def test_a_word_that_is_left_of_somebody_erased_is_found(worlds: Worlds, settled: World) -> None:
    dump = settled.control("GET", "dump")
    with worlds.databases.tables(settled.database) as tables:
        contact = next(c for (c,) in tables.execute("SELECT crm_id FROM leads").fetchall())
        settled.erased.add(contact)
        try:
            found = broken(tables, settled, dump)
        finally:
            settled.erased.discard(contact)
    assert any(f"{contact} was erased, and leads has" in sentence for sentence in found)
