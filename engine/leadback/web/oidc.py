"""What is said to an OpenID Connect provider, and what it takes to believe its answer.

Authorization code with PKCE (S256), state and nonce. Discovery and keys are kept for an hour.
https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, RFC 7636, RFC 9207 (iss).
No code, token or secret gets into a log, an error or an address.
"""

import os
import threading
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from leadback.base.clock import HOUR, SECOND, Clock, Millis
from leadback.base.errors import ConfigurationError, InputError, LeadbackError
from leadback.base.hosts import LOCAL
from leadback.base.redaction import hide
from leadback.base.settings import Settings
from leadback.service.sign_in import Person, Ticket

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "Ed25519",
)  # fmt: skip
"""Signatures that only the provider can make: no `none`, no secret that we share with it."""

SCOPES = "openid email"
LEEWAY = 60
"""Seconds by which the provider's clock may differ."""

LARGEST = 1_000_000
KEPT: Millis = HOUR

TIMEOUT = (3.05, 8)
"""Seconds to connect and to read."""

_SIGNS = ("RSA", "EC", "OKP")
_DOORS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderUnavailable(LeadbackError):
    """The provider does not answer, or not as the standard asks; nothing is known of the person."""

    exit_code = 1


class Provider:
    """One per process; safe to use from several threads."""

    def __init__(self, issuer: str, client_id: str, secret: str | None, clock: Clock) -> None:
        self.issuer = issuer
        self._client_id, self._secret, self._clock = client_id, secret, clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Millis, dict[str, Any]]] = {}

    def address(self, ticket: Ticket, redirect_uri: str) -> str:
        """Where the browser is sent. Raises ProviderUnavailable."""
        session = OAuth2Session(
            client_id=self._client_id,
            redirect_uri=redirect_uri,
            scope=SCOPES,
            code_challenge_method="S256",
        )
        url, _ = session.create_authorization_url(
            self._metadata()["authorization_endpoint"],
            state=ticket.state,
            nonce=ticket.nonce,
            code_verifier=ticket.verifier,
        )
        return str(url)

    def person(self, answer: Mapping[str, str], ticket: Ticket, redirect_uri: str) -> Person:
        """Who came back with this answer (the query of the redirect), to which the ticket belongs.

        Raises ProviderUnavailable; InputError when the provider refused or its word does not count.
        """
        metadata = self._metadata()
        named = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", "" if named else self.issuer) != self.issuer:
            raise InputError("the answer comes from another provider", fix="begin again")
        if "code" not in answer:
            why = str(answer.get("error", "no reason given"))[:100]
            raise InputError(f"the provider let nobody in: {why!r}", fix="begin again")
        tokens = self._tokens(metadata, answer["code"], ticket, redirect_uri)
        claims = self._claims(metadata, tokens, ticket)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
            _disbelieve("sub")
        if "email" not in claims and "userinfo_endpoint" in metadata:
            told = self._userinfo(metadata["userinfo_endpoint"], str(tokens["access_token"]))
            if told.get("sub") != subject:  # OpenID Connect Core 5.3.2
                _disbelieve("sub of userinfo")
            claims = told
        verified = claims.get("email_verified") is True
        return Person(self.issuer, subject, str(claims.get("email", "")) if verified else "")

    # ------------------------------------------------------------------ what it says

    def _tokens(
        self, metadata: Mapping[str, Any], code: str, ticket: Ticket, redirect_uri: str
    ) -> Mapping[str, Any]:
        session = OAuth2Session(
            client_id=self._client_id,
            client_secret=self._secret,
            redirect_uri=redirect_uri,
            token_endpoint_auth_method=self._method(metadata),
        )
        try:
            tokens: Mapping[str, Any] = session.fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=ticket.verifier,
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except OAuthError as error:
            why = str(error.error)[:100]
            raise InputError(
                f"the provider refused its own code: {why!r}", fix="begin again"
            ) from None
        except (requests.RequestException, ValueError):
            raise _silent(metadata["token_endpoint"]) from None
        if not all(isinstance(tokens.get(name), str) for name in ("id_token", "access_token")):
            raise _silent(metadata["token_endpoint"])
        return tokens

    def _method(self, metadata: Mapping[str, Any]) -> str:
        """How the client shows its secret; the header unless only the body is taken."""
        if self._secret is None:
            return "none"
        known = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        body = "client_secret_post" in known and "client_secret_basic" not in known
        return "client_secret_post" if body else "client_secret_basic"

    def _claims(
        self, metadata: Mapping[str, Any], tokens: Mapping[str, Any], ticket: Ticket
    ) -> Mapping[str, Any]:
        uri = str(metadata["jwks_uri"])
        try:
            try:
                signed = self._decoded(tokens["id_token"], uri)
            except (JoseError, ValueError):  # perhaps by a key that is new since we looked
                self._forget(uri)
                signed = self._decoded(tokens["id_token"], uri)
            claims = CodeIDToken(
                signed.claims,
                signed.header,
                {
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
                {
                    "nonce": ticket.nonce,
                    "client_id": self._client_id,
                    "access_token": tokens["access_token"],
                },
            )
            claims.validate(now=self._clock.now() // SECOND, leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            _disbelieve(getattr(error, "claim", None) or type(error).__name__)
        return claims

    def _decoded(self, token: str, uri: str) -> jwt.Token:
        listed = self._document(uri).get("keys", ())
        usable = [k for k in listed if k.get("kty") in _SIGNS and k.get("use") != "enc"]
        keys = KeySet.import_key_set({"keys": usable})
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        return jwt.decode(token, key=keys, registry=registry)

    def _userinfo(self, uri: str, token: str) -> dict[str, Any]:
        return _fetch(uri, {"Authorization": f"Bearer {token}"})

    # ------------------------------------------------------------------ what is known of it

    def _metadata(self) -> Mapping[str, Any]:
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = self._document(url)
        try:
            _check_metadata(metadata, self.issuer)
        except ProviderUnavailable:
            self._forget(url)
            raise
        return metadata

    def _document(self, url: str) -> dict[str, Any]:
        now = self._clock.now()
        with self._lock:
            at, document = self._kept.get(url, (now - KEPT, {}))
        if now - at < KEPT:
            return document
        document = _fetch(url, {})
        with self._lock:
            self._kept[url] = (now, document)
        return document

    def _forget(self, url: str) -> None:
        with self._lock:
            self._kept.pop(url, None)


def _check_metadata(metadata: Mapping[str, Any], issuer: str) -> None:
    """Raises ProviderUnavailable: another provider's, or a door that is not encrypted."""
    if metadata.get("issuer") != issuer:
        raise ProviderUnavailable(
            f"the provider calls itself {str(metadata.get('issuer'))[:200]!r}",
            where=issuer,
            fix="set LEADBACK_OIDC_ISSUER to exactly that, if it is the right one",
        )
    doors = [*_DOORS, *(["userinfo_endpoint"] if "userinfo_endpoint" in metadata else [])]
    bad = [name for name in doors if not _safe(metadata.get(name))]
    if bad:
        raise ProviderUnavailable(
            f"the provider's {bad[0]} is no https address",
            where=issuer,
            fix="check LEADBACK_OIDC_ISSUER",
        )


def provider_of(settings: Settings, clock: Clock) -> Provider | None:
    """The provider of the settings, None without one. Raises ConfigurationError."""
    if not settings.oidc_issuer:
        return None
    if not _safe(settings.oidc_issuer) or urlsplit(settings.oidc_issuer).query:
        raise ConfigurationError(
            f"{settings.oidc_issuer!r} cannot be an OpenID provider",
            where="LEADBACK_OIDC_ISSUER",
            fix="give its https address, as it calls itself",
        )
    if not settings.oidc_client_id:
        raise ConfigurationError(
            "the provider does not know who asks",
            where="LEADBACK_OIDC_CLIENT_ID",
            fix="register Leadback there, and set this to the client id that it gives",
        )
    name = settings.oidc_client_secret_env
    secret = hide(os.environ.get(name, "")) if name else None
    if secret == "":
        raise ConfigurationError(
            "the client's secret is not there",
            where=name,
            fix='set this variable, or LEADBACK_OIDC_CLIENT_SECRET_ENV="" for a client without one',
        )
    return Provider(settings.oidc_issuer, settings.oidc_client_id, secret, clock)


def _fetch(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """A JSON object. Raises ProviderUnavailable."""
    body = b""
    try:
        with requests.get(
            url, headers=dict(headers), stream=True, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            for piece in answer.iter_content(65_536):
                body += piece
                if len(body) > LARGEST:
                    raise _silent(url)
        document = orjson.loads(body) if answer.status_code == 200 else None
    except (requests.RequestException, ValueError):
        raise _silent(url) from None
    if not isinstance(document, dict):
        raise _silent(url)
    return document


def _silent(url: object) -> ProviderUnavailable:
    return ProviderUnavailable(
        "the login provider does not answer as it should",
        where=urlsplit(str(url)).hostname or "",
        fix="try again in a while, or log in with a name and a password",
    )


def _disbelieve(what: str) -> NoReturn:
    raise InputError(
        f"the provider's word does not count: {what[:100]}", fix="begin again from the login page"
    )


def _safe(url: object) -> bool:
    """Encrypted, or on this machine."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    local = parts.scheme == "http" and parts.hostname in LOCAL
    return bool(parts.hostname) and (parts.scheme == "https" or local) and not parts.username
