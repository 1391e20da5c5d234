"""A CRM that hangs while a sender floods its portal with addresses: nobody else notices."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.acceptance.conftest import TOKEN, Program, event, sandbox, wait_until
from tests.web.conftest import House, open_house

BATCHES, EACH = 45, 1_000


@pytest.fixture
def hanging(tmp_path: Path, sandbox_url: str) -> Iterator[House]:
    """acme's CRM answers no call for a minute, beta's does."""
    with sandbox("--search-lag", "0") as url:
        program = Program(tmp_path, url)
        program.set_up()
        program.run(
            "portal", "connect", "beta", "--base-url", sandbox_url, "--token-env", "HUBSPOT_TOKEN"
        )
        program.control("POST", "faults", {"kind": "slow", "seconds": 60})
        house = open_house(program)
        try:
            yield house
        finally:
            house.process.kill()
            house.process.wait(timeout=30)
            house.said.close()


def _flood(house: House, headers: dict[str, str], number: int) -> int:
    events = [
        {**event(n, "email_opened", f"acme/b{number}n{n}@nowhere.example"), "source": f"s{number}"}
        for n in range(EACH)
    ]
    answer = requests.post(
        f"{house.url}/events", data=json.dumps(events), headers=headers, timeout=120
    )
    assert answer.json()["accepted"] == EACH, answer.text
    return answer.status_code


@pytest.mark.slow
def test_doors_other_portals_and_the_end_wait_for_no_crm(hanging: House) -> None:
    headers = {
        **hanging.bearer("events:write"),
        "Content-Type": "application/cloudevents-batch+json",
    }
    with ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(lambda n: _flood(hanging, headers, n), range(BATCHES)))
    assert len(answers) == BATCHES, TOKEN
    started = time.monotonic()
    assert hanging.get("/readyz").status_code == 200
    other = event(1, "email_opened", "beta/171590000101")
    requests.post(
        f"{hanging.url}/events", data=json.dumps([other]), headers=headers, timeout=30
    ).raise_for_status()
    wait_until(lambda: hanging.program.json("queue", "list", "--held"), 30)
    assert time.monotonic() - started < 30
    hanging.process.terminate()
    assert hanging.process.wait(timeout=20) == 0
