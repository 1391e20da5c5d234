"""Connecting by OAuth: the consent page, tokens for its code, new tokens before the old end.

https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth
Secrets travel in request bodies only. A refusal is told from a hiccup by HubSpot's own words.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from leadback.api import (
    ConfigurationError,
    LeadbackError,
    Millis,
    OAuthApp,
    Portal,
    PortalDisconnected,
    PortalUnavailable,
    Tokens,
)
from leadback_hubspot.answers import Verdict, read_answer
from leadback_hubspot.client import CONNECT_SECONDS, READ_SECONDS, USER_AGENT
from leadback_hubspot.settings import read_settings

PAGES = "https://app.hubspot.com"
SCOPES = (
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.objects.owners.read",
    "sales-email-read",
)
REFRESH_AT = 0.8
"""Part of a token's life after which a new one is asked for."""

DEFAULT_LIFE = 1_800
ENDED = frozenset({"BAD_REFRESH_TOKEN", "BAD_HUB"})
OUR_APP = frozenset(
    {"BAD_CLIENT_ID", "BAD_CLIENT_SECRET", "BAD_REDIRECT_URI", "BAD_CODE_VERIFIER", "BAD_SCOPES"}
)


def authorize_url(base_url: str, app: OAuthApp, *, state: str, verifier: str) -> str:
    """The consent page with our scopes, state and PKCE challenge. Pure."""
    host = urlsplit(base_url).hostname or ""
    pages = PAGES if host.endswith("hubapi.com") else base_url.rstrip("/")
    session = OAuth2Session(
        client_id=app.client_id,
        redirect_uri=app.redirect_uri,
        scope=" ".join(SCOPES),
        code_challenge_method="S256",
    )
    url, _ = session.create_authorization_url(
        f"{pages}/oauth/authorize", state=state, code_verifier=verifier
    )
    return str(url)


def exchange_code(
    portal: Portal, app: OAuthApp, *, code: str, verifier: str, now: Millis
) -> Tokens:
    """Raises ConfigurationError or PortalUnavailable."""

    def ask(session: OAuth2Session, url: str) -> object:
        return session.fetch_token(
            url, grant_type="authorization_code", code=code, code_verifier=verifier, **_WIRE
        )

    return _tokens(portal, app, ask, now, former="")


def refresh_tokens(portal: Portal, app: OAuthApp, *, refresh: str, now: Millis) -> Tokens:
    """Raises PortalDisconnected, ConfigurationError or PortalUnavailable."""

    def ask(session: OAuth2Session, url: str) -> object:
        return session.refresh_token(url, refresh_token=refresh, **_WIRE)

    return _tokens(portal, app, ask, now, former=refresh)


_WIRE: dict[str, Any] = {"timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": False}


def _tokens(
    portal: Portal,
    app: OAuthApp,
    ask: Callable[[OAuth2Session, str], object],
    now: Millis,
    *,
    former: str,
) -> Tokens:
    settings = read_settings(portal)
    url = f"{settings.base_url}/oauth/{settings.version}/token"
    failure: LeadbackError
    with _session(portal, app) as session:
        # Whatever went wrong holds the request, and the request holds the secrets: no chaining.
        try:
            given = ask(session, url)
        except LeadbackError as error:
            raise error from None
        except requests.RequestException:
            failure = _hiccup(portal, "HubSpot cannot be reached for new tokens", 10_000)
        except (OAuthError, ValueError):
            failure = _hiccup(portal, "HubSpot's answer about tokens cannot be read", 10_000)
        else:
            return _read(portal, given, now, former)
    raise failure


def _session(portal: Portal, app: OAuthApp) -> OAuth2Session:
    session = OAuth2Session(
        client_id=app.client_id,
        client_secret=app.client_secret(),
        redirect_uri=app.redirect_uri,
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the way, not a secret
    )
    session.headers["User-Agent"] = USER_AGENT

    def check(response: requests.Response) -> requests.Response:
        failure = _failure(portal, response)
        if failure is not None:
            raise failure
        return response

    session.register_compliance_hook("access_token_response", check)
    session.register_compliance_hook("refresh_token_response", check)
    return session


def _failure(portal: Portal, response: requests.Response) -> LeadbackError | None:
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = read_answer(response.status_code, headers, response.content)
    if answer.ok:
        return None
    if answer.verdict is not Verdict.REFUSED:
        return _hiccup(portal, f"HubSpot gives no tokens now ({answer.status})", answer.after)
    status = str(answer.body.get("status", ""))
    error = str(answer.body.get("error", ""))
    where = f"portal {portal.name}"
    if status in OUR_APP or error in ("invalid_client", "invalid_scope", "unauthorized_client"):
        return ConfigurationError(
            f"HubSpot does not accept our app ({status or error})",
            where=where,
            fix="compare client id, client secret, redirect URL and scopes with the app in HubSpot",
        )
    if status == "BAD_AUTH_CODE":
        return ConfigurationError(
            "the code from HubSpot is not valid (any more)",
            where=where,
            fix=f"connect again: leadback portal connect {portal.name}",
        )
    if status in ENDED or error == "invalid_grant":
        ended = "the app was uninstalled" if status == "BAD_HUB" else "the authorisation was ended"
        return PortalDisconnected(
            f"{ended} in HubSpot",
            where=where,
            fix=f"connect again: leadback portal connect {portal.name}",
        )
    return _hiccup(portal, f"HubSpot refused tokens without a known reason ({answer.status})", 0)


def _read(portal: Portal, given: object, now: Millis, former: str) -> Tokens:
    """A complete answer, or none at all."""
    found = given if isinstance(given, Mapping) else {}
    access, refresh = found.get("access_token"), found.get("refresh_token") or former
    if not isinstance(access, str) or not access or not isinstance(refresh, str) or not refresh:
        raise _hiccup(portal, "HubSpot's answer has no tokens", 10_000)
    life = found.get("expires_in")
    seconds = life if isinstance(life, int) and 60 <= life <= 86_400 else DEFAULT_LIFE
    scopes = found.get("scopes")
    return Tokens(
        access=access,
        refresh=refresh,
        refresh_at=now + int(seconds * 1000 * REFRESH_AT),
        expires_at=now + seconds * 1000,
        account_id=str(found.get("hub_id") or portal.account_id or ""),
        scopes=tuple(str(scope) for scope in scopes) if isinstance(scopes, list) else (),
    )


def _hiccup(portal: Portal, what: str, after: Millis) -> PortalUnavailable:
    return PortalUnavailable(
        what,
        where=f"portal {portal.name}",
        fix="nothing to do: it is tried again",
        after=max(after, 5_000),
    )
