"""Reads what a plan depends on, and carries a plan out step by step.

PATCH replaces a property's whole list of options, so the list is read right before it and checked
right after it (https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leadback.api import ConfigurationError, CrmMapping, SetupPlan, SetupStep
from leadback_hubspot.answers import Answer, Verdict
from leadback_hubspot.fields import Definition, definition_from
from leadback_hubspot.keys import KEY, read_key, try_to_create
from leadback_hubspot.options import labels_for
from leadback_hubspot.portals import Desk
from leadback_hubspot.properties import read_definitions
from leadback_hubspot.setup import (
    ADD_OPTIONS,
    CREATE_GROUP,
    CREATE_PROPERTY,
    GROUP,
    GROUP_LABEL,
    PortalState,
    plan,
)
from leadback_hubspot.verdicts import refused_call, unavailable

TRIES = 5
KEYED = ("notes", "emails", "tasks")
VISIBLE_TRIES = 20
VISIBLE_PAUSE = 0.25
PROBES = ("contacts", "emails")
"""Reading these shows every scope that delivering needs; notes and tasks go by the contacts'."""


def plan_setup(desk: Desk, mapping: CrmMapping) -> SetupPlan:
    """Asks the portal; raises PortalUnavailable or ConfigurationError."""
    state = read_state(desk)
    return plan(
        state,
        mapping,
        portal=desk.portal,
        assistants=desk.access.assistants,
        context_field=desk.settings.context_field,
    )


