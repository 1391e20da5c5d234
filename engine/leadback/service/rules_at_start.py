"""The rules file as it lies on disk: a proposal, which takes over at the start if nobody is harmed.

The last good version stays in use whatever happens to the file.
"""

from pathlib import Path

import structlog

from leadback.base.clock import Clock
from leadback.base.errors import InputError
from leadback.lead.machine import LeadMachine
from leadback.rules.findings import Finding, RulesError
from leadback.rules.model import Rules
from leadback.service.audit import Audit
from leadback.service.portal_proof import CannotShowError, PortalProof
from leadback.service.rules_file import errors_of
from leadback.service.versions import Versions
from leadback.store import RulesEntry, Store
from leadback.work.rules_in_use import RulesInUse

log = structlog.get_logger()


class RulesAtStart:
    """What becomes of the file when a program starts. path: the rules file of the settings."""

    def __init__(
        self,
        path: Path,
        rules: RulesInUse,
        store: Store,
        clock: Clock,
        audit: Audit,
        versions: Versions,
        proof: PortalProof,
    ) -> None:
        self._path, self._rules = path, rules
        self._store, self._clock = store, clock
        self._audit, self._versions, self._proof = audit, versions, proof

    def start(self, rules: Rules | None, findings: tuple[Finding, ...], *, takes: bool) -> None:
        """Have rules in use: the file's when there are none yet, else the last good ones.

        rules, findings: of the file. takes: a sound file of a version that was never in use takes
        over, if no state that holds leads is gone and connected portals can show it. Anything else
        is said and left to a person. Raises RulesError when there are no rules at all.
        """
        entries = self._versions.log()
        if not entries:
            if rules is None:
                raise RulesError(findings)
            self._rules.know(LeadMachine(rules))
            self._begin(rules)
            return
        in_use = entries[0].in_use
        if rules is None:
            log.error(
                "the rules file is broken; the last good version stays in use",
                action="rules", file=str(self._path), errors=errors_of(findings), in_use=in_use,
                fix=f"leadback rules check {self._path}",
            )  # fmt: skip
        elif rules.version == in_use:
            self._rules.know(LeadMachine(rules))
        elif takes:
            self._take(rules, entries)

    def _begin(self, rules: Rules) -> None:
        """The first rules of a database; leads of an older program are in its states or told."""
        now = self._clock.now()
        who, door = self._audit.actor()
        entry = RulesEntry(
            1, now, who, door, "started", rules.version, None, rules.version, str(self._path)
        )
        with self._store.write() as tx:
            tx.rules.put(rules.version, rules.text, now=now)
            tx.rules.append(entry)

    def _take(self, rules: Rules, entries: list[RulesEntry]) -> None:
        known = any(rules.version in (e.version, e.in_use) for e in entries)
        with self._store.read() as tx:
            lost = set(tx.leads.count_by_state()) - set(rules.states)
        if known or lost or entries[0].due_at is not None:
            why = (
                "this version was in use before" if known
                else f"states that hold leads are gone: {', '.join(sorted(lost))}" if lost
                else "another version is scheduled"
            )  # fmt: skip
            self._leave(rules, entries[0].in_use, why)
            return
        try:
            self._proof.refuse_news(rules)
            self._versions.switch(rules, "started", str(self._path), entries[0].number, {})
        except CannotShowError as error:
            self._leave(rules, entries[0].in_use, f"{error.where}: {error.what}")
            return
        except InputError:
            return  # somebody else was quicker, and said so
        log.warning(
            "new rules are in use", action="rules", file=str(self._path),
            version=rules.version, before=entries[0].in_use,
        )  # fmt: skip

    def _leave(self, rules: Rules, in_use: str, why: str) -> None:
        log.warning(
            "the rules file is not what is in use",
            action="rules", file=str(self._path), version=rules.version,
            in_use=in_use, because=why, fix=f"leadback rules apply {self._path}",
        )  # fmt: skip
