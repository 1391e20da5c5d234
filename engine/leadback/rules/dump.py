"""Rules → a rules file that means the same: load → dump → load survives.

Comments and the file's own layout are not kept; groups, `any` and `everywhere` are found again.
"""

import re
from collections.abc import Iterable, Mapping

from leadback.rules.durations import format_duration
from leadback.rules.grammar import FORMAT, NAME_PATTERN
from leadback.rules.model import (
    ANY,
    EVERYWHERE,
    Action,
    Comparison,
    CrmMapping,
    Event,
    Invariant,
    Rule,
    Rules,
    State,
    Timer,
    Work,
)
from leadback.rules.unsaid import MANUAL
from leadback.rules.values import own_cells

_BARE = re.compile(NAME_PATTERN)
_NOT_BARE = ("true", "false", "null")
_ESCAPED = re.compile('["\\\\]|[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]')
Flow = Mapping[str, str]


def dump(rules: Rules) -> str:
    """The file as text."""
    lines = [f"format: {FORMAT}"]
    lines += ["start: " + _flow(_start(rules))]
    lines += _section("states", ((s.name, _state(s)) for s in rules.states.values()))
    lines += _section("sub_states", _sub_states(rules))
    lines += _section("groups", ((name, _list(states)) for name, states in rules.groups.items()))
    lines += _section("counters", ((name, quote(means)) for name, means in rules.counters.items()))
    lines += _section("events", ((e.name, _flow(_event(e))) for e in rules.events.values()))
    lines += _rules(rules)
    lines += _section("timers", _timers(rules))
    lines += _section("texts", ((name, quote(says)) for name, says in rules.texts.items()))
    lines += _crm(rules.crm.values())
    lines += _section(
        "invariants", ((i.name, _flow(_invariant(i))) for i in rules.invariants.values())
    )
    lines += _section("migrate", rules.migrate.items())
    return "\n".join(lines) + "\n"


def quote(text: str) -> str:
    """A text that YAML reads back as it is, whatever is in it."""
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def word(text: str) -> str:
    """A text without quotes where YAML allows it."""
    return text if _BARE.fullmatch(text) and text not in _NOT_BARE else quote(text)


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    return f"\\U{code:08X}" if code > 0xFFFF else f"\\u{code:04X}"


def _state(state: State) -> str:
    return _flow({"work": state.work.value, **_means(state.means)})


def _section(name: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    lines = [f"  {key}: {value}" for key, value in rows]
    return ["", f"{name}:", *lines] if lines else []


def _flow(parts: Flow) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in parts.items()) + "}"


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(names) + "]"


def _means(means: str) -> dict[str, str]:
    return {"means": quote(means)} if means else {}


def _start(rules: Rules) -> Flow:
    parts = {"state": str(rules.start.to), "on": rules.start_event}
    return {**parts, **_do(rules.start.actions)}


def _do(actions: tuple[Action, ...]) -> Flow:
    if not actions:
        return {}
    return {"do": _list(map(_action, actions))}


def _action(action: Action) -> str:
    named = action.text or action.counter
    return f"{{{action.kind}: {named}}}" if named else action.kind


def _sub_states(rules: Rules) -> Iterable[tuple[str, str]]:
    for state in rules.states.values():
        if state.sub_states is not None:
            yield state.name, _list(state.sub_states) if state.sub_states else "any"


def _event(event: Event) -> Flow:
    parts = _means(event.means)
    if event.by is not None:
        parts["by"] = quote(event.by)
    if event.automatic:
        parts["automatic"] = _list(event.automatic)
    if event.keeps_sub_state:
        parts["keeps_sub_state"] = "true"
    if event.counts is not None:
        parts["counts"] = event.counts
    if event.resets:
        parts["resets"] = _list(event.resets)
    if event.logs is not None:
        parts["logs"] = event.logs
    if event.contact is not None:
        parts["contact"] = event.contact
    if event.manual or event.name in MANUAL:
        parts["manual"] = "true" if event.manual else "false"
    return parts


