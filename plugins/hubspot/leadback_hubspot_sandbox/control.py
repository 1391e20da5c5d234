"""The control API under ``/_sandbox/``: tests and people arrange a portal and look inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from leadback_hubspot_sandbox import actions, dump, oauth
from leadback_hubspot_sandbox.call import Reply, as_list, as_object
from leadback_hubspot_sandbox.clock import format_iso, parse_iso
from leadback_hubspot_sandbox.errors import no_such_path, refusal
from leadback_hubspot_sandbox.faults import FaultError
from leadback_hubspot_sandbox.grants import SCOPES, App
from leadback_hubspot_sandbox.owners import local_time
from leadback_hubspot_sandbox.portal import Portal, Stats
from leadback_hubspot_sandbox.switches import SwitchError
from leadback_hubspot_sandbox.webhooks import DEFAULT_PROPERTIES, Tally
from leadback_hubspot_sandbox.world import (
    APP_ID,
    PortalError,
    PortalRequest,
    World,
    add_owners,
    sync_webhooks,
)

Handler = Callable[[World, Portal, Any], Reply]


def handle(world: World, portal: Portal | None, method: str, path: str, body: Any) -> Reply:
    """Answer one control call; wrong use is a 400 that says what is right."""
    name = path.removeprefix("/_sandbox/").strip("/")
    if name == "health" and method == "GET":
        return Reply(200, {"ok": True, "portals": sorted(world.portals)})
    handler = HANDLERS.get((method, name))
    if handler is None or portal is None:
        raise no_such_path()
    try:
        return handler(world, portal, body)
    except KeyError as error:
        raise refusal(400, "SANDBOX_CONTROL", f"{error} is missing or unknown") from None
    except (PortalError, SwitchError, FaultError, ValueError, TypeError) as error:
        raise refusal(400, "SANDBOX_CONTROL", str(error)) from None


def _portals(world: World, portal: Portal, body: Any) -> Reply:
    """Make a portal with its own token; owners are those given, and no contacts. Its properties
    are HubSpot's own, or those of the portal `like`, as somebody has set that up."""
    wanted = as_object(body, "$")
    unknown = set(wanted) - _PORTAL_KEYS
    if unknown:
        raise PortalError(f"Unknown key {', '.join(sorted(unknown))}; allowed: {_ALLOWED}")
    scopes = wanted.get("scopes")
    request = PortalRequest(
        int(wanted["portal_id"]) if "portal_id" in wanted else max(world.portals) + 1,
        str(wanted.get("token") or ""),
        str(wanted.get("tier") or "professional"),
        str(wanted.get("time_zone") or "UTC"),
        wanted.get("webhook_url"),
        wanted.get("webhook_secret"),
        tuple(wanted.get("webhook_properties") or DEFAULT_PROPERTIES),
        None if scopes is None else frozenset(scopes),
        int(wanted.get("app_id") or APP_ID),
        bool(wanted.get("rate_limited", portal.budget.enabled)),
        int(wanted.get("seed", 1)),
    )
    made = world.add(request)
    try:
        if "like" in wanted:
            made.take_properties(world.portals[int(wanted["like"])])
        made.switches.change(as_object(wanted.get("switches") or {}, "$.switches"))
        sync_webhooks(made)
        owners = as_list(wanted.get("owners") or [], "$.owners")
        add_owners(made, [as_object(owner, "$.owners[]") for owner in owners])
    except Exception:
        world.remove(made)
        raise
    return Reply(
        201, {"portal_id": made.id, "owners": [owner.render() for owner in made.owners.values()]}
    )


_PORTAL_KEYS: Final = frozenset(
    {
        "portal_id", "token", "tier", "time_zone", "webhook_url", "webhook_secret",
        "webhook_properties", "scopes", "app_id", "rate_limited", "seed", "switches", "owners",
        "like",
    }
)  # fmt: skip
_ALLOWED: Final = ", ".join(sorted(_PORTAL_KEYS))


def _actions(world: World, portal: Portal, body: Any) -> Reply:
    """One action or a list, in order; 207 when some could not be done (400 for a single one)."""
    if not isinstance(body, list):
        answer = actions.run(portal, body)
        return Reply(200 if answer["ok"] else 400, answer)
    answers = [actions.run(portal, action) for action in body]
    return Reply(200 if all(answer["ok"] for answer in answers) else 207, answers)


def _clock(world: World, portal: Portal, body: Any) -> Reply:
    wanted = as_object(body, "$")
    limits = wanted.get("limits")
    if limits is not None:
        for each in world.portals.values():
            each.switches.change({"limits_clock": limits})
    frozen = bool(wanted.get("freeze", False))
    now = parse_iso(str(wanted["now"])) if "now" in wanted else world.clock.now_ms()
    world.clock.set(now, freeze=frozen)
    return _clock_now(world, portal, body)


def _clock_now(world: World, portal: Portal, body: Any) -> Reply:
    return Reply(
        200,
        {
            "now": format_iso(world.clock.now_ms()),
            "frozen": world.clock.frozen,
            "limits": portal.switches.limits_clock,
        },
    )


