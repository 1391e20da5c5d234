"""The files of the recorded day: what the generator writes, and how they are cut into steps."""

import gzip
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.recorded import DAY_FOLDER, steps

FILES = ("portal.json", "portal-actions.jsonl.gz", "events.jsonl.gz")
AT = steps.millis("2026-11-02T08:00:00Z")
MINUTE = 60_000


def generate(folder: Path, *options: str) -> dict[str, bytes]:
    command = [sys.executable, str(DAY_FOLDER / "generate.py"), "--out", str(folder), *options]
    subprocess.run(command, check=True, timeout=60)
    return {name: content(folder / name) for name in FILES}


def content(file: Path) -> bytes:
    """Unpacked: how well a compressor does is not the day's."""
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def test_the_committed_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    for name, made in generate(tmp_path).items():
        assert made == content(DAY_FOLDER / name), f"{name}: run examples/day/generate.py"


def test_another_seed_makes_another_day(tmp_path: Path) -> None:
    once, again = (generate(tmp_path / name, "--seed", "7") for name in ("once", "again"))
    assert once == again
    assert once["events.jsonl.gz"] != content(DAY_FOLDER / "events.jsonl.gz")


def test_the_files_are_small_enough_to_commit() -> None:
    assert sum((DAY_FOLDER / name).stat().st_size for name in FILES) < 600_000


def test_portals_are_complete() -> None:
    portals = json.loads((DAY_FOLDER / "portal.json").read_bytes())["portals"]
    assert len(portals) >= 2
    assert sum(len(portal["assistants"]) for portal in portals) >= 3
    assert sum(len(portal["contacts"]) for portal in portals) >= 600
    for portal in portals:
        owners = {owner["id"]: owner for owner in portal["owners"]}
        emails = {owner["email"] for owner in portal["owners"]}
        assert len(emails) == len(owners)
        assert any(owner["archived"] for owner in owners.values())
        for assistant in portal["assistants"]:
            assert {assistant["email"], assistant["fallback_owner"]} <= emails | {None}
        contacts = {contact["id"]: contact["properties"] for contact in portal["contacts"]}
        assert len(contacts) == len(portal["contacts"])
        assert len({properties["email"] for properties in contacts.values()}) == len(contacts)
        for id_, properties in contacts.items():
            assert id_.isdigit()
            assert len(id_) >= 11
            assert properties.get("hubspot_owner_id") in {None, *owners}
        assert any(contact.get("context") for contact in portal["contacts"])


def test_actions_name_what_exists_and_come_in_order() -> None:
    portals = {
        portal["name"]: (
            {contact["id"] for contact in portal["contacts"]},
            {owner["email"] for owner in portal["owners"]} | {""},
        )
        for portal in json.loads((DAY_FOLDER / "portal.json").read_bytes())["portals"]
    }
    actions = [
        json.loads(line) for line in steps.read_lines(DAY_FOLDER / "portal-actions.jsonl.gz")
    ]
    assert [action["at"] for action in actions] == sorted(action["at"] for action in actions)
    for action in actions:
        contacts, owners = portals[action["portal"]]
        for name in ("contact", "primary", "merged"):
            assert action.get(name) in contacts | {None}
        for name in ("owner", "by"):
            assert action.get(name) in owners | {None}


# ---------------------------------------------------------------- steps


@pytest.fixture(scope="module")
def day() -> list[Any]:
    cut: list[Any] = steps.read_steps(DAY_FOLDER)
    return cut


def test_the_day_has_few_steps_in_the_order_of_time(day: list[Any]) -> None:
    assert 50 <= len(day) <= 150
    times = [step.at_ms for step in day]
    assert times == sorted(times)
    assert times[0] == AT
    assert times[-1] == steps.END_OF_DAY
    assert max(after - before for before, after in pairwise(times)) <= steps.DAY
    assert not any(step.actions and step.raw_lines for step in day)


def test_no_line_and_no_action_is_lost_or_out_of_order(day: list[Any]) -> None:
    lines = [line for step in day for line in step.raw_lines]
    assert lines == steps.read_lines(DAY_FOLDER / "events.jsonl.gz")
    assert len(lines) >= 8_000
    actions = [action for step in day for action in step.actions]
    assert actions == [
        json.loads(line) for line in steps.read_lines(DAY_FOLDER / "portal-actions.jsonl.gz")
    ]


def line(minute: float) -> bytes:
    moment = f"2026-11-02T{8 + int(minute) // 60:02}:{int(minute) % 60:02}:00Z"
    return json.dumps({"arrived": moment}).encode()


def action(time: str) -> dict[str, str]:
    return {"at": f"2026-11-02T{time}:00Z"}


def cut(actions: list[dict[str, str]], lines: list[bytes]) -> list[tuple[int, int, int]]:
    """(minute, actions, lines) of every step that is not a mere tick of the clock."""
    return [
        ((step.at_ms - AT) // MINUTE, len(step.actions), len(step.raw_lines))
        for step in steps.cut(actions, lines)
        if step.actions or step.raw_lines
    ]


def test_actions_of_one_instant_are_one_step_and_come_before_the_lines_of_it() -> None:
    assert cut([action("08:00"), action("08:00"), action("08:15")], [line(15), line(16)]) == [
        (0, 2, 0),
        (15, 1, 0),
        (15, 0, 2),
    ]


def test_lines_are_cut_by_actions_and_after_an_hour() -> None:
    assert cut([action("08:10")], [line(m) for m in (5, 9, 11, 70, 71, 130, 131)]) == [
        (5, 0, 2),
        (10, 1, 0),
        (11, 0, 2),
        (71, 0, 2),
        (131, 0, 1),
    ]


def test_a_line_without_a_time_of_arrival_came_with_the_one_before_it() -> None:
    noise = [b"\xff\x00", b"", b"[" * 9_999, b"[]", b'{"arrived":3}', b'{"arrived":"noon"}']
    assert cut([action("08:10")], [line(5), *noise, line(11), line(3)]) == [
        (5, 0, 7),
        (10, 1, 0),
        (11, 0, 2),
    ]


def test_at_the_end_the_clock_moves_on_day_by_day() -> None:
    end = steps.END_OF_DAY
    empty = [step.at_ms for step in steps.cut([], [line(0)])[1:]]
    assert empty == list(range(AT + steps.DAY, end + 1, steps.DAY))
    assert [step.at_ms for step in steps.cut([], [line(1)])[1:]] == empty
