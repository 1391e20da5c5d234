"""A real sandbox process for the run; a fresh portal for every test; every request checked."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leadback.rules.loader import load
from leadback.rules.model import Rules
from tests.plugins.hubspot.rig import Rig, make_rig, start_sandbox

SHIPPED = Path(__file__).resolve().parents[3] / "rules" / "lead_states.yaml"


@pytest.fixture(scope="session")
def lead_rules() -> Rules:
    return load(SHIPPED)


@pytest.fixture(scope="session")
def hubspot_url() -> Iterator[str]:
    process, url = start_sandbox()
    yield url
    process.terminate()
    process.wait(timeout=60)
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture
def new_rig(hubspot_url: str, lead_rules: Rules, requests_sent: list[str]) -> Callable[..., Rig]:
    return lambda **portal: make_rig(hubspot_url, lead_rules, **portal)


@pytest.fixture
def rig(new_rig: Callable[..., Rig]) -> Rig:
    """A portal as HubSpot makes it: without Context, Lead Connection Status and QUALIFIED."""
    return new_rig()


@pytest.fixture
def ready(rig: Rig) -> Rig:
    """A portal that was set up, long enough ago for everybody to see it."""
    rig.switch(property_lag=[0, 0])
    rig.set_up()
    rig.reset_stats()
    return rig
