"""Property values: which ones HubSpot takes, and how it stores them. Everything is a string."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

from leadback_hubspot_sandbox.clock import MILLISECONDS_A_DAY, format_iso, parse_iso
from leadback_hubspot_sandbox.definitions import Definition
from leadback_hubspot_sandbox.errors import Problem
from leadback_hubspot_sandbox.portal import Portal

MAXIMUM_LENGTH: Final = 65_536
_FREE_TEXT: Final = ("string", "phone_number")
_EMAIL: Final = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]{2,}")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_ISO_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)")
_LATEST_MS: Final = 253_402_300_799_999


class BadValueError(Exception):
    """A value that the property does not take."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def normalise(portal: Portal, definition: Definition, value: str, *, present: str) -> str:
    """The value as stored, or ``BadValueError``. ``""`` always clears."""
    if value == "":
        return value
    if definition.type not in _FREE_TEXT:
        _refuse_blank_ends(definition, value)
    if definition.referenced_object_type == "OWNER":
        return _owner(portal, definition, value)
    if definition.name == "email":
        return _email(definition, value)
    if definition.type == "enumeration":
        return _enumeration(portal, definition, value, present)
    return _BY_TYPE[definition.type](definition, value)


def has_blank_ends(text: str) -> bool:
    """Whether a text begins or ends with white space or a character that nobody sees."""
    return any(
        end.isspace() or unicodedata.category(end) in ("Cc", "Cf") for end in (text[:1], text[-1:])
    )


def _refuse_blank_ends(definition: Definition, value: str) -> None:
    """Of all properties that are no free text, since 7 April 2025:
    https://developers.hubspot.com/changelog/breaking-change-enhanced-validations-for-non-string-properties-in-hubspots-crmobject-apis
    """
    for part in filter(None, value.split(";")):
        if has_blank_ends(part):
            message = f'"{part}" includes leading or trailing whitespace.'
            raise _refuse(definition, "LEADING_TRAILING_WHITESPACE", message)


def _refuse(definition: Definition, code: str, message: str) -> BadValueError:
    return BadValueError(Problem(definition.name, code, message))


def _owner(portal: Portal, definition: Definition, value: str) -> str:
    if not value.isascii() or not value.isdigit():
        raise _refuse(
            definition, "INVALID_INTEGER", f"{value} was not a valid integer. (for owner ID)"
        )
    owner = portal.owners.get(value)
    usable = owner is not None and (
        not owner.archived or portal.switches.deactivated_owner_accepted
    )
    if not usable:
        raise _refuse(definition, "INVALID_OWNER_ID", f"{value} was not a valid owner ID")
    return value


def _email(definition: Definition, value: str) -> str:
    lowered = value.strip().lower()
    if not _EMAIL.fullmatch(lowered) or len(lowered) > 254:
        raise _refuse(definition, "INVALID_EMAIL", f"Email address {value} is invalid")
    return lowered


def _enumeration(portal: Portal, definition: Definition, value: str, present: str) -> str:
    if definition.field_type != "checkbox":
        _allowed(portal, definition, value)
        return value
    parts = [part for part in value.split(";") if part]
    for part in parts:
        _allowed(portal, definition, part)
    if value.startswith(";"):
        parts = [part for part in present.split(";") if part] + parts
    return ";".join(dict.fromkeys(parts))


def _allowed(portal: Portal, definition: Definition, value: str) -> None:
    if not definition.allows(value, hidden_too=portal.switches.hidden_options_accepted):
        listed = ", ".join(option.prose() for option in definition.options)
        raise _refuse(
            definition, "INVALID_OPTION", f"{value} was not one of the allowed options: [{listed}]"
        )


def _text(definition: Definition, value: str) -> str:
    if len(value) > MAXIMUM_LENGTH:
        raise _refuse(
            definition,
            "PROPERTY_VALUE_TOO_LONG",
            f"Property value is {len(value)} characters long; the maximum is {MAXIMUM_LENGTH}",
        )
    return value


def _number(definition: Definition, value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise _refuse(definition, "INVALID_LONG", f"{value} was not a valid long.")
    return value


def _boolean(definition: Definition, value: str) -> str:
    if value not in ("true", "false"):
        raise _refuse(
            definition,
            "INVALID_OPTION",
            f"{value} was not one of the allowed options: [true, false]",
        )
    return value


def _datetime(definition: Definition, value: str) -> str:
    moment = milliseconds(value)
    if moment is None:
        raise _refuse(definition, "INVALID_DATE", f"{value} was not a valid date.")
    return format_iso(moment)


def _date(definition: Definition, value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        moment = milliseconds(value)
    if moment is None or moment % MILLISECONDS_A_DAY:
        raise _refuse(
            definition, "INVALID_DATE", f"{value} is at a time of day: dates are midnight UTC."
        )
    return datetime.fromtimestamp(moment // 1000, UTC).date().isoformat()


def milliseconds(value: str) -> int | None:
    """Epoch milliseconds of an ISO time with offset, or of a number of milliseconds."""
    if value.isascii() and value.isdigit():
        number = int(value) if len(value) <= 15 else _LATEST_MS + 1
        return number if number <= _LATEST_MS else None
    if not _ISO_TIME.fullmatch(value):
        return None
    try:
        return parse_iso(value)
    except ValueError:
        return None


_BY_TYPE: Final[dict[str, Callable[[Definition, str], str]]] = {
    "string": _text,
    "phone_number": _text,
    "number": _number,
    "bool": _boolean,
    "datetime": _datetime,
    "date": _date,
}
