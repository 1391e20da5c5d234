"""The event API: programs send events and read leads, with a key and its scopes.

Idempotent: an event that came before (same source and id) is answered as a duplicate, 202 again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as AnyHTTPException

from leadback.base.clock import Clock
from leadback.base.errors import LeadbackError
from leadback.base.reading import UnreadableError, unpacked
from leadback.service.apikeys import ApiKeys
from leadback.store.account_records import ApiKey
from leadback.web.guard import MAX_BODY
from leadback.web.limits import RateLimit, Turns
from leadback.work.binding import BATCH, MAX_BATCH, STRUCTURED, read_events
from leadback.work.intake import Added
from leadback.work.senders import SENDING, by_key

AddLines = Callable[..., Added]
"""(lines, name=, sender=) → what became of them: wiring.Events.add_lines."""

REQUESTS_PER_SECOND, REQUESTS_AT_ONCE = 50, 200
EVENTS_PER_SECOND, EVENTS_AT_ONCE = 500, 50_000
BYTES_PER_SECOND, BYTES_AT_ONCE = 500_000, 50_000_000
"""Of one API key, in the long run and at once. What is accepted is kept until it is pruned, so this
bounds how fast a key can fill the disk."""

BATCHES_AT_ONCE, OF_A_KEY = 4, 2
"""That are read and stored. More would only queue for the database, and what the worker does for
everybody would queue behind them."""

PACES_SAID = (
    f"{REQUESTS_PER_SECOND} requests a second ({REQUESTS_AT_ONCE} at once), "
    f"{EVENTS_PER_SECOND} events ({EVENTS_AT_ONCE:,} at once) and "
    f"{BYTES_PER_SECOND // 1_000} kB ({BYTES_AT_ONCE // 1_000_000} MB at once); "
    "more is answered 429, and Retry-After says when to go on"
)


class ReadsLeads(Protocol):
    """service.leads, as far as it is needed here."""

    def list(
        self, *, portal: str | None = None, state: str | None = None, limit: int = 1000
    ) -> list[dict[str, Any]]: ...

    def show(self, name: str) -> dict[str, Any]: ...


class Reason(BaseModel):
    """Why an event was rejected or forbidden. event: its place in the request, from 1."""

    event: int
    reason: str


class Receipt(BaseModel):
    """What became of the events. Rejected ones are kept in quarantine with the reason; forbidden
    ones, which the key may not send, are not kept."""

    accepted: int
    duplicate: int
    rejected: int
    forbidden: int
    reasons: list[Reason] = []
    warnings: list[str] = []
    """About accepted events: values that no rule knows and that were taken as `other`."""


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
    403: {"model": Problem, "description": "The key lacks the scope, or is for other portals"},
    429: {"model": Problem, "description": "Too often; Retry-After says when"},
}

bearer = HTTPBearer(auto_error=False, description="A key of: leadback apikey add NAME --scope …")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


@dataclass(frozen=True, slots=True)
class Paces:
    """Of one key each: requests, and the events and bytes that they carry."""

    requests: RateLimit
    events: RateLimit
    bytes: RateLimit


class Keeper:
    """Lets programs in: key, scope, pace."""

    def __init__(self, keys: ApiKeys, paces: Paces) -> None:
        self._keys, self._paces = keys, paces

    def needs(self, *scopes: str) -> Callable[..., Awaitable[ApiKey]]:
        """A FastAPI dependency: a key with one of these. Raises HTTPException 401, 403 or 429."""

        async def check(credentials: Credentials) -> ApiKey:
            return await self.check(credentials.credentials if credentials else "", *scopes)

        return check

    def check_amount(self, key: ApiKey, *, events: int, size: int) -> None:
        """Raises HTTPException 429 for a key that sends more than its share of the disk."""
        for pace, cost in ((self._paces.bytes, size), (self._paces.events, events)):
            wait = pace.wait(key.key_id, cost)
            if wait:
                raise _too_much(wait)

    async def check(self, secret: str, *scopes: str) -> ApiKey:
        key = await run_in_threadpool(self._keys.check, secret) if secret else None
        if key is None:
            raise HTTPException(
                401,
                "send Authorization: Bearer KEY; make one with: leadback apikey add",
                {"WWW-Authenticate": "Bearer"},
            )
        if not set(scopes) & set(key.scopes):
            raise HTTPException(403, f"the key {key.name} lacks the scope {' or '.join(scopes)}")
        wait = self._paces.requests.wait(key.key_id)
        if wait:
            raise _too_much(wait)
        return key

    async def refusal(self, request: Request, scope: str) -> Response | None:
        """The same check for a door that is none of FastAPI's."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        try:
            await self.check(secret.strip() if kind.lower() == "bearer" else "", scope)
        except HTTPException as error:
            return problem(error)
        return None


def _too_much(wait: float) -> HTTPException:
    return HTTPException(429, "too much; see Retry-After", {"Retry-After": str(int(wait) + 1)})


def check_portal(key: ApiKey, portal: str) -> None:
    """Raises HTTPException 403 for a portal that the key is not for."""
    if key.portals and portal not in key.portals:
        raise HTTPException(403, f"the key {key.name} is not for the portal {portal}")


def portals_of(key: ApiKey, portal: str | None) -> Sequence[str | None]:
    """What a key sees that asks for `portal`; None = all. Raises as check_portal()."""
    if portal is not None:
        check_portal(key, portal)
        return (portal,)
    return key.portals or (None,)


