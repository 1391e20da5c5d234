"""Settings → objects, in one place. Doors call open_app() and use what it holds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import structlog

from leadback.base.clock import Clock, ShiftedClock, SystemClock, parse_time
from leadback.base.collector import collect_rarely
from leadback.base.errors import InputError
from leadback.base.logging import configure_logging
from leadback.base.settings import Settings, load_settings
from leadback.base.vault import Vault, keys_from
from leadback.hooks.manager import Plugins
from leadback.rules.findings import RulesError
from leadback.rules.loader import reload
from leadback.rules.model import Rules
from leadback.rules.reader import read_file
from leadback.service.audit import Audit
from leadback.service.connections import Connections
from leadback.service.ledger import OwnershipLedger
from leadback.service.portal_proof import PortalProof
from leadback.service.recorded import (
    RecordedLeads,
    RecordedPortals,
    RecordedQueue,
    RecordedReconcile,
)
from leadback.service.rules_at_start import RulesAtStart
from leadback.service.shadow import Shadow
from leadback.service.sound import parse_file
from leadback.service.versions import Versions
from leadback.service.webhooks import Webhooks
from leadback.store import Store, open_store
from leadback.store.backup import backup
from leadback.store.database import is_made, schema_status, upgrade
from leadback.work.access import Accesses
from leadback.work.binding import Incoming
from leadback.work.decisions import Decisions
from leadback.work.delivery import Deliveries
from leadback.work.intake import Added, Intake
from leadback.work.lookup import Lookups
from leadback.work.rules_in_use import RulesInUse
from leadback.work.senders import FILE, Sender
from leadback.work.tokens import TokenKeeper
from leadback.work.worker import Worker


class Events:
    """Intake at the engine's own time."""

    def __init__(self, intake: Intake, clock: Clock) -> None:
        self._intake, self._clock = intake, clock

    def add(self, stream: BufferedReader, *, name: str = "events") -> Added:
        return self._intake.add_stream(stream, self._clock.now(), name=name)

    def add_lines(
        self, lines: Sequence[Incoming], *, name: str = "events", sender: Sender = FILE
    ) -> Added:
        numbered = enumerate(lines, 1)
        return self._intake.add_lines(numbered, self._clock.now(), name=name, sender=sender)


@dataclass(frozen=True, slots=True)
class App:
    """Everything a door needs, wired once."""

    settings: Settings
    clock: Clock
    store: Store
    rules: RulesInUse
    versions: Versions
    shadow: Shadow
    accesses: Accesses
    audit: Audit
    intake: Intake
    events: Events
    leads: RecordedLeads
    queue: RecordedQueue
    connections: Connections
    portals: RecordedPortals
    webhooks: Webhooks
    reconcile: RecordedReconcile
    ledger: OwnershipLedger
    lookups: Lookups
    decisions: Decisions
    deliveries: Deliveries

    def worker(self, deciders: int = 1) -> Worker:
        return Worker(
            self.store,
            self.clock,
            self.lookups,
            self.decisions,
            self.deliveries,
            deciders=deciders,
            poll_seconds=self.settings.poll_seconds,
        )


@contextmanager
def open_app(
    *,
    database: str | None = None,
    rules: Path | None = None,
    config: Path | None = None,
    clock: str | Clock | None = None,
    takes_rules: bool = False,
) -> Iterator[App]:
    """Open the database, wire the rest, say which rules are in use; closes the database at the end.

    clock: ISO time to start at, or a clock; None = the machine's. takes_rules: a rules file that
    was never seen takes over if that harms no lead (see RulesAtStart). Raises ConfigurationError.
    """
    settings = load_settings(config, database_url=database, rules=rules)
    configure_logging(settings.log_level)
    collect_rarely()
    ticking = _clock(clock)
    rules_read = parse_file(settings.rules_file)
    if rules_read[0] is None and not is_made(settings.database_url):
        raise RulesError(rules_read[1])
    store = open_store(settings.database_url)
    _warn_of_others(store)
    try:
        app = _wire(settings, ticking, store)
        at_start = RulesAtStart(
            settings.rules_file, app.rules, store, ticking, app.audit, app.versions,
            PortalProof(store, app.accesses, app.rules),
        )  # fmt: skip
        at_start.start(*rules_read, takes=takes_rules)
        yield app
    finally:
        store.close()


