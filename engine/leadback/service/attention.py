"""What needs a person, in one list: the number is on every page."""

from collections.abc import Callable
from typing import Any

from leadback.base.clock import Clock, format_time
from leadback.base.errors import InputError
from leadback.service.audit import Audit
from leadback.service.queue import Queue
from leadback.store import Quarantined, Store
from leadback.work.cloudevents import NotUnderstoodError
from leadback.work.intake import Intake
from leadback.work.senders import by_person

SHOWN = 500


class Attention:
    """Queries and the few commands that only the Attention page has.

    broken: errors of the rules file as it lies on disk now (service.rulebook).
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        queue: Queue,
        intake: Intake,
        broken: Callable[[], int],
        *,
        audit: Audit,
    ) -> None:
        self._store, self._clock, self._audit = store, clock, audit
        self._queue, self._intake, self._broken = queue, intake, broken

    def count(self) -> int:
        """How many things wait for a person."""
        with self._store.read() as tx:
            needing = tx.views.needing(held_before=self._queue.held_before())
            waiting = needing.all + tx.views.count_kept()
        said = len(self._queue.paused()) + len(self._queue.unruled()) + bool(self._broken())
        return waiting + said + len(self._queue.users())

    def everything(self) -> dict[str, Any]:
        """quarantined, undecided, unread, held, effects, unruled, kept, paused, users,
        broken_rules; SHOWN of each."""
        rows = self._queue.list(limit=SHOWN)
        with self._store.read() as tx:
            kept = tx.views.kept(limit=SHOWN)
        return {
            "quarantined": [row for row in rows if row["status"] == "quarantined"],
            "undecided": [row for row in rows if row["status"] == "undecided"],
            "unread": [row for row in rows if row["status"] == "unread"],
            "held": [row for row in rows if row["status"] == "held"],
            "effects": [row for row in rows if row["status"] in ("failed", "uncertain")],
            "unruled": self._queue.unruled(),
            "kept": [
                {
                    "id": f"{entry.portal}/{entry.lead_id}",
                    "at": format_time(entry.at),
                    "owner": entry.owner_after,
                    "why": entry.why,
                }
                for entry in kept
            ],
            "paused": self._queue.paused(),
            "users": self._queue.users(),
            "broken_rules": self._broken(),
        }

    def mend(self, item: str, raw: str) -> dict[str, Any]:
        """Take a quarantined event in again as `raw`, in the name of the person who mended it.

        Raises InputError when it still is none.
        """
        kept = self._quarantined(item)
        sent = raw.strip().encode("utf-8", "replace")
        try:
            me = by_person(*self._audit.actor())
            added = self._intake.add_one(sent, self._clock.now(), name=kept.source, sender=me)
        except NotUnderstoodError as error:
            raise InputError(f"still not understood: {error}") from error
        with self._store.write() as tx:
            tx.quarantine.delete([kept.id])
        return {
            "accepted": added.accepted,
            "duplicate": added.duplicate,
            "rejected": added.rejected,
            "reason": added.reasons[0][1] if added.reasons else "",
        }

    def discard(self, item: str) -> str:
        """Throw a quarantined event away; what it was."""
        kept = self._quarantined(item)
        with self._store.write() as tx:
            tx.quarantine.delete([kept.id])
        return kept.raw[:200]

    def _quarantined(self, item: str) -> Quarantined:
        number = item.rpartition(":")[2]
        with self._store.read() as tx:
            found = tx.quarantine.of_ids(
                [int(number)] if number.isdecimal() and len(number) < 19 else []
            )
        if not found:
            raise InputError(f"{item} is not in quarantine any more", fix="look again")
        return found[0]
