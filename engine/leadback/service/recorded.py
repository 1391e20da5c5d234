"""The services with their commands on the audit trail: what wiring gives to every door."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from leadback.base.clock import Clock
from leadback.hooks.manager import Plugins
from leadback.rules.model import Rules
from leadback.service.audit import Audit
from leadback.service.leads import Leads
from leadback.service.portals import Portals
from leadback.service.queue import Queue
from leadback.service.reconcile import Reconcile
from leadback.store import Store
from leadback.work.access import Accesses
from leadback.work.decisions import Decisions
from leadback.work.intake import Intake
from leadback.work.rules_in_use import RulesInUse
from leadback.work.senders import by_person

T = TypeVar("T")
Document = dict[str, Any]


def _recorded(
    audit: Audit, what: str, subject: str, call: Callable[[], T], outcome: Callable[[T], str]
) -> T:
    with audit.recording(what, subject) as done:
        answer = call()
        done(outcome(answer))
    return answer


class RecordedLeads(Leads):
    """Leads whose marks are on record."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rules: RulesInUse,
        decisions: Decisions,
        *,
        audit: Audit,
    ) -> None:
        super().__init__(store, clock, rules, decisions)
        self._audit = audit

    def mark(self, name: str, action: str, *, via: str = "") -> Document:
        """via: whoever acts, unless it is said."""
        via = via or by_person(*self._audit.actor()).via
        return _recorded(
            self._audit,
            f"mark {action}",
            name,
            lambda: super(RecordedLeads, self).mark(name, action, via=via),
            lambda step: f"{step['result']}: {step['from']} → {step['to']}",
        )


class RecordedQueue(Queue):
    """A queue whose retries are on record."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        intake: Intake,
        rules: RulesInUse,
        *,
        held_days: int,
        audit: Audit,
    ) -> None:
        super().__init__(store, clock, intake, rules, held_days=held_days)
        self._audit = audit

    def retry(self, ids: Sequence[str] | None) -> Document:
        return _recorded(
            self._audit,
            "retry",
            "everything parked" if ids is None else ", ".join(ids),
            lambda: super(RecordedQueue, self).retry(ids),
            lambda done: f"retried {done['retried']}, rejected {done['rejected']}",
        )

    def give_up(self, item: str, reason: str) -> None:
        _recorded(
            self._audit,
            "give up",
            item,
            lambda: super(RecordedQueue, self).give_up(item, reason),
            lambda _: reason,
        )

    def drop(self, ids: Sequence[str], reason: str) -> Document:
        return _recorded(
            self._audit,
            "drop event",
            ", ".join(ids),
            lambda: super(RecordedQueue, self).drop(ids, reason),
            lambda done: f"dropped {done['dropped']}: {reason}",
        )

    def keep(self, ids: Sequence[str]) -> Document:
        return _recorded(
            self._audit,
            "keep held event",
            ", ".join(ids),
            lambda: super(RecordedQueue, self).keep(ids),
            lambda done: f"kept {done['kept']}",
        )


class RecordedReconcile(Reconcile):
    """Reconciling whose repairs are on record."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        accesses: Accesses,
        rules: RulesInUse,
        *,
        audit: Audit,
    ) -> None:
        super().__init__(store, clock, accesses, rules)
        self._audit = audit

    def run(self, name: str, *, apply: bool) -> Document:
        if not apply:
            return super().run(name, apply=False)
        return _recorded(
            self._audit,
            "reconcile portal",
            name,
            lambda: super(RecordedReconcile, self).run(name, apply=True),
            lambda report: f"{report['differences']} repairs",
        )


class RecordedPortals(Portals):
    """Portals whose changes are on record. Values that could be secret are none of it."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        accesses: Accesses,
        rules: RulesInUse,
        *,
        audit: Audit,
    ) -> None:
        super().__init__(store, plugins, accesses, rules)
        self._audit = audit

    def configure(self, name: str, changes: Mapping[str, Any]) -> Document:
        return _recorded(
            self._audit,
            "change portal",
            name,
            lambda: super(RecordedPortals, self).configure(name, changes),
            lambda _: ", ".join(f"{key} = {value}" for key, value in changes.items()),
        )

    def setup(
        self, name: str, *, apply: bool, plan_id: str | None = None, rules: Rules | None = None
    ) -> Document:
        if not apply:
            return super().setup(name, apply=False, rules=rules)
        return _recorded(
            self._audit,
            "set up portal",
            name,
            lambda: super(RecordedPortals, self).setup(
                name, apply=True, plan_id=plan_id, rules=rules
            ),
            lambda report: f"{sum(s['status'] == 'done' for s in report['steps'])} steps",
        )

    def add_assistant(self, portal: str, email: str, *, name: str, **given: Any) -> Document:
        return _recorded(
            self._audit,
            "add assistant",
            f"{portal}/{name}",
            lambda: super(RecordedPortals, self).add_assistant(portal, email, name=name, **given),
            _changes(email=email, **given),
        )

    def edit_assistant(
        self, portal: str, name: str, *, email: str | None, **given: Any
    ) -> Document:
        return _recorded(
            self._audit,
            "edit assistant",
            f"{portal}/{name}",
            lambda: super(RecordedPortals, self).edit_assistant(portal, name, email=email, **given),
            _changes(email=email, **given),
        )

    def set_off_days(self, portal: str, name: str, off_days: str) -> Document:
        return _recorded(
            self._audit,
            "set off-days",
            f"{portal}/{name}",
            lambda: super(RecordedPortals, self).set_off_days(portal, name, off_days),
            lambda done: ", ".join(done["off_days"]) or "none",
        )


def _changes(**given: Any) -> Callable[[Any], str]:
    changed = ", ".join(f"{key} = {value}" for key, value in given.items() if value is not None)
    return lambda _: changed
