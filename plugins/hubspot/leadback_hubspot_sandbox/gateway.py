"""The way of one API call: route, token, faults, limits, scopes, JSON, handler, answer.

Everything that touches a portal runs here without awaiting, on the server's one event loop:
that is the store's one lock.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from leadback_hubspot_sandbox import control, journal_api, oauth, oauth_door, routes
from leadback_hubspot_sandbox.answers import OMISSION, Answer, omit, spoil
from leadback_hubspot_sandbox.call import Call, Reply
from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.errors import ApiError, invalid, missing_scopes, refusal
from leadback_hubspot_sandbox.limits import TIERS, Verdict, too_many
from leadback_hubspot_sandbox.owners import local_time
from leadback_hubspot_sandbox.portal import Access, Portal
from leadback_hubspot_sandbox.routes import Match
from leadback_hubspot_sandbox.wire import Wire
from leadback_hubspot_sandbox.world import World

SEARCH_BODY_CHARACTERS: Final = 3_000
LARGEST_BODY: Final = 20_000_000
_NO_CREDENTIALS: Final = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can"
    " find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)


class Gateway:
    """The ASGI application for everything but the pages."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wire = Wire(scope, receive, send)
        body = await wire.body(LARGEST_BODY)
        if wire.path.startswith("/_sandbox/"):
            await self._control(wire, body)
            return
        if wire.path.startswith(journal_api.FILES_PATH):
            offset = wire.path.removeprefix(journal_api.FILES_PATH)
            query = dict(parse_qsl(wire.query))
            found = journal_api.file(
                self.world.journals, offset, query, wire.header("authorization")
            )
            await wire.answer(found.status, found.body, found.headers)
            return
        if wire.path.startswith("/oauth/"):
            await self._oauth(wire, body)
            return
        try:
            match = routes.resolve(wire.method, wire.path)
        except ApiError as error:
            await wire.answer(*self._refused(None, error))
            return
        try:
            portal, access = self._authenticate(wire)
        except ApiError as error:
            await wire.answer(*self._refused(None, error))
            return
        await self._serve(
            wire,
            portal,
            match.template,
            lambda: self._call(wire, match, portal, access, body),
            batch_write=match.route.writes and "batch" in match.route.pattern,
        )

    async def _serve(
        self,
        wire: Wire,
        portal: Portal,
        template: str,
        work: Callable[[], Answer],
        *,
        batch_write: bool = False,
    ) -> None:
        """Do the work and answer, unless a fault of the portal's menu strikes this route."""
        fault = portal.faults.pick(template, batch_write=batch_write)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            fault = None
        if fault is None:
            answer = work()
            portal.stats.count(template, answer.status)
            await wire.answer(answer.status, answer.body, answer.headers)
            return
        done = work() if portal.faults.commits(fault) else None
        portal.stats.count(template, await spoil(wire, fault, done, portal))

    def _call(
        self, wire: Wire, match: Match, portal: Portal, access: Access, body: bytes
    ) -> Answer:
        headers: dict[str, str] = {}
        try:
            headers = self._spend(portal, access, match)
            self._check_scopes(portal, access, match)
            reply = match.route.handler(
                Call(
                    portal,
                    access,
                    match.version,
                    wire.path,
                    match.template,
                    match.args,
                    parse_qs(wire.query, keep_blank_values=True),
                    _json_body(wire, body, search=match.route.spends == "search"),
                    match.kind,
                    self.world.base_url,
                    wire.header("accept"),
                )
            )
        except ApiError as error:
            status, content, more = self._refused(portal, error)
            return Answer(status, content, {**headers, **more})
        except Exception:  # a bug of the sandbox: say so, and keep serving
            traceback.print_exc(file=sys.stderr)
            return Answer(500, b'{"status":"error","message":"sandbox bug, see its stderr"}', {})
        return self._accepted(portal, reply, headers)

    def _accepted(self, portal: Portal, reply: Reply, headers: dict[str, str]) -> Answer:
        headers["X-HubSpot-Correlation-Id"] = self._correlation_id()
        if reply.body is None:
            return Answer(reply.status, b"", headers)
        omits = portal.switches.omit_optional_fields
        if omits and reply.status == 207 and portal.chance(OMISSION):
            reply.body.pop("numErrors", None)
        return Answer(reply.status, orjson.dumps(reply.body), headers)

    def _refused(self, portal: Portal | None, error: ApiError) -> tuple[int, bytes, dict[str, str]]:
        correlation_id = self._correlation_id()
        headers = {**error.headers, "X-HubSpot-Correlation-Id": correlation_id}
        if isinstance(error.body, str):
            headers["Content-Type"] = "text/html;charset=utf-8"
            return error.status, error.body.encode(), headers
        body = {**error.body, "correlationId": correlation_id}
        if portal is not None and portal.switches.omit_optional_fields:
            omit(body, portal)
        return error.status, orjson.dumps(body), headers

    def _authenticate(self, wire: Wire) -> tuple[Portal, Access]:
        scheme, _, token = wire.header("authorization").partition(" ")
        portal = self.world.portal_of(token)
        access = portal.access.get(token) if portal is not None else None
        if scheme != "Bearer" or portal is None or access is None or access.revoked:
            raise refusal(401, "INVALID_AUTHENTICATION", _NO_CREDENTIALS)
        if access.kind == "oauth" and access.app_id in portal.uninstalled:
            raise refusal(401, portal.switches.uninstalled_category, _NO_CREDENTIALS)
        now = portal.clock.now_ms()
        if access.expires_ms is not None and now >= access.expires_ms:
            late = (now - access.expires_ms) // 1000
            raise refusal(
                401,
                "EXPIRED_AUTHENTICATION",
                f"The OAuth token used to make this call expired {late} second(s) ago.",
                context={"expire time": [format_iso(access.expires_ms)]},
            )
        return portal, access

    def _spend(self, portal: Portal, access: Access, match: Match) -> dict[str, str]:
        now_ms = portal.clock.now_ms()
        local = local_time(now_ms, portal.time_zone)
        portal.budget.start_day(local.date().isoformat())
        virtual = portal.switches.limits_clock == "virtual"
        tier = TIERS["oauth"] if access.kind == "oauth" else portal.budget.tier
        verdict = portal.budget.spend(
            match.route.spends,
            app_id=access.app_id,
            now=now_ms / 1000 if virtual else time.monotonic(),
            tier=tier,
            count_rejected=portal.switches.count_rejected_calls,
        )
        if verdict.policy is None:
            return verdict.headers
        raise _limit_error(portal, access, verdict, _until_midnight(local))

    def _check_scopes(self, portal: Portal, access: Access, match: Match) -> None:
        if access.scopes is None:
            return
        lacking = [scope for scope in match.scopes if scope not in access.scopes]
        if lacking and not portal.switches.scopes_named:
            raise refusal(403, "MISSING_SCOPES", "This key may not make this call.")
        if lacking:
            raise missing_scopes(match.scopes, in_context=portal.chance(0.5))

    async def _control(self, wire: Wire, body: bytes) -> None:
        try:
            portal: Portal | None = None
            if wire.path != "/_sandbox/health":
                portal, _ = self._authenticate(wire)
            payload = _json_body(wire, body, search=False)
            reply = control.handle(self.world, portal, wire.method, wire.path, payload)
        except ApiError as error:
            await wire.answer(*self._refused(None, error))
            return
        await wire.answer(reply.status, _dumped(reply.body), {})

    async def _oauth(self, wire: Wire, body: bytes) -> None:
        """The token endpoints: form-encoded in the body, their own error shape, no bearer."""
        server, portals = self.world.oauth, self.world.portals
        try:
            template, action = oauth_door.resolve(wire.method, wire.path)
            form = oauth_door.form(wire, body)
        except ApiError as error:
            await wire.answer(*self._refused(None, error))
            return

        def work() -> Answer:
            try:
                found = action(server, portals, form)
            except ApiError as error:
                return Answer(*self._refused(None, error))
            return Answer(200 if found is not None else 204, _dumped(found), {})

        portal = oauth.portal_of(server, portals, form)
        if portal is not None:
            await self._serve(wire, portal, template, work)
            return
        answer = work()
        await wire.answer(answer.status, answer.body, answer.headers)

    def _correlation_id(self) -> str:
        return str(uuid.UUID(int=self.world.ids.getrandbits(128), version=4))


def _limit_error(
    portal: Portal, access: Access, verdict: Verdict, midnight_seconds: int
) -> ApiError:
    body = too_many(verdict, app_id=access.app_id, portal_id=portal.id, plain=portal.chance(0.25))
    headers = dict(verdict.headers)
    if portal.switches.retry_after:
        headers["Retry-After"] = str(verdict.wait_seconds or midnight_seconds)
    return ApiError(429, body, headers=headers)


def _until_midnight(local: Any) -> int:
    tomorrow = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, int((tomorrow - local).total_seconds()))


def _dumped(body: Any) -> bytes:
    return b"" if body is None else orjson.dumps(body)


def _json_body(wire: Wire, body: bytes, *, search: bool) -> Any:
    if wire.method in ("GET", "DELETE") or not body:
        return None
    kind = wire.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise refusal(415, None, f"Unsupported Media Type: {kind or 'none'}; send application/json")
    if search and len(body.decode(errors="replace")) > SEARCH_BODY_CHARACTERS:
        raise invalid(f"The search request is too long: the maximum is {SEARCH_BODY_CHARACTERS}")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"Invalid input JSON on line {error.lineno}, column {error.colno}") from None
