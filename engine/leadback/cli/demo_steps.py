"""Cuts the recorded day into steps: what the portal's people do and what arrives, merged by time.

Pure and standard library only, because the demo that plays the day and the check that predicts its
end have to cut it alike. One step is worked off completely before the next one begins.
"""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

HOUR = 3_600_000
DAY = 24 * HOUR

Action = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """Either actions of one instant, or consecutive lines, or neither (the clock only moves).

    at_ms: what the clock says during the whole step, milliseconds since 1970, UTC.
    raw_lines: lines of events.jsonl as they are, without the line end; any bytes.
    """

    at_ms: int
    actions: tuple[Action, ...] = ()
    raw_lines: tuple[bytes, ...] = ()


def millis(text: str) -> int:
    """ISO 8601 with an offset, to milliseconds. ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return round(moment.timestamp() * 1000)


END_OF_DAY = millis("2026-11-24T08:00:00Z")
"""Until here the clock is moved when nothing happens any more, so that every timer fires."""


def read_steps(folder: Path) -> list[Step]:
    """All steps of the day that lies in this folder, in order, the last ones empty."""
    lines = read_lines(folder / "events.jsonl.gz")
    actions = [json.loads(line) for line in read_lines(folder / "portal-actions.jsonl.gz")]
    return cut(actions, lines)


def read_lines(file: Path) -> list[bytes]:
    """Lines end with a line feed and nothing else: the file is not text everywhere."""
    return gzip.decompress(file.read_bytes()).removesuffix(b"\n").split(b"\n")


def cut(actions: Sequence[Action], lines: Sequence[bytes]) -> list[Step]:
    """Merge by time (actions first at equal instants) and cut into steps."""
    merged: list[tuple[int, int, Any]] = [(millis(action["at"]), 0, action) for action in actions]
    merged += [(at, 1, line) for at, line in zip(arrivals(lines), lines, strict=True)]
    merged.sort(key=lambda entry: entry[:2])  # stable: the order of each file is kept
    steps: list[Step] = []
    run: list[Any] = []
    first, kind = 0, 0
    for at, which, entry in merged:
        reach = 1 if kind == 0 else HOUR
        if run and (which != kind or at >= first + reach):
            steps.append(_step(first, kind, run))
            run = []
        if not run:
            first, kind = at, which
        run.append(entry)
    if run:
        steps.append(_step(first, kind, run))
    return [*_unhurried(steps), *_ticks(steps[-1].at_ms if steps else END_OF_DAY)]


def arrivals(lines: Iterable[bytes]) -> list[int]:
    """When each line arrived. One that does not say so came together with the line before it."""
    found: list[int] = []
    for line in lines:
        before = found[-1] if found else 0
        found.append(max(before, _arrived(line)))
    return found


def _arrived(line: bytes) -> int:
    try:
        document = json.loads(line)
        return millis(document["arrived"]) if isinstance(document, dict) else 0
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0


def _step(at: int, kind: int, run: list[Any]) -> Step:
    return Step(at, actions=tuple(run)) if kind == 0 else Step(at, raw_lines=tuple(run))


def _unhurried(steps: Iterable[Step]) -> Iterable[Step]:
    """The clock never jumps more than a day: empty steps where nothing happens for longer."""
    at: int | None = None
    for step in steps:
        while at is not None and step.at_ms - at > DAY:
            at += DAY
            yield Step(at)
        at = step.at_ms
        yield step


def _ticks(last: int) -> Iterable[Step]:
    """Every day at the hour of END_OF_DAY, from the first such instant after the last step."""
    days = -((last - END_OF_DAY) // DAY)
    for back in range(days - 1, -1, -1):
        yield Step(END_OF_DAY - back * DAY)