def keeper_of(keys: ApiKeys, clock: Clock) -> Keeper:
    """One per process."""
    return Keeper(
        keys,
        Paces(
            RateLimit(clock, per_second=REQUESTS_PER_SECOND, burst=REQUESTS_AT_ONCE),
            RateLimit(clock, per_second=EVENTS_PER_SECOND, burst=EVENTS_AT_ONCE),
            RateLimit(clock, per_second=BYTES_PER_SECOND, burst=BYTES_AT_ONCE),
        ),
    )


def problem(error: AnyHTTPException) -> JSONResponse:
    """Every refusal has the same shape."""
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


def event_api(keeper: Keeper, add_lines: AddLines, leads: ReadsLeads) -> APIRouter:
    """POST /events, GET /leads, GET /leads/{portal}/{lead}."""
    router = APIRouter(tags=["events and leads"])
    turns = Turns(each=OF_A_KEY, all_=BATCHES_AT_ONCE)
    Reader = Annotated[ApiKey, Depends(keeper.needs("leads:read"))]

    @router.post(
        "/events",
        status_code=202,
        summary="Send events",
        description=(
            f"One CloudEvent ({STRUCTURED}), up to {MAX_BATCH:,} ({BATCH}), or one in binary mode "
            "(ce-… headers, JSON body). Safe to send again.\n\n"
            "Which scope an event needs follows from the rules file: "
            f"{'; '.join(f'{scope}: {what}' for scope, what in SENDING.items())}. "
            "A key can be limited to portals and to types. Of a batch, what the key may not send "
            "is left out with the reason, and the rest is taken. "
            f"Of one key: {PACES_SAID}."
        ),
        response_model=Receipt,
        responses={
            **REFUSALS,
            207: {"model": Receipt, "description": "Some were rejected or forbidden"},
            403: {
                "model": Problem,
                "description": "The key may send none of these, and `error` says why; or it may "
                "send nothing at all",
            },
            400: {"model": Problem, "description": "The body cannot be read"},
            413: {"model": Problem, "description": "Too large"},
            415: {"model": Problem, "description": "No CloudEvent"},
            422: {"model": Receipt, "description": "None was taken, and some were rejected"},
        },
        openapi_extra=dict(_BODY),
    )
    async def send_events(
        request: Request, key: Annotated[ApiKey, Depends(keeper.needs(*SENDING))]
    ) -> Response:
        sent = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}

        def take() -> Added:
            try:
                body = unpacked(sent, headers.get("content-encoding", ""), MAX_BODY)
                lines = read_events(headers, body)
            except UnreadableError as error:
                raise HTTPException(error.status, str(error)) from error
            keeper.check_amount(key, events=len(lines), size=len(body))
            return add_lines(lines, name=f"api:{key.name}", sender=by_key(key))

        async with turns.of(key.key_id):
            return _receipt(await run_in_threadpool(take))

    @router.get(
        "/leads",
        summary="List leads",
        description="Leads, those that changed last first.",
        responses={**REFUSALS, 400: {"model": Problem, "description": "No such state"}},
    )
    async def list_leads(
        key: Reader,
        portal: Annotated[str | None, Query(max_length=64, pattern=NAME)] = None,
        state: Annotated[str | None, Query(max_length=64, pattern=NAME)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            seen = portals_of(key, portal)
            found = [
                one for name in seen for one in leads.list(portal=name, state=state, limit=limit)
            ]
            return sorted(found, key=_changed, reverse=True)[:limit] if len(seen) > 1 else found

        try:
            return await run_in_threadpool(read)
        except LeadbackError as error:
            raise HTTPException(400, str(error)) from error

    @router.get(
        "/leads/{portal}/{lead}",
        summary="One lead",
        description=(
            "A lead by its CRM id or email address, with history, effects and owners. In the "
            "history, `internal` is true for what the engine itself or a person on its pages and "
            "commands did, and `via` says through which door an event came: `key: NAME`, "
            "`broker: QUEUE`, `file`, `pages: NAME`, `command line: NAME`, or `leadback`. "
            "`source` is what the sender calls itself."
        ),
        responses={**REFUSALS, 404: {"model": Problem, "description": "There is none"}},
    )
    async def show_lead(
        key: Reader,
        portal: Annotated[str, Path(max_length=64, pattern=NAME)],
        lead: Annotated[str, Path(max_length=254, pattern=WHO)],
    ) -> dict[str, Any]:
        check_portal(key, portal)
        try:
            return await run_in_threadpool(leads.show, f"{portal}/{lead}")
        except LeadbackError as error:
            raise HTTPException(404, str(error)) from error

    return router


def _receipt(added: Added) -> Response:
    content: dict[str, Any] = {
        "accepted": added.accepted,
        "duplicate": added.duplicate,
        "rejected": added.rejected,
        "forbidden": added.forbidden,
        "reasons": [{"event": event, "reason": reason} for event, reason in added.reasons],
        "warnings": added.warnings,
    }
    taken = added.accepted + added.duplicate
    if not added.rejected and not added.forbidden:
        return JSONResponse(content, 202)
    if taken or added.rejected:
        return JSONResponse(content, 207 if taken else 422)
    return JSONResponse({"error": added.reasons[0][1], **content}, 403)


def _changed(lead: Mapping[str, Any]) -> str:
    return str(lead["updated_at"])
