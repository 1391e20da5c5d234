"""Batch calls: read, create, update, upsert, archive, with HubSpot's rules for partial failure.

Without unique trace ids one bad input refuses the whole batch and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from leadback_hubspot_sandbox import interference, writing
from leadback_hubspot_sandbox.associations import inline
from leadback_hubspot_sandbox.call import (
    BATCH_LIMIT,
    HISTORY_BATCH_LIMIT,
    Call,
    Reply,
    as_text,
    as_texts,
    properties_of,
    text_or_none,
)
from leadback_hubspot_sandbox.errors import ApiError, Problem, invalid
from leadback_hubspot_sandbox.objects import by_key, discard
from leadback_hubspot_sandbox.records import Record
from leadback_hubspot_sandbox.rendering import View, batch_reply, not_found_entry, render, written
from leadback_hubspot_sandbox.writing import Claims, Draft, InvalidValues


def read(call: Call) -> Reply:
    """Found records once each under their present id; missing ids in one aggregated entry."""
    started = call.portal.clock.now_ms()
    body = call.object()
    histories = as_texts(body.get("propertiesWithHistory"), "$.propertiesWithHistory")
    names = as_texts(body.get("properties"), "$.properties")
    most = HISTORY_BATCH_LIMIT if histories else BATCH_LIMIT
    id_property = text_or_none(body, "idProperty") or ""
    archived = call.flag("archived")
    found: dict[str, Record] = {}
    missing = []
    inputs = call.inputs(most=most, histories=bool(histories))
    if not call.portal.switches.duplicate_reads_accepted:
        _refuse_duplicates(inputs)
    for index, item in enumerate(inputs):
        key = as_text(item.get("id"), f"$.inputs[{index}].id")
        record = by_key(call, key, id_property, archived=archived)
        if record is None:
            missing.append(key)
        else:
            found[record.id] = record
    view = View(tuple(names) if names else None, tuple(histories))
    results = [render(call.portal, record, view) for record in found.values()]
    errors = [not_found_entry(call.store.kind, list(dict.fromkeys(missing)))] if missing else []
    return batch_reply(call, results, errors, started_ms=started)


def create(call: Call) -> Reply:
    started = call.portal.clock.now_ms()
    inputs = call.inputs()
    traces = unique_traces(inputs)
    claims = Claims()

    def draft(item: dict[str, Any]) -> Draft:
        return writing.prepare(
            call.portal,
            call.store.kind,
            properties_of(item),
            claims=claims,
            write_rules=call.enforces_write_rules,
            links=inline(call, item.get("associations")),
        )

    def carry_out(item: dict[str, Any], made: Draft) -> dict[str, Any]:
        record = writing.commit(call.portal, made, call.source)
        return written(call, record, properties_of(item))

    results, errors = _run(inputs, traces, draft, carry_out)
    return batch_reply(call, results, errors, started_ms=started, status=201)


def update(call: Call) -> Reply:
    """Merged-away ids are dropped in silence; unknown ones become one error entry."""
    started = call.portal.clock.now_ms()
    inputs = call.inputs()
    _refuse_duplicates(inputs)
    traces = unique_traces(inputs) if call.portal.switches.update_trace_207 else None
    missing: list[dict[str, Any]] = []
    targets: list[tuple[dict[str, Any], Record]] = []
    for item in inputs:
        properties_of(item)
        key, record = item["id"], _update_target(call, item)
        if record is not None:
            targets.append((item, record))
        elif key not in call.store.merged:
            missing.append(item)
    drafts, failures = _prepare_updates(call, targets, traces)
    interference.write([draft for _, draft in drafts], call)
    results = [
        written(call, draft.record, properties_of(item))
        for item, draft in drafts
        if draft.record is not None
    ]
    if missing:
        sent = [item["objectWriteTraceId"] for item in missing if item.get("objectWriteTraceId")]
        ids = [item["id"] for item in missing]
        failures.append(not_found_entry(call.store.kind, ids, sent))
    return batch_reply(call, results, failures, started_ms=started)


def _prepare_updates(
    call: Call, targets: Sequence[tuple[dict[str, Any], Record]], traces: list[str] | None
) -> tuple[list[tuple[dict[str, Any], Draft]], list[dict[str, Any]]]:
    claims = Claims()
    drafts: list[tuple[dict[str, Any], Draft]] = []
    refused: list[tuple[str, ApiError]] = []
    for item, record in targets:
        try:
            draft = writing.prepare(
                call.portal,
                call.store.kind,
                properties_of(item),
                record=record,
                claims=claims,
                write_rules=call.enforces_write_rules,
            )
            drafts.append((item, draft))
        except ApiError as error:
            refused.append((str(item.get("objectWriteTraceId", "")), error))
    if refused and traces is None:
        raise _joined([error for _, error in refused])
    return drafts, [_entry(error, trace) for trace, error in refused]


def upsert(call: Call) -> Reply:
    """Create or update by a unique property; ``new`` tells which. Associations are ignored."""
    started = call.portal.clock.now_ms()
    inputs = call.inputs()
    _refuse_duplicates(inputs)
    traces = unique_traces(inputs)
    by_email = [item for item in inputs if _id_property(item) == "email"]
    if by_email and traces and not call.portal.switches.email_upsert_trace_ids:
        raise invalid("objectWriteTraceId is not supported when idProperty is email")
    claims = Claims()

    def draft(item: dict[str, Any]) -> Draft:
        return _prepare_upsert(call, item, claims)

    def carry_out(item: dict[str, Any], made: Draft) -> dict[str, Any]:
        if made.record is None:
            record = writing.commit(call.portal, made, call.source)
        else:
            record = made.record
            interference.write([made], call)
        return {**written(call, record, properties_of(item)), "new": made.record is None}

    results, errors = _run(inputs, traces, draft, carry_out)
    return batch_reply(call, results, errors, started_ms=started)


def _prepare_upsert(call: Call, item: dict[str, Any], claims: Claims) -> Draft:
    name, key = _id_property(item), as_text(item.get("id"), "$.inputs.id")
    properties = properties_of(item)
    _refuse_non_unique(call, name, "update/upsert")
    record = by_key(call, key, name)
    if record is None:
        properties.setdefault(name, key)
    return writing.prepare(
        call.portal,
        call.store.kind,
        properties,
        record=record,
        claims=claims,
        write_rules=call.enforces_write_rules,
    )


def archive(call: Call) -> Reply:
    keys = [
        as_text(item.get("id"), f"$.inputs[{index}].id") for index, item in enumerate(call.inputs())
    ]
    for key in keys:
        record = call.store.live(key)
        if record is not None:
            discard(call, record)
    return Reply(204)


def unique_traces(inputs: Sequence[dict[str, Any]]) -> list[str] | None:
    """The inputs' trace ids when each has one of its own, else None."""
    traces = [text_or_none(item, "objectWriteTraceId") for item in inputs]
    present = [trace for trace in traces if trace]
    return present if len(set(present)) == len(inputs) else None


