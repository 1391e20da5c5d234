"""Which path is which call: both path styles lead to the same handlers.

Each route knows the scopes it needs and which rate limit it spends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from leadback_hubspot_sandbox import (
    associations,
    batch,
    journal_api,
    objects,
    owners,
    properties,
    property_groups,
    search,
)
from leadback_hubspot_sandbox.call import Handler
from leadback_hubspot_sandbox.catalog import Kind, kind_of
from leadback_hubspot_sandbox.errors import ApiError, no_such_path, unknown_object_type

DATES: Final = ("2025-09", "2026-03", "2026-09")
SINGLE_ASSOCIATIONS: Final = ("v4", *DATES)


@dataclass(frozen=True, slots=True)
class Route:
    """``pattern`` segments are literals, ``{type}`` (an object type) or ``{…}`` (an argument)."""

    method: str
    pattern: tuple[str, ...]
    handler: Handler
    writes: bool = False
    spends: str = "burst"
    contacts_only: bool = False
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A path, understood. ``template`` names the route in statistics and fault filters."""

    route: Route
    family: str
    version: str
    args: tuple[str, ...]
    kind: Kind | None
    template: str
    scopes: tuple[str, ...]


def _route(
    text: str,
    handler: Handler,
    *,
    writes: bool = False,
    spends: str = "burst",
    contacts_only: bool = False,
    versions: tuple[str, ...] = (),
) -> Route:
    method, _, path = text.partition(" ")
    pattern = tuple(path.split("/")) if path else ()
    return Route(method, pattern, handler, writes, spends, contacts_only, versions)


_DATED_AND_V3: Final = ("v3", *DATES)

FAMILIES: Final[dict[str, tuple[Route, ...]]] = {
    "objects": (
        _route("POST {type}/batch/read", batch.read, versions=_DATED_AND_V3),
        _route("POST {type}/batch/create", batch.create, writes=True, versions=_DATED_AND_V3),
        _route("POST {type}/batch/update", batch.update, writes=True, versions=_DATED_AND_V3),
        _route("POST {type}/batch/upsert", batch.upsert, writes=True, versions=_DATED_AND_V3),
        _route("POST {type}/batch/archive", batch.archive, writes=True, versions=_DATED_AND_V3),
        _route("POST {type}/search", search.search, spends="search", versions=_DATED_AND_V3),
        _route("POST {type}/merge", objects.merge, writes=True, contacts_only=True,
               versions=_DATED_AND_V3),
        _route("POST {type}/gdpr-delete", objects.erase, writes=True, contacts_only=True,
               versions=_DATED_AND_V3),
        _route("GET {type}/{id}/associations/{to}", associations.one, spends="associations",
               versions=SINGLE_ASSOCIATIONS),
        _route("PUT {type}/{id}/associations/default/{to}/{other}", associations.put_default,
               writes=True, spends="associations", versions=SINGLE_ASSOCIATIONS),
        _route("PUT {type}/{id}/associations/{to}/{other}", associations.put, writes=True,
               spends="associations", versions=SINGLE_ASSOCIATIONS),
        _route("DELETE {type}/{id}/associations/{to}/{other}", associations.delete, writes=True,
               spends="associations", versions=SINGLE_ASSOCIATIONS),
        _route("GET {type}/{id}", objects.read, versions=_DATED_AND_V3),
        _route("PATCH {type}/{id}", objects.update, writes=True, versions=_DATED_AND_V3),
        _route("DELETE {type}/{id}", objects.delete, writes=True, versions=_DATED_AND_V3),
        _route("GET {type}", objects.page, versions=_DATED_AND_V3),
        _route("POST {type}", objects.create, writes=True, versions=_DATED_AND_V3),
    ),
    "properties": (
        _route("GET {type}/groups", property_groups.listing),
        _route("POST {type}/groups", property_groups.create, writes=True),
        _route("GET {type}/groups/{name}", property_groups.read),
        _route("PATCH {type}/groups/{name}", property_groups.update, writes=True),
        _route("DELETE {type}/groups/{name}", property_groups.delete, writes=True),
        _route("POST {type}/batch/create", properties.batch_create, writes=True),
        _route("POST {type}/batch/read", properties.batch_read),
        _route("POST {type}/batch/archive", properties.batch_archive, writes=True),
        _route("GET {type}", properties.listing),
        _route("POST {type}", properties.create, writes=True),
        _route("GET {type}/{name}", properties.read),
        _route("PATCH {type}/{name}", properties.update, writes=True),
        _route("DELETE {type}/{name}", properties.delete, writes=True),
    ),
    "owners": (
        _route("GET ", owners.listing),
        _route("GET {id}", owners.read),
    ),
    "associations": (
        _route("POST {from}/{to}/batch/read", associations.batch_read, spends="associations"),
        _route("POST {from}/{to}/batch/create", associations.batch_create, writes=True,
               spends="associations"),
        _route("GET {from}/{to}/labels", associations.labels, spends="associations"),
        _route("POST {from}/{to}/batch/archive", associations.batch_archive, writes=True,
               spends="associations"),
    ),
    "webhooks-journal/subscriptions": (
        _route("POST ", journal_api.subscribe, writes=True, spends="journal"),
        _route("GET ", journal_api.subscriptions, spends="journal"),
        _route("GET {id}", journal_api.subscription, spends="journal"),
        _route("DELETE {id}", journal_api.unsubscribe, writes=True, spends="journal"),
        _route("DELETE portals/{id}", journal_api.unsubscribe_portal, writes=True,
               spends="journal"),
    ),
    "webhooks-journal/journal": (
        _route("GET earliest", journal_api.earliest, spends="journal"),
        _route("GET latest", journal_api.latest, spends="journal"),
        _route("GET offset/{offset}/next", journal_api.following, spends="journal"),
        _route("GET batch/earliest/{n}", journal_api.batch_earliest, spends="journal"),
        _route("GET batch/latest/{n}", journal_api.batch_latest, spends="journal"),
        _route("GET batch/{offset}/next/{n}", journal_api.batch_following, spends="journal"),
    ),
    "account-info": (_route("GET details", owners.account),),
    "appinstalls": (_route("DELETE external-install", owners.uninstall, writes=True),),
}  # fmt: skip

