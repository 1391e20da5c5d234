"""Values that no rule knows: counted, bounded, and forgotten."""

import pytest

from leadback.store import Store
from leadback.store.records import Unruled
from leadback.store.unruled import KEPT, LONGEST, MONTH
from tests.store.test_leads import _erase
from tests.store.worlds import PORTAL, connect, make_lead


@pytest.fixture(autouse=True)
def _portals(store: Store) -> None:
    connect(store)


def noted(store: Store, value: str, events: int = 1, *, now: int, portal: str = PORTAL) -> None:
    with store.write() as tx:
        tx.unruled.note({(portal, "replied", "intent", value): events}, now=now)


def kept(store: Store) -> list[Unruled]:
    with store.read() as tx:
        return tx.unruled.list()


def test_the_same_value_is_counted(store: Store) -> None:
    noted(store, "Bored", 2, now=10)
    noted(store, "Away", now=15)
    noted(store, "Bored", 3, now=20)
    noted(store, "Bored", now=20, portal="other")
    found = [(one.portal, one.value, one.events, one.first_at, one.at) for one in kept(store)]
    assert found == [
        ("other", "Bored", 1, 20, 20),
        (PORTAL, "Bored", 5, 10, 20),
        (PORTAL, "Away", 1, 15, 15),
    ]


def test_of_a_long_value_the_beginning_is_kept(store: Store) -> None:
    long = "x" * LONGEST
    with store.write() as tx:
        found = {(PORTAL, "replied", "intent", long + end): 1 for end in ("", "a", "b")}
        tx.unruled.note(found, now=10)
    assert [(one.value, one.events) for one in kept(store)] == [(long, 3)]


def test_the_oldest_make_room(store: Store) -> None:
    for begin in range(0, KEPT + 60, 20):
        with store.write() as tx:
            values = range(begin, begin + 20)
            found = {(PORTAL, "replied", "intent", f"v{n:04}"): 1 for n in values}
            tx.unruled.note(found, now=begin)
    assert sorted(one.value for one in kept(store)) == [f"v{n:04}" for n in range(60, KEPT + 60)]


def test_what_is_not_seen_again_is_forgotten(store: Store) -> None:
    noted(store, "Bored", now=10)
    noted(store, "Away", now=MONTH + 11)
    assert [one.value for one in kept(store)] == ["Away"]
    store.prune(before=MONTH + 12)
    assert kept(store) == []


def test_one_is_dismissed_until_it_comes_again(store: Store) -> None:
    noted(store, "Bored", now=10)
    noted(store, "Away", now=11)
    (away, bored) = kept(store)
    with store.write() as tx:
        assert tx.unruled.dismiss("other", [bored.id]) == 0
        assert tx.unruled.dismiss(PORTAL, [bored.id, 999]) == 1
    assert kept(store) == [away]
    noted(store, "Bored", now=12)
    assert [(one.value, one.events) for one in kept(store)] == [("Bored", 1), ("Away", 1)]


def test_an_erased_person_is_in_no_value(store: Store) -> None:
    known = make_lead(store, "501", email="ann@example.org", name="Ann 100% Lee")
    noted(store, "ask ANN@Example.org", now=10)
    noted(store, "call ann 100% lee", now=10)
    noted(store, "call ann 1000 lee", now=10)
    noted(store, "Bored", now=10)
    _erase(store, known, 25)
    assert {one.value for one in kept(store)} == {"Bored", "call ann 1000 lee"}
