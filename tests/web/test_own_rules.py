"""Marks and counters of a product team's own stand where people look for them."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Program, event, sandbox, write_events
from tests.service.test_actions import OWN
from tests.web.conftest import House, close_house, open_house


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """serve by rules that have a mark and a counter of their own, and one lead."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "rules").mkdir()
    (folder / "rules" / "lead_states.yaml").write_text(OWN, encoding="utf-8")
    with sandbox("--search-lag", "0", "--no-rate-limit") as url:
        program = Program(folder, url)
        program.run("portal", "connect", "acme", "--base-url", url, "--token-env", "HUBSPOT_TOKEN")
        program.run("assistant", "add", "tara", "--portal", "acme", "--email", "tara@example.com")
        program.run("portal", "setup", "acme", "--apply")
        crm_id = program.new_contact(1, "tara@example.com")
        facts = {"assistant": "tara@example.com"}
        events = [event(1, "assigned", f"acme/{crm_id}", **facts)]
        program.run("events", "add", str(write_events(folder / "e.jsonl", events)))
        program.run("run", "--until-idle")
        program.environment["LEAD"] = f"acme/{crm_id}"
        opened = open_house(program, "--no-worker")
        try:
            opened.add_login("operator", "operator")
            yield opened
        finally:
            close_house(opened)


def test_the_command_names_and_does_them(own: House) -> None:
    said = own.program.run("mark", "--help").stdout.decode()
    assert "snoozed (Mark snoozed)" in " ".join(said.split())
    assert "meeting-held (Meeting held)" in " ".join(said.split())
    lead = own.program.environment["LEAD"]
    assert own.program.json("mark", lead, "snoozed")["to"] == "OutOfOffice"
    own.program.run("mark", lead, "meeting-held")
    assert "meetings 1" in own.program.run("lead", "show", lead).stdout.decode()
    refused = own.program.run("mark", lead, "snozed", code=2).stderr.decode()
    assert "did you mean snoozed?" in refused


def test_the_pages_offer_and_show_them(own: House) -> None:
    browser = own.session("operator")
    for path in ("leads", f"lead/{own.program.environment['LEAD']}"):
        page = browser.get(f"{own.url}/app/{path}", timeout=60).text
        for words in ("Mark snoozed", "Meeting held", "Meetings", "Mark not at risk"):
            assert words in page, (path, words)


def test_programs_read_them(own: House) -> None:
    headers = own.bearer("leads:read")
    (lead,) = own.get("/leads", headers=headers).json()
    assert set(lead["counters"]) >= {"meetings", "opens", "owner_replies"}
    one = own.get(f"/leads/{lead['id']}", headers=headers).json()
    assert one["counters"] == lead["counters"]
