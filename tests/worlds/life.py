"""One world: a portal, an engine whose processes die, people who interfere, and a fault menu.

Everything that happens is drawn from one seed: `python -m tests.worlds --seeds 17-17` lives world
17 again. Time is two clocks that the world moves; nothing waits for a real one. The engine's steps
are taken one by one in one thread, each by the code that a worker runs.
"""

import functools
import importlib.metadata
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import requests

import leadback_hubspot as hubspot
from leadback import wiring
from leadback.base.clock import DAY, HOUR, MINUTE, SECOND, ManualClock, Millis, format_time
from leadback.base.settings import Settings
from leadback.hooks import manager
from leadback.lead.machine import LeadMachine
from leadback.store import NewHint, open_store
from leadback.store.transaction import Compiled
from leadback.wiring import App
from leadback.work import delivery
from leadback.work.polling import Polls
from leadback_hubspot.budget import Budget
from tests.lead.lives import INTENTS, MARKS
from tests.worlds import odd
from tests.worlds.curse import Curse
from tests.worlds.portal import ADDRESS, HANNA, MEI, MODEL, OMAR, TARA, TOKEN_ENV, Sandbox

START: Millis = 1_793_610_000_000
PEOPLE = (HANNA, OMAR, MEI)
FAULTS = (
    "401", "423", "502", "503", "504", "521", "523", "524", "reset", "commit-then-drop",
    "no-effect", "html", "empty", "cut-off", "owner_race",
)  # fmt: skip
MAIL = (
    "capacity_available", "email_verified", "email_sent", "email_sent", "email_opened",
    "link_clicked", "email_bounced", "unsubscribed", "owner_replied", "sequence_completed",
    "followup_stopped", "followup_continued", "followup_restarted",
)  # fmt: skip
STEPS = 80
CONTACTS = 6
SETTLING = 1_000
"""Rounds after which a world that still has work due is stuck."""


class DeathError(BaseException):
    """kill -9: nothing after it is done, and no `except Exception` sees it."""


class Fate:
    """When the process dies. Points are passed right before and right after a commit or a call."""

    def __init__(self) -> None:
        self.points = 0
        """The process dies at this one; 0 = it lives."""
        self.deaths = 0

    def point(self) -> None:
        if self.points == 1:
            self.points = 0
            self.deaths += 1
            raise DeathError
        self.points = max(0, self.points - 1)


def secret(crm_id: str) -> str:
    """What is in a contact's mail, and in no table any more when it was erased."""
    return f"secret of {crm_id}"


