"""What the fields of an event's data may hold: one table, for every door and for the CRM's facts.

A field of this name means the same in every event. A reader takes what a sender wrote and gives its
normal form, or says why it does not fit; nothing is replaced by a default. Fields that the table
does not name are the sender's own (or a rules file's): they are kept as JSON. Pure.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from leadback.base.clock import format_time, parse_date_or_time, parse_moment
from leadback.lead.people import MAX_ADDRESS, is_address, people

Reader = Callable[[Any], Any]
"""A field's value → its normal form. Raises UnfitError without the field's name."""

MAX_DEPTH = 32
"""Levels of nesting of a whole event; the JSON library writes 254, databases' own JSON fewer."""
MAX_CHOICE = 256
MAX_LINE = 2_000
MAX_TEXT = 1_000_000
MAX_NUMBER = 2**31 - 1

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CRM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LEFT_OUT = frozenset({"undefined", "null", "nan", "none", "nil", "[object object]", "{}", "[]"})
"""What programs write, in lower case, when they had no value and did not notice."""


class UnfitError(ValueError):
    """Why a value does not fit its field; reads on after the field's name."""


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    names = {dict: "an object", list: "an array", str: "a text", type(None): "null"}
    return names.get(type(value), "a number")


def text(limit: int = MAX_TEXT) -> Reader:
    """Text as it is, of at most so many characters; a whole number becomes its digits."""

    def read(value: Any) -> str:
        found = _digits(value) if type(value) is not str else value
        if len(found) > limit:
            raise UnfitError(f"has {len(found):,} characters; send at most {limit:,}")
        return found

    return read


def line(limit: int = MAX_LINE) -> Reader:
    """Text without control characters: they become blanks."""
    as_text = text(limit)

    def read(value: Any) -> str:
        found: str = as_text(value)
        return found if found.isprintable() else CONTROL.sub(" ", found).strip()

    return read


def _digits(value: Any) -> str:
    if type(value) is int:
        return str(value)
    raise UnfitError(f"is {kind_of(value)}; send a text")


def _identifier(what: str) -> Callable[[Any], str]:
    """Ids may be JSON numbers, as HubSpot's webhooks and its old API send them."""

    def read(value: Any) -> str:
        if type(value) is int and value >= 0:
            return str(value)
        if type(value) is not str:
            number = "a negative number, a fraction, or more than 64 bits hold"
            found = number if type(value) in (int, float) else kind_of(value)
            raise UnfitError(f"is {found}; send {what} as a text")
        found = value.strip()
        if found.lower() in LEFT_OUT or not found:
            raise UnfitError(f"is {value[:40]!r}, so its sender had none; send {what}")
        return found

    return read


_CRM_ID = _identifier("a CRM id")
_OWNER = _identifier("an owner id or an email address")


def crm_id(value: Any) -> str:
    """The id of a contact, as far as every CRM's have one form."""
    found = _CRM_ID(value)
    if CRM_ID.fullmatch(found) is None:
        raise UnfitError(f"{found[:40]!r} is no CRM id")
    return found


def owner(value: Any) -> str:
    """An owner id, or an email address."""
    found = _OWNER(value)
    if len(found) > MAX_ADDRESS or not found.isprintable() or " " in found:
        raise UnfitError(f"is {found[:40]!r}; send an owner id or an email address")
    return found


def address(value: Any) -> str:
    """One bare email address."""
    if type(value) is not str:
        raise UnfitError(f"is {kind_of(value)}; send an email address")
    found = value.strip()
    if not is_address(found):
        raise UnfitError(f"is {found[:40]!r}; send an email address")
    return found


def count(value: Any) -> int:
    """A whole number from 0 to MAX_NUMBER."""
    if type(value) is str and value.strip().isascii() and value.strip().isdigit():
        value = int(value) if len(value) < 20 else -1
    if type(value) is not int or not 0 <= value <= MAX_NUMBER:
        raise UnfitError(f"is {str(value)[:40]!r}; send a whole number from 0 to {MAX_NUMBER:,}")
    return value


def day_or_time(value: Any) -> str:
    """A day, or an instant; one without a zone is in UTC, as a day is. Normal form: ISO 8601."""
    if type(value) is not str:
        raise UnfitError(f"is {kind_of(value)}; send a date or a time such as 2026-12-10T09:00Z")
    found = value.strip()
    try:
        if len(found) == 10:
            parse_date_or_time(found)
            return found
        return format_time(parse_moment(found, zone=UTC))
    except ValueError as error:
        raise UnfitError(
            f"{found[:40]!r} cannot be read ({error}); send ISO 8601 such as 2026-12-10T09:00Z"
        ) from error


def _people(value: Any) -> list[dict[str, str]]:
    try:
        return people(value)
    except ValueError as error:
        raise UnfitError(str(error)) from error


def _of_the_engine(_: Any) -> Any:
    raise UnfitError("is what the engine finds out itself; leave it out")


FIELDS: Mapping[str, Reader] = {
    "assistant": lambda value: address(value).lower(),
    "previous_owner": owner,
    "email": address,
    "name": line(),
    "context": text(65_536),
    "by": line(),
    "subject": text(),
    "body": text(),
    "from": _people,
    "to": _people,
    "number": count,
    "intent": line(MAX_CHOICE),
    "return_date": day_or_time,
    "reason": line(MAX_CHOICE),
    "action": line(MAX_CHOICE),
    "url": line(10_000),
    "into": crm_id,
    "portal": _of_the_engine,
    "crm_id": _of_the_engine,
    "assistant_name": _of_the_engine,
    "crm_assigned_at": _of_the_engine,
    "observed": _of_the_engine,
    "winner_is_lead": _of_the_engine,
    "winner_is_erased": _of_the_engine,
}
"""Of every field that the engine reads anywhere: how it is read. docs/reference/events.md has the
same table for people."""

_MAY_BE_SHORT = {"name": MAX_LINE, "context": 65_536}
_CONTAINERS = (dict, list)


def typed(data: Mapping[str, Any], readers: Mapping[str, Reader]) -> Mapping[str, Any]:
    """The data with every known field in its normal form; null and "" are as good as left out.

    Raises UnfitError with the field's name. What is in normal form already is not copied.
    """
    changed: dict[str, Any] | None = None
    for name, value in data.items():
        reader = readers.get(name)
        if reader is None:
            continue
        if value is None or value == "":
            if changed is None:
                changed = dict(data)
            del changed[name]
            continue
        try:
            found = reader(value)
        except UnfitError as error:
            raise UnfitError(f"{name} {error}") from error
        if found is not value:
            if changed is None:
                changed = dict(data)
            changed[name] = found
    return data if changed is None else changed


def fact(name: str, value: str | None) -> str | None:
    """A fact that the CRM says about a contact, in the field's normal form.

    A contact's odd name is no reason not to work on it: a text that is too long is cut, and what is
    no address is left out. No database changes what this gives: read twice, a fact is the same.
    """
    text = (value or "").replace("\0", " ").strip()
    if not text:
        return None
    reader, limit = FIELDS[name], _MAY_BE_SHORT.get(name)
    try:
        found: str = reader(text if limit is None else text[:limit])
    except UnfitError:
        return None
    return found


def check_depth(value: Any, levels: int = MAX_DEPTH) -> None:
    """Raises UnfitError for JSON that is nested more deeply."""
    if levels == 0:
        raise UnfitError(f"is nested more than {MAX_DEPTH} levels deep")
    for inner in value.values() if type(value) is dict else value:
        if type(inner) in _CONTAINERS:
            check_depth(inner, levels - 1)
