"""`leadback serve` as it runs for real: signed webhooks in, the portal kept true, SIGTERM out."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.conftest import PATIENCE, Program, sandbox, stop, wait_until

HUMAN = "hanna@example.com"
TARA = "tara@example.com"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Program]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    door = f"http://127.0.0.1:{port}"
    hooks = ("--webhook-url", f"{door}/in/hubspot/acme", "--webhook-secret", "s3cret")
    with sandbox(*hooks) as url:
        program = Program(tmp_path, url)
        program.set_up()
        server = program.start("serve", "--port", str(port))
        try:
            wait_until(lambda: _answers(f"{door}/healthz"))
            program.door = door
            yield program
        finally:
            assert stop(server) == 0


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=PATIENCE).ok
    except requests.ConnectionError:
        return False


def test_assigned_in_hubspot_and_taken_back_within_seconds(live: Program) -> None:
    crm_id = live.new_contact(1, HUMAN)
    live.act({"action": "assign", "contact": crm_id, "owner": TARA})
    wait_until(lambda: len(live.contact(crm_id)["notes"]) == 1)
    wait_until(lambda: live.contact(crm_id)["properties"].get("lead_connection_status") == "New")
    live.act({"action": "assign", "contact": crm_id, "owner": "omar@example.com"})
    wait_until(
        lambda: live.json("lead", "show", f"acme/{crm_id}")["history"][-1]["event"] == "unassigned"
    )
    lead = live.json("lead", "show", f"acme/{crm_id}")
    assert (lead["ended"], lead["followups_active"]) == ("taken_back", False)
    assert (
        live.contact(crm_id)["properties"]["hubspot_owner_id"] == live.owners()["omar@example.com"]
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [("/in/hubspot/acme", 401), ("/in/hubspot/nobody", 401)],
)
def test_a_webhook_that_is_not_from_the_portal_is_refused(
    live: Program, path: str, status: int
) -> None:
    forged = b'[{"objectId": 1, "subscriptionType": "contact.deletion", "portalId": 8001001}]'
    answer = requests.post(live.door + path, data=forged, timeout=60)
    assert answer.status_code == status
    assert "s3cret" not in answer.text
