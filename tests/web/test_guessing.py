"""Guessing passwords from outside: whose address counts, and who is locked out by whom."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from leadback.service.accounts import TRIES
from leadback.web.login import BROWSER
from tests.acceptance.conftest import Program
from tests.web.conftest import PASSWORD, House, close_house, open_house

TRIED = 30


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Nothing in front of it."""
    opened = open_house(Program(tmp_path_factory.mktemp("alone"), ""), "--no-worker")
    try:
        yield opened
    finally:
        close_house(opened)


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[House]:
    """This machine's proxy is believed."""
    program = Program(tmp_path, "", {"LEADBACK_TRUSTED_PROXIES": "127.0.0.1"})
    opened = open_house(program, "--no-worker")
    try:
        yield opened
    finally:
        close_house(opened)


def knock(house: House, number: int, forwarded: str) -> requests.Response:
    return requests.post(
        f"{house.url}/login",
        data={"name": f"nobody {number}", "password": "wrong password here"},
        headers={"Origin": house.url, "X-Forwarded-For": forwarded},
        timeout=60,
    )


def test_an_address_of_its_own_invention_gives_nobody_a_pace_of_its_own(alone: House) -> None:
    answers = [knock(alone, n, f"203.0.113.{n}") for n in range(TRIED)]
    assert [a.status_code for a in answers][:20] == [401] * 20
    late = [a for a in answers if a.status_code == 429]
    assert len(late) >= 8  # one in five seconds comes back
    assert all(int(a.headers["Retry-After"]) >= 1 for a in late)
    assert {e["address"] for e in alone.program.json("audit", "--log-ins")} == {"127.0.0.1"}


def test_a_proxy_that_is_named_is_believed_and_what_came_to_it_is_not(behind: House) -> None:
    answers = [knock(behind, n, f"203.0.113.{n}") for n in range(TRIED)]
    assert [a.status_code for a in answers] == [401] * TRIED
    # What a client invents comes first; the proxy appends whom it sees.
    answers = [knock(behind, n, f"198.51.100.{n}, 192.0.2.1") for n in range(TRIED)]
    assert [a.status_code for a in answers].count(429) >= 8


def test_whoever_was_here_before_comes_in_while_somebody_else_guesses(behind: House) -> None:
    behind.add_login("vera", "viewer")
    browser = behind.log_in("vera").cookies[BROWSER]
    for n in range(TRIES):
        data = {"name": "vera", "password": "wrong password here"}
        headers = {"Origin": behind.url, "X-Forwarded-For": f"203.0.113.{n}"}
        requests.post(f"{behind.url}/login", data=data, headers=headers, timeout=60)
    assert behind.log_in("vera").status_code == 401
    again = behind.log_in("vera", PASSWORD, cookies={BROWSER: browser})
    assert again.status_code == 303
    assert again.cookies[BROWSER] != browser
    said = next(c for c in again.headers["Set-Cookie"].split(", ") if c.startswith(BROWSER))
    assert "HttpOnly" in said
    assert "SameSite=strict" in said
