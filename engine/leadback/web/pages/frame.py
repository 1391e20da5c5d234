"""What all pages share: the head with its way around, the attention count, live looking again."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from fastapi import Request
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from leadback.service.accounts import Role, Visitor
from leadback.web.guard import PAGES
from leadback.web.pages.desk import Desk, View
from leadback.web.pages.parts import text
from leadback.web.pages.sockets import make_room

LOOK_SECONDS = 0.2
"""Between two looks of a page at what the process knows already."""
REST_SECONDS = 0.35
"""Between two times that a page brings itself up to date, however much happens."""
COUNT_SECONDS = 3.0
LONG = 20.0
"""How long a page may take to be made, in seconds."""

_WAYS: tuple[tuple[str, str, Role], ...] = (
    ("leads", "Leads", "viewer"),
    ("attention", "Attention", "viewer"),
    ("overview", "Overview", "viewer"),
    ("crm", "CRM details", "viewer"),
    ("assistants", "Assistants", "viewer"),
    ("rules", "Rules", "viewer"),
    ("people", "People & keys", "admin"),
)

Look = Callable[[], Awaitable[object]]


def visitor_of(request: Request) -> Visitor:
    """Whom the guard let in; it lets nobody else come this far."""
    visitor: Visitor = request.state.visitor
    return visitor


@contextmanager
def page(desk: Desk, request: Request, title: str, *, at: str) -> Iterator[View]:
    """A page with its head; the block fills the main part. at: where we are, one of the ways."""
    view = View(desk, visitor_of(request), ui.element("div"))
    make_room(view.visitor.session)
    ui.page_title(f"{title} · Leadback")
    ui.colors(primary="#0b5cab", negative="#a8201a", positive="#1c6b38", dark="#1b2733")
    badges: list[TextElement] = []
    with ui.context.client.layout:
        header = ui.element("header").classes("lb-top")
        header.move(target_index=0)  # before the main part, which the layout brings along
    with header:
        with ui.element("a").classes("lb-brand") as brand:
            brand.props["href"] = f"{PAGES}/leads"
            ui.element("img").props('src=/static/leadback.svg alt=""')
            text("Leadback", tag="span")
        with ui.element("nav").classes("lb-nav").props('aria-label="Main"'):
            for path, label, role in _WAYS:
                if view.may(role):
                    _way(path, label, current=path == at, badges=badges)
        _who(view.visitor)
    main = ui.element("div").classes("lb-main")
    ui.skip_link("Skip to the page", target=main)
    with main:
        yield view

    async def count() -> None:
        beat = await view.beat()
        if beat is not None:
            for badge in badges:
                badge.set_text(str(beat.attention))
                badge.set_visibility(beat.attention > 0)

    ui.timer(0.05, count, once=True)
    ui.timer(COUNT_SECONDS, count)


def _way(path: str, label: str, *, current: bool, badges: list[TextElement]) -> None:
    with ui.element("a") as link:
        link.props["href"] = f"{PAGES}/{path}"
        if current:
            link.props("aria-current=page")
        text(label, tag="span")
        if path == "attention":
            badge = text("", tag="span", classes="lb-count")
            badge.props('aria-label="things that need a person"')
            badge.set_visibility(False)
            badges.append(badge)


def _who(visitor: Visitor) -> None:
    with ui.element("span").classes("lb-who"):
        text(visitor.name, tag="a").props["href"] = f"{PAGES}/account"
        text(f"({visitor.role})", tag="span")
        with ui.element("form").props("method=post action=/logout"):
            text("Log out", tag="button").props("type=submit")


def keep_fresh(
    view: View, refresh: Look, *, changed: Callable[[], str] | None = None, drawn: str = ""
) -> None:
    """Call `refresh` whenever any lead or effect changed while the page is open.

    changed: a narrower mark, read when something did; the page is refreshed when it differs from
    `drawn`, what it was before the page was drawn.
    A refresh that answers False was not as new as the beat, and is called again.
    """
    seen = [view.desk.pulse.last.mark, drawn]  # what was drawn is as new as that, or newer
    rested = [0.0]

    async def look() -> None:
        beat = await view.beat()
        if beat is None or beat.mark == seen[0] or time.monotonic() < rested[0]:
            return
        mark = beat.mark
        rested[0], seen[0] = time.monotonic() + REST_SECONDS, mark
        if changed is not None:
            narrow = await view.look(changed)
            if narrow is None or narrow == seen[1]:
                return
            seen[1] = narrow
        if await refresh() is False:
            seen[0] = ""

    ui.timer(LOOK_SECONDS, look)


def title(words: str, explanation: str = "") -> None:
    """The page's heading."""
    with ui.element("div"):
        text(words, tag="h1")
        if explanation:
            text(explanation, classes="lb-lead")
