"""Associations between contacts and their notes, emails and tasks: inline, batch and single."""

from __future__ import annotations

from typing import Any

from leadback_hubspot_sandbox import writing
from leadback_hubspot_sandbox.call import Call, Reply, as_list, as_object, as_text, as_value
from leadback_hubspot_sandbox.catalog import ASSOCIATION_TYPES, Kind, kind_of
from leadback_hubspot_sandbox.errors import ApiError, invalid, unknown_object_type
from leadback_hubspot_sandbox.records import Record
from leadback_hubspot_sandbox.rendering import batch_reply, readable_links

READ_LIMIT = 1000
CREATE_LIMIT = 2000
PAGE = 500


def inline(call: Call, raw: Any) -> tuple[Record, ...]:
    """The records that a create's ``associations`` name; a dead one refuses the whole create."""
    if raw is None:
        return ()
    found = []
    for index, item in enumerate(as_list(raw, "$.associations")):
        path = f"$.associations[{index}]"
        entry = as_object(item, path)
        target_id = as_value(as_object(entry.get("to"), f"{path}.to").get("id"), f"{path}.to.id")
        target_kind = _target_kind(call, entry.get("types"), path)
        found.append(_living(call, target_kind, target_id))
    return tuple(found)


def _target_kind(call: Call, raw: Any, path: str) -> Kind:
    types = as_list(raw, f"{path}.types")
    if len(types) != 1:
        raise invalid(f"One association type is needed at {path}.types")
    entry = as_object(types[0], f"{path}.types[0]")
    number = entry.get("associationTypeId")
    if not isinstance(number, int) or isinstance(number, bool):
        raise invalid(f"associationTypeId at {path} must be a number, not {number!r}")
    category = entry.get("associationCategory")
    if category != "HUBSPOT_DEFINED":
        raise invalid(f"Unknown associationCategory {category!r} at {path}")
    assert call.kind is not None  # noqa: S101 - object routes have one
    for (source, target), known in ASSOCIATION_TYPES.items():
        if source == call.kind.name and known == number:
            return call.portal.kind(target)
    raise invalid(
        f"One or more associations are invalid: association type {number} does not go from"
        f" {call.kind.singular.upper()}"
    )


def _living(call: Call, kind: Kind, record_id: str) -> Record:
    store = call.portal.stores[kind.name]
    record = store.live(record_id)
    if record is None and call.portal.switches.merged_association_accepted:
        record = store.find(record_id)
    if record is None:
        raise dead_target(call, kind, record_id)
    return record


def dead_target(call: Call, kind: Kind, record_id: str) -> ApiError:
    if call.enforces_write_rules:
        return invalid(
            "One or more associations are invalid",
            context={"INVALID_OBJECT_IDS": [f"{kind.singular.upper()}={record_id} is not valid"]},
        )
    return invalid(
        f"One or more associations are invalid: {kind.singular.upper()}={record_id} is not valid"
    )


def _pair(call: Call) -> tuple[Kind, Kind]:
    kinds = []
    for name in call.args[:2]:
        kind = kind_of(name)
        if kind is None:
            raise unknown_object_type(name)
        kinds.append(kind)
    source, target = kinds
    if (source.name, target.name) not in ASSOCIATION_TYPES:
        raise invalid(f"No association type from {source.name} to {target.name}")
    return source, target


def _shown(source: Kind, target: Kind, other: str) -> dict[str, Any]:
    number = ASSOCIATION_TYPES[source.name, target.name]
    return {
        "toObjectId": other,
        "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": number, "label": None}],
    }


def batch_read(call: Call) -> Reply:
    """``POST associations/{from}/{to}/batch/read``: up to 1,000 records, each list paged."""
    started = call.portal.clock.now_ms()
    source, target = _pair(call)
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for index, item in enumerate(call.inputs(most=READ_LIMIT)):
        record_id = as_value(item.get("id"), f"$.inputs[{index}].id")
        after = item.get("after")
        start = 0 if after is None else _offset(as_text(after, f"$.inputs[{index}].after"))
        record = call.portal.stores[source.name].find(record_id)
        found = [] if record is None else readable_links(call.portal, record, target)
        if not found and call.portal.switches.association_none_as_error:
            errors.append(_none(source, target, record_id))
            continue
        entry: dict[str, Any] = {
            "from": {"id": record_id},
            "to": [_shown(source, target, other) for other in found[start : start + PAGE]],
        }
        if len(found) > start + PAGE:
            entry["paging"] = {"next": {"after": str(start + PAGE)}}
        results.append(entry)
    return batch_reply(call, results, errors, started_ms=started)


def _offset(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise invalid(f"Cannot deserialize value of type `long` from String {text!r}")
    return int(text)


def _none(source: Kind, target: Kind, record_id: str) -> dict[str, Any]:
    """A record without associations is an error entry, which means none, not missing."""
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {target.singular} is associated with {source.singular} {record_id}.",
        "context": {
            "fromObjectId": [record_id],
            "fromObjectType": [source.singular],
            "toObjectType": [target.singular],
        },
    }


