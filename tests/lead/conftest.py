"""The shipped rules, compiled once."""

import pytest

from leadback.lead.machine import LeadMachine
from tests.lead.lives import machine


@pytest.fixture(scope="session")
def rules() -> LeadMachine:
    return machine()
