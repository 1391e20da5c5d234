"""Property definitions as request bodies: reading them strictly and refusing what cannot be."""

from __future__ import annotations

import re
from typing import Any, Final

from leadback_hubspot_sandbox.call import Call, as_list, as_object, as_text, text_or_none
from leadback_hubspot_sandbox.catalog import ENGAGEMENTS
from leadback_hubspot_sandbox.definitions import Definition, Group, Option
from leadback_hubspot_sandbox.errors import invalid, missing_scopes
from leadback_hubspot_sandbox.values import has_blank_ends

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
FIELD_TYPES: Final = {
    "bool": ("booleancheckbox", "calculation_equation"),
    "date": ("date",),
    "datetime": ("date",),
    "enumeration": ("booleancheckbox", "checkbox", "radio", "select", "calculation_equation"),
    "number": ("number", "calculation_equation"),
    "phone_number": ("phonenumber",),
    "string": ("file", "html", "phonenumber", "text", "textarea", "calculation_equation"),
}
UNIQUE_LIMIT: Final = 10


def may_change_schema(call: Call) -> None:
    kind = call.store.kind
    if kind.name in ENGAGEMENTS and call.portal.switches.engagement_properties == "forbidden":
        raise missing_scopes([f"crm.schemas.{kind.name}.write"], in_context=call.portal.chance(0.5))


def group_of(call: Call, name: str) -> Group:
    found = call.store.groups.get(name)
    if found is None:
        raise invalid(f"Property group {name} does not exist.")
    return found


def check_unique(call: Call, made: Definition, former: Definition | None) -> None:
    if not made.has_unique_value:
        return
    if former is not None and not former.has_unique_value:
        raise invalid(f"Property {made.name} was not unique before and cannot become unique")
    unique = [one for one in call.store.definitions.values() if one.has_unique_value]
    if len(unique) >= UNIQUE_LIMIT:
        raise invalid(f"At most {UNIQUE_LIMIT} unique properties are allowed")
    if made.type not in ("string", "number"):
        raise invalid("Only string and number properties can be unique")


def check_types(type_: str, field_type: str) -> None:
    if type_ not in FIELD_TYPES:
        raise invalid(f"Invalid property type {type_!r}; one of {', '.join(FIELD_TYPES)}")
    if field_type not in FIELD_TYPES[type_]:
        allowed = ", ".join(FIELD_TYPES[type_])
        raise invalid(f"Invalid fieldType {field_type!r} for type {type_!r}; one of {allowed}")


def check_options(type_: str, options: list[Option]) -> None:
    values = [option.value for option in options]
    for text in (*values, *(option.label for option in options)):
        if has_blank_ends(text):
            raise invalid(f'"{text}" includes leading or trailing whitespace.')
    if len(set(values)) != len(values):
        raise invalid("Option values must be unique")
    if len({option.label for option in options}) != len(options):
        raise invalid("Option labels must be unique")
    if type_ == "bool" and sorted(values) != ["false", "true"]:
        raise invalid(
            "Boolean properties need exactly the options true and false",
            errors=[{"message": "Invalid boolean options", "code": "INVALID_BOOLEAN_OPTION"}],
        )
    if type_ == "enumeration" and not options:
        raise invalid("An enumeration property needs options")
    if type_ not in ("bool", "enumeration") and options:
        raise invalid(f"A property of type {type_} takes no options")


def options_of(raw: Any) -> list[Option]:
    made = []
    for index, item in enumerate(as_list([] if raw is None else raw, "$.options")):
        path = f"$.options[{index}]"
        entry = as_object(item, path)
        value = as_text(entry.get("value"), f"{path}.value")
        if not value:
            raise invalid(f"{path}.value must not be empty")
        made.append(
            Option(
                as_text(entry.get("label"), f"{path}.label"),
                value,
                order_of(entry, index),
                flag_of(entry, "hidden", False),
                text_or_none(entry, "description") or "",
            )
        )
    return made


def order_of(body: dict[str, Any], default: int) -> int:
    value = body.get("displayOrder")
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"displayOrder must be a whole number, not {value!r}")
    return value


def flag_of(body: dict[str, Any], name: str, default: bool | None) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise invalid(f"{name} must be true or false, not {value!r}")
    return value


def default_of(value: str | None, otherwise: str) -> str:
    return otherwise if value is None else value
