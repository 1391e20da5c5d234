"""Who did what, when, through which door: written once, never changed, shown to admins.

The commands of the services record themselves, so that no door can forget it.
"""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from engine.base.clock import Clock, format_time
from engine.base.errors import HandbackError
from engine.store import Store
from engine.store.account_records import AuditEntry

KEPT = 500


class Audit:
    """One per process. Commands are the command line's, or those of whoever is acting_as()."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._actor: ContextVar[tuple[str, str]] = ContextVar(
            "actor", default=(_operating_user(), "command line")
        )

    @contextmanager
    def acting_as(self, who: str, door: str) -> Iterator[None]:
        """Whoever calls commands in this block (this thread or task) is `who`."""
        before = self._actor.set((who, door))
        try:
            yield
        finally:
            self._actor.reset(before)

    def actor(self) -> tuple[str, str]:
        """(who, door) of whoever is acting."""
        return self._actor.get()

    @contextmanager
    def recording(self, what: str, subject: str) -> Iterator[Callable[[str], None]]:
        """The block is a command: its failure is recorded, or the outcome that it tells."""
        outcome = "done"

        def done(words: str) -> None:
            nonlocal outcome
            outcome = words

        try:
            yield done
        except HandbackError as error:
            self.command(what, subject=subject, outcome=f"failed: {error.what}")
            raise
        self.command(what, subject=subject, outcome=outcome)

    def command(self, what: str, *, subject: str = "", outcome: str = "done") -> None:
        """A command was carried out, or refused, for whoever is acting."""
        who, door = self._actor.get()
        self.note(who, door, what, subject=subject, outcome=outcome)

    def note(self, who: str, door: str, what: str, *, subject: str = "", outcome: str = "") -> None:
        entry = AuditEntry(
            at=self._clock.now(),
            who=who[:200],
            door=door,
            what=what,
            subject=subject[:500],
            outcome=outcome[:1000],
        )
        with self._store.write() as tx:
            tx.accounts.note(entry)

    def list(self, *, limit: int = KEPT, before: int | None = None) -> list[dict[str, Any]]:
        """Newest first; before: only entries older than this id."""
        with self._store.read() as tx:
            entries = tx.accounts.audit(limit=limit, before=before)
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


def _operating_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        return "unknown"
