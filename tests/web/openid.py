"""An OpenID Connect provider over real HTTP: discovery, consent, codes with PKCE, signed tokens.

It keeps the rules that a good provider keeps; `twist` is how a test makes it, or an attacker who
has got between, break one.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from leadback.base.clock import SECOND, SystemClock
from leadback.cli.serving import listen

CLIENT, SECRET = "leadback-client", "the-oidc-client-secret"
Claims = dict[str, Any]


def _unchanged(claims: Claims) -> Claims:
    return claims


@dataclass
class OpenId:
    """url: the issuer. who: claims of whoever is logged in there; twist: changes an ID token's."""

    url: str
    who: Claims = field(default_factory=dict)
    twist: Callable[[Claims], Claims] = _unchanged
    algorithm: str = "RS256"
    wrong_key: bool = False
    in_userinfo: bool = False
    down: str = ""
    metadata: Claims = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})

    def new_key(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
                Route("/jwks", self._jwks),
            ]
        )

    async def _discovery(self, _: Request) -> Response:
        if self.down == "discovery":
            return PlainTextResponse("gone", 503)
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks",
                "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "ES256"],
                "authorization_response_iss_parameter_supported": True,
                **self.metadata,
            }
        )

    async def _authorize(self, request: Request) -> Response:
        """Whoever comes is `who`, and agrees."""
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.url}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> Response:
        if self.down == "token":
            return PlainTextResponse("gone", 502)
        form = dict((await request.form()).items())
        known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {known}":
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self.codes.pop(str(form.get("code")), None)
        hashed = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = _base64(hashed)
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form.get("redirect_uri")
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access = secrets.token_urlsafe(16)
        self.tokens[access] = asked["nonce"]
        now = SystemClock().now() // SECOND
        claims = {
            "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "sub": self.who["sub"], **({} if self.in_userinfo else self.who),
        }  # fmt: skip
        return JSONResponse(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": 300,
                "id_token": self._signed(self.twist(claims)),
            }
        )

    def _signed(self, claims: Claims) -> str:
        if self.algorithm in ("none", "HS256"):
            return _forged(self.algorithm, claims, self.key.as_pem(private=False))
        key: Any = {"RS256": self.key, "ES256": self.ec}[self.algorithm]
        header = {"alg": self.algorithm, "kid": key.as_dict()["kid"]}
        if self.wrong_key:
            key = RSAKey.generate_key(2048)
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])

    async def _userinfo(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return JSONResponse(self.who) if token in self.tokens else PlainTextResponse("no", 401)

    async def _jwks(self, _: Request) -> Response:
        if self.down == "keys":
            return PlainTextResponse("gone", 503)
        return JSONResponse(KeySet([self.key, self.ec]).as_dict(private=False))


def _forged(algorithm: str, claims: Claims, public_key: bytes) -> str:
    """Without a signature, or signed with what everybody knows: the public key as a secret."""
    parts = [json.dumps({"alg": algorithm, "kid": "one"}), json.dumps(claims)]
    text = ".".join(_base64(part.encode()) for part in parts)
    signature = hmac.digest(public_key, text.encode(), "sha256") if algorithm == "HS256" else b""
    return f"{text}.{_base64(signature)}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@contextmanager
def provider() -> Iterator[OpenId]:
    """Listening on a free port during the block."""
    with listen("127.0.0.1", 0) as listening:
        made = OpenId(listening.url)
        server = uvicorn.Server(uvicorn.Config(made.app(), log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, args=([listening.socket],))
        thread.start()
        try:
            yield made
        finally:
            server.should_exit = True
            thread.join()
