"""JSON Schema (draft-07) of rules files, for editors: made of the loader's own tables of keys.

Names of the file at hand are offered as completions, other names are let through: what does not
exist is for `rules check` to say, which knows the whole file.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leadback.rules import durations, guards
from leadback.rules.declarations import CONTACT, LOGS
from leadback.rules.grammar import (
    COLUMN_PATTERN,
    CRM,
    EVENT,
    FORMAT,
    INVARIANT_FORMS,
    MAX_TEXT,
    MAX_TIMES,
    MAX_VALUE,
    NAME_PATTERN,
    PORTAL_PATTERN,
    ROW,
    SECTIONS,
    START,
    STATE,
    TIMER,
    TRIGGER_PATTERN,
    Key,
)
from leadback.rules.model import (
    ACTIONS,
    ANY,
    COUNT,
    EVERYWHERE,
    KEEP,
    PREVIOUS,
    TEXT_ACTIONS,
    Rules,
    Work,
)
from leadback.rules.promises import THEN
from leadback.rules.rows import OUTCOMES
from leadback.rules.timers import MISSED, TIMES
from leadback.rules.wording import FACTS

FILE_NAME = "lead_states.schema.json"
POINTER = f"# yaml-language-server: $schema={FILE_NAME}"
"""First line of a rules file: where an editor finds the schema."""

Schema = dict[str, Any]
_WORKS: Mapping[Work, str] = {
    Work.WAITS: "nothing is sent",
    Work.GOES_ON: "follow-ups go on",
    Work.DONE: "follow-ups stop, the contact is handed back",
    Work.FINAL: "done, and never left",
}


def schema_text(rules: Rules) -> str:
    """The schema as the file beside the rules has it."""
    return json.dumps(json_schema(rules), indent=2, ensure_ascii=False) + "\n"


def json_schema(rules: Rules) -> Schema:
    """The schema, with the names of these rules as completions."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Leadback rules file",
        "description": "The life of a lead: states, events, rules, timers, what the CRM shows.",
        "definitions": dict(sorted({**_shapes(rules), **_entries(rules)}.items())),
        **_object(SECTIONS, _sections(rules)),
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _object(keys: Sequence[Key], special: Mapping[str, Schema] | None = None) -> Schema:
    """A map with exactly these keys."""
    properties: Schema = {}
    for key in keys:
        shape = special[key.name] if special and key.name in special else _ref(key.shape)
        properties[key.name] = {"description": key.means, "allOf": [shape]}
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    required = [key.name for key in keys if key.required]
    return {**schema, "required": required} if required else schema


def _one_of(keys: Iterable[str]) -> Schema:
    return {"oneOf": [{"required": [key]} for key in keys]}


def _table(entry: Schema, names: Mapping[str, str], *, pattern: str = NAME_PATTERN) -> Schema:
    """A map from names to entries; the known names are offered."""
    properties = {
        name: {"description": means, "allOf": [entry]} if means else entry
        for name, means in names.items()
    }
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": entry,
        "propertyNames": {"pattern": f"^{pattern}$"},
    }


def _sections(rules: Rules) -> dict[str, Schema]:
    states = {state.name: state.means for state in rules.states.values()}
    triggers = {rule.trigger: "" for rule in rules.rules if not rule.trigger.startswith("timer.")}
    for trigger in triggers:
        event = rules.events.get(trigger.partition(".")[0])
        triggers[trigger] = event.means if event is not None else ""
    return {
        "start": _object(START),
        "states": _table(_ref("a_state"), states),
        "sub_states": _table(_ref("some_sub_states"), dict.fromkeys(states, "")),
        "groups": _table(_ref("states"), {}),
        "counters": _table(_ref("text"), dict(rules.counters)),
        "events": _table(_ref("an_event"), {e.name: e.means for e in rules.events.values()}),
        "rules": _table(_ref("some_rows"), triggers, pattern=TRIGGER_PATTERN),
        "timers": _table(_ref("a_timer"), {}),
        "texts": _table(_ref("text"), {}),
        "crm": _table(_ref("a_crm"), {}),
        "invariants": _table(_ref("an_invariant"), {}),
        "migrate": _table(_ref("state"), {}),
    }


