"""Opens a database and hands out transactions. The nouns do the work; see leadback.store."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from leadback.base.clock import Millis
from leadback.base.errors import ConfigurationError
from leadback.base.private import is_open_to_others
from leadback.store import migrate, retention, unruled
from leadback.store.accounts import Accounts
from leadback.store.dialect import Bell, Dialect
from leadback.store.hints import Hints
from leadback.store.history import History
from leadback.store.inbox import Inbox
from leadback.store.leads import Leads
from leadback.store.ledger import Ledger
from leadback.store.listening import Listening
from leadback.store.listing import Listing
from leadback.store.log_ins import LogIns
from leadback.store.outbox import Outbox
from leadback.store.pace import PaceLog
from leadback.store.portals import Portals
from leadback.store.postgresql import Postgresql, not_migrated
from leadback.store.quarantine import Quarantine
from leadback.store.queue import Queue
from leadback.store.retention import Archive, Pruned
from leadback.store.rules import RulesVersions
from leadback.store.shadow import Shadow
from leadback.store.shown import Shown
from leadback.store.sqlite import Sqlite
from leadback.store.tokens import Tokens
from leadback.store.transaction import Compiled, Transaction
from leadback.store.trends import Trends
from leadback.store.unruled import UnruledValues
from leadback.store.urls import read_url, shown, unusable
from leadback.store.views import Views


class Tx:
    """One transaction, by noun. Of one thread, and over when its `with` block ends."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    @cached_property
    def portals(self) -> Portals:
        return Portals(self._transaction)

    @cached_property
    def inbox(self) -> Inbox:
        return Inbox(self._transaction)

    @cached_property
    def quarantine(self) -> Quarantine:
        return Quarantine(self._transaction)

    @cached_property
    def hints(self) -> Hints:
        return Hints(self._transaction)

    @cached_property
    def leads(self) -> Leads:
        return Leads(self._transaction)

    @cached_property
    def history(self) -> History:
        return History(self._transaction)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self._transaction)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self._transaction)

    @cached_property
    def rules(self) -> RulesVersions:
        return RulesVersions(self._transaction)

    @cached_property
    def shadow(self) -> Shadow:
        return Shadow(self._transaction)

    @cached_property
    def queue(self) -> Queue:
        return Queue(self._transaction)

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self._transaction)

    @cached_property
    def log_ins(self) -> LogIns:
        return LogIns(self._transaction)

    @cached_property
    def listening(self) -> Listening:
        return Listening(self._transaction)

    @cached_property
    def listing(self) -> Listing:
        return Listing(self._transaction)

    @cached_property
    def pace(self) -> PaceLog:
        return PaceLog(self._transaction)

    @cached_property
    def shown(self) -> Shown:
        return Shown(self._transaction)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self._transaction)

    @cached_property
    def trends(self) -> Trends:
        return Trends(self._transaction)

    @cached_property
    def unruled(self) -> UnruledValues:
        return UnruledValues(self._transaction)

    @cached_property
    def views(self) -> Views:
        return Views(self._transaction)


