"""Writes the recorded day: portal.json, portal-actions.jsonl, events.jsonl. Same seed, same bytes.

    python examples/day/generate.py --out examples/day

Standard library only. What the files mean stands in README.md beside this file.
"""

import argparse
import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lives
import noise
import people
import timetable
import twists
from dice import Dice
from story import Day, Planned, Story
from timetable import MINUTE, SECOND

Life = Callable[[Story, int, str], None]

SEED = 20261102
PLAN: tuple[tuple[Life, int, str], ...] = (
    (lives.silent, 84, "regular"),
    (lives.engaged, 72, "regular"),
    (lives.warm, 88, "regular"),
    (lives.waiting, 24, "regular"),
    (lives.doubtful, 36, "regular"),
    (lives.bad_address, 30, "regular"),
    (lives.bounced, 28, "regular"),
    (lives.hot, 84, "regular"),
    (lives.responded, 56, "regular"),
    (lives.out_of_office, 72, "regular"),
    (lives.leaving, 40, "regular"),
    (lives.later, 40, "regular"),
    (lives.unsubscribed, 40, "regular"),
    (lives.machine_answers, 24, "regular"),
    (lives.marked, 36, "regular"),
    (twists.stopped, 48, "regular"),
    (twists.taken_back, 48, "regular"),
    (twists.reassigned, 60, "regular"),
    (twists.assigned_twice, 8, "regular"),
    (twists.early, 24, "regular"),
    (twists.never, 32, "regular"),
    (twists.nobody, 24, "regular"),
    (twists.inherited, 24, "leaver"),
    (twists.inherited, 16, "gone"),
    (twists.inherited, 32, "nobody"),
    (twists.deleted, 18, "regular"),
    (twists.erased, 12, "regular"),
    (twists.merged, 12, "regular"),
    (twists.merged_leads, 8, "regular"),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the recorded day.")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default {SEED}")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, content in generate(options.seed).items():
        packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        (options.out / name).write_bytes(packed)


def generate(seed: int) -> dict[str, bytes]:
    """File name to content, unpacked."""
    dice = Dice(seed)
    portals = [people.acme(), people.globex()]
    day = Day(dice)
    for portal in portals:
        day.act(timetable.OPENS, portal.name, "deactivate_owner", owner=portal.gone)
    for life, count, owner in PLAN:
        for number in range(count):
            _live(day, portals, life, number=number, owner_kind=owner)
    for portal, at in zip(portals, timetable.LEAVERS_GO, strict=True):
        day.act(at, portal.name, "deactivate_owner", owner=portal.leaver)
    day.actions.sort(key=lambda action: str(action["at"]))
    portals_json = {"portals": [portal.as_json() for portal in portals]}
    return {
        "portal.json": json.dumps(portals_json, indent=1, ensure_ascii=False).encode() + b"\n",
        "portal-actions.jsonl.gz": _lines(_dump(action) for action in day.actions),
        "events.jsonl.gz": _lines(_events(day, portals)),
    }


def _live(
    day: Day, portals: list[people.Portal], life: Life, *, number: int, owner_kind: str
) -> None:
    portal = portals[number // 2 % len(portals)]
    boss = portal.assistants[number % 2]["email"]
    context = day.dice.pick(people.CONTEXTS) if day.dice.chance(0.2) else None
    story = Story(day, portal, owner=_owner(portal, owner_kind, day.dice), context=context)
    latest = 6 if owner_kind in ("leaver", "gone", "nobody") else 32
    story.at += day.dice.below(latest) * 15 * MINUTE - SECOND
    life(story, number, boss)


def _owner(portal: people.Portal, kind: str, dice: Dice) -> str | None:
    match kind:
        case "leaver":
            return portal.leaver
        case "gone":
            return portal.gone
        case "nobody":
            return None
        case _:
            return dice.pick(portal.regulars)


def _events(day: Day, portals: list[people.Portal]) -> list[bytes]:
    """All lines in the order of arrival: sound ones, doubles, noise."""
    dice = day.dice
    planned = sorted(day.events, key=lambda event: event.at)  # stable, so the seed decides ties
    entries: list[tuple[int, bytes]] = []
    counts: dict[str, int] = {}
    for event in planned:
        counts[event.source] = counts.get(event.source, 0) + 1
        document = _document(event, counts[event.source], dice)
        entries.append((event.at, _dump(document)))
        entries += _doubles(event.at, document, dice)
    busy = [event.at for event in planned if event.at < timetable.CLOSES]
    for line in noise.malformed(dice, portals):
        entries.append((dice.pick(busy) + 1, line))
    entries += _oddities(busy[len(busy) // 2], portals[0])
    entries.sort(key=lambda entry: entry[0])
    return [line for _, line in entries]


def _document(event: Planned, number: int, dice: Dice) -> dict[str, Any]:
    """Ids are unique for their source only, as CloudEvents has it."""
    time = timetable.iso(event.time)
    if dice.chance(0.02):
        time = timetable.iso(event.time + 60 * MINUTE).replace("Z", "+01:00")
    return {
        "specversion": "1.0",
        "id": f"e-{number:05d}",
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": time,
        "arrived": timetable.iso(event.at),
        "data": event.data,
    }


def _doubles(at: int, document: dict[str, Any], dice: Dice) -> Iterable[tuple[int, bytes]]:
    """Sent again: as it was, with its fields in another order, or with other content."""
    if dice.chance(0.04):
        yield at + dice.between(0, 20) * MINUTE, _dump(document)
    if dice.chance(0.006):
        yield at + dice.between(0, 20) * MINUTE, _dump(dict(reversed(document.items())))
    if dice.chance(0.006):
        other = document | {"type": "unsubscribed", "data": {"note": "not the same any more"}}
        yield at + dice.between(0, 20) * MINUTE, _dump(other)


def _oddities(at: int, portal: people.Portal) -> Iterable[tuple[int, bytes]]:
    """Sound, but awkward: each of these counts."""
    contact = portal.contacts[0]["id"]
    document = {
        "specversion": "1.0",
        "id": "odd-1",
        "source": "mailer",
        "type": "email_sent",
        "subject": f"{portal.name}/{contact}",
        "time": "2026-11-02T12:00:00.5Z",
        "data": {
            "subject": "Line ends \u2028 and \u0085 within",
            "body": "<b>5 > 3</b> & \U0001f600",
        },
    }
    yield at, _dump(document)
    yield at, _dump(document | {"id": "odd-2", "datacontenttype": "application/json"}) + b"\r"
    yield at, json.dumps(document | {"id": "odd-3"}, indent=None, ensure_ascii=True).encode()
    yield at, _dump(document | {"id": "odd-4", "data": {"subject": "Long", "body": "ab " * 24_000}})
    # refused at first, then sent again in order: refusing it must not have used its id up
    yield at, _dump(document | {"id": "odd-5", "time": "noon"})
    yield at + MINUTE, _dump(document | {"id": "odd-5"})


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _lines(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


if __name__ == "__main__":
    main()
