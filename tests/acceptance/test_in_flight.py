"""As many calls are under way as use up a portal's limit while HubSpot takes its time to answer."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import leadback_hubspot
from leadback.api import Access, Delivery, EffectKind, Outcome, hookimpl
from leadback.wiring import open_app
from leadback_hubspot.hooks import HubSpotPlugin
from tests.acceptance.conftest import RULES, Program

CONTACTS = 60


class Counting(HubSpotPlugin):
    """Small batches, so that a few contacts make many calls; counts how many are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.now = self.most = 0

    @hookimpl
    def crm_batch_limit(self, kind: EffectKind) -> int:
        return 5

    @hookimpl
    def crm_deliver(
        self, access: Access, kind: EffectKind, deliveries: Sequence[Delivery]
    ) -> Mapping[int, Outcome]:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return super().crm_deliver(access, kind, deliveries)
        finally:
            with self.lock:
                self.now -= 1


def test_a_slow_portal_is_called_as_often_as_it_allows(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    monkeypatch.setattr(leadback_hubspot, "plugin", counting)
    program.set_up()
    tara = program.owners()["tara@example.com"]
    values = [{"email": f"c{i}@example.org", "hubspot_owner_id": tara} for i in range(CONTACTS)]
    program.act(*({"action": "create_contact", "properties": one} for one in values))
    slow = {"kind": "slow", "seconds": 0.4, "route": "contacts/batch/update"}
    program.control("POST", "faults", slow)
    with open_app(database=f"sqlite:///{tmp_path / 'leadback.db'}", rules=RULES) as app:
        app.worker().run_until_idle()
        assert app.queue.status()["outbox"]["pending"] == 0
    assert counting.most == 9, "171 calls in 10.3 s, half a second each"
    stats = program.control("GET", "stats")
    assert stats["calls"]["POST /crm/objects/{version}/contacts/batch/update"]["200"] >= 12
    assert stats["rate_limited"] == 0
