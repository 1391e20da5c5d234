"""All doors of one process behind one guard: pages, event API, webhooks, probes, figures.

Without the extra leadback[web] only webhooks and the health probe are there; serve says so.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from leadback.base.clock import Clock
from leadback.base.hosts import LOCAL
from leadback.service.accounts import Accounts
from leadback.service.apikeys import ApiKeys
from leadback.service.sign_in import SignIns, domain_roles
from leadback.web.assistantapi import assistant_api
from leadback.web.consent import consent_routes
from leadback.web.eventapi import event_api, keeper_of, problem
from leadback.web.focus import SCRIPT
from leadback.web.guard import PAGES, Guard, Outside
from leadback.web.limits import LoginPace, RateLimit
from leadback.web.login import HOME, Entrance
from leadback.web.metrics import metric_routes
from leadback.web.oidc import provider_of
from leadback.web.pages.build import add_pages, desk_of, exists
from leadback.web.plain import reference_page
from leadback.web.receivers import receiver_app
from leadback.web.sso import SingleSignOn, check_reach
from leadback.web.styles import MARK, SHEET
from leadback.wiring import App

SIGN_INS_PER_SECOND, SIGN_INS_AT_ONCE = 0.2, 20
"""Ways to the OpenID provider from one address, and back."""

_DAY = {"Cache-Control": "public, max-age=86400"}


@dataclass(frozen=True, slots=True)
class Doors:
    """What serve opens. first: the path that makes the first admin, "" when there are logins."""

    asgi: ASGIApp
    first: str = field(default="", repr=False)


def doors(app: App, *, host: str, portals_clock: Clock | None = None) -> Doors:
    """Everything behind the guard. host: what serve listens on; portals_clock: what webhooks
    are dated by, when that is not the engine's clock."""
    accounts = Accounts(app.store, app.clock, app.audit)
    keys = ApiKeys(app.store, app.clock, app.audit)
    outside = Outside(app.settings.public_url, _hosts(host, app.settings.public_url))
    token = "" if accounts.any() else secrets.token_urlsafe(32)
    desk = desk_of(app, accounts, keys)
    keeper = keeper_of(keys, app.clock)
    sso = _single_sign_on(app, outside, portals_clock or app.clock)
    label = app.settings.oidc_label if sso else ""
    entrance = Entrance(accounts, app.audit, LoginPace(app.clock), outside, token, label)

    async def may_measure(request: Request) -> Response | None:
        return await keeper.refusal(request, "metrics:read")

    door = FastAPI(
        title="Leadback event API",
        version="1",
        description="Send events about leads (CloudEvents), read leads, and set off-days.",
        docs_url=None,
        redoc_url=None,
    )
    door.include_router(event_api(keeper, app.events.add_lines, app.leads))
    door.include_router(assistant_api(keeper, app.portals, app.audit))
    door.exception_handler(HTTPException)(_refused)
    door.exception_handler(RequestValidationError)(_invalid)
    door.router.routes.extend(
        [
            *entrance.routes(),
            *(sso.routes() if sso else ()),
            *consent_routes(app.connections, accounts, app.audit, outside),
            *metric_routes(
                partial(app.queue.status, done=False),
                desk.overview.states,
                app.webhooks.strangers,
                may_measure,
            ),
            *receiver_app(
                app.webhooks.take,
                portals_clock or app.clock,
                public_url=app.settings.public_url,
            ).routes,
            *_static(),
            Route("/", _home, methods=["GET"]),
            Route(PAGES, _home, methods=["GET"]),
            Route("/docs", _docs(door), methods=["GET"]),
        ]
    )
    add_pages(door, desk)
    guarded = Guard(door, accounts.visitor, outside, exists)
    return Doors(GZipMiddleware(guarded, minimum_size=1000), f"/first/{token}" if token else "")


def _single_sign_on(app: App, outside: Outside, real: Clock) -> SingleSignOn | None:
    """None unless the settings name a provider. real: by which providers date what they sign."""
    provider = provider_of(app.settings, real)
    if provider is None:
        return None
    check_reach(app.settings, outside)
    roles = domain_roles(app.settings.oidc_domain_roles)
    tries = RateLimit(app.clock, per_second=SIGN_INS_PER_SECOND, burst=SIGN_INS_AT_ONCE)
    return SingleSignOn(provider, SignIns(app.store, app.clock, app.audit, roles), tries, outside)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 — registered for nothing else
    return problem(error)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 — registered for nothing else
    first: dict[str, Any] = error.errors()[0]
    where = ".".join(map(str, first["loc"][1:]))
    return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)


async def _home(_: Request) -> Response:
    return RedirectResponse(HOME, 303)


def _docs(door: FastAPI) -> Callable[[Request], Awaitable[Response]]:
    async def docs(_: Request) -> Response:
        return HTMLResponse(reference_page(door.openapi()))

    return docs


def _static() -> list[Route]:
    async def sheet(_: Request) -> Response:
        return Response(SHEET, media_type="text/css", headers=_DAY)

    async def focus(_: Request) -> Response:
        return Response(SCRIPT, media_type="text/javascript", headers=_DAY)

    async def mark(_: Request) -> Response:
        return Response(MARK, media_type="image/svg+xml", headers=_DAY)

    return [
        Route("/static/leadback.css", sheet, methods=["GET"]),
        Route("/static/focus.js", focus, methods=["GET"]),
        Route("/static/leadback.svg", mark, methods=["GET"]),
    ]


def _hosts(host: str, public_url: str) -> tuple[str, ...]:
    """Names that requests may use; () when it listens to the world and nobody said as what."""
    public = public_url.partition("://")[2].partition("/")[0].rpartition(":")
    named = public[0] or public[2]
    if host not in LOCAL and not named:
        return ()
    return tuple(dict.fromkeys(name for name in (*LOCAL, host, named) if name))
