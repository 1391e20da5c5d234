"""Puts the pages together. The only module that sets NiceGUI up; it can be done once a process."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from nicegui import Client, core, ui
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from leadback.base.errors import LeadbackError
from leadback.service.accounts import Accounts
from leadback.service.apikeys import ApiKeys
from leadback.service.attention import Attention
from leadback.service.browse import Browse
from leadback.service.overview import Overview
from leadback.service.rulebook import Rulebook
from leadback.web.guard import PAGES
from leadback.web.limits import RateLimit
from leadback.web.pages import (
    assistants,
    attention,
    crm,
    lead,
    leads,
    overview,
    people,
    rules,
    sockets,
)
from leadback.web.pages.desk import Desk
from leadback.web.pages.nicegui_log import quiet
from leadback.web.pages.pools import Pools
from leadback.web.pages.pulse import Pulse, Shared
from leadback.web.plain import message_page
from leadback.web.styles import MARK
from leadback.wiring import App

ASKED_PER_SECOND, ASKED_AT_ONCE = 0.2, 20
"""How often one person may have portals asked; each question costs some of their calls."""

_HEAD = """
<link rel="stylesheet" href="/static/leadback.css">
<script src="/static/focus.js" defer></script>
<meta name="robots" content="noindex">
"""


def desk_of(app: App, accounts: Accounts, keys: ApiKeys) -> Desk:
    """The services that only pages have, on top of those that all doors share."""
    rulebook = Rulebook(app.settings.rules_file, app.rules, app.store, app.clock, app.audit)
    attention_list = Attention(
        app.store, app.clock, app.queue, app.intake, rulebook.broken, audit=app.audit
    )
    board = Overview(app.store, app.clock, app.rules, held_days=app.settings.held_days)
    pools = Pools()
    shared = Shared(app.clock, pools.database)
    return Desk(
        app=app,
        accounts=accounts,
        keys=keys,
        audit=app.audit,
        attention=attention_list,
        browse=Browse(
            app.store,
            app.clock,
            app.rules,
            app.decisions,
            app.accesses,
            app.leads.document,
            audit=app.audit,
        ),
        overview=board,
        rulebook=rulebook,
        shared=shared,
        pools=pools,
        asked=RateLimit(app.clock, per_second=ASKED_PER_SECOND, burst=ASKED_AT_ONCE),
        pulse=Pulse(app.clock, shared, board.mark, attention_list.count),
    )


_BACK = (f"{PAGES}/leads", "Leads")


async def _missing(_: Request, __: Exception) -> Response:
    return HTMLResponse(message_page("There is no such page", "Look again.", link=_BACK), 404)


async def _refused(_: Request, error: Exception) -> Response:
    return HTMLResponse(message_page("That did not work", str(error), link=_BACK), 400)


async def _failed(_: Request, __: Exception) -> Response:
    """Whatever went wrong is in the log, and nobody else's business."""
    words = "Something went wrong here. Try again; if it stays, an operator finds why in the log."
    return HTMLResponse(message_page("That did not work", words, link=_BACK), 500)


def answer_plainly() -> None:
    """Errors are plain pages of our own; NiceGUI's name the exception, and keep a page in memory
    for each."""
    for kind, answer in ((404, _missing), (LeadbackError, _refused), (Exception, _failed)):
        core.app.exception_handler(kind)(answer)


def add_pages(door: FastAPI, desk: Desk) -> None:
    """Every page below PAGES of this door."""
    quiet()
    answer_plainly()
    Client.shared_head_html += _HEAD
    for module in (leads, lead, attention, overview, crm, assistants, rules, people):
        module.register(desk)
    ui.run_with(
        door,
        title="Leadback",
        language="en-US",
        favicon=MARK,
        gzip_middleware_factory=None,
        mount_path=PAGES,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10,
    )
    sockets.bind()


def exists(scope: Scope) -> bool:
    """Whether there is a page, an asset or the socket at this path: of anything else NiceGUI would
    make a whole page that says so, and a line in the log."""
    if scope["path"] == PAGES:
        return True
    routes: Sequence[BaseRoute] = core.app.routes
    below = {**scope, "root_path": scope.get("root_path", "") + PAGES}
    if below["method"] == "HEAD":
        below["method"] = "GET"
    return any(route.matches(below)[0] is Match.FULL for route in routes)
