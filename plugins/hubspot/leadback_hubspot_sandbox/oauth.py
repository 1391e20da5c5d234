"""The OAuth server: apps, authorisation codes, refresh tokens and the access tokens they give.

https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from leadback_hubspot_sandbox.errors import ApiError
from leadback_hubspot_sandbox.grants import (
    CODE_LIFETIME_MS,
    INSTALLER_USER_ID,
    JOURNAL_SCOPES,
    LIFETIME_SECONDS,
    App,
    Code,
    Install,
    OAuthServer,
)
from leadback_hubspot_sandbox.portal import Access, Portal


def refuse(status: str, description: str, *, error: str = "invalid_grant") -> ApiError:
    """The token endpoint's own error shape (always 400)."""
    return ApiError(
        400,
        {
            "error": error,
            "error_description": description,
            "status": status,
            "message": description,
        },
    )


def allowed_redirect(app: App, uri: str) -> bool:
    """HTTPS, or plain http to this machine; and registered, if the app registered any."""
    if app.redirect_uris and uri not in app.redirect_uris:
        return False
    parts = urlsplit(uri)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and local)


def grant(
    server: OAuthServer,
    portal: Portal,
    app: App,
    *,
    redirect_uri: str,
    scopes: frozenset[str],
    challenge: str | None,
) -> str:
    """The user agreed: a code for the redirect. A former install of the app ends."""
    portal.uninstalled.discard(app.app_id)
    portal.installed.add(app.app_id)
    code = secrets.token_urlsafe(24)
    server.codes[code] = Code(
        app.client_id,
        portal.id,
        redirect_uri,
        scopes,
        challenge,
        portal.clock.now_ms() + CODE_LIFETIME_MS,
    )
    return code


def portal_of(
    server: OAuthServer, portals: Mapping[int, Portal], form: Mapping[str, str]
) -> Portal | None:
    """The portal that a token request is about, if its code or refresh token is known."""
    code = server.codes.get(form.get("code", ""))
    install = server.installs.get(form.get("refresh_token", form.get("token", "")))
    known = code or install
    return None if known is None else portals.get(known.portal_id)


def token(
    server: OAuthServer, portals: Mapping[int, Portal], form: Mapping[str, str]
) -> dict[str, Any]:
    """``POST /oauth/…/token``; raises the 400 that HubSpot gives."""
    app = _app(server, form)
    kind = form.get("grant_type")
    if kind == "authorization_code":
        return _exchange(server, portals, app, form)
    if kind == "refresh_token":
        return _refresh(server, portals, app, form)
    if kind == "client_credentials":
        return _client_credentials(portals, app, form)
    raise refuse("BAD_GRANT_TYPE", "unknown grant_type", error="unsupported_grant_type")


def introspect(
    server: OAuthServer, portals: Mapping[int, Portal], form: Mapping[str, str]
) -> dict[str, Any]:
    app = _app(server, form)
    hint = form.get("token_type_hint", "access_token")
    value = form.get("token", "")
    if not value and _hint_field(portals):
        value = form.get(hint, "")
    for portal in portals.values():
        access = portal.access.get(value)
        if access is not None and _active(portal, access):
            left = LIFETIME_SECONDS
            if access.expires_ms is not None:
                left = (access.expires_ms - portal.clock.now_ms()) // 1000
            described = _described(app, portal, access.scopes or frozenset())
            return {**described, "token": value, "token_use": "access_token", "expires_in": left}
    install = server.installs.get(value)
    portal_found = None if install is None else portals.get(install.portal_id)
    if install is None or install.revoked or portal_found is None:
        return {"active": False}
    described = _described(app, portal_found, install.scopes)
    return {**described, "token": value, "token_use": "refresh_token"}


def revoke(server: OAuthServer, form: Mapping[str, str]) -> None:
    """The refresh token ends now; access tokens run out by themselves."""
    _app(server, form)
    install = server.installs.get(form.get("token", form.get("refresh_token", "")))
    if install is not None:
        install.revoked = True


def uninstall(portal: Portal, app_id: int) -> None:
    """The app leaves the portal: its access tokens stop at once."""
    portal.uninstalled.add(app_id)
    portal.installed.discard(app_id)


def _app(server: OAuthServer, form: Mapping[str, str]) -> App:
    app = server.apps.get(form.get("client_id", ""))
    if app is None:
        raise refuse("BAD_CLIENT_ID", "missing or unknown client id", error="invalid_client")
    if not hmac.compare_digest(app.client_secret, form.get("client_secret", "")):
        raise refuse(
            "BAD_CLIENT_SECRET", "missing or invalid client secret", error="invalid_client"
        )
    return app


