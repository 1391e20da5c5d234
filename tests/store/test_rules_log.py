"""A change of rules and a claim exclude each other, on both databases."""

import threading

from leadback.store import RulesEntry, Store
from tests.store.worlds import PORTAL, add, connect, new

ENTRY = RulesEntry(1, 5, "Ann", "page", "started", "h1", None, "h1", "a.yaml")


def test_16_no_claim_is_open_while_the_rules_change(store: Store) -> None:
    connect(store)
    add(store, new("501", 1, "assigned"))
    claimed, changed = threading.Event(), threading.Event()
    order: list[str] = []

    def change() -> None:
        claimed.wait(10)
        with store.write() as tx:
            tx.rules.hold_claims()
            order.append("changed")
            tx.rules.append(ENTRY)
        changed.set()

    other = threading.Thread(target=change)
    other.start()
    with store.write() as tx:
        assert tx.inbox.claim(PORTAL, now=10**15, limit=10)
        claimed.set()
        assert not changed.wait(0.3), "a change came in between a claim and its commit"
        assert tx.rules.in_use() is None
        order.append("decided")
    other.join()
    assert order == ["decided", "changed"]


def test_a_claim_that_waited_for_a_change_sees_it(store: Store) -> None:
    connect(store)
    add(store, new("501", 1, "assigned"))
    seen: list[object] = []

    def claim() -> None:
        with store.write() as tx:
            tx.inbox.claim(PORTAL, now=10**15, limit=10)
            seen.append(tx.rules.in_use())

    with store.write() as tx:
        tx.rules.hold_claims()
        other = threading.Thread(target=claim)
        other.start()
        other.join(0.3)
        assert seen == []
        tx.rules.append(ENTRY)
    other.join()
    assert seen == [(1, "h1", None, None)]
