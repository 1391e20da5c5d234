"""What every page is given, and the one way in which a page does something.

A page never touches the store: it asks the same services as the command line, in a thread, as the
person who is looking, after checking anew that this person may.
"""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from nicegui import ui

from leadback.base.clock import SECOND, Millis
from leadback.base.errors import InputError, LeadbackError
from leadback.service.accounts import Accounts, Role, Visitor
from leadback.service.apikeys import ApiKeys
from leadback.service.attention import Attention
from leadback.service.audit import Audit
from leadback.service.browse import Browse
from leadback.service.overview import Overview
from leadback.service.rulebook import Rulebook
from leadback.web.limits import RateLimit
from leadback.web.pages.pools import Pools
from leadback.web.pages.pulse import Beat, Pulse, Shared
from leadback.wiring import App

ALL = "the portals"
"""Whose turn a question to all of them takes."""

SEEN_FOR: Millis = 2 * SECOND
"""How long a page that refreshes itself believes that its session goes on."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """One per process, shared by all pages."""

    app: App
    accounts: Accounts
    keys: ApiKeys
    audit: Audit
    attention: Attention
    browse: Browse
    overview: Overview
    rulebook: Rulebook
    shared: Shared
    pulse: Pulse
    pools: Pools
    asked: RateLimit


@dataclass(frozen=True, slots=True)
class View:
    """One open page of one person. stage: where dialogs stand, outside what is drawn anew."""

    desk: Desk
    visitor: Visitor
    stage: ui.element

    def may(self, role: Role) -> bool:
        """For what a page shows; run() decides what is done."""
        return self.visitor.may(role)

    async def look(self, call: Callable[..., T], /, *args: Any, **named: Any) -> T | None:
        """A page that refreshes itself: a query that keeps nobody logged in."""
        return (await self._do("viewer", partial(call, *args, **named), by_person=False))[1]

    async def beat(self) -> Beat | None:
        """Whether anything changed, for as long as somebody is logged in here."""
        try:
            return await self.desk.pulse.beat() if await self._stays() else None
        except LeadbackError as error:
            self.say(str(error), bad=True)
            return None

    async def share(self, key: Hashable, call: Callable[[], T]) -> tuple[T | None, bool]:
        """As look, for what other pages ask alike: read once for all of them. Also whether it is
        as new as the beat; if not, ask again soon."""
        try:
            if await self._stays():
                return await self.desk.shared.ask(key, call, after=self.desk.pulse.last.at)
        except LeadbackError as error:
            self.say(str(error), bad=True)
        return None, True

    async def _stays(self) -> bool:
        desk, session = self.desk, self.visitor.session
        who = partial(desk.accounts.visitor_of, session)
        since = desk.app.clock.now() - SEEN_FOR
        visitor, _ = await desk.shared.ask(("visitor", session), who, after=since)
        if visitor is None:
            self._leave()
        return visitor is not None

    def _leave(self) -> None:
        with self.stage:
            ui.navigate.to("/leads")  # the guard shows the login instead

    async def ask(self, call: Callable[..., T], /, *args: Any, **named: Any) -> T | None:
        """A query for whoever may look; None, and a message, when it fails."""
        return (await self._do("viewer", partial(call, *args, **named)))[1]

    async def run(
        self, needs: Role, call: Callable[..., T], /, *args: Any, **named: Any
    ) -> T | None:
        """Do something that `needs` a role; None, and a message, when it fails or is refused."""
        return (await self._do(needs, partial(call, *args, **named)))[1]

    async def did(self, needs: Role, call: Callable[..., T], /, *args: Any, **named: Any) -> bool:
        """As run, for what answers nothing: whether it was done."""
        return (await self._do(needs, partial(call, *args, **named)))[0]

    # ------------------------------------------------------------------ what asks a portal

    async def ask_portal(
        self, portal: str, call: Callable[..., T], /, *args: Any, **named: Any
    ) -> T | None:
        """As ask, for a query that calls the portal; each person has a pace of these."""
        return await self.run_portal("viewer", portal, call, *args, **named)

    async def run_portal(
        self, needs: Role, portal: str, call: Callable[..., T], /, *args: Any, **named: Any
    ) -> T | None:
        """As run, for what calls the portal; each person has a pace of these."""
        if not self.paced():
            return None
        return (await self._do(needs, partial(call, *args, **named), portal=portal))[1]

    def paced(self) -> bool:
        """Whether this person may have portals asked now; if not, it is said when."""
        wait = self.desk.asked.wait(self.visitor.name)
        if wait:
            self.say(f"You asked portals often. Try again in {math.ceil(wait)} s.", bad=True)
        return not wait

    async def share_portal(
        self, key: Hashable, portal: str, call: Callable[[], T], *, fresh: Millis
    ) -> T | None:
        """As share, for what calls the portal: once for all pages, and no older than `fresh`."""
        run = partial(self.desk.pools.portal, portal)
        try:
            if await self._stays():
                after = self.desk.app.clock.now() - fresh
                return (await self.desk.shared.ask(key, call, after=after, run=run))[0]
        except LeadbackError as error:
            self.say(str(error), bad=True)
        return None

    async def _do(
        self, role: Role, call: "partial[T]", *, by_person: bool = True, portal: str | None = None
    ) -> tuple[bool, T | None]:
        """portal: whose threads it is called in; None: those of the database."""
        pools = self.desk.pools
        who = partial(self.desk.accounts.visitor_of, self.visitor.session)
        visitor = await pools.database(who)
        if visitor is None:
            self._leave()
            return False, None
        act = partial(self._as, visitor, role, by_person, call)
        try:
            if portal is None:
                return True, await pools.database(act)
            return True, await pools.portal(portal, act)
        except LeadbackError as error:
            self.say(str(error), bad=True)
            return False, None

    def _as(self, visitor: Visitor, role: Role, by_person: bool, call: "partial[T]") -> T:
        if by_person:
            self.desk.accounts.seen(visitor.session)
        with self.desk.audit.acting_as(visitor.name, "pages"):
            if not visitor.may(role):
                what = getattr(call.func, "__name__", "act")
                self.desk.audit.command(what, outcome=f"refused: {visitor.role}, needs {role}")
                raise InputError(f"you are {visitor.role} here; this needs {role}")
            return call()

    def say(self, words: str, *, bad: bool = False) -> None:
        """A short message at the page's edge; screen readers read it out."""
        with self.stage:
            ui.notify(
                words,
                position="bottom",
                color="negative" if bad else "dark",
                timeout=8000 if bad else 4000,
                close_button="Close" if bad else False,
            )
