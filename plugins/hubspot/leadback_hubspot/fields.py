"""From the mapping's words to values that this portal really takes. Pure.

HubSpot matches option values exactly; a mapped value finds its option by exact match, else by the
only option that differs in nothing but upper and lower case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadback.api import CrmMapping, MappingProblem, has_words

MAX_SHOWN = 30
STARTING_OPTIONS = {
    "hs_lead_status": (
        "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT",
        "CONNECTED", "BAD_TIMING",
    )
}  # fmt: skip
"""What a new account's lead status can be. No official page lists it; several code bases agree."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of an enumeration. raw: the option as HubSpot sent it."""

    value: str
    label: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """A property as the portal has it. type: HubSpot's (string, enumeration, number, …)."""

    name: str
    type: str
    field_type: str = ""
    label: str = ""
    options: tuple[Option, ...] = ()
    archived: bool = False
    read_only_options: bool = False
    read_only_value: bool = False
    unique: bool = False
    raw_options: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A value that the portal cannot take, and what to do about it."""

    message: str
    fix: str


def definition_from(raw: Mapping[str, Any]) -> Definition:
    """A property definition of the API. Tolerates what is missing."""
    options = [option for option in raw.get("options") or () if isinstance(option, Mapping)]
    modification = raw.get("modificationMetadata") or {}
    return Definition(
        name=str(raw.get("name", "")),
        type=str(raw.get("type", "")),
        field_type=str(raw.get("fieldType", "")),
        label=str(raw.get("label", "")),
        options=tuple(
            Option(str(o.get("value", "")), str(o.get("label", "")), bool(o.get("hidden")))
            for o in options
        ),
        archived=bool(raw.get("archived")),
        read_only_options=bool(modification.get("readOnlyOptions")),
        read_only_value=bool(modification.get("readOnlyValue")),
        unique=bool(raw.get("hasUniqueValue")),
        raw_options=tuple(options),
    )


def resolve(definition: Definition | None, column: str, value: str) -> str | Unresolved:
    """The value to send for a mapped value."""
    if definition is None or definition.archived:
        return Unresolved(
            f"the portal has no contact property {column}",
            "run: leadback portal setup --apply",
        )
    if definition.read_only_value:
        return Unresolved(f"{column} cannot be written: HubSpot computes it", "map another field")
    if definition.type == "string" or value == "":
        return value
    if definition.type != "enumeration":
        return Unresolved(
            f"{column} is of type {definition.type} in this portal, which cannot hold {value!r}",
            "map a text or a dropdown property",
        )
    values = [option.value for option in definition.options]
    if value in values:
        return value
    alike = [known for known in values if known.casefold() == value.casefold()]
    if len(alike) == 1:
        return alike[0]
    what = "more than one option" if alike else "no option"
    return Unresolved(
        f"{column} has {what} for {value!r}; its options are {_shown(values)}",
        "add the option (leadback portal setup --apply), or change the mapping",
    )


def resolve_all(
    definitions: Mapping[str, Definition], values: Mapping[str, Any]
) -> dict[str, str] | Unresolved:
    """All of a contact's values, or the first that the portal cannot take."""
    found: dict[str, str] = {}
    for column, value in values.items():
        resolved = resolve(definitions.get(column), column, str(value))
        if isinstance(resolved, Unresolved):
            return resolved
        found[column] = resolved
    return found


def check_mapping(
    mapping: CrmMapping, definitions: Mapping[str, Definition]
) -> tuple[MappingProblem, ...]:
    """Every state's values against the portal: what breaks, and what is silently adjusted."""
    problems: list[MappingProblem] = []
    for state, values in mapping.states.items():
        for column, value in zip(mapping.columns, values, strict=False):
            if value is None:
                continue
            problem = _problem(state, column, value, definitions.get(column))
            if problem is not None:
                problems.append(problem)
    return tuple(problems)


def offered(
    mapping: CrmMapping, definitions: Mapping[str, Definition]
) -> dict[str, tuple[str, ...]]:
    """The options of each mapped dropdown that are not hidden, in HubSpot's order."""
    return {
        column: tuple(option.value for option in definition.options if not option.hidden)
        for column in mapping.columns
        if (definition := definitions.get(column)) is not None
        and definition.type == "enumeration"
        and not definition.archived
    }


def _problem(
    state: str, column: str, value: str, definition: Definition | None
) -> MappingProblem | None:
    if has_words(value) and definition is not None and definition.type == "string":
        return None
    resolved = resolve(definition, column, value)
    if isinstance(resolved, Unresolved):
        return MappingProblem(state, column, f"{state}: {resolved.message}", resolved.fix)
    if resolved != value:
        message = f"{state}: {column} {value!r} is written as {resolved!r}, the portal's own option"
        return MappingProblem(state, column, message, "nothing to do: it works", False)
    option = (
        next((o for o in definition.options if o.value == resolved), None) if definition else None
    )
    if option is not None and option.hidden:
        message = f"{state}: the option {resolved!r} of {column} is hidden in the portal"
        return MappingProblem(
            state, column, message, "show it in HubSpot's property settings", False
        )
    return None


def wanted_values(mapping: CrmMapping, column: str) -> tuple[str, ...]:
    """The distinct values that the mapping may write into a column, in the file's order."""
    place = mapping.columns.index(column)
    found = (values[place] for values in mapping.states.values() if len(values) > place)
    return tuple(dict.fromkeys(value for value in found if value is not None))


def is_free_text(values: Sequence[str]) -> bool:
    """Values with words in braces cannot be options."""
    return any(has_words(value) for value in values)


def _shown(values: Sequence[str]) -> str:
    text = ", ".join(values[:MAX_SHOWN]) or "none"
    return text + (", …" if len(values) > MAX_SHOWN else "")