class World:
    """Used as `with world.made(): world.live(); world.settle()`, then looked at."""

    def __init__(
        self, seed: int, sandbox: Sandbox, settings: Settings, compiled: Compiled,
        machine: LeadMachine,
    ) -> None:  # fmt: skip
        self.seed, self.dice, self.machine = seed, random.Random(seed), machine
        self.token = f"world-{seed}-{os.getpid()}"
        self.number = MODEL + 1 + seed
        self._sandbox, self._settings = sandbox, settings
        self.clock = ManualClock(START)
        self.database, self._compiled = settings.database_url, compiled
        self.fate = Fate()
        self.curse = Curse()
        self.cursed: set[str] = set()
        """Leads that ever were."""
        self.told: dict[str, list[str]] = {}
        """Contact → ids of the mailer's events, in the order in which they were accepted."""
        self.contacts: list[str] = []
        self.gone: set[str] = set()
        """Deleted, and not restored yet."""
        self.erased: set[str] = set()
        self.addresses: dict[str, str] = {}
        self.merged: dict[str, str] = {}
        """Contact → what it became part of."""
        self.log: list[str] = []
        """What happened, for a person who has to understand a broken promise."""
        self._lines: list[tuple[str, bytes]] = []
        self._odd = 0
        """How many odd events there were."""
        self._sessions: set[requests.Session] = set()
        """What the living process has open."""

    @property
    def deaths(self) -> int:
        """How often a process died in the middle of something."""
        return self.fate.deaths

    # ------------------------------------------------------------------ making

    @contextmanager
    def made(self) -> Iterator[None]:
        """A portal of its own, which the database knows; the engine's processes until the end."""
        self._sandbox.make_portal(self.number, self.token, seed=self.seed, like=MODEL)
        self._pass(0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(TOKEN_ENV, self.token)
            patch.setattr(delivery, "MOST_IN_FLIGHT", 1)  # else threads would roll the dice
            patch.setattr(Budget, "spend", lambda *_, **__: 0)  # it waits by a real clock
            patch.setattr(requests.Session, "send", self._mortal(requests.Session.send))
            # Asking the environment for a proxy and a password takes longer than the call.
            patch.setattr("requests.sessions.get_environ_proxies", lambda *_, **__: {})
            patch.setattr("requests.sessions.get_netrc_auth", lambda _: None)
            self.curse.plant(patch)
            # Looking for plugins in all that is installed is a tenth of a short life.
            patch.setattr(manager, "entry_points", _entry_points)
            self._begin()
            try:
                yield
            finally:
                self._ends()

    def _begin(self) -> None:
        """A new process: it knows what the database knows."""
        store = open_store(self.database)
        # Compiling all statements anew would be a quarter of the work of a short life.
        store._compiled._statements = self._compiled._statements
        store._compiled._rows = self._compiled._rows
        real = store._dialect.begin_write

        @contextmanager
        def begin_write() -> Iterator[Any]:
            with real() as connection:
                yield connection
                self.fate.point()
            self.fate.point()

        store._dialect.begin_write = begin_write  # type: ignore[method-assign]
        vars(hubspot).pop("plugin", None)  # what it remembered of portals is gone, too
        self.app: App = wiring._wire(self._settings, self.clock, store)
        self.app.rules.know(self.machine)
        self.polls = Polls(store, self.app.lookups)

    def _mortal(self, real: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
        def send(session: requests.Session, request: Any, **options: Any) -> requests.Response:
            self._sandbox.tell_time(self.token)
            self._sessions.add(session)
            self.fate.point()
            answer = real(session, request, **options)
            try:
                self.fate.point()
            except DeathError:
                answer.close()  # nobody is left to read it
                raise
            return answer

        return send

    def _ends(self) -> None:
        """What the kernel does for a dead process: closes what it had open."""
        self.app.store.close()
        while self._sessions:
            self._sessions.pop().close()

    # ------------------------------------------------------------------ living

    def live(self) -> None:
        for _ in range(STEPS):
            happening = self.dice.choices(*zip(*_HAPPENINGS, strict=True))[0]
            happening(self)

    def settle(self) -> None:
        """All that is left is done, with faults and a curse; then they end, every webhook arrives
        at last, what is parked is tried again, and the engine has all the time it wants."""
        if self.curse.lead is None:
            self._a_curse_falls_on_a_lead_or_ends()
        self._rest()
        self._note("faults and curses end")
        self.curse.lead = None
        self.app.queue.retry(None)
        self.control("DELETE", "faults")
        for crm_id in self.contacts:
            self._webhook(crm_id)
        for _ in range(2):
            self._pass(MINUTE)
            self.polls.poll_all(self.clock.now())
            self._rest()

    def _rest(self) -> None:
        for _ in range(SETTLING):
            if self._work():
                continue
            with self.app.store.read() as tx:
                due = tx.queue.next_due(self.clock.now())
            if due is None:
                return
            self._pass(max(due - self.clock.now(), SECOND))
        raise AssertionError("the world does not come to rest")

    def _work(self) -> int:
        now = self.clock.now()
        found = self.app.lookups.look_up_due(now) + self.app.decisions.decide_due(now)
        return found or self.app.deliveries.deliver_due()

    # ------------------------------------------------------------------ what happens

    def _a_contact_appears(self) -> None:
        if len(self.contacts) == CONTACTS:
            return
        number = len(self.contacts)
        properties = {"email": f"lead{number}.{self.seed}@example.org"}
        owner = self.dice.choice((*PEOPLE, None))
        if owner is not None:
            properties["hubspot_owner_id"] = owner
        crm_id = str(self._act(action="create_contact", properties=properties)["contact"])
        self.contacts.append(crm_id)
        self.addresses[crm_id] = properties["email"]
        if self.dice.random() < 0.8:
            self._assign(crm_id, TARA)

    def _a_person_assigns(self) -> None:
        if crm_id := self._someone():
            self._assign(crm_id, self.dice.choice((TARA, TARA, *PEOPLE)))

    def _assign(self, crm_id: str, owner: str) -> None:
        how = (
            "assign" if owner == TARA else self.dice.choice(("assign", "assign", "workflow_assign"))
        )
        self._act(action=how, contact=crm_id, owner=ADDRESS[owner])
        self._maybe_webhook(crm_id)

    def _a_contact_goes_or_comes_back(self) -> None:
        crm_id = self._someone(gone=self.dice.random() < 0.7)
        if crm_id is None:
            return
        if crm_id in self.gone:
            self._act(action="restore", contact=crm_id)
            self.gone.discard(crm_id)
        elif self.dice.random() < 0.3:
            self._act(action="delete", contact=crm_id)
            self.gone.add(crm_id)
        self._maybe_webhook(crm_id)

    def _two_contacts_become_one(self) -> None:
        there = [c for c in self.contacts if self._is_there(c)]
        if len(there) < 2:
            return
        primary, other = self.dice.sample(there, 2)
        new_id = self.dice.random() < 0.5
        answer = self._act(action="merge", primary=primary, merged=other, new_id=new_id)
        winner = str(answer["contact"])
        if winner not in self.contacts:
            self.contacts.append(winner)
        self.merged |= {c: winner for c in (primary, other) if c != winner}
        self._maybe_webhook(other)
        self._maybe_webhook(winner)

    def _a_contact_is_erased(self) -> None:
        if crm_id := self._someone():
            self._act(action="erase", contact=crm_id)
            self.erased.add(crm_id)
            self._maybe_webhook(crm_id)

    def _line(self, crm_id: str, kind: str, data: dict[str, str]) -> bytes:
        """One event of the mailer, as it is sent however often."""
        number = f"m{len(self._lines)}"
        line = orjson.dumps(
            {
                "specversion": "1.0", "id": number, "source": "world", "type": kind,
                "subject": f"acme/{crm_id}", "time": format_time(self.clock.now()), "data": data,
            }
        )  # fmt: skip
        self._lines.append((crm_id, line))
        self._note(f"{crm_id}: {kind} {data} as {number}")
        return line

    def _mail_comes(self) -> None:
        """One to three events; some of them come twice, or again much later."""
        if not self.contacts:
            return
        for _ in range(self.dice.randint(1, 3)):
            crm_id = self.dice.choice(self.contacts)
            kind, data = self._mail(crm_id)
            self._line(crm_id, kind, data)
            self._tell(self._lines[-1:], new=1)
        if self.dice.random() < 0.3:
            self._tell(self.dice.sample(self._lines, min(3, len(self._lines))), new=0)

    def _odd_events_come(self) -> None:
        """From a sender that has lost its way."""
        if not self.contacts:
            return
        self._with_a_sound_one([self._odd_line() for _ in range(self.dice.randint(1, 4))])

    def _somebody_claims_the_engines_next_events(self) -> None:
        if not self.contacts:
            return
        crm_id = self.dice.choice(self.contacts)
        lines = odd.claims(self.dice, crm_id, self.clock.now())
        self._note(f"claims {orjson.loads(lines[0])['source']} of {crm_id}")
        self._with_a_sound_one(lines)

    def _a_curse_falls_on_a_lead_or_ends(self) -> None:
        """While it is on, nothing about the lead can be written; it is always on one at most, and
        the mailer has something to say about that."""
        if self.curse.lead is not None and self.dice.random() < 0.5:
            self._note(f"the curse on {self.curse.lead} ends")
            self.curse.lead = None
        elif self.contacts:
            self.curse.lead = self.dice.choice(self.contacts)
            self.curse.statement = self.dice.randint(1, 14)
            self.cursed.add(self.curse.lead)
            self._note(f"{self.curse.lead} is cursed from statement {self.curse.statement} on")
            self._line(self.curse.lead, *self._mail(self.curse.lead))
            self._tell(self._lines[-1:], new=1)

    def _a_flood_comes(self) -> None:
        if not self.contacts:
            return
        self._odd += 1
        crm_id = self.dice.choice(self.contacts)
        self._note(f"a flood for {crm_id}")
        self._with_a_sound_one(odd.flood(crm_id, self._odd))

    def _with_a_sound_one(self, lines: list[bytes]) -> None:
        """What nobody should send, and in its midst what the mailer sends."""
        crm_id = self.dice.choice(self.contacts)
        sound = self._line(crm_id, "email_opened", {})
        lines.insert(self.dice.randint(0, len(lines)), sound)
        self._draw_fate()
        while True:
            try:
                self.app.events.add_lines(lines)
                break
            except DeathError:
                self._is_restarted()
        self.fate.points = 0
        self._was_told(crm_id, sound)

    def _odd_line(self) -> bytes:
        self._odd += 1
        made = odd.line(self.dice, self.dice.choice(self.contacts), self._odd, self.clock.now())
        self._note(f"odd: {made[:300]!r}")
        return made

    def _mail(self, crm_id: str) -> tuple[str, dict[str, str]]:
        kind = self.dice.choice((*MAIL, "replied", "marked"))
        if kind == "replied":
            return kind, {"intent": self.dice.choice(INTENTS), "body": secret(crm_id)}
        return kind, {"action": self.dice.choice(MARKS)} if kind == "marked" else {}

    def _tell(self, lines: list[tuple[str, bytes]], *, new: int) -> None:
        """The sender sends again until it was told "accepted"; a death in between is its affair."""
        self._draw_fate()
        while True:
            try:
                added = self.app.events.add_lines([line for _, line in lines])
                break
            except DeathError:
                self._is_restarted()
                new = -1  # it may have been accepted just before
        self.fate.points = 0
        assert added.rejected == 0, added.reasons
        assert new in (-1, added.accepted), (added, new)
        for crm_id, line in lines:
            self._was_told(crm_id, line)

    def _was_told(self, crm_id: str, line: bytes) -> None:
        number = str(orjson.loads(line)["id"])
        if number not in self.told.setdefault(crm_id, []):
            self.told[crm_id].append(number)

    def _a_fault_is_armed(self) -> None:
        kind = self.dice.choice(FAULTS)
        count = self.dice.randint(1, 3)
        self._note(f"fault {kind} x {count}")
        self.control("POST", "faults", {"kind": kind, "count": count})

    def _time_passes(self) -> None:
        most = self.dice.choice((10 * SECOND, 5 * MINUTE, 12 * HOUR, 4 * DAY))
        self._pass(self.dice.randint(1, most))

    def _the_clock_is_set_back(self) -> None:
        back = self.dice.randint(1, HOUR)
        self._note(f"the engine's clock goes back by {back / MINUTE:.0f} min")
        self.clock.advance(-back)

    def _the_engine_polls(self) -> None:
        self._mortally("polls", lambda: self.polls.poll_all(self.clock.now()))

    def _the_engine_looks_up(self) -> None:
        self._mortally("looks up", lambda: self.app.lookups.look_up_due(self.clock.now()))

    def _the_engine_decides(self) -> None:
        self._mortally("decides", lambda: self.app.decisions.decide_due(self.clock.now()))

    def _the_engine_delivers(self) -> None:
        self._mortally("delivers", self.app.deliveries.deliver_due)

    def _the_engine_works(self) -> None:
        for step in (
            self._the_engine_looks_up,
            self._the_engine_decides,
            self._the_engine_delivers,
        ):
            step()

    def _the_engine_is_restarted(self) -> None:
        self._is_restarted()

    # ------------------------------------------------------------------ inside

    def _mortally(self, what: str, step: Callable[[], Any]) -> None:
        self._note(what)
        self._draw_fate()
        try:
            step()
        except DeathError:
            self._is_restarted()
        self.fate.points = 0

    def _draw_fate(self) -> None:
        self.fate.points = self.dice.randint(1, 12) if self.dice.random() < 0.25 else 0

    def _is_restarted(self) -> None:
        self._note("a new process")
        self.fate.points = 0
        self._ends()
        self._begin()

    def _someone(self, *, gone: bool = False) -> str | None:
        found = [c for c in self.contacts if self._is_there(c) or (gone and c in self.gone)]
        return self.dice.choice(found) if found else None

    def _is_there(self, crm_id: str) -> bool:
        return crm_id not in self.gone | self.erased and crm_id not in self.merged

    def _maybe_webhook(self, crm_id: str) -> None:
        """It comes at once, or never: polling, the end's look, or nobody finds it."""
        for _ in range(self.dice.choice((0, 1, 1, 2))):
            self._webhook(crm_id)

    def _webhook(self, crm_id: str) -> None:
        """What a signed notification leaves behind: a hint to read the contact."""
        with self.app.store.write() as tx:
            now = self.clock.now()
            hint = NewHint(crm_id, now, erased=crm_id in self.erased)
            tx.hints.add("acme", [hint], now=now)

    def _pass(self, duration: Millis) -> None:
        self.clock.advance(duration)
        self._sandbox.now = format_time(self.clock.now())

    def _act(self, **action: Any) -> Any:
        self._note(str(action))
        answer = self.control("POST", "actions", action)
        assert answer["ok"], answer
        return answer

    def _note(self, what: str) -> None:
        self.log.append(f"{format_time(self.clock.now())} {what}")

    def control(self, method: str, what: str, body: Any = None) -> Any:
        return self._sandbox.call(self.token, method, what, body)


@functools.cache
def _entry_points(**group: str) -> Any:
    return importlib.metadata.entry_points(**group)


_HAPPENINGS: list[tuple[Callable[[World], None], int]] = [
    (World._a_contact_appears, 8),
    (World._a_person_assigns, 8),
    (World._a_contact_goes_or_comes_back, 2),
    (World._two_contacts_become_one, 1),
    (World._a_contact_is_erased, 1),
    (World._mail_comes, 16),
    (World._odd_events_come, 4),
    (World._somebody_claims_the_engines_next_events, 2),
    (World._a_flood_comes, 1),
    (World._a_curse_falls_on_a_lead_or_ends, 10),
    (World._a_fault_is_armed, 10),
    (World._time_passes, 10),
    (World._the_clock_is_set_back, 1),
    (World._the_engine_polls, 4),
    (World._the_engine_looks_up, 8),
    (World._the_engine_decides, 8),
    (World._the_engine_delivers, 10),
    (World._the_engine_works, 14),
    (World._the_engine_is_restarted, 1),
]
