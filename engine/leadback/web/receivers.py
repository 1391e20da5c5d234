"""The door for webhooks: check, store, answer. What they mean is the plugin's business.

Answers well under the seconds that CRMs allow, because nothing is looked up or decided here.
"""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from leadback.base.clock import Clock
from leadback.base.errors import LeadbackError
from leadback.hooks.outcomes import Refused, WebhookRequest
from leadback.service.webhooks import Taken

MAX_BODY = 2_000_000

Take = Callable[[str, str, WebhookRequest], Taken | Refused]
"""(plugin, portal, request) → what came of it, or why nothing: service.webhooks."""


def receiver_app(take: Take, clock: Clock, *, public_url: str = "") -> Starlette:
    """POST /in/{plugin}/{portal}, GET /healthz. public_url: how the CRM calls us (signatures)."""

    async def receive(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return _refusal("the body is too large", 413)
        webhook = WebhookRequest(
            method=request.method,
            url=_called(request, public_url),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            received_at=clock.now(),
        )
        plugin, portal = request.path_params["plugin"], request.path_params["portal"]
        try:
            answer = await run_in_threadpool(take, plugin, portal, webhook)
        except LeadbackError as error:
            return _refusal(error.what, 503)
        if isinstance(answer, Refused):
            return _refusal(answer.reason, answer.status)
        return JSONResponse({"accepted": answer.accepted, "unknown_accounts": answer.unknown})

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(
        routes=[
            Route("/in/{plugin}/{portal}", receive, methods=["POST"]),
            Route("/healthz", health, methods=["GET"]),
        ]
    )


async def _body(request: Request) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _called(request: Request, public_url: str) -> str:
    """The URL as the CRM called it: behind a proxy only the configured one is true."""
    if not public_url:
        return str(request.url)
    query = f"?{request.url.query}" if request.url.query else ""
    return public_url.rstrip("/") + request.url.path + query


def _refusal(reason: str, status: int) -> Response:
    return JSONResponse({"error": reason}, status_code=status)
