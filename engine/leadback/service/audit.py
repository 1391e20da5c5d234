"""Who did what, when, through which door: written once, never changed, shown to admins.

The commands of the services record themselves, so that no door can forget it. Where a command is
one transaction, its entry is written in it: neither is ever there without the other.
"""

import builtins
import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from leadback.base.clock import Clock, Millis, format_time
from leadback.base.errors import LeadbackError
from leadback.store import Store, Tx
from leadback.store.account_records import AuditEntry

KEPT = 500

_ACTOR: ContextVar[tuple[str, str] | None] = ContextVar("actor", default=None)
"""(who, door) of this thread or task; None: the command line."""


class Audit:
    """Commands are the command line's, or those of whoever is acting_as()."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    @contextmanager
    def acting_as(self, who: str, door: str) -> Iterator[None]:
        """Whoever calls commands in this block (this thread or task) is `who`."""
        before = _ACTOR.set((who, door))
        try:
            yield
        finally:
            _ACTOR.reset(before)

    def actor(self) -> tuple[str, str]:
        """(who, door) of whoever is acting."""
        return _ACTOR.get() or (_operating_user(), "command line")

    @contextmanager
    def recording(self, what: str, subject: str) -> Iterator[Callable[[str], None]]:
        """The block is a command: its failure is recorded, or the outcome that it tells."""
        outcome = "done"

        def done(words: str) -> None:
            nonlocal outcome
            outcome = words

        try:
            yield done
        except LeadbackError as error:
            self.command(what, subject=subject, outcome=f"failed: {error.what}")
            raise
        self.command(what, subject=subject, outcome=outcome)

    def command(self, what: str, *, subject: str = "", outcome: str = "done") -> None:
        """A command was carried out, or refused, for whoever is acting."""
        who, door = self.actor()
        self.note(who, door, what, subject=subject, outcome=outcome)

    @contextmanager
    def changing(self, what: str, subject: str) -> Iterator[tuple[Tx, Callable[[str], None]]]:
        """The block is a command in one transaction, which is committed with its entry or not at
        all; (transaction, how to tell the outcome). A refusal is recorded by itself."""
        outcome = "done"

        def done(words: str) -> None:
            nonlocal outcome
            outcome = words

        try:
            with self._store.write() as tx:
                yield tx, done
                self.within(tx, what, subject=subject, outcome=outcome)
        except LeadbackError as error:
            self.command(what, subject=subject, outcome=f"failed: {error.what}")
            raise

    def note(self, who: str, door: str, what: str, *, subject: str = "", outcome: str = "") -> None:
        with self._store.write() as tx:
            tx.accounts.note(self._entry(who, door, what, subject, outcome))

    def _entry(self, who: str, door: str, what: str, subject: str, outcome: str) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            who=who[:200],
            door=door,
            what=what,
            subject=subject[:500],
            outcome=outcome[:1000],
        )

    def within(self, tx: Tx, what: str, *, subject: str = "", outcome: str = "done") -> None:
        """A command of whoever is acting, as a part of a transaction that is more."""
        who, door = self.actor()
        tx.accounts.note(self._entry(who, door, what, subject, outcome))

    def list(
        self, *, limit: int = KEPT, before: int | None = None, since: Millis = 0
    ) -> list[dict[str, Any]]:
        """Newest first. before: only entries older than this id; since: not older than this."""
        with self._store.read() as tx:
            entries = tx.accounts.audit(limit=limit, before=before, since=since)
        return [
            {
                "id": entry.id,
                "at": format_time(entry.at),
                "who": entry.who,
                "door": entry.door,
                "what": entry.what,
                "subject": entry.subject,
                "outcome": entry.outcome,
            }
            for entry in entries
        ]

    def log_ins(
        self, *, limit: int = KEPT, before: int | None = None, since: Millis = 0
    ) -> builtins.list[dict[str, Any]]:
        """As list, of log-ins and refused tries."""
        with self._store.read() as tx:
            entries = tx.log_ins.list(limit=limit, before=before, since=since)
        return [
            {
                "id": entry.id,
                "at": format_time(entry.at),
                "who": entry.who,
                "address": entry.address,
                "outcome": entry.outcome,
            }
            for entry in entries
        ]


def _operating_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        return "unknown"
