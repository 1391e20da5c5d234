"""Takes samples of levels and calls, for people who look at how things went."""

from engine.base.clock import Millis
from engine.store import Store


def sample(store: Store, now: Millis) -> int:
    """Whatever samples are missing by now; of how many portals."""
    with store.read() as tx:
        taken = tx.trends.take(now)
    if taken:
        with store.write() as tx:
            tx.trends.keep(taken)
    return len(taken)
