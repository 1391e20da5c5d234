"""The search call: filters over an index that lags behind, with HubSpot's caps.

https://developers.hubspot.com/docs/api-reference/legacy/crm/search-the-crm
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final

from leadback_hubspot_sandbox.call import (
    Call,
    Reply,
    as_list,
    as_object,
    as_text,
    as_texts,
    as_value,
)
from leadback_hubspot_sandbox.definitions import Definition
from leadback_hubspot_sandbox.errors import invalid
from leadback_hubspot_sandbox.records import Record
from leadback_hubspot_sandbox.rendering import View, render
from leadback_hubspot_sandbox.values import milliseconds

MOST_GROUPS: Final = 5
MOST_FILTERS_IN_GROUP: Final = 6
MOST_FILTERS: Final = 18
MOST_REACHABLE: Final = 10_000
PAGE: Final = 200
BODY_CHARACTERS: Final = 3_000
_TOKENS: Final = re.compile(r"[^\w*]+")
_NOT_SEARCHABLE: Final = frozenset({"hs_note_body", "hs_email_html", "hs_task_body"})

Test = Callable[[Record], bool]
Key = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How values of one property compare: as numbers, times or text."""

    name: str
    key: Key
    exact: bool


def search(call: Call) -> Reply:
    """``POST {objects}/search``: live records as the index knows them by now."""
    body = call.object()
    tests = _groups(call, body.get("filterGroups"))
    limit = _page_size(body.get("limit"))
    start = _start(body.get("after"))
    if start + limit > MOST_REACHABLE:
        raise invalid(f"The paging limit is {MOST_REACHABLE} results: after {start} is too far")
    index = call.store.index
    index.advance(time.monotonic())
    words = str(body.get("query") or "").lower().split()
    found = [
        record
        for record in index.documents.values()
        if (not tests or any(all(test(record) for test in group) for group in tests))
        and _has_words(record, words)
    ]
    _sort(call, found, body.get("sorts"))
    names = as_texts(body.get("properties"), "$.properties")
    view = View(tuple(names) if names else None)
    shown = found[start : start + limit]
    answer: dict[str, Any] = {
        "total": len(found),
        "results": [render(call.portal, record, view) for record in shown],
    }
    if start + limit < len(found):
        after = str(start + limit)
        answer["paging"] = {
            "next": {"after": after, "link": f"{call.origin}{call.path}?after={after}"}
        }
    return Reply(200, answer)


def _page_size(raw: Any) -> int:
    if raw is None:
        return 10
    if not isinstance(raw, int) or isinstance(raw, bool) or not 1 <= raw <= PAGE:
        raise invalid(f"Invalid limit {raw!r}: must be a number from 1 to {PAGE}")
    return raw


def _start(raw: Any) -> int:
    """An offset in a string. A list cursor is a record id, far beyond what search can reach."""
    if raw in (None, ""):
        return 0
    text = str(raw) if isinstance(raw, int) else as_text(raw, "$.after")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise invalid(f'Cannot deserialize value of type `int` from String "{text}"')
    return int(text)


def _groups(call: Call, raw: Any) -> list[list[Test]]:
    groups = as_list([] if raw is None else raw, "$.filterGroups")
    if len(groups) > MOST_GROUPS:
        raise invalid(f"Too many filterGroups: {len(groups)}, the maximum is {MOST_GROUPS}")
    made = []
    for index, group in enumerate(groups):
        path = f"$.filterGroups[{index}]"
        filters = as_list(as_object(group, path).get("filters"), f"{path}.filters")
        if not 1 <= len(filters) <= MOST_FILTERS_IN_GROUP:
            raise invalid(f"{path} must have 1 to {MOST_FILTERS_IN_GROUP} filters")
        made.append([_test(call, as_object(item, path)) for item in filters])
    if sum(len(group) for group in made) > MOST_FILTERS:
        raise invalid(f"Too many filters: the maximum over all groups is {MOST_FILTERS}")
    return made


def _comparison(definition: Definition) -> Comparison:
    if definition.type in ("datetime", "date"):
        return Comparison(definition.name, _moment, False)
    if definition.type == "number" or definition.referenced_object_type == "OWNER":
        return Comparison(definition.name, _number, False)
    exact = definition.type == "enumeration"
    return Comparison(definition.name, str if exact else str.lower, exact)


def _moment(text: str) -> float:
    found = milliseconds(text if "T" in text or text.isdigit() else f"{text}T00:00:00Z")
    if found is None:
        raise invalid(f"{text!r} is not a date: give epoch milliseconds or an ISO time")
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise invalid(f"{text!r} is not a number") from None


