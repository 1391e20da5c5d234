"""When each portal was last heard of, and from where the next poll goes on."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from leadback.base.clock import Millis
from leadback.store.statements import InsertRows
from leadback.store.tables import listening as table
from leadback.store.transaction import Transaction

_NEWS = ("cursor", "owners", "poll_due_at", "polled_at", "compared_at", "hooked_at")
_MAKE = InsertRows(table, ("portal", *_NEWS), "ignore")
_OF_PORTAL = table.c.portal == bindparam("which")
_ROW = select(*(table.c[name] for name in _NEWS)).where(_OF_PORTAL)
_LOCKED = _ROW.with_for_update()
_DUE = update(table).where(_OF_PORTAL).values(poll_due_at=bindparam("at"))
_POLLED = update(table).where(_OF_PORTAL).values(polled_at=bindparam("at"))
_COMPARED = _POLLED.values(compared_at=bindparam("at"))
_FOUND: dict[str, Any] = {"cursor": bindparam("new_cursor"), "owners": bindparam("new_owners")}
_HOOKED = update(table).where(_OF_PORTAL).values(hooked_at=bindparam("at"))


@dataclass(frozen=True, slots=True)
class Heard:
    """cursor: the plugin's, for the next poll; owners: of the assistants that it was made with.

    polled_at, compared_at (everything, not only changes), hooked_at: None = never.
    """

    cursor: Millis = 0
    owners: str = ""
    polled_at: Millis | None = None
    compared_at: Millis | None = None
    hooked_at: Millis | None = None


class Listening:
    """`tx.listening`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def of(self, portal: str) -> Heard:
        row = self._tx.run(_ROW, which=portal).first()
        return Heard() if row is None else _heard(row)

    def claim_poll(self, portal: str, *, now: Millis, every: Millis) -> Heard | None:
        """The state to poll with; None when another worker has polled, or is about to."""
        row = self._locked(portal)
        if row[2] > now:
            return None
        self._tx.run(_DUE, which=portal, at=now + every)
        return _heard(row)

    def polled(
        self, portal: str, *, at: Millis, cursor: Millis, owners: str, compared: bool
    ) -> None:
        """A poll came to its end. compared: it looked at everything."""
        self._locked(portal)
        done = _COMPARED_POLL if compared else _CHANGES_POLL
        self._tx.run(done, which=portal, at=at, new_cursor=cursor, new_owners=owners)

    def hooked(self, portal: str, *, at: Millis) -> None:
        """A webhook came that is what it says."""
        self._locked(portal)
        self._tx.run(_HOOKED, which=portal, at=at)

    def _locked(self, portal: str) -> Any:
        row = self._tx.run(_LOCKED, which=portal).first()
        if row is None:
            self._tx.rows(_MAKE, [(portal, 0, "", 0, None, None, None)])
            row = self._tx.run(_LOCKED, which=portal).one()
        return row


_CHANGES_POLL = _POLLED.values(**_FOUND)
_COMPARED_POLL = _COMPARED.values(**_FOUND)


def _heard(row: Any) -> Heard:
    return Heard(row[0], row[1], row[3], row[4], row[5])
