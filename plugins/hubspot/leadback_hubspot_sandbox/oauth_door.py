"""The token endpoints' paths and form reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from leadback_hubspot_sandbox import oauth
from leadback_hubspot_sandbox.errors import no_such_path
from leadback_hubspot_sandbox.grants import OAuthServer
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.wire import Wire

Action = Callable[[OAuthServer, Mapping[int, Portal], Mapping[str, str]], dict[str, Any] | None]

VERSIONS: Final = ("v3", "2026-03", "2026-09")


def _revoke(
    server: OAuthServer, portals: Mapping[int, Portal], form: Mapping[str, str]
) -> dict[str, Any] | None:
    oauth.revoke(server, form)
    return None


_ACTIONS: Final[dict[str, Action]] = {
    "token": oauth.token,
    "token/introspect": oauth.introspect,
    "token/revoke": _revoke,
}


def resolve(method: str, path: str) -> tuple[str, Action]:
    """The route's template for statistics and faults, and what it does."""
    _, _, rest = path.strip("/").partition("/")
    version, _, name = rest.partition("/")
    action = _ACTIONS.get(name)
    if method != "POST" or action is None or version not in (*VERSIONS, "v1"):
        raise no_such_path()
    return f"POST /oauth/{{version}}/{name}", action


def form(wire: Wire, body: bytes) -> dict[str, str]:
    """The form in the body. JSON and query parameters are refused (only v1 took a query)."""
    text = body.decode("utf-8", errors="replace")
    if wire.query and wire.path.startswith("/oauth/v1/"):
        text = f"{wire.query}&{text}"
    elif wire.query:
        raise oauth.refuse(
            "BAD_REQUEST", "parameters belong in the request body", error="invalid_request"
        )
    kind = wire.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise oauth.refuse(
            "BAD_REQUEST",
            "the body must be application/x-www-form-urlencoded",
            error="invalid_request",
        )
    return dict(parse_qsl(text, keep_blank_values=True))