def apply_setup(
    desk: Desk,
    mapping: CrmMapping,
    wanted: SetupPlan,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[SetupStep, ...]:
    """The steps that were done: all that need no person. Refuses a plan of an older state."""
    current = plan_setup(desk, mapping)
    if current.fingerprint != wanted.fingerprint:
        raise ConfigurationError(
            "the portal or the rules changed since this plan was made",
            where=f"portal {desk.portal.name}",
            fix="look at the new plan, then apply that one",
        )
    done: list[SetupStep] = []
    for step in wanted.steps:
        if step.needs_person:
            continue
        if step.action == CREATE_GROUP:
            _create_group(desk, step.details, sleep)
        elif step.action == CREATE_PROPERTY:
            _create_property(desk, step.details, sleep)
        elif step.action == ADD_OPTIONS:
            _add_options(desk, str(step.details["name"]), step.details["options"], sleep)
        done.append(step)
    done += _keys(desk)
    desk.memory.properties.get(desk.api, desk.now(), newer_than=desk.memory.properties.version)
    return tuple(done)


def _keys(desk: Desk) -> list[SetupStep]:
    """The unique property, where HubSpot grants it; a refusal is an answer, not an error."""
    group = {"name": GROUP, "label": GROUP_LABEL}
    granted: list[SetupStep] = []
    for objects in KEYED:
        lacking = read_key(desk.api, objects) is False
        if lacking and try_to_create(desk.api, objects, group):
            desk.memory.keys.forget(objects)
            what = f"create the unique property {KEY} on {objects}"
            granted.append(SetupStep(what, CREATE_PROPERTY, {"name": KEY, "objects": objects}))
    return granted


def read_state(desk: Desk) -> PortalState:
    """What the portal has now."""
    missing: list[str] = []
    granted: set[str] = set()  # a 403 lists every scope that a call needs, also those it has
    groups = _ask(desk, desk.api.get(desk.api.paths.properties("contacts", "groups")), missing)
    active = _definitions(desk, missing, archived=False)
    archived = _definitions(desk, missing, archived=True)
    directory = desk.directory(fresh=True)
    if isinstance(directory, Answer):
        _ask(desk, directory, missing)
    for kind in PROBES:
        path = desk.api.paths.objects(kind)
        readable = _ask(desk, desk.api.get(path, {"limit": "1"}), missing)
        if kind == "contacts" and readable is not None:
            granted.add("crm.objects.contacts.read")
    names = {str(group.get("name")) for group in groups.results} if groups else set()
    return PortalState(
        group_exists=GROUP in names,
        active=active,
        archived=archived,
        directory=None if isinstance(directory, Answer) else directory,
        missing_scopes=tuple(s for s in dict.fromkeys(missing) if s not in granted),
        unkeyed=tuple(kind for kind in KEYED if read_key(desk.api, kind) is False),
    )


def _definitions(desk: Desk, missing: list[str], *, archived: bool) -> Mapping[str, Definition]:
    read = read_definitions(desk.api, archived=archived)
    if isinstance(read, Answer):
        _ask(desk, read, missing)
        return {}
    return read


def _ask(desk: Desk, answer: Answer, missing: list[str]) -> Answer | None:
    """A 403 is something to plan for: its scopes; anything else ends the reading."""
    if answer.ok:
        return answer
    if answer.status == 403 and answer.scopes:
        missing += answer.scopes
        return None
    raise _failed(desk, answer)


def _insist(call: Callable[[], Answer], sleep: Callable[[float], None]) -> Answer:
    """A person waits: a lost answer is asked for again. What exists by then answers 409."""
    answer = call()
    for _ in range(TRIES):
        if answer.verdict is not Verdict.LOST:
            break
        sleep(VISIBLE_PAUSE)
        answer = call()
    return answer


def _create_group(desk: Desk, details: Mapping[str, Any], sleep: Callable[[float], None]) -> None:
    path = desk.api.paths.properties("contacts", "groups")
    answer = _insist(lambda: desk.api.write(path, details), sleep)
    if not answer.ok and answer.status != 409:
        raise _failed(desk, answer)


def _create_property(
    desk: Desk, details: Mapping[str, Any], sleep: Callable[[float], None]
) -> None:
    """Create (an archived one of the name comes back), and wait until HubSpot shows it."""
    name = str(details["name"])
    path = desk.api.paths.properties("contacts")
    answer = _insist(lambda: desk.api.write(path, details), sleep)
    if not answer.ok and answer.status != 409:
        raise _failed(desk, answer)
    seen = _wait_for(desk, name, sleep)
    if seen is None:
        raise ConfigurationError(
            f"HubSpot does not show the new property {name} yet",
            where=f"portal {desk.portal.name}",
            fix="run the set-up again in a minute",
        )
    if seen.type != details["type"]:
        raise ConfigurationError(
            f"the property {name} exists as {seen.type}, not {details['type']}",
            where=f"portal {desk.portal.name}",
            fix="make a new plan: leadback portal setup",
        )
    wanted = details.get("options") or ()
    if wanted and {o["value"] for o in wanted} - {o.value for o in seen.options}:
        _add_options(desk, name, wanted, sleep)


def _wait_for(desk: Desk, name: str, sleep: Callable[[float], None]) -> Definition | None:
    for attempt in range(VISIBLE_TRIES):
        answer = desk.api.get(desk.api.paths.properties("contacts", name))
        if answer.ok:
            return definition_from(answer.body)
        if answer.status != 404:
            raise _failed(desk, answer)
        if attempt < VISIBLE_TRIES - 1:
            sleep(VISIBLE_PAUSE)
    return None


def _add_options(
    desk: Desk,
    name: str,
    wanted: Sequence[Mapping[str, Any]],
    sleep: Callable[[float], None],
) -> None:
    """Read, append, send all, read again. Whoever edited in between is kept by trying again."""
    path = desk.api.paths.properties("contacts", name)
    for _ in range(TRIES):
        before = _wait_for(desk, name, sleep)
        if before is None:
            raise ConfigurationError(f"the property {name} is gone", fix="make a new plan")
        known = {option.value for option in before.options}
        missing = [option for option in wanted if option["value"] not in known]
        if not missing:
            return
        answer = desk.api.patch(path, {"options": _with(before, missing)})
        if not answer.ok and answer.verdict is not Verdict.LOST:
            raise _options_failed(desk, name, missing, answer)
    raise ConfigurationError(
        f"the options of {name} do not stay as they are written",
        where=f"portal {desk.portal.name}",
        fix="see who else edits this property, then run the set-up again",
    )


def _with(before: Definition, missing: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The list as it is, as PATCH wants it, and the new ones at its end."""
    options = [
        {
            "label": str(raw.get("label", "")),
            "value": str(raw.get("value", "")),
            "displayOrder": raw.get("displayOrder", place),
            "hidden": bool(raw.get("hidden")),
            "description": str(raw.get("description") or ""),
        }
        for place, raw in enumerate(before.raw_options)
    ]
    highest = max((o["displayOrder"] for o in options if _is_int(o["displayOrder"])), default=-1)
    labels = labels_for([str(option["value"]) for option in missing], before.options)
    for place, option in enumerate(missing, start=highest + 1):
        value = str(option["value"])
        new = {"label": labels[value], "value": value, "description": ""}
        options.append({**new, "displayOrder": place, "hidden": False})
    return options


def _options_failed(
    desk: Desk, name: str, missing: Sequence[Mapping[str, Any]], answer: Answer
) -> Exception:
    if answer.status != 400:
        return _failed(desk, answer)
    values = ", ".join(str(option["value"]) for option in missing)
    return ConfigurationError(
        f"HubSpot did not take {values} as options of {name}: {answer.reason}",
        where=f"portal {desk.portal.name}",
        fix=f"add {values} under Settings > Properties > {name}, or map other values",
    )


def _failed(desk: Desk, answer: Answer) -> Exception:
    if answer.verdict is Verdict.REFUSED or answer.status == 401:
        return refused_call(answer, desk.portal.name)
    return unavailable(answer, desk.portal.name)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
