"""Writes: check every value first, then change the record, its history, the index and webhooks.

A write is prepared in full before anything changes, so that a refused batch leaves no trace.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from leadback_hubspot_sandbox import contacts, engagements, events
from leadback_hubspot_sandbox.catalog import ENGAGEMENTS, Kind
from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.definitions import Definition
from leadback_hubspot_sandbox.errors import ApiError, Problem, invalid_values, missing_required
from leadback_hubspot_sandbox.history import Change, Source
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.records import Record
from leadback_hubspot_sandbox.values import BadValueError, normalise

SOURCE_LABELS = {"CRM_UI": "CRM_UI", "INTEGRATION": "Integration"}


class InvalidValues(ApiError):
    """400 for property values; a batch joins the problems of several records into one."""

    def __init__(self, problems: Sequence[Problem], portal_id: int) -> None:
        made = invalid_values(problems, portal_id)
        super().__init__(made.status, made.body)
        self.problems = list(problems)
        self.portal_id = portal_id


@dataclass(slots=True)
class Claims:
    """Unique values that earlier inputs of the same batch will take."""

    taken: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked write. ``record=None`` creates one, linked to ``links``."""

    kind: Kind
    values: dict[str, str]
    record: Record | None = None
    links: tuple[Record, ...] = ()


def prepare(
    portal: Portal,
    kind: Kind,
    properties: dict[str, str],
    *,
    record: Record | None = None,
    claims: Claims | None = None,
    write_rules: bool = False,
    links: tuple[Record, ...] = (),
) -> Draft:
    """Check a write against the portal as it is; raises what HubSpot would answer."""
    present = {} if record is None else record.properties
    values: dict[str, str] = {}
    problems: list[Problem] = []
    store = portal.stores[kind.name]
    for name, value in properties.items():
        try:
            definition = _writable(portal, store.definition(name), name)
            values[name] = normalise(portal, definition, value, present=present.get(name, ""))
        except BadValueError as bad:
            problems.append(bad.problem)
    if kind.name in ENGAGEMENTS:
        problems += engagements.complete(portal, values)
    if write_rules and not problems:
        problems += _write_rules(portal, kind, values, record)
    problems += _conflicts(portal, kind, values, record=record, claims=claims or Claims())
    if problems:
        raise InvalidValues(problems, portal.id)
    if record is None:
        missing = [name for name in kind.required if not values.get(name)]
        if missing:
            raise missing_required(kind.singular, missing)
    if kind.name == "contacts":
        contacts.keep_stage_forward(store.definitions["lifecyclestage"], values, present)
    return Draft(kind, values, record, links)


def commit(portal: Portal, draft: Draft, source: Source, *, at_ms: int | None = None) -> Record:
    """Carry out a prepared write."""
    at = portal.clock.now_ms() if at_ms is None else at_ms
    if draft.record is not None:
        change(portal, draft.record, draft.values, source, at_ms=at)
        return draft.record
    return create(portal, draft, source, at_ms=at)


def create(
    portal: Portal, draft: Draft, source: Source, *, at_ms: int, record_id: str | None = None
) -> Record:
    store = portal.stores[draft.kind.name]
    made = Record(record_id or store.new_id(), draft.kind, at_ms, at_ms)
    stamp = format_iso(at_ms)
    made.properties.update(
        {
            "hs_object_id": made.id,
            draft.kind.created: stamp,
            "hs_object_source": source.type,
            "hs_object_source_id": source.id or "",
            "hs_object_source_label": SOURCE_LABELS.get(source.type, source.type),
        }
    )
    store.add(made)
    if draft.kind.name == "contacts":
        events.creation(portal, made, source, at_ms=at_ms)
    change(portal, made, {**_filled(portal, draft.kind), **draft.values}, source, at_ms=at_ms)
    for target in draft.links:
        link(portal, made, target, at_ms=at_ms)
    return made


def _filled(portal: Portal, kind: Kind) -> dict[str, str]:
    if kind.name == "contacts" and not portal.switches.new_contacts_are_leads:
        return {}
    return dict(kind.filled)


def change(
    portal: Portal, record: Record, values: dict[str, str], source: Source, *, at_ms: int
) -> None:
    """Set values that were checked before; equal values leave no trace unless switched so."""
    store = portal.stores[record.kind.name]
    is_contact = record.kind.name == "contacts"
    changed: dict[str, str] = {}
    for name, value in values.items():
        same = record.properties.get(name, "") == value
        if same and not (portal.switches.noop_write_history and record.history.get(name)):
            continue
        changed[name] = value
        if name == "email" or store.definitions[name].has_unique_value:
            store.keep_unique(record, name, value)
        moment = _remember(record, name, Change(value, at_ms, source))
        _put(record, name, value)
        if is_contact:
            if name == "hubspot_owner_id":
                _put(record, "hubspot_owner_assigneddate", format_iso(moment) if value else "")
            events.property_change(portal, record, name, value, source=source, at_ms=moment)
    if changed and is_contact:
        events.updated(portal, record, changed, at_ms=at_ms)
    if changed or record.kind.modified not in record.properties:
        touch(portal, record, at_ms=at_ms)


