"""Loading timers: when each fires, and the rule that it fires."""

from typing import get_args

from leadback.rules.draft import Draft
from leadback.rules.grammar import MAX_TIMES, TIMER
from leadback.rules.model import Missed, Position, Timer
from leadback.rules.reader import Node, Table
from leadback.rules.rows import Line, in_doubt, load_rule
from leadback.rules.shapes import (
    declared_name,
    duration,
    fields,
    name_of,
    number,
    pairs,
    word,
)

MISSED: tuple[Missed, ...] = get_args(Missed)
TIMES = ("after", "at", "every")


def load_timers(draft: Draft, node: Node) -> None:
    for key, value in pairs(draft.report, node, "timers"):
        name = declared_name(draft.report, key, "a timer")
        what = f"timer {name}"
        found = fields(draft.report, value, TIMER, what)
        if found is None or name in draft.timers:
            in_doubt(draft, f"timer.{name}")
            continue
        sources = draft.sources(found["in"], what) if "in" in found else ()
        if not sources:
            in_doubt(draft, f"timer.{name}")
        timer = _timer(draft, name, sources, found, key.at, value)
        draft.timers[name] = timer
        draft.rules.append(load_rule(draft, Line(timer.trigger, sources, found, value, TIMER)))


def _timer(
    draft: Draft,
    name: str,
    states: tuple[str, ...],
    found: dict[str, Node],
    at: Position,
    node: Node,
) -> Timer:
    report, what = draft.report, f"timer {name}"
    _one_time(draft, found, node, what)
    lengths = {
        key: duration(report, found[key], f"{key} of {what}")
        for key in ("after", "default", "every")
        if key in found
    }
    at_field = draft.name(found["at"], f"at of {what}") if "at" in found else None
    times = missed = None
    if "times" in found:
        times = number(report, found["times"], f"times of {what}", most=MAX_TIMES)
    if "missed" in found:
        missed = word(report, found["missed"], f"missed of {what}", MISSED)
    return Timer(
        name,
        states,
        after=lengths.get("after"),
        at_field=at_field,
        default=lengths.get("default"),
        every=lengths.get("every"),
        times=times or 1,
        missed=next((m for m in MISSED if m == missed), "fire"),
        at=at,
    )


def _one_time(draft: Draft, found: dict[str, Node], node: Node, what: str) -> None:
    given = [key for key in TIMES if key in found]
    allowed = [key.name for key in TIMER]
    if isinstance(node, Table) and any(name_of(k) not in allowed for k, _ in node.pairs):
        return  # a misspelt key is reported, and is probably what would be missed here
    if len(given) != 1:
        says = "says both " + " and ".join(given) if given else "does not say when it fires"
        at = found[given[1]].at if given else node.at
        fix = f"give exactly one of {', '.join(TIMES)}"
        draft.report.add("R023", at, f"{what} {says}", fix=fix)
        return
    for companion, needs in (("default", "at"), ("times", "every")):
        if companion in found and needs not in found:
            message = f"{what}: {companion} has no effect without {needs}"
            draft.report.add("R027", found[companion].at, message, fix=f"remove {companion}")
        if needs in found and companion not in found:
            message = f"{what} has {needs}, but no {companion}"
            fix = f"add {companion}: {next(k.means for k in TIMER if k.name == companion)}"
            draft.report.add("R008", node.at, message, fix=fix)
