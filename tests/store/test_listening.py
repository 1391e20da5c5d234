"""When a portal was last heard of; one worker polls at a time."""

from collections.abc import Callable

from leadback.store import Heard, Store

NOON = 1_793_707_200_000


def test_a_portal_that_was_never_heard_of(store: Store) -> None:
    with store.read() as tx:
        assert tx.listening.of("acme") == Heard()


def test_of_all_workers_one_polls(opened: Callable[[], Store]) -> None:
    one, other = opened(), opened()
    with one.write() as tx:
        assert tx.listening.claim_poll("acme", now=NOON, every=60_000) == Heard()
    with other.write() as tx:
        assert tx.listening.claim_poll("acme", now=NOON + 59_999, every=60_000) is None
        assert tx.listening.claim_poll("beta", now=NOON, every=60_000) == Heard()
        assert tx.listening.claim_poll("acme", now=NOON + 60_000, every=60_000) == Heard()


def test_what_was_found_is_kept(store: Store) -> None:
    with store.write() as tx:
        tx.listening.polled("acme", at=NOON, cursor=7, owners="1 2", compared=True)
        tx.listening.polled("acme", at=NOON + 1, cursor=8, owners="1 2", compared=False)
        tx.listening.hooked("acme", at=NOON + 2)
    with store.read() as tx:
        heard = tx.listening.of("acme")
    assert heard == Heard(8, "1 2", NOON + 1, NOON, NOON + 2)
