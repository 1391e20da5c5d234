"""The properties API: definitions, with the conflicts and refusals seen in practice.

https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

from __future__ import annotations

import time
from typing import Any

from leadback_hubspot_sandbox.call import Call, Reply, as_text, text_or_none
from leadback_hubspot_sandbox.definitions import Definition
from leadback_hubspot_sandbox.errors import ApiError, invalid, refusal
from leadback_hubspot_sandbox.property_bodies import (
    NAME,
    check_options,
    check_types,
    check_unique,
    default_of,
    flag_of,
    group_of,
    may_change_schema,
    options_of,
    order_of,
)
from leadback_hubspot_sandbox.rendering import batch_reply


def listing(call: Call) -> Reply:
    """All definitions, unpaged; those just created are not there yet."""
    archived = call.flag("archived")
    sensitivity = call.text("dataSensitivity", "non_sensitive")
    found = [
        definition.render()
        for definition in call.store.definitions.values()
        if (definition.archived_ms is not None) is archived
        and definition.data_sensitivity == sensitivity
        and _visible(definition)
    ]
    return Reply(200, {"results": found})


def read(call: Call) -> Reply:
    definition = _existing(
        call,
        call.args[0],
        archived=call.flag("archived"),
        sensitivity=call.text("dataSensitivity", "non_sensitive"),
    )
    return Reply(200, definition.render())


def create(call: Call) -> Reply:
    return Reply(201, _create(call, call.object()).render())


def update(call: Call) -> Reply:
    """PATCH: ``options`` replaces the list; name, uniqueness and sensitivity stay as they are."""
    may_change_schema(call)
    definition = _existing(call, call.args[0])
    body = call.object()
    options = options_of(body["options"]) if body.get("options") is not None else None
    if definition.hubspot_defined and not _editable(call, definition, body):
        raise refusal(
            400,
            "VALIDATION_ERROR",
            f"Property {definition.name} is defined by HubSpot and cannot be changed",
            subCategory="PropertyValidationError.READ_ONLY_DEFINITION",
        )
    type_ = text_or_none(body, "type") or definition.type
    field_type = text_or_none(body, "fieldType") or definition.field_type
    if (type_, field_type) != (definition.type, definition.field_type):
        check_types(type_, field_type)
    if options is not None:
        check_options(type_, options)
        definition.options = options
    group = text_or_none(body, "groupName")
    if group is not None:
        group_of(call, group)
        definition.group = group
    definition.type, definition.field_type = type_, field_type
    definition.label = text_or_none(body, "label") or definition.label
    definition.description = default_of(text_or_none(body, "description"), definition.description)
    definition.display_order = order_of(body, definition.display_order)
    definition.hidden = flag_of(body, "hidden", definition.hidden)
    definition.form_field = flag_of(body, "formField", definition.form_field)
    definition.updated_ms = call.portal.clock.now_ms()
    return Reply(200, definition.render())


def delete(call: Call) -> Reply:
    may_change_schema(call)
    _archive(call, _existing(call, call.args[0]))
    return Reply(204)


def batch_create(call: Call) -> Reply:
    """207 with an entry per name that exists; other refusals stop that entry too."""
    started = call.portal.clock.now_ms()
    may_change_schema(call)
    results, errors = [], []
    for item in call.inputs():
        try:
            results.append(_create(call, item).render())
        except ApiError as error:
            if not isinstance(error.body, dict) or error.status != 409:
                raise
            errors.append({**error.body, "context": {"name": [item["name"]]}})
    return batch_reply(call, results, errors, started_ms=started, status=201)


def batch_read(call: Call) -> Reply:
    started = call.portal.clock.now_ms()
    body = call.object()
    archived = flag_of(body, "archived", None)
    sensitivity = as_text(body.get("dataSensitivity"), "$.dataSensitivity")
    results, missing = [], []
    for index, item in enumerate(call.inputs()):
        name = as_text(item.get("name"), f"$.inputs[{index}].name")
        try:
            found = _existing(call, name, archived=archived, sensitivity=sensitivity)
            results.append(found.render())
        except ApiError:
            missing.append(name)
    errors = []
    if missing:
        errors.append(
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": "Could not get some properties, they may be deleted or not exist.",
                "context": {"name": missing},
            }
        )
    return batch_reply(call, results, errors, started_ms=started)


def batch_archive(call: Call) -> Reply:
    may_change_schema(call)
    for index, item in enumerate(call.inputs()):
        name = as_text(item.get("name"), f"$.inputs[{index}].name")
        definition = call.store.definition(name)
        if definition is not None:
            _archive(call, definition)
    return Reply(204)


def _visible(definition: Definition) -> bool:
    return definition.visible_from <= time.monotonic()


def _existing(
    call: Call, name: str, *, archived: bool = False, sensitivity: str = "non_sensitive"
) -> Definition:
    found = call.store.definitions.get(name)
    if (
        found is None
        or (found.archived_ms is not None) is not archived
        or found.data_sensitivity != sensitivity
        or not _visible(found)
    ):
        raise refusal(
            404,
            "OBJECT_NOT_FOUND",
            f"Property {name} does not exist.",
            subCategory="Properties.PROPERTY_NOT_FOUND",
        )
    return found


def _create(call: Call, body: dict[str, Any]) -> Definition:
    may_change_schema(call)
    name, label, group, type_, field_type = (
        as_text(body.get(key), f"$.{key}")
        for key in ("name", "label", "groupName", "type", "fieldType")
    )
    if not NAME.fullmatch(name):
        raise invalid(
            f"Property name {name!r} must start with a letter and have only lower-case letters,"
            " digits and underscores, 100 at most"
        )
    former = call.store.definitions.get(name)
    if former is not None and former.archived_ms is None:
        raise refusal(
            409,
            "OBJECT_ALREADY_EXISTS",
            f"A property named '{name}' already exists.",
            subCategory="Properties.PROPERTY_WITH_NAME_EXISTS",
        )
    group_of(call, group)
    check_types(type_, field_type)
    options = options_of(body.get("options"))
    check_options(type_, options)
    made = Definition(
        name, label, type_, field_type, group,
        description=text_or_none(body, "description") or "",
        options=options,
        display_order=order_of(body, -1),
        has_unique_value=flag_of(body, "hasUniqueValue", False),
        hidden=flag_of(body, "hidden", False),
        form_field=flag_of(body, "formField", False),
        data_sensitivity=text_or_none(body, "dataSensitivity") or "non_sensitive",
    )  # fmt: skip
    check_unique(call, made, former)
    made.created_ms = made.updated_ms = call.portal.clock.now_ms()
    if former is None:
        made.visible_from = time.monotonic() + call.portal.in_range(
            call.portal.switches.property_lag
        )
    call.store.definitions[name] = made
    return made


def _editable(call: Call, definition: Definition, body: dict[str, Any]) -> bool:
    """Of HubSpot's own properties only the lead status' options may be open to an app."""
    allowed = {"options", "label", "description"}
    return (
        definition.name == "hs_lead_status"
        and set(body) <= allowed
        and call.portal.switches.lead_status_options_editable
    )


def _archive(call: Call, definition: Definition) -> None:
    if definition.hubspot_defined:
        raise refusal(
            400,
            "VALIDATION_ERROR",
            f"Property {definition.name} is defined by HubSpot and cannot be archived",
            subCategory="PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE",
        )
    definition.archived_ms = call.portal.clock.now_ms()
