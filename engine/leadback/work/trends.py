"""Takes samples of levels and calls, for people who look at how things went."""

from leadback.base.clock import Millis
from leadback.store import Store
from leadback.work.containing import PortalByPortal


def sample(store: Store, now: Millis) -> int:
    """Whatever samples are missing by now; of how many portals. One that fails keeps none of the
    others from being sampled."""

    def one(portal: str) -> int:
        with store.read() as tx:
            taken = tx.trends.take(now, portals=[portal])
        if taken:
            with store.write() as tx:
                tx.trends.keep(taken)
        return len(taken)

    with store.read() as tx:
        names = tx.trends.portals()
    return PortalByPortal("sample").each(names, one, now)
