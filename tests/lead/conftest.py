"""The shipped rules, compiled once."""

import pytest

from engine.lead.machine import LeadMachine
from tests.lead.lives import machine


@pytest.fixture(scope="session")
def rules() -> LeadMachine:
    return machine()
