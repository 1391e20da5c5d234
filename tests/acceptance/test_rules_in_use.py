"""Rules changed under running workers, and asked of a live portal: real processes, a real file."""

import json
from pathlib import Path

from tests.acceptance.conftest import RULES, Program, event, stop, wait_until, write_events

TEXT = Path(RULES).read_text(encoding="utf-8")


def test_the_live_portal_is_asked_about_mapped_values(ready: Program) -> None:
    draft = ready.folder / "draft.yaml"
    draft.write_text(TEXT.replace("[QUALIFIED, ", "[VERY_GOOD, "), encoding="utf-8")
    found = ready.json("rules", "check", "draft.yaml", "--portal", "acme", code=1)
    asked = [one for one in found if "portal acme" in one["message"]]
    lines = draft.read_text(encoding="utf-8").splitlines()
    errors = [one for one in asked if one["severity"] == "error"]
    assert [one["code"] for one in errors] == ["R053"]
    assert "VERY_GOOD" in lines[errors[0]["line"] - 1]
    sound = ready.json("rules", "check", "--portal", "acme")
    assert [one for one in sound if one["severity"] == "error"] == []


def test_a_running_worker_takes_over_without_a_restart(ready: Program) -> None:
    draft = ready.folder / "draft.yaml"
    draft.write_text(TEXT.replace("when: opens >= 3}", "when: opens >= 2}"), encoding="utf-8")
    contact = ready.new_contact(1, "tara@example.com")
    lead = f"acme/{contact}"

    def versions() -> list[str]:
        shown = ready.run("lead", "show", lead, "--json", code=None)
        steps = [] if shown.returncode else json.loads(shown.stdout)["history"]
        return [step["rules_version"] for step in steps]

    worker = ready.start("run")
    try:
        events = [event(1, "assigned", lead, assistant="tara@example.com")]
        ready.run("events", "add", str(write_events(ready.folder / "one.jsonl", events)))
        wait_until(versions)
        before = ready.json("rules", "versions")["in_use"]
        ready.run("rules", "apply", "draft.yaml", "--yes")
        after = ready.json("rules", "versions")["in_use"]
        events = [event(2, "capacity_available", lead), event(3, "email_opened", lead)]
        ready.run("events", "add", str(write_events(ready.folder / "two.jsonl", events)))
        wait_until(lambda: after in versions() and len(versions()) >= 3)
        found = versions()
    finally:
        code = stop(worker)
    assert code == 0
    assert found[0] == before
    assert found[-2:] == [after, after]
