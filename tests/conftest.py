"""For every test: Hypothesis' profile, a look at each request of a plugin, and databases."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings

if TYPE_CHECKING:
    from tests.databases import Server

settings.register_profile(
    "quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "repeatable",  # the same examples every time, and no search for a smaller one: bench.mutants
    settings.get_profile("quick"),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


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
        if str(request.headers.get("User-Agent")).startswith("leadback"):
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


@pytest.fixture(scope="session")
def server() -> "Iterator[Server]":
    """PostgreSQL, once in a run."""
    from tests.databases import server_of_the_run  # a test of rules needs no SQLAlchemy

    with server_of_the_run() as found:
        yield found


@pytest.fixture(scope="session")
def emptied(server: "Server") -> Iterator[Callable[[], str]]:
    """Gives the URL of one migrated database of PostgreSQL, emptied."""
    from tests.databases import emptied_database

    with emptied_database(server) as empty:
        yield empty


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the URL of a migrated, empty database, again and again: use the last one only."""
    from tests.databases import database_in

    if request.param == "sqlite":
        numbers = itertools.count()
        return lambda: database_in(tmp_path, f"fresh-{next(numbers)}.db")
    return request.getfixturevalue("emptied")  # type: ignore[no-any-return]  # see there


@pytest.fixture
def url(fresh: Callable[[], str]) -> str:
    """A migrated, empty database."""
    return fresh()