def _rules(rules: Rules) -> list[str]:
    by_trigger: dict[str, list[Rule]] = {}
    for rule in rules.rules:
        if not rule.trigger.startswith("timer."):
            by_trigger.setdefault(rule.trigger, []).append(rule)
    lines = ["", "rules:"]
    for trigger, found in by_trigger.items():
        lines.append(f"  {trigger}:")
        lines += [
            f"    - {_flow({'from': _sources(r.sources, rules), **_outcome(r)})}" for r in found
        ]
    return lines if by_trigger else ["", "rules: {}"]


def _sources(states: tuple[str, ...], rules: Rules) -> str:
    """`from` or `in`, with the names that people use for many states."""
    if len(states) == 1:
        return states[0]
    if states == tuple(rules.states):
        return EVERYWHERE
    if states == tuple(s.name for s in rules.states.values() if s.work is not Work.FINAL):
        return ANY
    left, names = list(states), []
    while left:
        group = next((n for n, g in rules.groups.items() if g and left[: len(g)] == list(g)), None)
        names.append(group or left[0])
        left = left[len(rules.groups[group]) if group else 1 :]
    return _list(names)


def _outcome(rule: Rule) -> Flow:
    parts: dict[str, str] = {}
    if rule.to is not None:
        parts["to"] = rule.to
    if rule.stay is not None:
        parts["stay"] = quote(rule.stay)
    if rule.refuse is not None:
        parts["refuse"] = quote(rule.refuse)
    if rule.guard:
        parts["when"] = _guard(rule.guard)
    if rule.sub_state is not None:
        parts["sub_state"] = rule.sub_state
    if rule.done:
        parts["done"] = "true"
    return {**parts, **_do(rule.actions)}


def _guard(guard: tuple[Comparison, ...]) -> str:
    return quote(" and ".join(map(str, guard)))


def _timers(rules: Rules) -> Iterable[tuple[str, str]]:
    by_trigger = {rule.trigger: rule for rule in rules.rules}
    for timer in rules.timers.values():
        yield (
            timer.name,
            _flow(
                {
                    "in": _sources(timer.states, rules),
                    **_times(timer),
                    **_outcome(by_trigger[timer.trigger]),
                }
            ),
        )


def _times(timer: Timer) -> Flow:
    parts: dict[str, str] = {}
    if timer.after is not None:
        parts["after"] = format_duration(timer.after)
    if timer.at_field is not None:
        parts["at"] = quote(timer.at_field)
    if timer.default is not None:
        parts["default"] = format_duration(timer.default)
    if timer.every is not None:
        parts |= {"every": format_duration(timer.every), "times": str(timer.times)}
    if timer.missed != "fire":
        parts["missed"] = timer.missed
    return parts


def _crm(mappings: Iterable[CrmMapping]) -> list[str]:
    lines: list[str] = []
    for mapping in mappings:
        lines += [f"  {mapping.crm}:", f"    columns: {_list(map(word, mapping.columns))}"]
        lines.append("    states:")
        for state, values in mapping.states.items():
            shown = _list("~" if value is None else quote(value) for value in values)
            lines.append(f"      {state}: {shown}")
        lines += _portals(mapping)
    return ["", "crm:", *lines] if lines else []


def _portals(mapping: CrmMapping) -> list[str]:
    lines: list[str] = ["    portals:"] if mapping.portals else []
    for portal in mapping.portals:
        lines.append(f"      {quote(portal)}:")
        for state, cells in own_cells(mapping, portal).items():
            told = (f"{word(c)}: {'~' if v is None else quote(v)}" for c, v in cells.items())
            lines.append(f"        {state}: {{{', '.join(told)}}}")
    return lines


def _invariant(one: Invariant) -> Flow:
    states = _list(one.states)
    if one.form == "left_only_by":
        return {"state": states, "left_only_by": _list(one.events)}
    if one.form == "always":
        return {"in": states, "always": _guard(one.guard)}
    if one.form == "then":
        within = {"within": format_duration(one.within)} if one.within else {}
        return {"entering": states, "then": one.then, **within}
    events = {"except_by": _list(one.events)} if one.events else {}
    return {"never": f"[{states}, {_list(one.targets)}]", **events}
