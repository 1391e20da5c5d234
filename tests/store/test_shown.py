"""Which field values a contact is known to show."""

from leadback.store import NewHint, Store
from leadback.store.shown import FRESH

NOON = 1_793_707_200_000
COLD, WARM = {"status": "COLD", "other": "1"}, {"status": "WARM"}


def already(store: Store, now: int = NOON, **values: dict[str, str]) -> set[str]:
    with store.read() as tx:
        return tx.shown.already("acme", {k.strip("c"): v for k, v in values.items()}, now=now)


def confirm(store: Store) -> None:
    with store.write() as tx:
        tx.shown.confirm("acme", {"1": COLD, "2": WARM, "3": COLD}, now=NOON)


def test_only_what_was_confirmed_is_known(store: Store) -> None:
    assert already(store, c1=COLD) == set()
    confirm(store)
    assert already(store, c1=dict(reversed(COLD.items())), c2=COLD, c3=COLD, c4=COLD) == {"1", "3"}
    with store.read() as tx:
        assert tx.shown.already("beta", {"1": COLD}, now=NOON) == set()
        assert tx.shown.already("acme", {}, now=NOON) == set()


def test_the_newest_confirmation_counts(store: Store) -> None:
    confirm(store)
    with store.write() as tx:
        tx.shown.confirm("acme", {"1": WARM}, now=NOON + 1)
    assert already(store, NOON + 1, c1=COLD, c3=COLD) == {"3"}
    assert already(store, NOON + 1, c1=WARM) == {"1"}


def test_what_may_have_changed_is_not_known_any_more(store: Store) -> None:
    confirm(store)
    with store.write() as tx:
        tx.shown.forget("acme", ["1", "9"])
        tx.hints.add("acme", [NewHint("3", NOON)], now=NOON)
        tx.hints.add("beta", [NewHint("2", NOON)], now=NOON)
    assert already(store, c1=COLD, c2=WARM, c3=COLD) == {"2"}


def test_after_a_while_it_is_not_known_any_more(store: Store) -> None:
    confirm(store)
    assert already(store, NOON + FRESH - 1, c1=COLD) == {"1"}
    assert already(store, NOON + FRESH, c1=COLD) == set()
    assert already(store, NOON - 1, c1=COLD) == set(), "the clock was set back"