def touch(portal: Portal, record: Record, *, at_ms: int) -> None:
    """The record was modified: stamp it and let search know."""
    record.updated_ms = max(record.updated_ms, at_ms)
    record.properties[record.kind.modified] = format_iso(record.updated_ms)
    portal.index(record)


def link(portal: Portal, record: Record, target: Record, *, at_ms: int) -> None:
    """Associate two records, readable from both sides after the portal's delay."""
    ready = time.monotonic() + portal.switches.association_delay
    record.links.setdefault(target.kind.name, {}).setdefault(target.id, ready)
    target.links.setdefault(record.kind.name, {}).setdefault(record.id, ready)
    for contact, other in ((record, target), (target, record)):
        if contact.kind.name == "contacts" and other.kind.name in ENGAGEMENTS:
            contact.properties["notes_last_updated"] = other.properties.get("hs_timestamp", "")
            count = sum(len(contact.links.get(name, {})) for name in ENGAGEMENTS)
            contact.properties["num_notes"] = str(count)
            touch(portal, contact, at_ms=at_ms)


def unlink(record: Record, target: Record) -> None:
    record.links.get(target.kind.name, {}).pop(target.id, None)
    target.links.get(record.kind.name, {}).pop(record.id, None)


def _remember(record: Record, name: str, entry: Change) -> int:
    """Append to the history; two changes of one property never share a moment or go back."""
    entries = record.history.setdefault(name, [])
    if entries and entries[-1].at_ms >= entry.at_ms:
        entry = Change(entry.value, entries[-1].at_ms + 1, entry.source)
    entries.append(entry)
    return entry.at_ms


def _put(record: Record, name: str, value: str) -> None:
    if value:
        record.properties[name] = value
    else:
        record.properties.pop(name, None)


def _writable(portal: Portal, definition: Definition | None, name: str) -> Definition:
    lagging = (
        definition is not None
        and portal.switches.property_lag_on_write
        and definition.visible_from > time.monotonic()
    )
    if definition is None or lagging:
        raise BadValueError(
            Problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        )
    if definition.read_only_value:
        raise BadValueError(
            Problem(
                name,
                "READ_ONLY_VALUE",
                f'"{name}" is a read only property; its value cannot be set.',
            )
        )
    return definition


def _conflicts(
    portal: Portal, kind: Kind, values: dict[str, str], *, record: Record | None, claims: Claims
) -> list[Problem]:
    """Unique values that another record holds; a contact's email is refused with 409."""
    if kind.name == "contacts" and values.get("email"):
        contacts.refuse_taken_email(portal, values["email"], record=record, taken=claims.taken)
    store = portal.stores[kind.name]
    problems = []
    for name, value in values.items():
        if not value or not store.definitions[name].has_unique_value:
            continue
        holder = store.unique.get(name, {}).get(value)
        own = record is not None and holder == record.id
        if (name, value) in claims.taken or (holder is not None and not own):
            problems.append(
                Problem(
                    name,
                    "CONFLICTING_UNIQUE_VALUE",
                    f"Cannot set {name}={value}. {holder or 'Another input'} already has that"
                    " value.",
                )
            )
        claims.taken.add((name, value))
    return problems


def _write_rules(
    portal: Portal, kind: Kind, values: dict[str, str], record: Record | None
) -> list[Problem]:
    """Rules that the portal's admins made, which the API obeys from 2026-09 on."""
    if kind.name != "contacts":
        return []
    result = {**(record.properties if record else {}), **values}
    problems = []
    for rule in portal.switches.conditional_required:
        if result.get(rule["property"], "") != rule["value"]:
            continue
        problems += [
            Problem(
                name,
                "MISSING_CONDITIONAL_REQUIRED_PROPERTY",
                f'"{name}" is required when "{rule["property"]}" is "{rule["value"]}"',
            )
            for name in rule["required"]
            if not result.get(name)
        ]
    if record is None:
        problems += [
            Problem(name, "MISSING_REQUIRED_PROPERTY", f'"{name}" is required')
            for name in portal.switches.creator_required
            if not result.get(name)
        ]
    return problems
