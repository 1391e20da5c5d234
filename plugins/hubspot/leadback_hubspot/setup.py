"""What the portal lacks: planned from what it has, one step each, with a fingerprint. Pure.

https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from leadback.api import Assistant, CrmMapping, Portal, SetupPlan, SetupStep
from leadback_hubspot.contacts import OWN_CONTEXT
from leadback_hubspot.fields import Definition, Unresolved, is_free_text, resolve, wanted_values
from leadback_hubspot.keys import KEY
from leadback_hubspot.options import label_of, labels_for, one_spelling
from leadback_hubspot.owners import Directory

SCHEMAS = "crm.schemas.contacts.read"
GROUP = "leadback"
GROUP_LABEL = "Leadback"
CREATE_GROUP, CREATE_PROPERTY, ADD_OPTIONS, PERSON = (
    "create_group", "create_property", "add_options", "person",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PortalState:
    """Everything a plan depends on. missing_scopes: what the app may not do but has to."""

    group_exists: bool
    active: Mapping[str, Definition]
    archived: Mapping[str, Definition]
    directory: Directory | None
    """None when the app may not read the owners."""
    missing_scopes: tuple[str, ...] = ()
    unkeyed: tuple[str, ...] = ()
    """Object types without the unique property that makes doubles impossible."""


def plan(
    state: PortalState,
    mapping: CrmMapping,
    *,
    portal: Portal,
    assistants: Sequence[Assistant],
    context_field: str,
) -> SetupPlan:
    """All steps in order; none when the portal has everything."""
    properties: list[SetupStep] = []
    if SCHEMAS not in state.missing_scopes:  # what cannot be read is not known to be lacking
        properties = [*_context(state, context_field), *_columns(state, mapping)]
    steps: list[SetupStep] = []
    if any(step.action == CREATE_PROPERTY for step in properties) and not state.group_exists:
        details = {"name": GROUP, "label": GROUP_LABEL, "displayOrder": -1}
        steps.append(SetupStep(f"create the property group {GROUP}", CREATE_GROUP, details))
    steps += properties
    if state.directory is not None:
        steps += _people(state.directory, portal, assistants)
    steps += [
        _person(f"grant the app the scope {scope}", scope=scope) for scope in state.missing_scopes
    ]
    notes = list(_notes(state, mapping)) if SCHEMAS not in state.missing_scopes else []
    if state.unkeyed and any(not step.needs_person for step in steps):
        notes.append(
            f"applying also asks HubSpot for the unique property {KEY} on"
            f" {', '.join(state.unkeyed)}; an account that does not allow it works as well"
        )
    return SetupPlan(tuple(steps), fingerprint(state, mapping), tuple(notes))


def fingerprint(state: PortalState, mapping: CrmMapping) -> str:
    """Changes whenever something changes that the plan was made from."""
    names = sorted({*mapping.columns, "context", OWN_CONTEXT})
    known = state.directory.by_id.values() if state.directory is not None else ()
    owners = sorted((o.id, o.email, o.usable) for o in known)
    facts = {
        "group": state.group_exists,
        "active": [_facts(state.active.get(name)) for name in names],
        "archived": [name for name in names if name in state.archived],
        "owners": owners,
        "scopes": state.missing_scopes,
        "mapping": [mapping.columns, {k: list(v) for k, v in mapping.states.items()}],
    }
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()[:24]


def _facts(definition: Definition | None) -> object:
    if definition is None:
        return None
    options = [(o.value, o.label, o.hidden) for o in definition.options]
    return [definition.name, definition.type, options, definition.read_only_options]


def _context(state: PortalState, name: str) -> Iterator[SetupStep]:
    existing = state.active.get(name)
    if existing is not None and existing.type != "string":
        name = OWN_CONTEXT
        existing = state.active.get(name)
    if existing is None:
        definition = {
            "name": name,
            "label": "Context",
            "description": "What the sales assistant writes about.",
            "groupName": GROUP,
            "type": "string",
            "fieldType": "textarea",
        }
        yield _creation(state, definition, "a text field for what the assistant writes about")


def _columns(state: PortalState, mapping: CrmMapping) -> Iterator[SetupStep]:
    for column in mapping.columns:
        values = wanted_values(mapping, column)
        existing = state.active.get(column)
        if existing is None:
            yield _new_column(state, column, values)
            continue
        missing = one_spelling(
            column, [v for v in values if isinstance(resolve(existing, column, v), Unresolved)]
        )
        if not missing:
            continue
        if existing.type != "enumeration" or existing.read_only_options or is_free_text(missing):
            yield _person(
                f"{column} cannot hold {', '.join(missing)}: it is a {existing.type} property"
                + (" whose options are fixed" if existing.read_only_options else ""),
                column=column,
            )
            continue
        labels = labels_for(missing, existing.options)
        options = [{"label": labels[value], "value": value} for value in missing]
        what = f"add to {column} the option{'s' * (len(missing) > 1)} {', '.join(missing)}"
        yield SetupStep(what, ADD_OPTIONS, {"name": column, "options": options})


def _new_column(state: PortalState, column: str, values: Sequence[str]) -> SetupStep:
    definition: dict[str, object] = {
        "name": column,
        "label": label_of(column),
        "groupName": GROUP,
    }
    if is_free_text(values):
        definition |= {"type": "string", "fieldType": "text"}
        return _creation(state, definition, "a text field")
    values = one_spelling(column, values)
    labels = labels_for(values, ())
    options = [
        {"label": labels[value], "value": value, "displayOrder": place, "hidden": False}
        for place, value in enumerate(values)
    ]
    definition |= {"type": "enumeration", "fieldType": "select", "options": options}
    return _creation(state, definition, f"a dropdown with {len(values)} options")


def _creation(state: PortalState, definition: Mapping[str, object], kind: str) -> SetupStep:
    name = str(definition["name"])
    again = " again (it was archived)" if name in state.archived else ""
    return SetupStep(
        f"create the contact property {name}{again}: {kind}", CREATE_PROPERTY, definition
    )


def _people(
    directory: Directory, portal: Portal, assistants: Sequence[Assistant]
) -> Iterator[SetupStep]:
    for assistant in assistants:
        owner = directory.find(assistant.email)
        if owner is None or not owner.usable:
            what = (
                "has no HubSpot user" if owner is None
                else "has a deactivated HubSpot user" if owner.person
                else "is a queue in HubSpot"
            )  # fmt: skip
            yield _person(
                f"{assistant.email} {what}: invite or reactivate it under Settings > Users",
                assistant=assistant.email,
            )
    named = [(portal.fallback_owner, f"portal {portal.name}")]
    named += [(a.fallback_owner, f"assistant {a.email}") for a in assistants]
    for key, whose in named:
        owner = directory.find(key) if key else None
        if key and (owner is None or not owner.usable):
            what = (
                "does not exist"
                if owner is None
                else "was deactivated"
                if owner.person
                else "is a queue"
            )
            yield _person(f"choose another fallback owner for {whose}: {key} {what}", owner=key)


def _person(what: str, **details: str) -> SetupStep:
    return SetupStep(what, PERSON, details, needs_person=True)


def _notes(state: PortalState, mapping: CrmMapping) -> Iterator[str]:
    context = state.active.get("context")
    if context is not None and context.type != "string":
        yield (
            f"the portal has a field context of type {context.type}; it is left alone, and"
            f" {OWN_CONTEXT} is used where it is filled"
        )
    for column in mapping.columns:
        values = wanted_values(mapping, column)
        yield from _spellings(state.active.get(column), column, values)


def _spellings(definition: Definition | None, column: str, values: Sequence[str]) -> Iterator[str]:
    """Values that are written in another spelling, and new options whose usual label is taken."""
    found = {value: resolve(definition, column, value) for value in values}
    lacking = [value for value, one in found.items() if isinstance(one, Unresolved)]
    has_options = definition is None or definition.type == "enumeration"
    added = one_spelling(column, lacking) if has_options and not is_free_text(lacking) else []
    options = {value.casefold(): value for value in added}
    for value, one in found.items():
        option = options.get(value.casefold(), value)
        if isinstance(one, str) and one != value:
            yield f"{column}: {value} is written as the portal's own option {one}"
        elif isinstance(one, Unresolved) and option != value:
            yield f"{column}: {value} is written as {option}, which is added once for both"
    labels = labels_for(added, definition.options if definition is not None else ())
    for value, label in labels.items():
        if label != label_of(value):
            yield f"{column}: the label {label_of(value)} is taken; {value} is labelled {label}"
