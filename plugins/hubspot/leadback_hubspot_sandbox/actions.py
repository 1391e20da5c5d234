"""What people and the portal's own automation do in HubSpot's pages, as data.

Each action is one JSON object; a recorded day is a file of them. Answers are per action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from leadback_hubspot_sandbox import contacts, interference, writing
from leadback_hubspot_sandbox.clock import parse_iso
from leadback_hubspot_sandbox.definitions import Option
from leadback_hubspot_sandbox.errors import ApiError
from leadback_hubspot_sandbox.history import Source, from_user
from leadback_hubspot_sandbox.portal import Owner, Portal
from leadback_hubspot_sandbox.records import Record
from leadback_hubspot_sandbox.world import PortalError, add_owners

ADMIN_USER_ID: Final = 52_000_001


class ActionError(ValueError):
    """An action that a person could not have done; the text says why."""


def run(portal: Portal, action: Any) -> dict[str, Any]:
    """Carry one action out: ``{"ok": true, …}`` or ``{"ok": false, "error": why}``."""
    try:
        if not isinstance(action, dict):
            raise ActionError("an action must be a JSON object")
        name = action.get("action")
        handler = HANDLERS.get(str(name))
        if handler is None:
            raise ActionError(f"unknown action {name!r}; known: {', '.join(sorted(HANDLERS))}")
        at = action.get("at")
        moment = portal.clock.now_ms() if at is None else parse_iso(str(at))
        return {"ok": True, "action": name, **handler(portal, action, moment)}
    except ApiError as error:
        body = error.body
        why = str(body.get("message")) if isinstance(body, dict) else body
    except (ActionError, PortalError, ValueError) as error:
        why = str(error)
    kind = action.get("action") if isinstance(action, dict) else None
    return {"ok": False, "action": kind, "error": why}


def _create_contact(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    kind = portal.contacts.kind
    record_id = action.get("id")
    if record_id is not None:
        record_id = str(record_id)
        taken = record_id in portal.contacts.records or record_id in portal.contacts.merged
        if not record_id.isdigit() or taken:
            raise ActionError(f"contact id {record_id!r} is not a number or is taken")
    draft = writing.prepare(portal, kind, _texts(action))
    made = writing.create(portal, draft, _by(portal, action), at_ms=at, record_id=record_id)
    return {"contact": made.id}


def _set(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    record = _contact(portal, action)
    draft = writing.prepare(portal, record.kind, _texts(action), record=record)
    writing.commit(portal, draft, _by(portal, action), at_ms=at)
    return {"contact": record.id}


def _assign(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    return _give(portal, action, at, _by(portal, action))


def _workflow_assign(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    return _give(portal, action, at, interference.workflow(portal))


def _give(portal: Portal, action: dict[str, Any], at: int, source: Source) -> dict[str, Any]:
    record = _contact(portal, action)
    key = action.get("owner")
    owner_id = ""
    if key:
        owner = _owner(portal, key)
        if owner.archived:
            raise ActionError(f"owner {owner.email} is deactivated and cannot be chosen")
        owner_id = owner.id
    interference.set_owner(portal, record, owner_id, source, at_ms=at)
    return {"contact": record.id, "owner": owner_id}


def _merge(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    primary, merged = _contact(portal, action, "primary"), _contact(portal, action, "merged")
    new_id = action.get("new_id", portal.switches.merge_new_id)
    if not isinstance(new_id, bool):
        raise ActionError("new_id must be true or false")
    winner = contacts.merge(portal, primary, merged, _by(portal, action), at_ms=at, new_id=new_id)
    return {"contact": winner.id}


def _delete(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    record = _contact(portal, action)
    contacts.archive(portal, record, _by(portal, action), at_ms=at)
    return {"contact": record.id}


def _restore(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    record = _contact(portal, action, archived=True)
    contacts.restore(portal, record, _by(portal, action), at_ms=at)
    return {"contact": record.id}


def _erase(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    record = _contact(portal, action)
    contacts.erase(portal, record, _by(portal, action), at_ms=at)
    return {"contact": record.id}


def _deactivate_owner(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    return _set_archived(portal, action, at, archived=True)


def _activate_owner(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    return _set_archived(portal, action, at, archived=False)


def _set_archived(
    portal: Portal, action: dict[str, Any], at: int, *, archived: bool
) -> dict[str, Any]:
    owner = _owner(portal, action.get("owner"))
    owner.archived = archived
    owner.updated_ms = at
    return {"owner": owner.id}


def _add_owner(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    return {"owner": add_owners(portal, [action])[0].id}


def _add_note(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    """A person writes a note on the contact."""
    record = _contact(portal, action)
    properties = {"hs_note_body": str(action.get("body") or ""), "hs_timestamp": str(at)}
    kind = portal.kind("notes")
    draft = writing.prepare(portal, kind, properties, links=(record,))
    note = writing.create(portal, draft, _by(portal, action), at_ms=at)
    return {"contact": record.id, "note": note.id}


def _rename_option(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    option = _option(portal, action)[1]
    option.label = str(action.get("label") or "")
    if not option.label:
        raise ActionError("rename_option needs a label; the internal value stays")
    return {"value": option.value, "label": option.label}


def _archive_option(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    options, option = _option(portal, action)
    options.remove(option)
    return {"value": option.value}


def _hide_option(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    option = _option(portal, action)[1]
    option.hidden = True
    return {"value": option.value}


def _add_option(portal: Portal, action: dict[str, Any], at: int) -> dict[str, Any]:
    options = _options(portal, action)
    value = str(action.get("value") or "")
    if not value or any(option.value == value for option in options):
        raise ActionError(f"option value {value!r} is empty or exists already")
    options.append(Option(str(action.get("label") or value), value, len(options)))
    return {"value": value}


def _contact(
    portal: Portal, action: dict[str, Any], key: str = "contact", *, archived: bool = False
) -> Record:
    record_id = str(action.get(key, ""))
    record = portal.contacts.find(record_id, archived=archived)
    if record is None:
        state = "archived " if archived else ""
        raise ActionError(f"there is no {state}contact {record_id!r} ({key})")
    return record


def _owner(portal: Portal, key: Any) -> Owner:
    owner = portal.owner_by(str(key))
    if owner is None:
        known = ", ".join(one.email for one in portal.owners.values())
        raise ActionError(f"there is no owner {key!r}; known: {known}")
    return owner


def _by(portal: Portal, action: dict[str, Any]) -> Source:
    """The person who acts; without ``by`` the portal's admin, who owns no contacts."""
    email = action.get("by")
    return from_user(ADMIN_USER_ID if email is None else _owner(portal, email).user_id)


