"""Puts the pages together. The only module that sets NiceGUI up; it can be done once a process."""

from fastapi import FastAPI
from nicegui import Client, ui

from engine.service.accounts import Accounts
from engine.service.apikeys import ApiKeys
from engine.service.attention import Attention
from engine.service.browse import Browse
from engine.service.overview import Overview
from engine.service.rulebook import Rulebook
from engine.web.guard import PAGES
from engine.web.pages import assistants, attention, crm, lead, leads, overview, people, rules
from engine.web.pages.desk import Desk
from engine.web.pages.pulse import Pulse, Shared
from engine.web.styles import MARK
from engine.wiring import App

_HEAD = """
<link rel="stylesheet" href="/static/handback.css">
<script src="/static/focus.js" defer></script>
<meta name="robots" content="noindex">
"""


def desk_of(app: App, accounts: Accounts, keys: ApiKeys) -> Desk:
    """The services that only pages have, on top of those that all doors share."""
    rulebook = Rulebook(app.settings.rules_file, app.rules, app.store, app.clock, app.audit)
    attention_list = Attention(
        app.store, app.clock, app.queue, app.intake, rulebook.broken, audit=app.audit
    )
    board = Overview(app.store, app.clock, app.rules)
    shared = Shared(app.clock)
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
        pulse=Pulse(app.clock, shared, board.mark, attention_list.count),
    )


def add_pages(door: FastAPI, desk: Desk) -> None:
    """Every page below PAGES of this door."""
    Client.shared_head_html += _HEAD
    for module in (leads, lead, attention, overview, crm, assistants, rules, people):
        module.register(desk)
    ui.run_with(
        door,
        title="Handback",
        language="en-US",
        favicon=MARK,
        gzip_middleware_factory=None,
        mount_path=PAGES,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10,
    )
