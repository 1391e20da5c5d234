"""What differs between databases, as one protocol; sqlite.py and postgresql.py fill it in.

No other module of the store may ask which database it talks to.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from leadback.base.clock import Millis
from leadback.base.errors import LeadbackError
from leadback.store.statements import DeleteRows, InsertRows, SqlOfRows, UpdateRows

Rows = Sequence[tuple[Any, ...]]

BUSY_SECONDS = 30
"""How long a writer waits for another one before it gives up."""


class Bell(Protocol):
    """Waits for work instead of asking for it over and over. Of one thread."""

    def wait(self, seconds: float) -> bool:
        """True as soon as there may be new work, False when the time is over.

        It may be wrong either way: look for work after both.
        """

    def close(self) -> None: ...


class Dialect(Protocol):
    """What the rest of the store may ask for."""

    engine: Engine
    name: str
    """The database without its password, for people."""
    migrates_itself: bool
    """Opening an empty database makes its tables, and an older one is brought up to date."""
    locks_lanes: bool
    """Several writers at once, so that leads have to be locked one by one."""
    claim_events: int
    """How many events are best claimed at once."""

    def begin_write(self) -> AbstractContextManager[Connection]:
        """A connection in a transaction that writes; commits at the end, or rolls back."""

    def dispose(self) -> None:
        """Give the connections back; new ones are opened when they are needed."""

    def pack(self, values: list[Any]) -> Any:
        """A list as one bound value."""

    def insert(self, plan: InsertRows) -> ClauseElement: ...

    def update(self, plan: UpdateRows) -> ClauseElement: ...

    def delete(self, plan: DeleteRows) -> ClauseElement: ...

    def many(self, connection: Connection, sql: SqlOfRows, rows: Rows) -> int:
        """Run a statement of the three above for all rows; the number of rows changed."""

    def now(self, connection: Connection) -> Millis:
        """The time by a clock that all writers share."""

    def take_ids(self, connection: Connection, count: int) -> Sequence[int]:
        """`count` ids that nobody else gets, ascending."""

    def place(self, connection: Connection, now: Millis) -> Millis:
        """`now`, or the newest that was ever given here when that is later: clocks step back."""

    def newest(self, connection: Connection) -> Millis:
        """What place() gave last; 0 or 1 before the first."""

    def hold_claims(self, connection: Connection) -> None:
        """Wait for who has claimed leads; nobody else claims any until this transaction ends."""

    def hold_logins(self, connection: Connection) -> None:
        """Wait for who changes logins; nobody else changes any until this transaction ends."""

    def by_index(self, connection: Connection) -> None:
        """Until this transaction ends, walk indexes in their order rather than sort a table."""

    def lock_schema(self, connection: Connection) -> None:
        """Nobody else migrates until this transaction ends."""

    def migrated(self, connection: Connection) -> None:
        """After the tables were made or changed, in the same transaction."""

    def maintain(self, connection: Connection) -> None:
        """What has to be done now and then for tables that grow."""

    def drop_before(self, connection: Connection, before: Millis) -> int:
        """Forget whole parts of the history at once where it has parts; rows forgotten."""

    def files(self) -> Sequence[Path]:
        """Where the database lies on this machine, as far as that is our business."""

    def erased(self) -> None:
        """After an erasure was committed: what the database file still has of it goes too."""

    def ring(self, connection: Connection) -> None:
        """When this transaction commits, wake up who waits for work."""

    def bell(self) -> "Bell":
        """Rings when work comes in."""

    def explain(self, error: DBAPIError) -> LeadbackError | None:
        """The error for people, with what to do about it; None when it is our own mistake."""
