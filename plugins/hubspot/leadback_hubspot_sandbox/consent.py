"""The page where a portal's admin lets an app in, and the redirect that carries the code back."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from leadback_hubspot_sandbox import oauth
from leadback_hubspot_sandbox.grants import SCOPES, App, OAuthServer
from leadback_hubspot_sandbox.pages import html_page
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.world import World

_CARRIED: Final = (
    "client_id", "redirect_uri", "scope", "optional_scope", "state", "code_challenge",
    "code_challenge_method",
)  # fmt: skip


class ConsentError(ValueError):
    """The request to authorise cannot be shown; the text tells the admin why."""


class Consent:
    """``/oauth/authorize``: GET shows the page, POST is the admin's decision."""

    def __init__(self, world: World, server: OAuthServer) -> None:
        self._world = world
        self._server = server

    async def page(self, request: Request) -> Response:
        asked = dict(request.query_params)
        try:
            app = self._checked(asked)
        except ConsentError as error:
            return _problem(str(error))
        return _form(app, asked, list(self._world.portals.values()))

    async def decide(self, request: Request) -> Response:
        asked = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        try:
            app = self._checked(asked)
            portal = self._world.portals.get(_number(asked.get("portal_id", "")))
            if portal is None:
                raise ConsentError("Choose an account of this sandbox.")
            scopes = _granted(portal, asked)
        except ConsentError as error:
            return _problem(str(error))
        answer = {}
        if asked.get("decision") == "allow":
            answer["code"] = oauth.grant(
                self._server,
                portal,
                app,
                redirect_uri=asked["redirect_uri"],
                scopes=scopes,
                challenge=asked.get("code_challenge") or None,
            )
        else:
            answer["error"] = "access_denied"
            answer["error_description"] = "The user did not let the app in."
        if asked.get("state"):
            answer["state"] = asked["state"]
        uri = asked["redirect_uri"]
        joint = "&" if urlsplit(uri).query else "?"
        return RedirectResponse(f"{uri}{joint}{urlencode(answer)}", status_code=302)

    def _checked(self, asked: Mapping[str, str]) -> App:
        app = self._server.apps.get(asked.get("client_id", ""))
        if app is None:
            raise ConsentError("There is no app with this client_id.")
        if not oauth.allowed_redirect(app, asked.get("redirect_uri", "")):
            raise ConsentError("The redirect_uri is not one of the app's; it must be https.")
        unknown = (_words(asked, "scope") | _words(asked, "optional_scope")) - SCOPES
        if unknown:
            raise ConsentError(f"Unknown scopes: {', '.join(sorted(unknown))}.")
        if not _words(asked, "scope"):
            raise ConsentError("The request names no scope.")
        if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
            raise ConsentError("code_challenge_method must be S256.")
        return app


def _words(asked: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(asked.get(name, "").split())


def _granted(portal: Portal, asked: Mapping[str, str]) -> frozenset[str]:
    """Optional scopes the account cannot have are dropped; a required one stops the install."""
    lacking = frozenset(portal.switches.unavailable_scopes)
    required = _words(asked, "scope")
    if required & lacking:
        names = ", ".join(sorted(required & lacking))
        raise ConsentError(f"This account cannot grant the required scopes {names}.")
    return required | (_words(asked, "optional_scope") - lacking)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def _problem(text: str) -> HTMLResponse:
    body = f"<h1>This app cannot be connected</h1><p class=notice>{escape(text)}</p>"
    return html_page("Cannot connect", body, status=400)


def _form(app: App, asked: Mapping[str, str], portals: list[Portal]) -> HTMLResponse:
    hidden = "".join(
        f'<input type=hidden name={name} value="{escape(asked[name], quote=True)}">'
        for name in _CARRIED
        if name in asked
    )
    choices = "".join(
        f"<label class=choice><input type=radio name=portal_id value={portal.id} required"
        f"{' checked' if index == 0 else ''}> Portal {portal.id}</label>"
        for index, portal in enumerate(portals)
    )
    scopes = "".join(f"<li>{escape(scope)}</li>" for scope in sorted(_words(asked, "scope")))
    optional = "".join(
        f"<li>{escape(scope)} <small>optional</small></li>"
        for scope in sorted(_words(asked, "optional_scope"))
    )
    body = (
        f"<h1>Connect {escape(app.name)} to HubSpot</h1>"
        "<p class=lead>Choose the account, and read what the app may do there.</p>"
        f"<form method=post class=card>{hidden}<h2>Account</h2>{choices}"
        f"<h2>The app asks for</h2><ul>{scopes}{optional}</ul>"
        "<button name=decision value=allow>Connect app</button> "
        "<button name=decision value=deny class=quiet>Cancel</button></form>"
    )
    return html_page(f"Connect {app.name}", body)