def _warn_of_others(store: Store) -> None:
    found = [str(file) for file in store.open_to_others()]
    if found:
        structlog.get_logger().warning(
            "other users of this machine can read or change the database",
            action="start",
            fix=f"chmod 600 {' '.join(found)}",
        )


def _wire(settings: Settings, clock: Clock, store: Store) -> App:
    plugins = Plugins()
    machine = RulesInUse(store, clock)
    vault = Vault(keys_from(settings.secret_keys_file))
    tokens = TokenKeeper(store, plugins, clock, vault)
    accesses = Accesses(store, plugins, clock, tokens)
    intake = Intake(store, machine, accesses.contact_ids)
    decisions = Decisions(store, machine)
    audit = Audit(store, clock)
    connections = Connections(
        store, plugins, accesses, tokens, vault, clock, audit, settings.pages_may_name, machine
    )
    return App(
        settings=settings,
        clock=clock,
        store=store,
        rules=machine,
        versions=Versions(settings.rules_file, machine, store, clock, audit, accesses),
        shadow=Shadow(machine, store, clock, audit),
        accesses=accesses,
        audit=audit,
        intake=intake,
        events=Events(intake, clock),
        leads=RecordedLeads(store, clock, machine, decisions, audit=audit),
        queue=RecordedQueue(
            store, clock, intake, machine, held_days=settings.held_days, audit=audit
        ),
        connections=connections,
        portals=RecordedPortals(store, plugins, accesses, machine, audit=audit),
        webhooks=Webhooks(store, accesses, clock),
        reconcile=RecordedReconcile(store, clock, accesses, machine, audit=audit),
        ledger=OwnershipLedger(store),
        lookups=Lookups(store, accesses, machine),
        decisions=decisions,
        deliveries=Deliveries(store, accesses, machine, clock),
    )


def _clock(given: str | Clock | None) -> Clock:
    if given is None:
        return SystemClock()
    if not isinstance(given, str):
        return given
    try:
        return ShiftedClock(parse_time(given))
    except ValueError as error:
        raise InputError(
            f"--clock {given!r} cannot be read: {error}", fix="give e.g. 2026-11-03T10:00:00Z"
        ) from error


@contextmanager
def open_database(database: str | None, config: Path | None) -> Iterator[Store]:
    """The database alone: for looking at it with rules that are not in use."""
    store = open_store(load_settings(config, database_url=database).database_url)
    try:
        yield store
    finally:
        store.close()


def rules_of_settings() -> Rules:
    """For a look: the rules in use in the database of the settings, or where there is none those of
    the file; read, not proved. Raises LeadbackError."""
    settings = load_settings(None)
    if not is_made(settings.database_url):
        text, findings = read_file(settings.rules_file, file=str(settings.rules_file))
        if text is None:
            raise RulesError(findings)
        return reload(text, "", file=str(settings.rules_file))
    store = open_store(settings.database_url)
    try:
        return RulesInUse(store, SystemClock()).now().rules
    finally:
        store.close()


def upgrade_database(database: str | None, config: Path | None) -> str:
    """Bring the schema up to date; one sentence about what was done."""
    return upgrade(load_settings(config, database_url=database).database_url)


def backup_database(database: str | None, config: Path | None, target: Path) -> int:
    """Copy a SQLite database to a new file; its size in bytes."""
    return backup(load_settings(config, database_url=database).database_url, target)


def database_status(database: str | None, config: Path | None) -> dict[str, Any]:
    """database (without password), schema, needed."""
    return schema_status(load_settings(config, database_url=database).database_url)
