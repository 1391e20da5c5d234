"""The event API: programs send events and read leads, with a key and its scopes.

Idempotent: an event that came before (same source and id) is answered as a duplicate, 202 again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from engine.base.errors import HandbackError
from engine.service.apikeys import ApiKeys
from engine.store.account_records import ApiKey
from engine.web.limits import RateLimit
from engine.work.binding import BATCH, MAX_BATCH, STRUCTURED, UnreadableError, read_events
from engine.work.intake import Added

AddLines = Callable[..., Added]
"""(lines, name=) → what became of them: wiring.Events.add_lines."""


class ReadsLeads(Protocol):
    """service.leads, as far as it is needed here."""

    def list(
        self, *, portal: str | None = None, state: str | None = None, limit: int = 1000
    ) -> list[dict[str, Any]]: ...

    def show(self, name: str) -> dict[str, Any]: ...


class Reason(BaseModel):
    """Why an event was rejected. event: its place in the request, from 1."""

    event: int
    reason: str


class Receipt(BaseModel):
    """What became of the events. Rejected ones are kept in quarantine with the reason."""

    accepted: int
    duplicate: int
    rejected: int
    reasons: list[Reason] = []


class Problem(BaseModel):
    """What is wrong, and what to do about it."""

    error: str


NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
WHO = r"^[!-.0-~]+$"
"""A CRM id or an email address: printable, no blank, no slash."""

_EVENT: Mapping[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject"],
    "properties": {
        "specversion": {"type": "string", "enum": ["1.0"]},
        "id": {"type": "string", "minLength": 1, "maxLength": 256},
        "source": {"type": "string", "minLength": 1, "maxLength": 256},
        "type": {"type": "string", "description": "an event of the rules file"},
        "subject": {"type": "string", "description": "PORTAL/CRM-ID or PORTAL/EMAIL"},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object"},
    },
}
_BODY: Mapping[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "items": _EVENT, "maxItems": MAX_BATCH}},
            "application/json": {
                "schema": {"type": "object", "description": "the data; attributes as ce-… headers"}
            },
        },
    }
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No key, or one that opens nothing"},
    403: {"model": Problem, "description": "The key lacks the scope"},
    429: {"model": Problem, "description": "Too often; Retry-After says when"},
}

bearer = HTTPBearer(auto_error=False, description="A key of: handback apikey add NAME --scope …")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class Keeper:
    """Lets programs in: key, scope, pace."""

    def __init__(self, keys: ApiKeys, pace: RateLimit) -> None:
        self._keys, self._pace = keys, pace

    def needs(self, scope: str) -> Callable[..., Awaitable[ApiKey]]:
        """A FastAPI dependency; raises HTTPException 401, 403 or 429."""

        async def check(credentials: Credentials) -> ApiKey:
            return await self.check(credentials.credentials if credentials else "", scope)

        return check

    async def check(self, secret: str, scope: str) -> ApiKey:
        key = await run_in_threadpool(self._keys.check, secret) if secret else None
        if key is None:
            raise HTTPException(
                401,
                "send Authorization: Bearer KEY; make one with: handback apikey add",
                {"WWW-Authenticate": "Bearer"},
            )
        if scope not in key.scopes:
            raise HTTPException(403, f"the key {key.name} lacks the scope {scope}")
        wait = self._pace.wait(key.key_id)
        if wait:
            raise HTTPException(
                429, "too often; see Retry-After", {"Retry-After": str(int(wait) + 1)}
            )
        return key

    async def refusal(self, request: Request, scope: str) -> Response | None:
        """The same check for a door that is none of FastAPI's."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        try:
            await self.check(secret.strip() if kind.lower() == "bearer" else "", scope)
        except HTTPException as error:
            return problem(error)
        return None


def problem(error: HTTPException) -> JSONResponse:
    """Every refusal has the same shape."""
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


def event_api(keeper: Keeper, add_lines: AddLines, leads: ReadsLeads) -> APIRouter:
    """POST /events, GET /leads, GET /leads/{portal}/{lead}."""
    router = APIRouter(tags=["events and leads"])

    @router.post(
        "/events",
        status_code=202,
        summary="Send events",
        description=(
            f"One CloudEvent ({STRUCTURED}), up to {MAX_BATCH:,} ({BATCH}), or one in binary mode "
            "(ce-… headers, JSON body). Safe to send again."
        ),
        response_model=Receipt,
        responses={
            **REFUSALS,
            207: {"model": Receipt, "description": "Some were rejected"},
            400: {"model": Problem, "description": "The body cannot be read"},
            413: {"model": Problem, "description": "Too large"},
            415: {"model": Problem, "description": "No CloudEvent"},
            422: {"model": Receipt, "description": "All were rejected"},
        },
        openapi_extra=dict(_BODY),
    )
    async def send_events(
        request: Request, key: Annotated[ApiKey, Depends(keeper.needs("events:write"))]
    ) -> Response:
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            lines = read_events(headers, body)
        except UnreadableError as error:
            raise HTTPException(error.status, str(error)) from error
        added = await run_in_threadpool(add_lines, lines, name=f"api:{key.name}")
        return _receipt(added)

    @router.get(
        "/leads",
        summary="List leads",
        description="Leads, those that changed last first.",
        responses={**REFUSALS, 400: {"model": Problem, "description": "No such state"}},
        dependencies=[Depends(keeper.needs("leads:read"))],
    )
    async def list_leads(
        portal: Annotated[str | None, Query(max_length=64, pattern=NAME)] = None,
        state: Annotated[str | None, Query(max_length=64, pattern=NAME)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[dict[str, Any]]:
        try:
            return await run_in_threadpool(leads.list, portal=portal, state=state, limit=limit)
        except HandbackError as error:
            raise HTTPException(400, str(error)) from error

    @router.get(
        "/leads/{portal}/{lead}",
        summary="One lead",
        description="A lead by its CRM id or email address, with history, effects and owners.",
        responses={**REFUSALS, 404: {"model": Problem, "description": "There is none"}},
        dependencies=[Depends(keeper.needs("leads:read"))],
    )
    async def show_lead(
        portal: Annotated[str, Path(max_length=64, pattern=NAME)],
        lead: Annotated[str, Path(max_length=254, pattern=WHO)],
    ) -> dict[str, Any]:
        try:
            return await run_in_threadpool(leads.show, f"{portal}/{lead}")
        except HandbackError as error:
            raise HTTPException(404, str(error)) from error

    return router


def _receipt(added: Added) -> Response:
    content = asdict(added)
    content["reasons"] = [{"event": event, "reason": reason} for event, reason in added.reasons]
    if not added.rejected:
        return JSONResponse(content, 202)
    return JSONResponse(content, 207 if added.accepted + added.duplicate else 422)
