"""Doors whose plugin breaks at every hook: the answers and the log hold nothing that it knew."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.conftest import TOKEN, Program, event, sandbox
from tests.hooks import ADDRESS, HOOKS
from tests.web.conftest import CALLS, House, open_house

SECRET = "s3cret"
WEBHOOK = [{"subscriptionType": "contact.propertyChange", "objectId": 1}]


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[House]:
    with sandbox("--search-lag", "0") as url:
        program = Program(tmp_path, url)
        program.set_up()
        house = open_house(program)
        house.add_login("admin", "admin")
        house.key("events:write")
        (tmp_path / CALLS).with_suffix(".fail").write_text(" ".join(HOOKS))
        yield house
        house.said.close()


def test_no_door_and_no_page_says_what_a_broken_plugin_knew(broken: House) -> None:
    url, folder = broken.url, broken.program.folder
    batch = [event(1, "email_opened", "acme/1"), event(2, "email_opened", f"acme/{ADDRESS}")]
    kind = "application/cloudevents-batch+json"
    headers = {**broken.bearer("events:write"), "Content-Type": kind}
    answers = [
        requests.post(f"{url}/events", json.dumps(batch), headers=headers, timeout=60),
        requests.post(f"{url}/in/hubspot/acme", json.dumps(WEBHOOK), timeout=60),
    ]
    admin = broken.session("admin")
    for page in ("leads", "assistants", "crm", "rules", "attention"):
        answers.append(admin.get(f"{url}/app/{page}", timeout=60))
    broken.process.terminate()
    broken.process.wait(timeout=60)
    said = (folder / "serve.log").read_text() + "".join(one.text for one in answers)
    called = {json.loads(line)["hook"] for line in (folder / CALLS).read_text().splitlines()}
    assert {"crm_contact_ids", "crm_notified_accounts"} <= called
    assert "crm_contact_ids broke" in said
    assert [one for one in (TOKEN, SECRET, ADDRESS) if one in said] == []
