"""The two doors of single sign-on: to the OpenID provider, and back with its answer.

The session that begins here is the same as after a password. The ticket's cookie is for one way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from leadback.base.errors import ConfigurationError, InputError, LeadbackError
from leadback.base.settings import Settings
from leadback.service.sign_in import WAY_LASTS, Admitted, SignIns
from leadback.web.guard import Outside, cookie_of
from leadback.web.limits import RateLimit, nearby
from leadback.web.login import HOME, admit, inside
from leadback.web.oidc import Provider, ProviderUnavailable
from leadback.web.plain import message_page

START = "/login/sso"
RETURN = "/login/sso/return"
LONGEST = 8_000
COOKIE = "leadback_way"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """GET of START and RETURN. tries: a pace of its own, so that it locks out no password."""

    provider: Provider
    sign_ins: SignIns
    tries: RateLimit
    outside: Outside

    def routes(self) -> list[Route]:
        return [
            Route(START, self.start, methods=["GET"]),
            Route(RETURN, self.back, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """Off to the provider."""
        if self._too_often(request):
            return _trouble("Too many tries", "Try again in a minute.", 429)
        next_path = inside(request.query_params.get("next", ""))
        try:
            ticket = await run_in_threadpool(self.sign_ins.begin, next_path)
            address = await run_in_threadpool(self.provider.address, ticket, self._uri(request))
        except LeadbackError as error:
            return _told(error)
        answer = RedirectResponse(address, 303)
        answer.set_cookie(
            self._cookie,
            ticket.secret,
            max_age=WAY_LASTS // 1000,
            path="/",
            secure=self.outside.encrypted,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def back(self, request: Request) -> Response:
        """Back with the provider's answer."""
        if self._too_often(request) or len(request.url.query) > LONGEST:
            return _trouble("Too many tries", "Try again in a minute.", 429)
        secret = cookie_of(request.headers, self._cookie)
        answer = dict(request.query_params)
        uri, address = self._uri(request), request.client.host if request.client else ""
        try:
            admitted, next_path = await run_in_threadpool(self._take, secret, answer, uri, address)
        except LeadbackError as error:
            response = _told(error)
        else:
            response = admit(self.outside, admitted.token, next_path or HOME)
        response.delete_cookie(self._cookie, path="/", secure=self.outside.encrypted)
        return response

    def _take(
        self, secret: str, answer: Mapping[str, str], uri: str, address: str
    ) -> tuple[Admitted, str]:
        who = "?"
        try:
            ticket, next_path = self.sign_ins.take(secret, answer.get("state", ""))
            person = self.provider.person(answer, ticket, uri)
            who = person.address or person.subject
            admitted = self.sign_ins.admit(person, address)
        except LeadbackError as error:
            log.warning("refused", action="single_sign_on", why=error.what)
            self.sign_ins.refuse(who, address, error.what)
            raise
        return admitted, next_path

    def _too_often(self, request: Request) -> bool:
        return self.tries.wait(nearby(request.client.host if request.client else "")) > 0

    @property
    def _cookie(self) -> str:
        return f"__Host-{COOKIE}" if self.outside.encrypted else COOKIE

    def _uri(self, request: Request) -> str:
        """The redirect URI: of the address people use; without one only this machine's names."""
        base = self.outside.public_url or f"{request.url.scheme}://{request.url.netloc}"
        return base.rstrip("/") + RETURN


def check_reach(settings: Settings, outside: Outside) -> None:
    """Raises ConfigurationError when nobody said where the provider is to send people back to."""
    if settings.oidc_issuer and not outside.hosts:
        raise ConfigurationError(
            "the provider cannot send people back",
            where="LEADBACK_PUBLIC_URL",
            fix="set it to the address that people use",
        )


def _told(error: LeadbackError) -> Response:
    if isinstance(error, ProviderUnavailable):
        return _trouble("The login provider is not there", str(error), 503)
    status = 403 if isinstance(error, InputError) else 500
    return _trouble("You are not logged in", str(error), status)


def _trouble(title: str, text: str, status: int) -> Response:
    return HTMLResponse(message_page(title, text, link=("/login", "To the login page")), status)
