"""Failures that other engines had with claims, leases and recovery, by their numbers.

On both databases. The list with all of them: docs/explain/reliability.md.
"""

from collections.abc import Callable, Mapping, Sequence

import pytest

from leadback.api import Access, Delivery, Done, EffectKind, Outcome, hookimpl
from leadback.base.clock import HOUR, MINUTE, ManualClock
from leadback.hooks.manager import Plugins
from leadback.lead.records import Portal
from leadback.store import Claim, Settlement, Store
from leadback.wiring import open_app
from leadback_hubspot.hooks import HubSpotPlugin
from tests.store.test_woken import arrive
from tests.store.worlds import PORTAL, connect, make_lead, note

LEASE = 1_000
Open = Callable[[], Store]


@pytest.fixture(autouse=True)
def _portals(store: Store) -> None:
    connect(store)


def claim(store: Store, now: int) -> Claim:
    with store.write() as tx:
        return tx.outbox.claim(PORTAL, now=now, lease=LEASE, limit=100)


def settle(store: Store, mine: Claim, effect: int, *, now: int) -> list[int]:
    """The effects that were somebody else's by then."""
    with store.write() as tx:
        done = [Settlement(effect, "done")]
        return tx.outbox.settle(PORTAL, mine.fence, done, now=now)


def status(store: Store, lead_id: str = "501") -> list[str]:
    with store.read() as tx:
        return [row.status for row in tx.outbox.of_lead(PORTAL, lead_id)]


def test_failure_2_work_stranded_after_the_start_is_found_without_a_restart(opened: Open) -> None:
    running, dying = opened(), opened()
    assert claim(running, 20).effects == ()  # it has started, and looked for stranded work
    make_lead(running, "501", note("a"))
    assert len(claim(dying, 30).effects) == 1
    dying.close()
    assert claim(running, 30 + LEASE - 1).effects == ()
    [found] = claim(running, 30 + LEASE).effects
    assert found.maybe_sent


def test_failure_3_of_two_recoverers_one_records_and_the_other_is_refused(opened: Open) -> None:
    make_lead(opened(), "501", note("a"))
    slow, quick = opened(), opened()
    first = claim(slow, 30)
    second = claim(quick, 30 + LEASE)
    [effect] = second.effects
    assert settle(slow, first, effect.id, now=31 + LEASE) == [effect.id]
    assert status(quick) == ["leased"]
    assert settle(quick, second, effect.id, now=32 + LEASE) == []
    assert status(quick) == ["done"]


def test_failure_4_a_worker_that_restarts_on_the_same_host_is_another_one(opened: Open) -> None:
    """Nothing of the host or the process is an identity: every claim has a fence of its own."""
    before = opened()
    make_lead(before, "501", note("a"))
    old = claim(before, 30)
    before.close()
    after = opened()
    make_lead(after, "502", note("b"), now=31)
    new = claim(after, 32)
    assert [effect.reference for effect in new.effects] == ["b"]
    assert new.fence != old.fence
    assert settle(after, new, old.effects[0].id, now=33) == [old.effects[0].id]


def test_failure_5_nothing_of_a_dead_worker_is_pruned_before_its_work_is_found(
    opened: Open,
) -> None:
    """There is no row of a worker to prune; what it claimed outlives any pruning."""
    dying, keeper = opened(), opened()
    make_lead(dying, "501", note("a"))
    claim(dying, 30)
    dying.close()
    keeper.prune(before=10**12)
    assert [effect.reference for effect in claim(keeper, 30 + LEASE).effects] == ["a"]


class Fragile(HubSpotPlugin):
    """A plugin with a mistake in it: the first batch that it is given makes it fail."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[list[str]] = []

    @hookimpl
    def crm_batch_limit(self, kind: EffectKind) -> int:
        return 2

    @hookimpl
    def crm_deliver(
        self, access: Access, kind: EffectKind, deliveries: Sequence[Delivery]
    ) -> Mapping[int, Outcome]:
        self.given.append([d.reference for d in deliveries])
        if len(self.given) == 1:
            raise KeyError("a shape that nobody thought of")
        return {delivery.id: Done() for delivery in deliveries}


def test_failure_6_an_exception_in_the_middle_drops_nothing_of_the_claim(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, fragile = ManualClock(1_800_000_000_000), Fragile()
    monkeypatch.setattr(Plugins, "for_crm", lambda self, crm: self._callers[crm])
    leads = [str(number) for number in range(9)]
    with open_app(database=url, clock=clock) as app:
        app.accesses._plugins.register("hubspot", fragile)
        with app.store.write() as tx:
            tx.portals.put(Portal("acme", "hubspot", "http://127.0.0.1:9", "NO_SUCH_TOKEN"))
        arrive(app, "acme", *leads)
        app.decisions.decide_due(clock.now())
        app.deliveries.deliver_due()
        broken = set(fragile.given[0])
        shown = [effect for lead in leads for effect in app.leads.show(f"acme/{lead}")["effects"]]
        waiting = [effect for effect in shown if effect["status"] != "done"]
        assert {effect["status"] for effect in waiting} == {"uncertain", "pending"}
        assert len(waiting) < len(shown) / 2
        assert all("the plugin failed" in e["reason"] for e in waiting if e["status"] != "pending")
        for _ in range(3):
            clock.advance(HOUR)
            app.deliveries.deliver_due()
        shown = [effect for lead in leads for effect in app.leads.show(f"acme/{lead}")["effects"]]
    assert {effect["status"] for effect in shown} == {"done"}
    sent = [reference for batch in fragile.given[1:] for reference in batch]
    assert broken <= set(sent)
    assert len(sent) == len(set(sent)) == len(shown)


def test_failure_7_a_worker_that_was_starved_cannot_renew_what_it_lost(opened: Open) -> None:
    starved, quick = opened(), opened()
    make_lead(starved, "501", note("a"))
    first = claim(starved, 30)
    second = claim(quick, 30 + LEASE)
    [effect] = second.effects
    with starved.write() as tx:
        tx.outbox.renew(PORTAL, first.fence, until=10 * LEASE)
    assert settle(starved, first, effect.id, now=31 + LEASE) == [effect.id]
    [again] = claim(opened(), 31 + 2 * LEASE).effects  # quick's own lease, not the starved one's
    assert again.attempts == 3


def test_failure_8_stale_claims_count_against_nobody(opened: Open) -> None:
    """Work of workers that died holds up its own leads until its lease ends, and nothing else."""
    store, dying = opened(), opened()
    for number in range(50):
        make_lead(store, str(number), note(f"{number}"))
        claim(dying, 30)
    dying.close()
    make_lead(store, "new", note("new"), now=31)
    assert [effect.reference for effect in claim(store, 32).effects] == ["new"]
    assert len(claim(store, 33 + MINUTE).effects) == 51