def _stats(world: World, portal: Portal, body: Any) -> Reply:
    calls = portal.stats.calls
    return Reply(
        200,
        {
            "portal_id": portal.id,
            "calls": {
                route: {str(status): count for status, count in sorted(by_status.items())}
                for route, by_status in sorted(calls.items())
            },
            "total": sum(sum(by_status.values()) for by_status in calls.values()),
            "rate_limited": portal.stats.rejected,
            "used_today": portal.budget.used_today,
            "webhooks": {**asdict(portal.webhooks.tally), "waiting": portal.webhooks.waiting()},
            "faults": {str(fault.id): fault.fired for fault in portal.faults.armed},
        },
    )


def _set_budget(world: World, portal: Portal, body: Any) -> Reply:
    """What other integrations of the account have used of today's calls: ``used_today``."""
    used = as_object(body, "$").get("used_today")
    if not isinstance(used, int) or isinstance(used, bool) or used < 0:
        raise PortalError(f"used_today must be a whole number from 0 on, not {used!r}")
    day = local_time(portal.clock.now_ms(), portal.time_zone).date().isoformat()
    portal.budget.start_day(day)
    portal.budget.used_today = used
    return Reply(200, {"used_today": used, "day": day})


def _reset_stats(world: World, portal: Portal, body: Any) -> Reply:
    portal.stats = Stats()
    portal.webhooks.tally = Tally()
    return Reply(204)


def _dump(world: World, portal: Portal, body: Any) -> Reply:
    return Reply(200, dump.portal(portal))


def _faults(world: World, portal: Portal, body: Any) -> Reply:
    return Reply(200, portal.faults.describe())


def _arm(world: World, portal: Portal, body: Any) -> Reply:
    """Arm one fault or a list; ``seed`` restarts the menu's dice."""
    wanted = body if isinstance(body, list) else [body]
    armed = []
    for entry in wanted:
        settings = dict(as_object(entry, "$"))
        if "seed" in settings:
            portal.faults.rng.seed(int(settings.pop("seed")))
        armed.append(asdict(portal.faults.arm(str(settings.pop("kind", "")), **settings)))
    return Reply(201, armed if isinstance(body, list) else armed[0])


def _disarm(world: World, portal: Portal, body: Any) -> Reply:
    portal.faults.disarm()
    return Reply(204)


def _switches(world: World, portal: Portal, body: Any) -> Reply:
    return Reply(200, portal.switches.describe())


def _set_switches(world: World, portal: Portal, body: Any) -> Reply:
    portal.switches.change(as_object(body, "$"))
    sync_webhooks(portal)
    return Reply(200, portal.switches.describe())


def _apps(world: World, portal: Portal, body: Any) -> Reply:
    """Register an OAuth app: ``client_id``, ``client_secret``, ``app_id``, ``redirect_uris``."""
    wanted = as_object(body, "$")
    app = App(
        str(wanted["client_id"]),
        str(wanted["client_secret"]),
        int(wanted.get("app_id", APP_ID)),
        str(wanted.get("name", "Leadback")),
        tuple(str(uri) for uri in wanted.get("redirect_uris") or ()),
    )
    world.oauth.apps[app.client_id] = app
    return Reply(201, {"client_id": app.client_id, "app_id": app.app_id})


def _install(world: World, portal: Portal, body: Any) -> Reply:
    """A code as the consent page would give it, without a browser."""
    wanted = as_object(body or {}, "$")
    app = world.oauth.apps[str(wanted.get("client_id", App().client_id))]
    code = oauth.grant(
        world.oauth,
        portal,
        app,
        redirect_uri=str(wanted["redirect_uri"]),
        scopes=frozenset(wanted.get("scopes") or SCOPES),
        challenge=None,
    )
    return Reply(201, {"code": code})


def _uninstall(world: World, portal: Portal, body: Any) -> Reply:
    """A person removes the app: access tokens stop at once, refreshing answers BAD_HUB."""
    oauth.uninstall(portal, int(as_object(body or {}, "$").get("app_id", APP_ID)))
    return Reply(204)


def _set_webhooks(world: World, portal: Portal, body: Any) -> Reply:
    """Change the target: ``url`` (null stops), ``secret``, ``properties``."""
    wanted = as_object(body, "$")
    settings = portal.webhooks.settings
    if "url" in wanted:
        settings.url = None if wanted["url"] is None else str(wanted["url"])
    if "secret" in wanted:
        settings.secret = str(wanted["secret"])
    if "properties" in wanted:
        settings.properties = frozenset(
            str(name) for name in as_list(wanted["properties"], "$.properties")
        )
    return _webhooks(world, portal, body)


def _webhooks(world: World, portal: Portal, body: Any) -> Reply:
    settings = portal.webhooks.settings
    return Reply(
        200,
        {
            "url": settings.url,
            "app_id": settings.app_id,
            "properties": sorted(settings.properties),
            **asdict(portal.webhooks.tally),
            "waiting": portal.webhooks.waiting(),
        },
    )


HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("POST", "portals"): _portals,
    ("POST", "actions"): _actions,
    ("POST", "clock"): _clock,
    ("GET", "clock"): _clock_now,
    ("GET", "stats"): _stats,
    ("DELETE", "stats"): _reset_stats,
    ("PATCH", "budget"): _set_budget,
    ("GET", "dump"): _dump,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _arm,
    ("DELETE", "faults"): _disarm,
    ("GET", "switches"): _switches,
    ("PATCH", "switches"): _set_switches,
    ("POST", "apps"): _apps,
    ("POST", "install"): _install,
    ("POST", "uninstall"): _uninstall,
    ("GET", "webhooks"): _webhooks,
    ("PATCH", "webhooks"): _set_webhooks,
}
