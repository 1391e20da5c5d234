"""The ASGI application: the pages, and the API gateway for every other path."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from leadback_hubspot_sandbox.consent import Consent
from leadback_hubspot_sandbox.gateway import Gateway
from leadback_hubspot_sandbox.pages import Pages
from leadback_hubspot_sandbox.world import World


def build(world: World) -> Starlette:
    pages = Pages(world)
    consent = Consent(world, world.oauth)
    return Starlette(
        routes=[
            Route("/", pages.home),
            Route("/oauth/authorize", consent.page, methods=["GET"]),
            Route("/oauth/authorize", consent.decide, methods=["POST"]),
            Route("/contacts/{portal:int}", pages.contacts),
            Route("/contacts/{portal:int}/record/0-1/{record}", pages.record),
            Mount("/", app=Gateway(world)),
        ]
    )
