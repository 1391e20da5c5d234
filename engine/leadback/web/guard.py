"""What stands before every door: hosts, origins, sessions, body sizes and times, security headers.

Pure ASGI, so that web sockets pass through the same checks as pages do.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadback.base.errors import LeadbackError
from leadback.service.accounts import Visitor

PAGES = "/app"
ASSETS = f"{PAGES}/_nicegui/"
SOCKET = f"{PAGES}/_nicegui_ws/"
COOKIE = "leadback_session"
MAX_FORM = 20_000
MAX_BODY = 2_000_000
BODY_SECONDS = 30.0
"""In which a body has to be here, from when somebody wants to read it."""
SOCKETS = 50
"""Web sockets of one session: an open page has one."""

log = structlog.get_logger()

_SAFE = ("GET", "HEAD", "OPTIONS")
_PROGRAMS = ("/in/", "/events", "/leads", "/assistants", "/metrics", "/healthz", "/readyz")
"""Doors for programs: they show a key or a signature, and no cookie is looked at."""

_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_PLAIN_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


@dataclass(frozen=True, slots=True)
class Outside:
    """How the doors are reached. hosts: names that requests may use; () = any."""

    public_url: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def encrypted(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        return f"__Host-{COOKIE}" if self.encrypted else COOKIE


@dataclass(slots=True)
class Guard:
    """ASGI middleware. visitor: session token → who it is, or None (called in a thread). exists:
    whether the pages have anything at this path (of a scope of type http), for this visitor."""

    app: ASGIApp
    visitor: Callable[[str], Visitor | None]
    outside: Outside = field(default_factory=Outside)
    exists: Callable[[Scope], bool] = lambda _: True
    _sockets: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), str(scope["path"])
        try:
            refusal = await self._refusal(scope, headers, path)
        except LeadbackError as error:  # the database: who this is cannot be asked
            log.error("not answered", path=path[:200], why=error.what)
            refusal = PlainTextResponse("try again later\n", 503)
        if scope["type"] == "websocket":
            await self._socket(refusal, scope, receive, send)
            return
        answer = _Answer(send, path, strict_transport=self.outside.encrypted)
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        await self.app(scope, _Limited(receive, _limit(path)), answer)

    async def _refusal(self, scope: Scope, headers: Headers, path: str) -> Response | None:
        refusal = self._wrong_host(headers) or self._foreign(scope, headers, path)
        if refusal is None and _length(headers) > _limit(path):
            refusal = JSONResponse({"error": "the body is too large"}, 413)
        if refusal is None and path.startswith(PAGES):
            refusal = await self._stranger(scope, headers, path)
            if refusal is None and scope["type"] == "http" and not self.exists(scope):
                refusal = PlainTextResponse("there is no such page\n", 404)
        return refusal

    async def _socket(
        self, refusal: Response | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """A web socket: open while it lasts, or closed at once."""
        visitor: Visitor | None = scope.get("state", {}).get("visitor")
        if refusal is not None or visitor is None or self._sockets[visitor.session] >= SOCKETS:
            await _close(receive, send)
            return
        self._sockets[visitor.session] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._sockets[visitor.session] -= 1
            self._sockets += Counter()  # forgets those that have none

    def _wrong_host(self, headers: Headers) -> Response | None:
        """Against DNS rebinding: a name that is not ours is not answered."""
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        except ValueError:
            return PlainTextResponse("the header Host names no host\n", 400)
        if not self.outside.hosts or host in self.outside.hosts:
            return None
        return PlainTextResponse(
            f"this is not {host[:100]}; set LEADBACK_PUBLIC_URL to the address in use\n", 421
        )

    def _foreign(self, scope: Scope, headers: Headers, path: str) -> Response | None:
        """Nothing changes on the word of another site's page."""
        if path.startswith(_PROGRAMS):
            return None
        origin = headers.get("origin", "")
        # Reading is for anybody's link; but NiceGUI's socket lets any origin read what it polls.
        polls = path.startswith(SOCKET) and origin
        if scope["type"] == "http" and scope["method"] in _SAFE and not polls:
            return None
        allowed = {f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")}
        if self.outside.public_url:
            parts = urlsplit(self.outside.public_url)
            allowed.add(f"{parts.scheme}://{parts.netloc}")
        site = headers.get("sec-fetch-site", "same-origin")
        if origin in allowed and site in ("same-origin", "none"):
            return None
        return JSONResponse({"error": "this came from another site's page"}, 403)

    async def _stranger(self, scope: Scope, headers: Headers, path: str) -> Response | None:
        visitor = await run_in_threadpool(self.visitor, session_token(headers, self.outside))
        if visitor is not None:
            scope.setdefault("state", {})["visitor"] = visitor
            return None
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = quote(path + (f"?{query}" if query else ""), safe="")
        return RedirectResponse(f"/login?next={wanted}", 303)


def session_token(headers: Headers, outside: Outside) -> str:
    """The session cookie's value, "" when there is none."""
    return cookie_of(headers, outside.cookie)


def cookie_of(headers: Headers, name: str) -> str:
    """A cookie's value, "" when there is none."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


class _Limited:
    """Counts what comes in without having said how much it is, and how long it takes."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._left = receive, limit
        self._until: float | None = None
        self._more = True

    async def __call__(self) -> Message:
        if not self._more:
            return await self._receive()  # it waits for whoever asked to go away
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            # Nobody reads the rest: what comes later is not taken for a next request.
            raise HTTPException(
                408, "the body did not come in time", {"Connection": "close"}
            ) from None
        self._more = bool(message.get("more_body"))
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, "the body is too large")
        return message


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _limit(path: str) -> int:
    return MAX_BODY if path.startswith((*_PROGRAMS, SOCKET)) else MAX_FORM


class _Answer:
    """Adds the security headers; gives the pages' own scripts a nonce.

    Whatever a page shows travels as JSON with `<` escaped, so every `<script` in it is ours.
    """

    def __init__(self, send: Send, path: str, *, strict_transport: bool) -> None:
        self._send, self._path = send, path
        self._strict_transport = strict_transport
        self._nonce = secrets.token_urlsafe(16)
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            html = headers.get("content-type", "").startswith("text/html")
            page = html and self._path.startswith(PAGES)
            self._secure(headers, page=page)
            message["headers"] = headers.raw
            if page and "content-encoding" not in headers:
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            await self._send_page(self._start)
            return
        await self._send(message)

    def _secure(self, headers: MutableHeaders, *, page: bool) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault(
            "Content-Security-Policy", _page_policy(self._nonce) if page else _PLAIN_POLICY
        )
        if self._strict_transport:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not self._path.startswith((ASSETS, "/static/")):
            headers["Cache-Control"] = "no-store"

    async def _send_page(self, start: Message) -> None:
        body = self._body.replace(b"<script", b'<script nonce="%s"' % self._nonce.encode())
        headers = MutableHeaders(raw=start["headers"])
        headers["content-length"] = str(len(body))
        start["headers"] = headers.raw
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _page_policy(nonce: str) -> str:
    """Vue compiles its templates in the browser, which needs unsafe-eval; nothing inline runs."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        "connect-src 'self'; worker-src 'self' blob:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


async def _close(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008})
