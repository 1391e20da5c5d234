"""What docs/reference/rules-file.md and docs/explain/lifecycle.md say that a file does to a lead.

Written from those pages, not from the engine, and it imports nothing of it: YAML as plain texts in,
a lead's life out. Slow, short and obvious; whoever disagrees with it has a bug, or the pages do.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import yaml

UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LATE = 5 * 60_000
GONE = ("deleted", "merged", "erased")


def milliseconds(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def instant(text: object) -> int | None:
    """A date is its beginning in UTC; None for what is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return int(found.timestamp() * 1_000)


class Book:
    """The file as it stands: all values are texts, lists and tables."""

    def __init__(self, text: str) -> None:
        self.file: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 — texts
        self.states = {name: (state or {})["work"] for name, state in self.file["states"].items()}
        self.events: dict[str, Any] = self.file["events"]
        self.timers: dict[str, Any] = self.file.get("timers") or {}
        self.rows: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for trigger, rows in self.file["rules"].items():
            for row in rows:
                self._put(trigger, row["from"], row)
        for name, timer in self.timers.items():
            self._put(f"timer.{name}", timer["in"], timer)

    def _put(self, trigger: str, places: str | list[str], row: dict[str, Any]) -> None:
        by_state = self.rows.setdefault(trigger, {})
        for state in dict.fromkeys(self.resolved(places)):
            by_state.setdefault(state, []).append(row)

    def resolved(self, places: str | list[str]) -> list[str]:
        if isinstance(places, list):
            return [state for place in places for state in self.resolved(place)]
        if places == "everywhere":
            return list(self.states)
        if places == "any":
            return [name for name, work in self.states.items() if work != "final"]
        groups = self.file.get("groups") or {}
        return self.resolved(groups[places]) if places in groups else [places]

    def trigger(self, event: str, data: dict[str, Any]) -> str | None:
        """None: no rules are for this value, or only some that refuse it; it does not come in."""
        by = self.events[event].get("by")
        if by is None:
            return event
        own = f"{event}.{data.get(by)}"
        if data.get(by) != "other" and own in self.rows:
            return own
        other = self.rows.get(f"{event}.other", {})
        heard = any("refuse" not in row for rows in other.values() for row in rows)
        return f"{event}.other" if heard else None

    def timers_in(self, state: str) -> list[str]:
        return [n for n, timer in self.timers.items() if state in self.resolved(timer["in"])]