def _texts(action: dict[str, Any]) -> dict[str, str]:
    raw = action.get("properties")
    if not isinstance(raw, dict):
        raise ActionError("properties must be an object")
    return {str(name): "" if value is None else str(value) for name, value in raw.items()}


def _options(portal: Portal, action: dict[str, Any]) -> list[Option]:
    name = str(action.get("property", ""))
    definition = portal.contacts.definition(name)
    if definition is None:
        raise ActionError(f"there is no contact property {name!r}")
    return definition.options


def _option(portal: Portal, action: dict[str, Any]) -> tuple[list[Option], Option]:
    options = _options(portal, action)
    value = action.get("value")
    for option in options:
        if option.value == value:
            return options, option
    known = ", ".join(option.value for option in options)
    raise ActionError(f"there is no option {value!r}; known: {known}")


HANDLERS: Final[dict[str, Callable[[Portal, dict[str, Any], int], dict[str, Any]]]] = {
    "create_contact": _create_contact,
    "set": _set,
    "assign": _assign,
    "workflow_assign": _workflow_assign,
    "merge": _merge,
    "delete": _delete,
    "restore": _restore,
    "erase": _erase,
    "deactivate_owner": _deactivate_owner,
    "activate_owner": _activate_owner,
    "add_owner": _add_owner,
    "add_note": _add_note,
    "rename_option": _rename_option,
    "archive_option": _archive_option,
    "hide_option": _hide_option,
    "add_option": _add_option,
}