def _exchange(
    server: OAuthServer, portals: Mapping[int, Portal], app: App, form: Mapping[str, str]
) -> dict[str, Any]:
    code = server.codes.pop(form.get("code", ""), None)
    portal = None if code is None else portals.get(code.portal_id)
    if code is None or portal is None or code.client_id != app.client_id:
        raise refuse("BAD_AUTH_CODE", "missing or unknown auth code")
    if portal.clock.now_ms() > code.expires_ms:
        raise refuse("BAD_AUTH_CODE", "auth code is expired")
    if form.get("redirect_uri") != code.redirect_uri:
        raise refuse("BAD_REDIRECT_URI", "redirect URI does not match the one of the auth code")
    if code.challenge is not None and _challenge(form.get("code_verifier", "")) != code.challenge:
        raise refuse("BAD_CODE_VERIFIER", "code verifier does not match the code challenge")
    for former in server.installs.values():
        if (former.client_id, former.portal_id) == (app.client_id, portal.id):
            former.revoked = True
    refresh = _refresh_token()
    server.installs[refresh] = Install(app.client_id, portal.id, code.scopes)
    return _issue(portal, app, code.scopes, refresh)


def _refresh(
    server: OAuthServer, portals: Mapping[int, Portal], app: App, form: Mapping[str, str]
) -> dict[str, Any]:
    value = form.get("refresh_token", "")
    install = server.installs.get(value)
    portal = None if install is None else portals.get(install.portal_id)
    if install is not None and portal is not None and app.app_id in portal.uninstalled:
        raise refuse("BAD_HUB", "the app is not installed in this account")
    usable = install is not None and not install.revoked and install.client_id == app.client_id
    if not usable or install is None or portal is None:
        raise refuse("BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
    if portal.switches.rotate_refresh_token:
        del server.installs[value]
        value = _refresh_token()
        server.installs[value] = install
    return _issue(portal, app, install.scopes, value)


def _client_credentials(
    portals: Mapping[int, Portal], app: App, form: Mapping[str, str]
) -> dict[str, Any]:
    """An app-level token, for the webhooks journal only; no refresh token."""
    wanted = frozenset(form.get("scope", "").split())
    if not wanted or not wanted <= JOURNAL_SCOPES:
        raise refuse("BAD_SCOPES", "missing or invalid scopes", error="invalid_scope")
    value = secrets.token_urlsafe(48)
    for portal in portals.values():
        expires = portal.clock.now_ms() + LIFETIME_SECONDS * 1000
        portal.access[value] = Access(value, app.app_id, "app", wanted, expires)
    return {
        "token_type": "bearer",
        "access_token": value,
        "expires_in": LIFETIME_SECONDS,
        "scopes": sorted(wanted),
        "token_use": "access_token",
    }


def _issue(portal: Portal, app: App, scopes: frozenset[str], refresh: str) -> dict[str, Any]:
    value = secrets.token_urlsafe(96)
    now = portal.clock.now_ms()
    for old in [
        held.token
        for held in portal.access.values()
        if held.expires_ms is not None and held.expires_ms < now - 3_600_000
    ]:
        del portal.access[old]
    portal.access[value] = Access(value, app.app_id, "oauth", scopes, now + LIFETIME_SECONDS * 1000)
    return {
        "token_type": "bearer",
        "access_token": value,
        "refresh_token": refresh,
        "expires_in": LIFETIME_SECONDS,
        "hub_id": portal.id,
        "user_id": INSTALLER_USER_ID,
        "scopes": sorted(scopes),
        "token_use": "access_token",
    }


def _described(app: App, portal: Portal, scopes: frozenset[str]) -> dict[str, Any]:
    return {
        "active": True,
        "token_type": "bearer",
        "hub_id": portal.id,
        "user_id": INSTALLER_USER_ID,
        "user": "admin@example.com",
        "client_id": app.client_id,
        "app_id": app.app_id,
        "hub_domain": f"sandbox-{portal.id}.example.com",
        "scopes": sorted(scopes),
        "is_private_distribution": True,
    }


def _active(portal: Portal, access: Access) -> bool:
    expired = access.expires_ms is not None and portal.clock.now_ms() >= access.expires_ms
    return not expired and access.kind == "oauth" and access.app_id not in portal.uninstalled


def _hint_field(portals: Mapping[int, Portal]) -> bool:
    return any(portal.switches.introspect_field == "hint" for portal in portals.values())


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _refresh_token() -> str:
    return f"na1-{secrets.token_hex(4)}-{secrets.token_hex(16)}"