def _run(
    inputs: Sequence[dict[str, Any]],
    traces: list[str] | None,
    draft: Callable[[dict[str, Any]], Draft],
    carry_out: Callable[[dict[str, Any], Draft], dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All or nothing without trace ids; input by input with them."""
    if traces is not None:
        results: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for item, trace in zip(inputs, traces, strict=True):
            try:
                results.append(carry_out(item, draft(item)))
            except ApiError as error:
                errors.append(_entry(error, trace))
        return results, errors
    drafts = []
    refused = []
    for item in inputs:
        try:
            drafts.append((item, draft(item)))
        except ApiError as error:
            refused.append(error)
    if refused:
        raise _joined(refused)
    return [carry_out(item, made) for item, made in drafts], []


def _joined(refused: Sequence[ApiError]) -> ApiError:
    """One answer for the whole batch; value problems of all inputs share it, without an index."""
    problems: list[Problem] = []
    portal_id = 0
    for error in refused:
        if not isinstance(error, InvalidValues):
            return error
        problems += error.problems
        portal_id = error.portal_id
    return InvalidValues(list(dict.fromkeys(problems)), portal_id)


def _entry(error: ApiError, trace: str) -> dict[str, Any]:
    """A refusal as an entry of a 207's ``errors``."""
    body: dict[str, Any] = {"message": error.body}
    if isinstance(error.body, dict):
        body = error.body
    context = {"objectWriteTraceId": [trace], **body.get("context", {})}
    message = str(body["message"])
    if body.get("category") == "CONFLICT" and "Existing ID: " in message:
        context["existingId"] = [message.rpartition(" ")[2]]
    return {
        "status": "error",
        "category": body.get("category", "VALIDATION_ERROR"),
        "message": message,
        "context": context,
    }


def _refuse_duplicates(inputs: Sequence[dict[str, Any]]) -> None:
    seen: set[str] = set()
    doubled: list[str] = []
    for index, item in enumerate(inputs):
        key = as_text(item.get("id"), f"$.inputs[{index}].id")
        if key in seen and key not in doubled:
            doubled.append(key)
        seen.add(key)
    if doubled:
        raise invalid(
            f"Duplicate IDs found in batch input: [{', '.join(doubled)}]. IDs must be unique",
            context={"ids": doubled},
        )


def _update_target(call: Call, item: dict[str, Any]) -> Record | None:
    """Only exact live ids, or a custom unique property; an email or a merged id does not do."""
    name = text_or_none(item, "idProperty")
    if name is None:
        return call.store.live(item["id"])
    _refuse_non_unique(call, name, "update/upsert")
    if name == "email":
        raise _non_unique(call, name, "update/upsert")
    return by_key(call, item["id"], name)


def _id_property(item: dict[str, Any]) -> str:
    name = text_or_none(item, "idProperty")
    if name is None:
        raise invalid("idProperty is required for each input of batch/upsert")
    return name


def _refuse_non_unique(call: Call, name: str, action: str) -> None:
    if name == "email" and call.store.kind.name == "contacts":
        return
    definition = call.store.definition(name)
    if definition is None or not definition.has_unique_value:
        raise _non_unique(call, name, action)


def _non_unique(call: Call, name: str, action: str) -> ApiError:
    type_id = call.store.kind.type_id
    return invalid(f"Unable to perform {action} by non-unique {type_id} property {name}")
