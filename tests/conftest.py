"""For every test: Hypothesis' profile, and a look at each request that a plugin sends."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "repeatable",  # the same examples every time, and no search for a smaller one: bench.mutants
    settings.get_profile("quick"),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


class Sent:
    """Requests of the HubSpot plugin, `METHOD path`, and what is wrong with some of them."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.wrong: list[str] = []

    def look_at(self, request: requests.PreparedRequest) -> None:
        from tests.plugins.hubspot.shapes import check_request

        self.requests.append(f"{request.method} {request.path_url}")
        try:
            check_request(request.method or "", request.url or "", request.body)
        except Exception as error:  # the engine would take it for the plugin's, and go on
            self.wrong.append(f"{self.requests[-1]}: {error}")


@pytest.fixture(scope="session")
def _sent() -> Iterator[Sent]:
    sent = Sent()
    real = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        if str(request.headers.get("User-Agent")).startswith("handback"):
            sent.look_at(request)
        return real(self, request, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.adapters.HTTPAdapter, "send", send)
        yield sent


@pytest.fixture(autouse=True)
def requests_sent(_sent: Sent) -> Iterator[list[str]]:
    """Every request of the test; one that HubSpot does not document fails it."""
    _sent.requests.clear()
    _sent.wrong.clear()
    yield _sent.requests
    assert _sent.wrong == []
