"""People can do in the sandbox what the recorded day has them do. Starts a sandbox process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.oracle.expectation import expected
from tests.oracle.recorded import DAY_FOLDER, ROOT, steps
from tests.oracle.sandbox_dump import contacts

TOKEN = "first"


class Sandbox:
    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def call(self, token: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(
            "GET" if body is None else "POST",
            self.url + path,
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def act(self, portal: str, actions: list[dict[str, Any]]) -> None:
        answers = self.call(portal, "/_sandbox/actions", actions)
        refused = [pair for pair in zip(actions, answers, strict=True) if not pair[1]["ok"]]
        assert refused == []


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "leadback_hubspot_sandbox", "--port", "0", "--empty"]
    with subprocess.Popen(
        [*command, "--token", TOKEN, "--no-rate-limit"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        yield Sandbox(json.loads(process.stdout.readline())["url"])
        process.terminate()


def test_nothing_that_people_do_is_refused(sandbox: Sandbox) -> None:
    portals = json.loads((DAY_FOLDER / "portal.json").read_bytes())["portals"]
    for portal in portals:
        _open(sandbox, portal)
    for step in steps.read_steps(DAY_FOLDER):
        for portal in portals:
            mine = [action for action in step.actions if action["portal"] == portal["name"]]
            plain = [{k: v for k, v in action.items() if k != "portal"} for action in mine]
            if plain:
                sandbox.act(portal["name"], plain)
    alive = {key for key, contact in expected(DAY_FOLDER).contacts.items() if not contact.gone}
    for portal in portals:
        name = portal["name"]
        shown = contacts(sandbox.call(name, "/_sandbox/dump"))
        assert {(name, id_) for id_ in shown} == {key for key in alive if key[0] == name}
        _compare_untouched(portal, shown)


SWITCHES = {"property_lag_on_write": False, "merge_new_id": False}


def _open(sandbox: Sandbox, portal: dict[str, Any]) -> None:
    name = portal["name"]
    made = {"portal_id": portal["portal_id"], "token": name, "owners": portal["owners"]}
    sandbox.call(TOKEN, "/_sandbox/portals", made | {"switches": SWITCHES})
    field = {"name": "context", "label": "Context", "type": "string", "fieldType": "textarea"}
    sandbox.call(
        name, "/crm/properties/2026-09/contacts", field | {"groupName": "contactinformation"}
    )
    create = [
        {"action": "create_contact", "id": contact["id"], "properties": contact["properties"]}
        for contact in portal["contacts"]
    ]
    sandbox.act(name, create)


def _compare_untouched(portal: dict[str, Any], shown: dict[str, dict[str, Any]]) -> None:
    """Contacts that nobody did anything with are as they were."""
    lines = steps.read_lines(DAY_FOLDER / "portal-actions.jsonl.gz")
    touched = {value for line in lines for value in map(str, json.loads(line).values())}
    untouched = [contact for contact in portal["contacts"] if contact["id"] not in touched]
    assert len(untouched) >= 20
    for contact in untouched:
        entry = shown[contact["id"]]
        assert (entry["hubspot_owner_id"] or None) == contact["properties"].get("hubspot_owner_id")
        assert entry["hs_lead_status"] == contact["properties"].get("hs_lead_status")
        assert (entry["notes"], entry["emails"], entry["tasks"]) == (0, 0, 0)