def _entries(rules: Rules) -> dict[str, Schema]:
    """One line of each section."""
    row = {**_object(ROW), **_one_of(OUTCOMES)}
    return {
        "a_crm": _object(CRM, _crm(rules)),
        "a_state": _object(STATE),
        "a_timer": {**_object(TIMER), "allOf": [_one_of(TIMES), _one_of(("to", "stay"))]},
        "an_event": _object(EVENT),
        "an_invariant": {"anyOf": [_object(form, _never()) for form in INVARIANT_FORMS]},
        "some_rows": {"type": "array", "minItems": 1, "items": row},
        "some_sub_states": {"anyOf": [{"const": ANY}, _ref("names")]},
        "some_values": {
            "type": "array",
            "items": _cell(),
        },
        "a_row_of_cells": _table(
            _cell(), dict.fromkeys(_columns(rules), ""), pattern=COLUMN_PATTERN
        ),
        "some_cells": _table(_ref("a_row_of_cells"), dict.fromkeys(rules.states, "")),
    }


def _cell() -> Schema:
    return {"type": ["string", "null"], "maxLength": MAX_VALUE}


def _columns(rules: Rules) -> list[str]:
    return [column for mapping in rules.crm.values() for column in mapping.columns]


def _crm(rules: Rules) -> dict[str, Schema]:
    return {
        "columns": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "states": _table(_ref("some_values"), dict.fromkeys(rules.states, "")),
        "portals": _table(_ref("some_cells"), {}, pattern=PORTAL_PATTERN),
    }


def _never() -> dict[str, Schema]:
    pair = {"type": "array", "minItems": 2, "maxItems": 2, "items": _ref("states")}
    return {"never": pair}


def _known(names: Iterable[str], *, pattern: str = NAME_PATTERN) -> Schema:
    """One of these names is offered, any other of the kind is let through."""
    offered = list(dict.fromkeys(names))
    free = {"type": "string", "pattern": f"^{pattern}$"}
    return {"anyOf": [{"enum": offered}, free]} if offered else free


def _list_of(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _shapes(rules: Rules) -> dict[str, Schema]:
    states, groups = tuple(rules.states), tuple(rules.groups)
    places = _known((*states, *groups, ANY, EVERYWHERE))
    subs = dict.fromkeys(n for state in rules.states.values() for n in state.sub_states or ())
    fields = dict.fromkeys(event.by for event in rules.events.values() if event.by is not None)
    triggers = dict.fromkeys((*rules.events, *(rule.trigger for rule in rules.rules)))
    counter, name = _known(rules.counters), {"type": "string", "pattern": f"^{NAME_PATTERN}$"}
    return {
        "actions": _list_of(_action(rules)),
        "contact": {"oneOf": [{"const": f, "description": FACTS[f]} for f in CONTACT]},
        "counter": counter,
        "counters": _list_of(counter),
        "duration": {
            "type": "string",
            "pattern": f"^{durations.PATTERN}$",
            "description": "30s 15m 24h 7d",
        },
        "event": _known(rules.events),
        "field": _known(fields, pattern=".+"),
        "flag": {"type": "boolean"},
        "format": {"const": FORMAT},
        "guard": {"type": "string", "pattern": f"^{guards.PATTERN}$"},
        "log": {"enum": list(LOGS)},
        "missed": {"enum": list(MISSED)},
        "names": {"type": "array", "minItems": 1, "items": name},
        "number": {"type": "integer", "minimum": 1, "maximum": MAX_TIMES},
        "sources": {"anyOf": [places, {**_list_of(places), "minItems": 1}]},
        "state": _known(states),
        "states": {"anyOf": [places, _list_of(places)]},
        "sub_state": _known((KEEP, *subs)),
        "target": _known((*states, PREVIOUS)),
        "text": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
        "then": _known((*THEN, *states)),
        "triggers": _list_of(_known(triggers, pattern=TRIGGER_PATTERN)),
        "work": {"oneOf": [{"const": w.value, "description": t} for w, t in _WORKS.items()]},
    }


def _action(rules: Rules) -> Schema:
    names = {**dict.fromkeys(TEXT_ACTIONS, rules.texts), COUNT: rules.counters}
    named = [
        {
            "type": "object",
            "additionalProperties": False,
            "required": [kind],
            "properties": {kind: _known(known)},
        }
        for kind, known in names.items()
    ]
    return {"anyOf": [{"enum": list(ACTIONS)}, *named]}
