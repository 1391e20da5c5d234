"""Property groups: the named sections that properties belong to."""

from __future__ import annotations

from leadback_hubspot_sandbox.call import Call, Reply, as_text, text_or_none
from leadback_hubspot_sandbox.definitions import Group
from leadback_hubspot_sandbox.errors import invalid, refusal
from leadback_hubspot_sandbox.property_bodies import NAME, may_change_schema, order_of


def listing(call: Call) -> Reply:
    return Reply(200, {"results": [group.render() for group in call.store.groups.values()]})


def create(call: Call) -> Reply:
    may_change_schema(call)
    body = call.object()
    name, label = as_text(body.get("name"), "$.name"), as_text(body.get("label"), "$.label")
    if not NAME.fullmatch(name):
        raise invalid(f"Group name {name!r} must be lower-case letters, digits and underscores")
    if name in call.store.groups:
        raise refusal(
            409,
            "OBJECT_ALREADY_EXISTS",
            f"A property group named '{name}' already exists.",
            subCategory="PropertyGroups.GROUP_WITH_NAME_EXISTS",
        )
    group = Group(name, label, order_of(body, -1))
    call.store.groups[name] = group
    return Reply(201, group.render())


def read(call: Call) -> Reply:
    return Reply(200, _existing_group(call).render())


def update(call: Call) -> Reply:
    may_change_schema(call)
    group, body = _existing_group(call), call.object()
    group.label = text_or_none(body, "label") or group.label
    group.display_order = order_of(body, group.display_order)
    return Reply(200, group.render())


def delete(call: Call) -> Reply:
    may_change_schema(call)
    group = _existing_group(call)
    held = [
        one.name
        for one in call.store.definitions.values()
        if one.group == group.name and one.archived_ms is None
    ]
    if held:
        raise invalid(
            '{"status":"error","message":"Group has active properties: '
            + ", ".join(held)
            + '","category":"VALIDATION_ERROR",'
            '"subCategory":"PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES"}',
            subCategory="PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES",
        )
    del call.store.groups[group.name]
    return Reply(204)


def _existing_group(call: Call) -> Group:
    found = call.store.groups.get(call.args[0])
    if found is None:
        raise refusal(404, "OBJECT_NOT_FOUND", f"Property group {call.args[0]} does not exist.")
    return found
