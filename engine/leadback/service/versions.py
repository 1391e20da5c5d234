"""Which rules are in use: see before applying, apply, schedule, go back. Every step is on record.

The database says which version decides; the rules file on disk is a proposal. Nothing that is
broken ever takes over, and no state that holds leads vanishes without a successor.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from leadback.base.clock import Clock, Millis, format_time
from leadback.base.errors import InputError
from leadback.lead.machine import LeadMachine
from leadback.rules.findings import Finding, RulesError, Severity, in_order
from leadback.rules.migration import plan_migration
from leadback.rules.model import Rules
from leadback.service.affected import differences_now
from leadback.service.audit import Audit
from leadback.service.portal_proof import PortalProof, hindered, portal_findings
from leadback.service.replay import WhatIf, replayed
from leadback.service.rules_file import RulesFile
from leadback.service.rules_plan import field_options, meant
from leadback.service.sound import parse
from leadback.store import RulesEntry, Store, Tx
from leadback.work.access import Accesses
from leadback.work.rules_in_use import RulesInUse, StaleError, switch

LOG = 1_000

log = structlog.get_logger()

Document = dict[str, Any]


class Versions:
    """One per process. path: the rules file of the settings."""

    def __init__(
        self,
        path: Path,
        rules: RulesInUse,
        store: Store,
        clock: Clock,
        audit: Audit,
        accesses: Accesses,
    ) -> None:
        self._path, self._rules = path, rules
        self._file = RulesFile(path)
        self._store, self._clock = store, clock
        self._audit, self._accesses = audit, accesses
        self._proof = PortalProof(store, accesses, rules)

    # ------------------------------------------------------------------ looking

    def status(self) -> Document:
        """in_use, since, who, scheduled {version, at, who} or None, file {path, state, errors}.

        state of the file: in use | differs | broken.
        """
        entries = self.log()
        now_used = next(e for e in entries if e.in_use == e.version and e.due_at is None)
        last = entries[0]
        version, errors = self._file.look()
        state = "broken" if errors else "in use" if version == last.in_use else "differs"
        return {
            "in_use": last.in_use,
            "since": format_time(now_used.at),
            "who": now_used.who,
            "number": last.number,
            "scheduled": None if last.due_at is None else {
                "version": last.version, "at": format_time(last.due_at), "who": last.who,
            },
            "file": {
                "path": str(self._path), "state": state, "version": version, "errors": errors,
            },
        }  # fmt: skip

    def versions(self) -> list[Document]:
        """The log, newest first: number, at, who, door, what, version, due_at, in_use, file."""
        entries = self.log()
        return [
            {
                "number": e.number,
                "at": format_time(e.at),
                "who": e.who,
                "door": e.door,
                "what": e.what,
                "version": e.version,
                "due_at": None if e.due_at is None else format_time(e.due_at),
                "file": e.file,
                "in_use": e.version == entries[0].in_use,
            }
            for e in entries
        ]

    def text(self, version: str) -> str:
        """The file of a version that was in use here. Raises InputError."""
        return self._rules.of_version(version).text

    def plan(
        self,
        text: str,
        *,
        moves: Mapping[str, str] | None = None,
        at: Millis | None = None,
        what_if: WhatIf | None = None,
        file: str = "",
    ) -> Document:
        """What applying this text would do; nothing is written.

        expected: hand it to apply(), which refuses a plan that is stale. ready: nothing stands
        in the way. findings, differences (with running leads), migrate [{state, to, leads}],
        gone [{state, leads}] (that need a move), states (of the new rules), told (leads that get an
        event), rewrites {contacts, api_calls, minutes}, timers (leads
        whose timers are set anew), at_once {timers, handbacks} (that are due the moment the rules
        take over, which is now or `at`), portals (see PortalProof.asked), hindered [{portal, why}]:
        those because of which apply() refuses, unless forced; replaces (what is scheduled now).
        what_if: Replay.report, None unless asked for.
        """
        rules, findings = parse(text, file=file or self._path.name)
        status = self.status()
        document: Document = {
            "expected": status["number"],
            "in_use": status["in_use"],
            "replaces": status["scheduled"],
            "findings": [asdict(one) for one in findings],
            "ready": False,
            "hindered": [],
            "what_if": None,
        }
        if rules is None:
            return document
        old, now = self._rules.now().rules, self._clock.now()
        with self._store.read() as tx:
            document |= {
                "version": rules.version,
                "same": rules.version == old.version,
                "states": list(rules.states),
                "differences": differences_now(old, rules, tx),
                **meant(tx, old, rules, moves or {}, at=max(now, at or now)),
            }
            if what_if is not None:
                document["what_if"] = replayed(
                    tx, old, rules, since=what_if.since, progress=what_if.progress
                )
        document["portals"] = self._proof.asked(rules)
        document["hindered"] = hindered(document["portals"])
        document["findings"] += [asdict(one) for one in document.pop("lost")]
        document["ready"] = not document["same"] and not any(
            one["severity"] == Severity.ERROR for one in document["findings"]
        )
        return document

    def options(self) -> Document:
        """The values that portals offer for what the rules in use map: see field_options()."""
        return field_options(self._store, self._accesses, self._rules.now().rules)

    def portal_findings(self, rules: Rules, portal: str) -> list[Finding]:
        """What the live portal says about the mapping, at the places of the values in the file."""
        return portal_findings(self._store, self._accesses, rules, portal)

    # ------------------------------------------------------------------ changing

    def apply(
        self,
        text: str,
        *,
        expected: int,
        at: Millis | None = None,
        moves: Mapping[str, str] | None = None,
        file: str = "",
        force: bool = False,
    ) -> Document:
        """Have these rules in use, now or at an instant: {version, what, at, leads}.

        expected: of the plan that was looked at. force: also when connected portals cannot show
        them. Raises InputError, RulesError, CannotShowError.
        """
        rules, findings = parse(text, file=file or self._path.name)
        if rules is None:
            raise RulesError(findings)
        if not force:
            self._proof.refuse(rules)
        if at is None or at <= self._clock.now():
            return self.switch(rules, "applied", file or str(self._path), expected, moves or {})
        return self._schedule(rules, file or str(self._path), expected, moves or {}, at)

    def rollback(
        self,
        version: str | None = None,
        *,
        expected: int | None = None,
        moves: Mapping[str, str] | None = None,
        force: bool = False,
    ) -> Document:
        """Go back to a version that was in use, by default the one before. As apply()."""
        rules, file, number = self._before(version)
        if not force:
            self._proof.refuse(rules)
        number = number if expected is None else expected
        return self.switch(rules, "rolled back", file, number, moves or {})

    def before(self, version: str | None = None) -> str:
        """The version that rollback() goes back to. Raises InputError."""
        return self._before(version)[0].version

    def _before(self, version: str | None) -> tuple[Rules, str, int]:
        """With the file that it came from, and the number of the last entry."""
        entries = self.log()
        if version is None:
            used = [e for e in entries if e.due_at is None and e.version == e.in_use]
            version = next((e.version for e in used if e.version != entries[0].in_use), None)
            if version is None:
                raise InputError("no other version was in use before")
        elif not any(e.in_use == version for e in entries):
            raise InputError(f"{version} was never in use", fix="see: leadback rules versions")
        rules = self._rules.of_version(version)
        file = next(e.file for e in entries if version in (e.version, e.in_use))
        return rules, file, entries[0].number

    def cancel(self) -> Document:
        """Drop what is scheduled. Raises InputError when nothing is."""
        last = self.log()[0]
        if last.due_at is None:
            raise InputError("nothing is scheduled")
        self._append(last.number, "cancelled", last.in_use, None, last.in_use, last.file, {})
        self._audit.command("cancel rules", subject=last.version)
        return {"version": last.version, "what": "cancelled", "at": None, "leads": 0}

    def switch(
        self, rules: Rules, what: str, file: str, expected: int, moves: Mapping[str, str]
    ) -> Document:
        """Have these rules decide from now on. what: see RulesEntry. As apply()."""
        old = self._rules.now().rules
        if old.version == rules.version:
            raise InputError(f"version {rules.version} is in use already")
        self._rules.know(LeadMachine(rules))
        now = self._clock.now()
        who, door = self._audit.actor()
        entry = RulesEntry(
            expected + 1, now, who, door, what, rules.version, None, rules.version, file, moves
        )
        with self._store.write() as tx:
            tx.rules.hold_claims()
            self._not_stale(tx, expected)
            tx.rules.put(rules.version, rules.text, now=now)
            try:
                told = switch(tx, entry, old, rules)
            except StaleError as error:
                raise _stale() from error
        self._audit.command(
            f"rules {what}", subject=file, outcome=f"{old.version} → {rules.version}, {told} leads"
        )
        return {"version": rules.version, "what": what, "at": format_time(now), "leads": told}

    def _schedule(
        self, rules: Rules, file: str, expected: int, moves: Mapping[str, str], at: Millis
    ) -> Document:
        """Leads may come into any state until then: every state that goes needs a successor."""
        old = self._rules.now().rules
        with self._store.write() as tx:
            lost: list[Finding] = []
            for name in [portal.name for portal in tx.portals.list()] or [""]:
                held = {**dict.fromkeys(old.states), **tx.leads.count_by_state(name)}
                lost += plan_migration(held, rules, also=moves, portal=name).findings
            if lost:
                raise RulesError(in_order(lost))
            tx.rules.put(rules.version, rules.text, now=self._clock.now())
        self._append(expected, "scheduled", rules.version, at, old.version, file, moves)
        self._audit.command(
            "rules scheduled", subject=file, outcome=f"{rules.version} at {format_time(at)}"
        )
        return {
            "version": rules.version, "what": "scheduled", "at": format_time(at), "leads": 0
        }  # fmt: skip

    def _append(
        self,
        expected: int,
        what: str,
        version: str,
        due_at: Millis | None,
        in_use: str,
        file: str,
        moves: Mapping[str, str],
    ) -> None:
        who, door = self._audit.actor()
        now = self._clock.now()
        entry = RulesEntry(expected + 1, now, who, door, what, version, due_at, in_use, file, moves)
        with self._store.write() as tx:
            self._not_stale(tx, expected)
            if not tx.rules.append(entry):
                raise _stale()

    @staticmethod
    def _not_stale(tx: Tx, expected: int) -> None:
        found = tx.rules.in_use()
        if found is None or found[0] != expected:
            raise _stale()

    def log(self) -> list[RulesEntry]:
        """The log as it is kept, newest first."""
        with self._store.read() as tx:
            return tx.rules.log(limit=LOG)


def _stale() -> InputError:
    return InputError(
        "which rules are in use was changed meanwhile", fix="look at the plan again, then apply"
    )
