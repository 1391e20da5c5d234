"""Which rules decide: what the database says, read inside the transaction that decides by it.

Machines are cached by version, so that a claim pays one look at the last row of a short log. A
change of version and a claim exclude each other (Tx.rules.hold_claims): no claim mixes versions.
"""

import threading
from collections.abc import Mapping
from dataclasses import replace

import structlog

from leadback.base.clock import Clock, Millis
from leadback.base.errors import ConfigurationError
from leadback.lead.change import RULES_CHANGED
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Event
from leadback.rules.findings import RulesError
from leadback.rules.loader import reload
from leadback.rules.migration import Change, changes, plan_migration
from leadback.rules.model import Rules
from leadback.store import RulesEntry, Store, ToldLead, Tx

SOURCE = "leadback/rules"
PAGE = 5_000
KEPT = 8
"""Machines kept ready; more versions than this are never in use at once."""

log = structlog.get_logger()


class RulesMovedError(Exception):
    """Not an error of anybody's: catch_up() outside of the transaction, then try again."""


class StaleError(Exception):
    """Somebody else changed which rules are in use meanwhile."""


class RulesInUse:
    """One per process; shared by its threads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._machines: dict[str, LeadMachine] = {}
        self._building = threading.Lock()

    def know(self, machine: LeadMachine) -> None:
        """Have this machine at hand."""
        self._machines[machine.version] = machine
        while len(self._machines) > KEPT:
            self._machines.pop(next(iter(self._machines)))

    def of(self, tx: Tx, now: Millis | None = None) -> LeadMachine:
        """The machine of the version in use as this transaction sees it. As both()."""
        return self.both(tx, now)[0]

    def both(self, tx: Tx, now: Millis | None = None) -> tuple[LeadMachine, LeadMachine | None]:
        """The machines of the version in use, and of the one that watches: in one look.

        now: also see to it that a version that is to take over by then has. Raises RulesMovedError.
        """
        found = tx.rules.in_use()
        if found is None:
            raise ConfigurationError("no rules are in use", fix="leadback rules apply FILE")
        _, version, due_at, watching = found
        machine = self._machines.get(version)
        if machine is None or (now is not None and due_at is not None and due_at <= now):
            raise RulesMovedError
        if watching is None or watching == version:
            return machine, None
        watcher = self._machines.get(watching)
        if watcher is None:
            raise RulesMovedError
        return machine, watcher

    def now(self) -> LeadMachine:
        """The machine of the version in use at this moment: for looking, not for deciding."""
        while True:
            with self._store.read() as tx:
                try:
                    return self.of(tx)
                except RulesMovedError:
                    pass
            self.catch_up(self._clock.now())

    def catch_up(self, now: Millis) -> None:
        """Let a version that is due take over, and have the one in use at hand."""
        with self._store.read() as tx:
            entries, watching = tx.rules.log(), tx.shadow.watching()
        if not entries:
            return
        last = entries[0]
        if last.due_at is not None and last.due_at <= now:
            self._machine(last.in_use)
            self._machine(last.version)
            self._take_effect(now)
            return
        self._machine(last.in_use)
        if watching is not None:
            self._machine(watching[0])

    def _take_effect(self, now: Millis) -> None:
        """Whoever comes first does it; the others find it done."""
        with self._store.write() as tx:
            tx.rules.hold_claims()
            last = tx.rules.log()[0]
            if last.due_at is None or last.due_at > now:
                return
            entry = replace(
                last, number=last.number + 1, at=now, what="took effect", due_at=None,
                in_use=last.version,
            )  # fmt: skip
            try:
                old, new = self.of_version(last.in_use), self.of_version(last.version)
                told = switch(tx, entry, old, new)
            except StaleError:
                return
            except ConfigurationError as error:
                tx.rules.append(replace(entry, what="could not", in_use=last.in_use))
                log.error("rules could not take effect", action="rules", reason=str(error))
                return
        log.warning("rules took effect", action="rules", version=last.version, leads=told)

    def _machine(self, version: str) -> LeadMachine:
        """Built once, by one thread, outside of every transaction."""
        with self._building:
            found = self._machines.get(version)
            if found is None:
                found = LeadMachine(self.of_version(version))
                self.know(found)
            return found

    def of_version(self, version: str) -> Rules:
        """The rules of a version that was in use here. Raises ConfigurationError."""
        known = self._machines.get(version)
        if known is not None:
            return known.rules
        with self._store.read() as tx:
            kept = tx.rules.get(version)
            named = [e.file for e in tx.rules.log(limit=10_000) if version in (e.version, e.in_use)]
        if kept is None:
            raise ConfigurationError(
                f"there is no version {version}", fix="see: leadback rules versions"
            )
        try:
            return reload(kept.text, version, file=named[0] if named else version)
        except RulesError as error:
            raise ConfigurationError(
                f"this program cannot read the rules in use, version {version}: {error}",
                fix="run the program that applied them, or: leadback rules apply FILE",
            ) from error


def switch(tx: Tx, entry: RulesEntry, old: Rules, new: Rules) -> int:
    """From this entry on, `new` decides; how many leads are told. After tx.rules.hold_claims().

    Raises StaleError when the entry's number is taken, RulesError when a state that holds leads
    leads nowhere.
    """
    plans = []
    for portal in tx.portals.list():
        held = tx.leads.count_by_state(portal.name)
        moves = moves_of(
            new, held, tx.rules.came_from(portal.name), entry.moves, portal=portal.name
        )
        changed = changes(old, new, held=held, moves=moves, crm=portal.crm, portal=portal.name)
        plans.append((portal.name, changed, moves))
    if not tx.rules.append(entry):
        raise StaleError
    return sum(
        _tell(tx, name, entry, old.version, changed, moves) for name, changed, moves in plans
    )


def moves_of(
    new: Rules,
    held: Mapping[str, int],
    came_from: set[str],
    given: Mapping[str, str],
    *,
    portal: str,
) -> dict[str, str]:
    """Old state → new state for every state that leads are in or came from. Raises RulesError."""
    plan = plan_migration(held, new, also=given, portal=portal)
    if plan.findings:
        raise RulesError(plan.findings)
    everywhere = {**given, **new.migrate}
    gone = {state: everywhere.get(state, "") for state in came_from if state not in new.states}
    return {**gone, **plan.moves}


def _tell(
    tx: Tx,
    portal: str,
    entry: RulesEntry,
    was: str,
    changed: Mapping[str, Change],
    moves: Mapping[str, str],
) -> int:
    gone = sorted(moves)
    if not changed and not gone:
        return 0
    place, after, told = tx.rules.head(portal, now=entry.at), "", 0
    while leads := tx.rules.met(portal, states=sorted(changed), gone=gone, after=after, limit=PAGE):
        after = leads[-1].lead_id
        events = [
            (lead, told_event(lead, entry, was, changed.get(lead.state), moves)) for lead in leads
        ]
        tx.rules.tell(portal, events, now=entry.at, at=place)
        told += len(leads)
    return told


def told_event(
    lead: ToldLead, entry: RulesEntry, was: str, change: Change | None, moves: Mapping[str, str]
) -> Event:
    """What a lead is told when the rules change: see leadback.lead.change."""
    data: dict[str, object] = {"was": was, "is": entry.version, "moves": dict(moves)}
    if change is not None and change.fields:
        data["fields"] = True
    if change is not None and change.timers:
        data["timers"] = [list(timer) for timer in lead.timers]
    return Event(
        RULES_CHANGED, entry.at, SOURCE, f"{entry.number}/{lead.lead_id}", data, internal=True
    )