class Store:
    """An open database. Shared by all threads of a process; see open_store()."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled = Compiled(dialect)

    @property
    def claim_events(self) -> int:
        """How many events are best claimed at once."""
        return self._dialect.claim_events

    @property
    def name(self) -> str:
        """The database without its password, for people."""
        return self._dialect.name

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that commits at the end of the block; an exception rolls it back.

        Raises LeadbackError when the database cannot be used (locked, read-only, full, gone).
        """
        with self._explained():
            with self._dialect.begin_write() as connection:
                transaction = Transaction(connection, self._compiled)
                yield Tx(transaction)
                if transaction.rings:
                    self._dialect.ring(connection)
            if transaction.erases:
                self._dialect.erased()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that only reads."""
        with self._explained(), self._dialect.engine.connect() as connection, connection.begin():
            yield Tx(Transaction(connection, self._compiled))

    def bell(self) -> Bell:
        """Waits until there may be new work, of this process or another one. Of one thread."""
        with self._explained():
            return self._dialect.bell()

    def maintain(self) -> None:
        """What tables that grow need now and then (PostgreSQL: next month's partitions)."""
        with self._explained(), self._dialect.begin_write() as connection:
            self._dialect.maintain(connection)

    def prune(self, *, before: Millis, archive: Archive | None = None) -> Pruned:
        """Forget what was over before an instant, in small transactions; see retention.py."""
        gone = Pruned()
        with self._explained(), self._dialect.begin_write() as connection:
            if archive is None:  # otherwise row by row, and the empty month stays
                gone += Pruned(history=self._dialect.drop_before(connection, before))
            portals = Transaction(connection, self._compiled).run(retention.NAMES).scalars().all()
            refused = Transaction(connection, self._compiled).run(
                retention.QUARANTINE, before=before
            )
            Transaction(connection, self._compiled).run(unruled.FORGET, before=before)
            gone += Pruned(quarantined=refused.rowcount)
        for portal in portals:
            for step in retention.STEPS:
                place: int | None = 0
                while place is not None:
                    with self._explained(), self._dialect.begin_write() as connection:
                        transaction = Transaction(connection, self._compiled)
                        went, place = step(transaction, portal, before, place, archive)
                        gone += went
        return gone

    def open_to_others(self) -> list[Path]:
        """The database's files that every user of this machine can read, or a group can change."""
        return [file for file in self._dialect.files() if is_open_to_others(file)]

    def close(self) -> None:
        """Give the connections back."""
        self._dialect.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            explained = self._dialect.explain(error)
            if explained is None:
                raise
            raise explained from error


def open_store(url: str) -> Store:
    """Open `sqlite:///FILE` (made and migrated when needed) or `postgresql://…` (never migrated).

    Raises ConfigurationError for a URL or a schema that cannot be used, LeadbackError for a
    database that cannot be reached.
    """
    dialect = _dialect(url)
    store = Store(dialect)
    try:
        with store._explained(), dialect.engine.connect() as connection:
            version = migrate.current(connection)
        if not migrate.check(dialect, version):
            if not dialect.migrates_itself:
                raise not_migrated(dialect.name)
            _migrate(store)
    except BaseException:
        store.close()
        raise
    return store


def is_made(url: str) -> bool:
    """False for a file that opening would make."""
    try:
        parsed = read_url(url)
    except ConfigurationError:
        return True  # opening it says what is wrong
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").exists()


def upgrade(url: str) -> str:
    """Bring the schema up to date; one sentence about what was done. Raises as open_store."""
    dialect = _dialect(url)
    store = Store(dialect)
    try:
        before, after = _migrate(store)
    finally:
        store.close()
    if before == after:
        return f"{dialect.name} is up to date (schema {after})"
    if before is None:
        return f"{dialect.name} got its tables (schema {after})"
    return f"{dialect.name} was upgraded from schema {before} to {after}"


def schema_status(url: str) -> dict[str, Any]:
    """database (without password), schema ("" = none), needed ("" = nothing to do)."""
    dialect = _dialect(url)
    try:
        return migrate.status(dialect)
    finally:
        dialect.dispose()


def _migrate(store: Store) -> tuple[str | None, str]:
    """One at a time: a second process waits, and finds it done."""
    dialect = store._dialect
    with store._explained(), dialect.begin_write() as connection:
        dialect.lock_schema(connection)
        before = migrate.current(connection)
        if not migrate.check(dialect, before):
            migrate.upgrade(connection)
            dialect.migrated(connection)
        after = migrate.current(connection)
    assert after is not None  # noqa: S101 — it was just migrated
    dialect.dispose()  # connections learn about tables and statistics when they are opened
    return None if before is None else before.version, after.version


def _dialect(url: str) -> Dialect:
    parsed = read_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return Sqlite(parsed)
        case "postgresql" | "postgres":
            return Postgresql(parsed)
    raise unusable(shown(parsed))