@dataclass
class Life:
    """One lead. holder: the assistant (or whom it went back to), a person, or why it is gone."""

    book: Book
    state: str = ""
    sub_state: str | None = None
    before: tuple[str, str | None] | None = None
    counters: Counter[str] = field(default_factory=Counter)
    done: bool = False
    stopped: bool = False
    holder: str = "assistant"
    timers: dict[str, tuple[int, int]] = field(default_factory=dict)
    result: str = ""
    orders: Counter[str] = field(default_factory=Counter)

    def begin(self, data: dict[str, Any], now: int) -> None:
        start = self.book.file["start"]
        self.state, self.result = start["state"], "moved"
        self._do(start.get("do", []), data)
        self._start_timers(data, now)

    @property
    def finished(self) -> bool:
        return self.done or self.holder != "assistant"

    def happens(self, event: str, data: dict[str, Any], now: int) -> None:
        """An event that comes in."""
        self.orders, kind = Counter(), self.book.events[event]
        trigger = self.book.trigger(event, data)
        self.result = "ignored"
        if trigger is None or not self._is_heard(event, kind):
            return
        automatic = trigger.partition(".")[2] in kind.get("automatic", [])
        for name in () if automatic else kind.get("resets", []):
            self.counters[name] = 0
        if "counts" in kind and not automatic:
            self.counters[kind["counts"]] += 1
        if "logs" in kind:
            self.orders["email"] += 1
        keeps = kind.get("keeps_sub_state") == "true"
        self._try(trigger, data, now, sub_state=data.get(kind.get("by")) if keeps else None)

    def fires(self, name: str, now: int) -> None:
        """A timer that is due, or overdue, by now."""
        self.orders, self.result = Counter(), "ignored"
        due, number = self.timers.pop(name)
        timer = self.book.timers[name]
        missed = timer.get("missed", "fire") if now - due > LATE else "fire"
        if missed == "restart":
            length = timer.get("after") or timer.get("default") or timer["every"]
            self.timers[name] = (now + milliseconds(length), number)
            return
        if "every" in timer and number < int(timer["times"]):
            every = milliseconds(timer["every"])
            rounds = max(0, now - due) // every + 1  # those that were missed are left out
            self.timers[name] = (due + rounds * every, number + 1)
        if missed == "fire":
            self._try(f"timer.{name}", {}, now, sub_state=None)

    def _is_heard(self, event: str, kind: dict[str, Any]) -> bool:
        """Once the contact is gone, only what brings it back, or erases it, is heard."""
        if self.holder not in GONE:
            return True
        if self.holder == "deleted" and event == self.book.file["start"]["on"]:
            return True
        heard = {"deleted": ("restored", "erased"), "merged": ("erased",), "erased": ()}
        return kind.get("contact") in heard[self.holder]

    def _try(self, trigger: str, data: dict[str, Any], now: int, *, sub_state: str | None) -> None:
        for row in self.book.rows.get(trigger, {}).get(self.state, []):
            if self._holds(row.get("when", "")) and self._can(row):
                return self._take(row, data, now, sub_state)
        return None

    def _can(self, row: dict[str, Any]) -> bool:
        """`previous` does not fit a lead that was nowhere else."""
        return row.get("to") != "previous" or (
            self.before is not None and self.before[0] != self.state
        )

    def _holds(self, guard: str) -> bool:
        return all(self._part(part.strip()) for part in guard.split(" and ") if part.strip())

    def _part(self, part: str) -> bool:
        if part.removeprefix("not ").strip() in ("finished", "stopped"):
            fact = self.finished if part.endswith("finished") else self.stopped
            return fact != part.startswith("not ")
        if part.startswith("sub_state"):
            names = re.findall(r"\w+", part[part.index("[") :])
            return (self.sub_state in names) != (" not " in part)
        found = re.fullmatch(r"(\w+)\s*(>=|<=|==|!=|>|<)\s*(\d+)", part)
        assert found is not None, part
        count, limit = self.counters[found[1]], int(found[3])
        less, same = count < limit, count == limit
        return {
            ">=": not less, "<": less, "==": same, "!=": not same,
            "<=": less or same, ">": not (less or same),
        }[found[2]]  # fmt: skip

    def _take(self, row: dict[str, Any], data: dict[str, Any], now: int, sub: str | None) -> None:
        was_done, was_gone = self.done, self.holder in GONE
        if "refuse" in row:
            self.result = "refused"
            return
        self.result = "moved" if "to" in row else "stayed"
        if "to" in row:
            self._move(row, sub)
        self._do(row.get("do", []), data)
        if self.done and not was_done and not was_gone and "handback" not in row.get("do", []):
            self.orders["handback"] += 1
        if "to" in row:
            self._start_timers(data, now)
        if self.holder in GONE:  # nothing is written to it any more
            self.orders, self.timers = Counter(), {}

    def _move(self, row: dict[str, Any], sub: str | None) -> None:
        goal = row["to"]
        if "sub_state" in row:
            sub = self.sub_state if row["sub_state"] == "keep" else row["sub_state"]
        elif goal == "previous" and self.before is not None:
            sub = self.before[1]
        if goal == "previous" and self.before is not None:
            goal = self.before[0]
        if goal != self.state:
            self.before = (self.state, self.sub_state)
        self.state, self.sub_state = goal, sub
        self.done = self.book.states[goal] in ("done", "final") or row.get("done") == "true"

    def _do(self, actions: list[Any], data: dict[str, Any]) -> None:
        for action in actions:
            if isinstance(action, dict):
                ((kind, name),) = action.items()
                if kind == "count":
                    self.counters[name] += 1
                else:
                    self.orders[kind] += 1
            else:
                self._act(action, data)

    def _act(self, action: str, data: dict[str, Any]) -> None:
        match action:
            case "start_anew":
                self.counters, self.sub_state = Counter(), None
                self.stopped, self.done, self.holder = False, False, "assistant"
            case "stop":
                self.stopped = True
            case "resume":
                self.stopped = False
            case "release":
                self.holder = "person"
            case "handback":
                self.done, self.holder = True, "assistant"
                self.orders["handback"] += 1
            case "close":
                self.holder = "deleted"
            case "reopen":
                self.holder = "person" if self.holder == "deleted" else self.holder
            case "follow_merge":
                self.holder = "merged" if data.get("winner_is_lead") else self.holder
            case "erase":
                self.holder, self.sub_state, self.before = "erased", None, None
            case _:
                raise AssertionError(action)

    def _start_timers(self, data: dict[str, Any], now: int) -> None:
        """A move ends those that run and starts those of the state, its own state too."""
        self.timers = {}
        for name in self.book.timers_in(self.state):
            timer = self.book.timers[name]
            if "at" in timer:
                given = instant(data.get(timer["at"]))
                due = now + milliseconds(timer["default"]) if given is None else max(given, now)
            else:
                due = now + milliseconds(timer.get("after") or timer["every"])
            self.timers[name] = (due, 1)
