"""The door through which an admin's browser comes back from the CRM's consent page.

The answer counts only in the session in which it was asked for, once, and for an admin.
"""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from leadback.base.errors import LeadbackError
from leadback.service.accounts import Accounts
from leadback.service.audit import Audit
from leadback.service.connections import RETURN_PATH, Connections
from leadback.web.guard import PAGES, Outside, session_token
from leadback.web.plain import message_page

BACK = (f"{PAGES}/crm", "CRM details")
LONGEST = 4_000
AT_ONCE = 2
"""Answers that are taken to CRMs. Threads of their own: those of the doors wait for no network."""


def consent_routes(
    connections: Connections, accounts: Accounts, audit: Audit, outside: Outside
) -> list[Route]:
    """GET RETURN_PATH."""
    threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="consent")

    async def returned(request: Request) -> Response:
        visitor = await run_in_threadpool(accounts.visitor, session_token(request.headers, outside))
        if visitor is None:
            return RedirectResponse("/login", 303)
        if not visitor.may("admin"):
            return _page("Only an admin connects portals", "Ask one to do it.", 403)
        if len(request.url.query) > LONGEST:
            return _page("That is no answer of a CRM", "Begin again under CRM details.", 400)
        answer = dict(request.query_params)

        def take() -> str:
            with audit.acting_as(visitor.name, "pages"):
                return str(connections.take(answer, session=visitor.session)["name"])

        try:
            work = partial(contextvars.copy_context().run, take)
            name = await asyncio.get_running_loop().run_in_executor(threads, work)
        except LeadbackError as error:
            return _page("Not connected", str(error), 400)
        return _page(f"{name} is connected", "Check its set-up next.", 200)

    return [Route(RETURN_PATH, returned, methods=["GET"])]


def _page(title: str, text: str, status: int) -> Response:
    return HTMLResponse(message_page(title, text, link=BACK), status)