_VERSIONS: Final = {
    "objects": ("v3", "v4", *DATES),
    "properties": _DATED_AND_V3,
    "owners": _DATED_AND_V3,
    "associations": ("v4", *DATES),
    "account-info": _DATED_AND_V3,
    "appinstalls": ("2026-09",),
    "webhooks-journal/subscriptions": ("2026-03", "2026-09"),
    "webhooks-journal/journal": ("2026-03", "2026-09"),
}


def resolve(method: str, path: str) -> Match:
    """The call behind a request line; raises HubSpot's HTML 404, 405 or unknown-type answer."""
    family, version, rest = _split(path)
    if version not in _VERSIONS.get(family, ()):
        raise no_such_path()
    other_method = False
    for route in FAMILIES[family]:
        if not _fits(route, rest) or (route.versions and version not in route.versions):
            continue
        if route.method != method:
            other_method = True
            continue
        return _match(route, family, version, rest)
    if other_method:
        raise ApiError(405, "<html><body><h2>HTTP ERROR 405 Method Not Allowed</h2></body></html>")
    raise no_such_path()


def _split(path: str) -> tuple[str, str, tuple[str, ...]]:
    parts = path.strip("/").split("/")
    if parts[0] == "crm" and len(parts) >= 3:
        if parts[1] in ("v3", "v4"):
            return parts[2], parts[1], tuple(parts[3:])
        return parts[1], parts[2], tuple(parts[3:])
    if parts[0] == "webhooks-journal" and len(parts) >= 3:
        return f"webhooks-journal/{parts[1]}", parts[2], tuple(parts[3:])
    if parts[0] in ("account-info", "appinstalls") and len(parts) >= 2:
        return parts[0], parts[1], tuple(parts[2:])
    return "", "", ()


def _fits(route: Route, rest: tuple[str, ...]) -> bool:
    return len(route.pattern) == len(rest) and all(
        wanted[:1] == "{" or wanted == found
        for wanted, found in zip(route.pattern, rest, strict=True)
    )


def _match(route: Route, family: str, version: str, rest: tuple[str, ...]) -> Match:
    kind: Kind | None = None
    args = []
    shown = []
    for wanted, found in zip(route.pattern, rest, strict=True):
        if wanted == "{type}":
            kind = kind_of(found)
            if kind is None:
                raise unknown_object_type(found)
            shown.append(kind.name)
        elif wanted in ("{from}", "{to}"):
            args.append(found)
            known = kind_of(found)
            shown.append(known.name if known else found)
        else:
            if wanted[:1] == "{":
                args.append(found)
            shown.append(wanted)
    if route.contacts_only and (kind is None or kind.name != "contacts"):
        raise no_such_path()
    names = [kind.name] if kind else [name for name in shown if kind_of(name)]
    in_crm = family in ("objects", "properties", "owners", "associations")
    prefix = f"crm/{family}" if in_crm else family
    template = f"{route.method} /" + "/".join([prefix, "{version}", *shown])
    return Match(
        route, family, version, tuple(args), kind, template, _scopes(family, route.writes, names)
    )


def _scopes(family: str, writes: bool, kinds: Iterable[str]) -> tuple[str, ...]:
    action = "write" if writes else "read"
    if family == "owners":
        return ("crm.objects.owners.read",)
    if family == "properties":
        return tuple(
            f"crm.schemas.contacts.{action}" if kind == "contacts" else "crm.objects.contacts.read"
            for kind in kinds
        )
    if family in ("objects", "associations"):
        needed = [f"crm.objects.contacts.{action}"]
        if "emails" in kinds:
            needed.append("sales-email-read")
        return tuple(needed)
    if family == "webhooks-journal/journal":
        return ("developer.webhooks_journal.read",)
    if family == "webhooks-journal/subscriptions":
        return (f"developer.webhooks_journal.subscriptions.{action}",)
    return ()
