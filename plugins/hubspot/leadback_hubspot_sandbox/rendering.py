"""Records as JSON: which properties, whose history, which associations; and batch envelopes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadback_hubspot_sandbox.call import Call, Reply
from leadback_hubspot_sandbox.catalog import PREVIEWS, Kind, kind_of
from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.records import Record

LINKS_ON_RECORD = 100
VERSIONS_WITH_WARNINGS = ("v3", "2026-03", "2026-09")
# Shown in the answer to every write, asked for or not.
COMPUTED = (
    "hs_object_source", "hs_object_source_id", "hs_object_source_label",
    "hs_merged_object_ids", "hs_calculated_merged_vids", "hubspot_owner_assigneddate",
    "lifecyclestage", "hs_pipeline", *PREVIEWS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """What a reader asked for. ``properties=None`` gives HubSpot's default set."""

    properties: tuple[str, ...] | None = None
    histories: tuple[str, ...] = ()
    associations: tuple[Kind, ...] = ()


def view_of(call: Call) -> View:
    """The view that the query parameters of a GET describe."""
    names = call.listed("properties")
    kinds = [kind_of(name) for name in call.listed("associations")]
    return View(
        tuple(names) if names else None,
        tuple(call.listed("propertiesWithHistory")),
        tuple(kind for kind in kinds if kind is not None),  # an unknown type is ignored
    )


def render(portal: Portal, record: Record, view: View) -> dict[str, Any]:
    """One record as GET, list and batch/read show it."""
    store = portal.stores[record.kind.name]
    names: Iterable[str] = record.kind.default_properties
    if view.properties is not None or view.histories:
        always = (record.kind.created, "hs_object_id", record.kind.modified)
        names = sorted({*always, *(view.properties or ()), *view.histories})
    body: dict[str, Any] = {
        "id": record.id,
        "properties": {
            name: _shown(record, name) for name in names if store.definition(name) is not None
        },
        "createdAt": format_iso(record.created_ms),
        "updatedAt": format_iso(record.updated_ms),
        "archived": record.archived,
    }
    if record.kind.name == "contacts":
        body["url"] = portal.record_url(record)
    if record.archived_ms is not None:
        body["archivedAt"] = format_iso(record.archived_ms)
    if view.histories:
        body["propertiesWithHistory"] = {
            name: [entry.render() for entry in reversed(record.history.get(name, ()))]
            for name in view.histories
            if store.definition(name) is not None
        }
    if view.associations:
        found = {kind.name: _linked(portal, record, kind) for kind in view.associations}
        present = {name: shown for name, shown in found.items() if shown["results"]}
        if present:
            body["associations"] = present
    return body


def written(call: Call, record: Record, sent: Mapping[str, str]) -> dict[str, Any]:
    """One record as a write answers it: what was written, computed properties, and warnings;
    nothing that is null."""
    shown = {*sent, *(name for name in COMPUTED if name in record.properties)}
    body = render(call.portal, record, View(tuple(sorted(shown))))
    body["properties"] = {n: value for n, value in body["properties"].items() if value is not None}
    if call.version in VERSIONS_WITH_WARNINGS:
        warnings = [
            _normalised(name, value, record.properties[name])
            for name, value in sent.items()
            if _is_time(call, name) and _was_cleaned(value, record.properties.get(name, value))
        ]
        if warnings:
            body["warnings"] = warnings
    return body


def _shown(record: Record, name: str) -> str | None:
    """A value that was cleared reads as "", one that never was as null."""
    return record.properties.get(name, "" if record.history.get(name) else None)


def _was_cleaned(sent: str, stored: str) -> bool:
    """Whether HubSpot put a time into its own form, by more than adding ".000"."""
    return bool(sent) and sent.replace(".000Z", "Z") != stored.replace(".000Z", "Z")


def _is_time(call: Call, name: str) -> bool:
    definition = call.store.definition(name)
    return definition is not None and definition.type in ("date", "datetime")


def _normalised(name: str, raw: str, stored: str) -> dict[str, Any]:
    """A value that was cleaned up in silence, mostly a date."""
    return {
        "category": "PROPERTY_VALUE_NORMALIZED",
        "message": f"The value of {name} was normalized",
        "context": {"propertyName": name, "rawValue": raw, "normalizedValue": stored},
    }


def readable_links(portal: Portal, record: Record, kind: Kind) -> list[str]:
    """Ids of live associated records that can be read by now."""
    now = time.monotonic()
    store = portal.stores[kind.name]
    return [
        other
        for other, ready in record.links.get(kind.name, {}).items()
        if ready <= now and store.live(other) is not None
    ]


def _linked(portal: Portal, record: Record, kind: Kind) -> dict[str, Any]:
    found = readable_links(portal, record, kind)
    type_name = f"{record.kind.singular}_to_{kind.singular}"
    body: dict[str, Any] = {
        "results": [{"id": other, "type": type_name} for other in found[:LINKS_ON_RECORD]]
    }
    if len(found) > LINKS_ON_RECORD:
        after = found[LINKS_ON_RECORD]
        body["paging"] = {
            "next": {
                "after": after,
                "link": f"/crm/v3/objects/{record.kind.name}/{record.id}/associations/"
                f"{kind.name}?after={after}",
            }
        }
    return body


def batch_reply(
    call: Call,
    results: list[dict[str, Any]],
    errors: Sequence[dict[str, Any]],
    *,
    started_ms: int,
    status: int = 200,
) -> Reply:
    """The batch envelope: 207 as soon as there is an error entry."""
    portal = call.portal
    if portal.switches.shuffle_results:
        portal.rng.shuffle(results)
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": format_iso(started_ms),
        "completedAt": format_iso(portal.clock.now_ms()),
    }
    if errors:
        body["numErrors"] = len(errors)
        body["errors"] = list(errors)
        status = 207
    return Reply(status, body)


def not_found_entry(kind: Kind, ids: Sequence[str], traces: Sequence[str] = ()) -> dict[str, Any]:
    """All missing ids of a batch, in one entry."""
    context: dict[str, Any] = {"ids": list(ids)}
    if traces:
        context["objectWriteTraceId"] = list(traces)
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {kind.singular.upper()} objects, they may be deleted or"
        " not exist. Check that ids are valid.",
        "context": context,
    }