def _test(call: Call, item: dict[str, Any]) -> Test:
    name = as_text(item.get("propertyName"), "$.filters.propertyName")
    operator = as_text(item.get("operator"), "$.filters.operator")
    definition = call.store.definition(name)
    if definition is None or name in _NOT_SEARCHABLE:
        raise invalid(f"There was a problem with the request: property {name} cannot be searched")
    compare = _comparison(definition)
    if (
        name == "email"
        and call.kind is not None
        and call.kind.name == "contacts"
        and operator in ("EQ", "IN")
    ):
        return _has_address(compare, operator, item)
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        wanted = operator == "HAS_PROPERTY"
        return lambda record: bool(record.properties.get(name)) is wanted
    if operator in ("IN", "NOT_IN"):
        return _membership(compare, operator, item)
    text = as_value(item.get("value"), "$.filters.value")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return partial(_token_test, name, text.lower(), operator == "CONTAINS_TOKEN")
    value = compare.key(text)
    if operator == "BETWEEN":
        high = compare.key(as_value(item.get("highValue"), "$.filters.highValue"))
        return _ordered(compare, lambda held: value <= held <= high)
    return _simple(compare, operator, value)


def _simple(compare: Comparison, operator: str, value: Any) -> Test:
    if operator == "NEQ":
        same = _ordered(compare, lambda held: held == value)
        return lambda record: not same(record)
    checks: dict[str, Callable[[Any], bool]] = {
        "EQ": lambda held: bool(held == value),
        "LT": lambda held: bool(held < value),
        "LTE": lambda held: bool(held <= value),
        "GT": lambda held: bool(held > value),
        "GTE": lambda held: bool(held >= value),
    }
    if operator not in checks:
        raise invalid(f"Unknown search operator {operator!r}")
    return _ordered(compare, checks[operator])


def _ordered(compare: Comparison, check: Callable[[Any], bool]) -> Test:
    def test(record: Record) -> bool:
        held = record.properties.get(compare.name)
        return held is not None and check(compare.key(held))

    return test


def _has_address(compare: Comparison, operator: str, item: dict[str, Any]) -> Test:
    """By its address a contact is found by its additional ones as well."""
    if operator == "IN":
        wanted = frozenset(as_texts(item.get("values"), "$.filters.values"))
        if not wanted:
            raise invalid("IN needs values")
    else:
        wanted = frozenset({compare.key(as_value(item.get("value"), "$.filters.value"))})

    def test(record: Record) -> bool:
        held = record.properties
        return any(
            compare.key(address) in wanted
            for address in (
                held.get("email", ""),
                *held.get("hs_additional_emails", "").split(";"),
            )
            if address
        )

    return test


def _membership(compare: Comparison, operator: str, item: dict[str, Any]) -> Test:
    """Text values must be given in lower case, or they match nothing."""
    texts = as_texts(item.get("values"), "$.filters.values")
    if not texts:
        raise invalid(f"{operator} needs values")
    wanted = set(texts) if compare.key is str.lower else {compare.key(text) for text in texts}

    def test(record: Record) -> bool:
        held = record.properties.get(compare.name)
        inside = held is not None and compare.key(held) in wanted
        return inside is (operator == "IN")

    return test


def _token_test(name: str, pattern: str, wanted: bool, record: Record) -> bool:
    held = record.properties.get(name, "").lower()
    tokens = [held, *_TOKENS.split(held)]
    return any(fnmatchcase(token, pattern) for token in tokens if token) is wanted


def _has_words(record: Record, words: list[str]) -> bool:
    if not words:
        return True
    text = " ".join(record.properties.values()).lower()
    return all(word in text for word in words)


def _sort(call: Call, found: list[Record], raw: Any) -> None:
    sorts = as_list([] if raw is None else raw, "$.sorts")
    if len(sorts) > 1:
        raise invalid("Only one sort is allowed")
    found.sort(key=lambda record: int(record.id))
    if not sorts:
        return
    name, direction = _sort_rule(sorts[0])
    definition = call.store.definition(name)
    if definition is None:
        raise invalid(f"Cannot sort by unknown property {name}")
    compare = _comparison(definition)
    held = [record for record in found if record.properties.get(compare.name)]
    empty = [record for record in found if not record.properties.get(compare.name)]
    held.sort(
        key=lambda record: compare.key(record.properties[compare.name]),
        reverse=direction == "DESCENDING",
    )
    found[:] = held + empty


def _sort_rule(raw: Any) -> tuple[str, str]:
    """An object, or as HubSpot's SDKs send it the name alone (``-name``: descending)."""
    if isinstance(raw, str):
        return raw.removeprefix("-"), "DESCENDING" if raw.startswith("-") else "ASCENDING"
    rule = as_object(raw, "$.sorts[0]")
    direction = rule.get("direction", "ASCENDING")
    if direction not in ("ASCENDING", "DESCENDING"):
        raise invalid(f"Unknown sort direction {direction!r}")
    return as_text(rule.get("propertyName"), "$.sorts[0].propertyName"), direction