def batch_create(call: Call) -> Reply:
    """``POST associations/{from}/{to}/batch/create``; dead ids become error entries."""
    started = call.portal.clock.now_ms()
    source, target = _pair(call)
    number = ASSOCIATION_TYPES[source.name, target.name]
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for item in call.inputs(most=CREATE_LIMIT):
        ends = [
            as_value(as_object(item.get(side), f"$.inputs.{side}").get("id"), f"$.inputs.{side}.id")
            for side in ("from", "to")
        ]
        for entry in as_list(item.get("types"), "$.inputs.types"):
            if as_object(entry, "$.inputs.types").get("associationTypeId") != number:
                raise invalid(
                    f"The association type from {source.name} to {target.name} is {number}"
                )
        first = call.portal.stores[source.name].live(ends[0])
        second = call.portal.stores[target.name].live(ends[1])
        if first is None or second is None:
            kind, dead = (source, ends[0]) if first is None else (target, ends[1])
            refused = dead_target(call, kind, dead).body
            assert isinstance(refused, dict)  # noqa: S101 - dead_target answers JSON
            errors.append(refused)
            continue
        writing.link(call.portal, first, second, at_ms=started)
        results.append(
            {
                "fromObjectTypeId": source.type_id,
                "fromObjectId": ends[0],
                "toObjectTypeId": target.type_id,
                "toObjectId": ends[1],
                "labels": [],
            }
        )
    return batch_reply(call, results, errors, started_ms=started, status=201)


def batch_archive(call: Call) -> Reply:
    """``POST associations/{from}/{to}/batch/archive``: 204 whatever was linked."""
    source, target = _pair(call)
    for item in call.inputs(most=CREATE_LIMIT):
        start = as_value(as_object(item.get("from"), "$.inputs.from").get("id"), "$.inputs.from.id")
        first = call.portal.stores[source.name].live(start)
        for other in as_list(item.get("to"), "$.inputs.to"):
            end = as_value(as_object(other, "$.inputs.to[]").get("id"), "$.inputs.to[].id")
            second = call.portal.stores[target.name].live(end)
            if first is not None and second is not None:
                writing.unlink(first, second)
    return Reply(204)


def labels(call: Call) -> Reply:
    """``GET associations/{from}/{to}/labels``: the one unlabelled type that each pair has."""
    source, target = _pair(call)
    number = ASSOCIATION_TYPES[source.name, target.name]
    entry = {"category": "HUBSPOT_DEFINED", "typeId": number, "label": None}
    return Reply(200, {"results": [entry]})


def put(call: Call) -> Reply:
    """``PUT objects/{type}/{id}/associations/{to}/{other}`` with a list of types."""
    target = _single_target(call)
    assert call.kind is not None  # noqa: S101 - object routes have one
    number = ASSOCIATION_TYPES[call.kind.name, target.name]
    for index, raw in enumerate(as_list(call.body, "$")):
        if as_object(raw, f"$[{index}]").get("associationTypeId") != number:
            raise invalid(
                f"The association type from {call.kind.name} to {target.name} is {number}"
            )
    first, second = _link_both(call, target)
    return Reply(
        201,
        {
            "fromObjectTypeId": call.kind.type_id,
            "fromObjectId": first,
            "toObjectTypeId": target.type_id,
            "toObjectId": second,
            "labels": [],
        },
    )


def put_default(call: Call) -> Reply:
    """``PUT objects/{type}/{id}/associations/default/{to}/{other}``: without a body."""
    started = call.portal.clock.now_ms()
    target = _single_target(call)
    assert call.kind is not None  # noqa: S101 - object routes have one
    first, second = _link_both(call, target)
    number = ASSOCIATION_TYPES[call.kind.name, target.name]
    specification = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}
    entry = {"from": {"id": first}, "to": {"id": second}, "associationSpec": specification}
    return batch_reply(call, [entry], [], started_ms=started)


def delete(call: Call) -> Reply:
    """204 whatever was linked."""
    target = _single_target(call)
    first = call.store.live(call.args[0])
    second = call.portal.stores[target.name].live(call.args[2])
    if first is not None and second is not None:
        writing.unlink(first, second)
    return Reply(204)


def _single_target(call: Call) -> Kind:
    assert call.kind is not None  # noqa: S101 - object routes have one
    target = kind_of(call.args[1])
    if target is None:
        raise unknown_object_type(call.args[1])
    if (call.kind.name, target.name) not in ASSOCIATION_TYPES:
        raise invalid(f"No association type from {call.kind.name} to {target.name}")
    return target


def _link_both(call: Call, target: Kind) -> tuple[str, str]:
    assert call.kind is not None  # noqa: S101 - object routes have one
    ends = []
    for kind, record_id in ((call.kind, call.args[0]), (target, call.args[2])):
        record = call.portal.stores[kind.name].live(record_id)
        if record is None:
            raise dead_target(call, kind, record_id)
        ends.append(record)
    writing.link(call.portal, ends[0], ends[1], at_ms=call.portal.clock.now_ms())
    return ends[0].id, ends[1].id


def one(call: Call) -> Reply:
    """``GET objects/{type}/{id}/associations/{to}``."""
    assert call.kind is not None  # noqa: S101 - object routes have one
    target = _single_target(call)
    record = call.store.find(call.args[0])
    if record is None:
        raise call.not_found(call.args[0])
    limit = call.limit(PAGE, PAGE)
    start = _offset(call.text("after", "0"))
    found = readable_links(call.portal, record, target)
    body: dict[str, Any] = {
        "results": [_shown(call.kind, target, other) for other in found[start : start + limit]]
    }
    if len(found) > start + limit:
        after = str(start + limit)
        body["paging"] = {
            "next": {"after": after, "link": f"{call.origin}{call.path}?after={after}"}
        }
    return Reply(200, body)
