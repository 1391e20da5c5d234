"""A draft beside the rules in use: who watches, and where the two differ (leadback.work.shadow)."""

from typing import Any

from leadback.base.clock import Clock, format_time
from leadback.base.errors import InputError
from leadback.rules.findings import RulesError
from leadback.service.audit import Audit
from leadback.service.sound import parse
from leadback.store import Store
from leadback.work.rules_in_use import RulesInUse

LOG = 1_000

Document = dict[str, Any]


class Shadow:
    """One per process."""

    def __init__(self, rules: RulesInUse, store: Store, clock: Clock, audit: Audit) -> None:
        self._rules, self._store = rules, store
        self._clock, self._audit = clock, audit

    def watch(self, text: str, *, file: str = "") -> Document:
        """Have these rules decide beside those in use, without writing. Raises RulesError."""
        rules, findings = parse(text, file=file or "draft")
        if rules is None:
            raise RulesError(findings)
        if rules.version == self._rules.now().version:
            raise InputError("these rules are in use", fix="watch by others")
        now, who = self._clock.now(), self._audit.actor()[0]
        with self._store.write() as tx:
            tx.rules.put(rules.version, text, now=now)
            tx.shadow.watch(rules.version, now=now, who=who)
        self._audit.command("shadow rules", subject=file, outcome=f"version {rules.version}")
        return self.found(limit=0)

    def unwatch(self) -> None:
        """Nobody watches any more; what was found stays. Raises InputError."""
        with self._store.write() as tx:
            if not tx.shadow.stop():
                raise InputError("no rules are in the shadow")
        self._audit.command("shadow rules", outcome="off")

    def found(self, *, limit: int = LOG) -> Document:
        """version (None: nobody watches), since, who, disagreements: newest first, each lead,
        event, at, version, in_use, shadow (what both made of it)."""
        with self._store.read() as tx:
            watching, found = tx.shadow.watching(), tx.shadow.list(limit=limit)
        return {
            "version": watching and watching[0],
            "since": watching and format_time(watching[1]),
            "who": watching and watching[2],
            "disagreements": [
                {
                    "lead": f"{one.portal}/{one.lead_id}",
                    "event": one.type,
                    "at": format_time(one.at),
                    "version": one.rules_version,
                    "in_use": one.in_use,
                    "shadow": one.shadow,
                }
                for one in found
            ],
        }
