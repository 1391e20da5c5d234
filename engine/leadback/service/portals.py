"""Portals and their assistants: set up, prove, status. Connecting is connections.py."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from leadback.base.errors import ConfigurationError, InputError, LeadbackError
from leadback.base.names import checked_name, one_line
from leadback.hooks.manager import Plugins
from leadback.hooks.outcomes import Access, IntegrationStatus, SetupStep
from leadback.hooks.specs import CrmSpecs
from leadback.lead.records import Assistant, Portal
from leadback.rules.findings import RulesError
from leadback.rules.model import Rules
from leadback.service.connections import portal_document
from leadback.service.off_days import checked_off_days
from leadback.service.portal_proof import problems
from leadback.service.rules import mapping_for
from leadback.service.sound import parse
from leadback.service.traffic import traffic
from leadback.store import LeadFilter, Store
from leadback.work.access import Accesses
from leadback.work.rules_in_use import RulesInUse
from leadback.work.users import with_users

Document = dict[str, Any]
Documents = list[Document]
"""JSON-ready."""

MAX_CONTEXT = 2_000
_EMAIL = re.compile(r"[^@\s/]{1,64}@[^@\s/]{1,190}")


class Portals:
    """Commands about portals; documents are JSON-ready. Network, but never inside a transaction."""

    def __init__(
        self, store: Store, plugins: Plugins, accesses: Accesses, rules: RulesInUse
    ) -> None:
        self._store, self._plugins = store, plugins
        self._accesses, self._rules = accesses, rules

    def list(self) -> Documents:
        with self._store.read() as tx:
            return [portal_document(portal) for portal in tx.portals.list()]

    def configure(self, name: str, changes: Mapping[str, Any]) -> Document:
        """Change the portal's own settings (None: back to the default), proved by a call.

        Raises ConfigurationError for one that the plugin does not know or take.
        """
        access, hooks = self._accesses.of(name)
        settings = {**access.portal.settings, **changes}
        kept = {key: value for key, value in settings.items() if value is not None}
        portal = replace(access.portal, settings=kept)
        hooks.crm_identify(access=replace(access, portal=portal))
        with self._store.write() as tx:
            tx.portals.put(portal)
        return {**portal_document(portal), "notices": list(hooks.crm_notices(portal=portal))}

    def setup(
        self, name: str, *, apply: bool, plan_id: str | None = None, rules: Rules | None = None
    ) -> Document:
        """The plan, carried out when `apply`; what only a person can do stays as needs_person.

        rules: a draft that the portal is set up for; None: those in use. plan_id: of a report that
        somebody looked at; nothing is done when the plan is another one by now. Raises
        ConfigurationError then.
        """
        access, hooks = self._accesses.of(name)
        mapping = mapping_for(rules or self._rules.now().rules, access.portal)
        plan = hooks.crm_plan_setup(access=access, mapping=mapping)
        if apply and plan_id is not None and plan.fingerprint != plan_id:
            raise ConfigurationError(
                f"the plan {plan_id} is stale: the portal or the rules changed since it was made",
                where=f"portal {name}",
                fix=f"look at the new plan: leadback portal setup {name}",
            )
        by_person = [step for step in plan.steps if step.needs_person]
        ours = [step for step in plan.steps if not step.needs_person]
        if apply and ours:
            ours = list(hooks.crm_apply_setup(access=access, mapping=mapping, plan=plan))
        status = "done" if apply else "planned"
        return {
            "portal": name,
            "applied": apply,
            "plan_id": plan.fingerprint,
            "steps": [_step(step, status) for step in ours]
            + [_step(step, "needs_person") for step in by_person],
            "notes": [*plan.notes, *hooks.crm_notices(portal=access.portal)],
        }

    def prepare(self, hindered: Sequence[Document], text: str) -> Documents:
        """Set portals up for rules that are not in use yet: a report each, as of setup(), or
        `trouble` where that failed. hindered: of the plan. Raises RulesError."""
        rules, findings = parse(text, file="draft")
        if rules is None:
            raise RulesError(findings)
        found: Documents = []
        for one in hindered:
            try:
                found.append(self.setup(one["portal"], apply=True, rules=rules))
            except LeadbackError as error:
                found.append({"portal": one["portal"], "trouble": str(error)})
        return found

    def check(self, name: str, *, rules: Rules | None = None) -> Documents:
        """Mapped values that the portal cannot take (severity error), or takes in another form;
        and what there is to know about its settings, with an empty state and column.

        rules: a draft that is to be proved; None: those in use.
        """
        access, hooks = self._accesses.of(name)
        return problems(self._accesses, rules or self._rules.now().rules, name) + [
            {"state": "", "column": "", "message": notice, "fix": "", "severity": "warning"}
            for notice in hooks.crm_notices(portal=access.portal)
        ]

    def status(self, name: str) -> Document:
        """The integration status of every assistant, asked of the CRM now."""
        access, hooks = self._accesses.of(name)
        rows = [
            {
                "assistant": assistant.name,
                "email": assistant.email,
                "status": self._integration(access, hooks, assistant),
            }
            for assistant in access.assistants
        ]
        worst = rows[0]["status"] if rows else IntegrationStatus.ASSISTANT_NOT_YET_CREATED.value
        for row in rows:
            worst = min(worst, row["status"], key=_ORDER.index)
        return {"portal": name, "status": worst, "assistants": rows, **self.heard(name)}

    def heard(self, name: str) -> Document:
        """What goes between us and the portal, without asking it: see traffic()."""
        access, _ = self._accesses.of(name)
        with self._store.read() as tx:
            return traffic(tx, name, access.now())

    # ------------------------------------------------------------------ assistants

    def add_assistant(self, portal: str, email: str, *, name: str, **given: Any) -> Document:
        """A new assistant. Raises InputError when the address or the name is taken."""
        self._accesses.of(portal)
        email, name = _checked_email(email), checked_name(name, what="an assistant")
        with self._store.write() as tx:
            for other in tx.portals.assistants(portal):
                if other.email == email or other.name == name:
                    raise InputError(
                        f"portal {portal} already has the assistant {other.name} <{other.email}>",
                        fix=f"use: leadback assistant edit {other.name} --portal {portal}",
                    )
            tx.portals.put_assistant(_with(Assistant(portal, email, name), given))
        return self._assistant(portal, email)

    def edit_assistant(
        self,
        portal: str,
        name: str,
        *,
        email: str | None,
        rename: str | None = None,
        **given: Any,
    ) -> Document:
        """Change what is given (not None). Raises InputError for an unknown assistant."""
        if rename is not None:
            rename = checked_name(rename, what="an assistant")
        with self._store.write() as tx:
            known = tx.portals.assistants(portal)
            before = _known(known, portal, name)
            if rename is not None and any(a.name == rename for a in known if a is not before):
                raise InputError(f"portal {portal} already has an assistant {rename!r}")
            after = _with(before, {**given, "name": rename})
            if email is not None and _checked_email(email) != before.email:
                after = replace(
                    after,
                    email=_checked_email(email),
                    owner_id=None,
                    former_owner_ids=(),  # whose ids they are now is not known
                    user_changed_at=None,
                )
                tx.portals.remove_assistant(portal, before.email)
            tx.portals.put_assistant(after)
        return self._assistant(portal, after.email)

    def list_assistants(self, portal: str | None = None) -> Documents:
        """All assistants with their status; a portal that does not answer says so there."""
        with self._store.read() as tx:
            names = [p.name for p in tx.portals.list() if portal in (None, p.name)]
        found: Documents = []
        for name in names:
            access, hooks = self._accesses.of(name)
            found += [
                self._assistant_document(access, hooks, assistant)
                for assistant in access.assistants
            ]
        return found

    def kept_assistants(self, portal: str | None = None) -> Documents:
        """All assistants as they were set, without asking any CRM; off_days is a list."""
        with self._store.read() as tx:
            names = [p.name for p in tx.portals.list() if portal in (None, p.name)]
            return [_kept(one) for name in names for one in tx.portals.assistants(name)]

    def set_off_days(self, portal: str, name: str, off_days: str) -> Document:
        """All off-days of an assistant, those before are gone. Raises InputError."""
        days = checked_off_days(off_days)
        with self._store.write() as tx:
            after = replace(_known(tx.portals.assistants(portal), portal, name), off_days=days)
            tx.portals.put_assistant(after)
        return _kept(after)

    def _assistant(self, portal: str, email: str) -> Document:
        access, hooks = self._accesses.of(portal)
        assistant = next(a for a in access.assistants if a.email == email)
        return self._assistant_document(access, hooks, assistant)

    def _assistant_document(
        self, access: Access, hooks: CrmSpecs, assistant: Assistant
    ) -> Document:
        status = self._status_or_reason(access, hooks, assistant)
        return {**_kept(assistant), "off_days": assistant.off_days, "status": status}

    def _status_or_reason(self, access: Access, hooks: CrmSpecs, assistant: Assistant) -> str:
        try:
            return self._integration(access, hooks, assistant)
        except LeadbackError as error:
            return f"unknown: {error.what}"

    def _integration(self, access: Access, hooks: CrmSpecs, assistant: Assistant) -> str:
        alone = replace(access, assistants=(assistant,))
        (now,) = with_users(self._store, alone, hooks, None).assistants
        if now.owner_id is None:
            return IntegrationStatus.ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM.value
        mine = LeadFilter(portal=assistant.portal, assistant=assistant.email)
        with self._store.read() as tx:
            worked = bool(tx.leads.list(mine, limit=1))
        if worked:
            return IntegrationStatus.ALL_WORKING_WELL.value
        return IntegrationStatus.ASSISTANT_EXISTS_AS_USER_IN_CRM.value

    def _get(self, name: str) -> Portal | None:
        with self._store.read() as tx:
            return tx.portals.get(name)


_ORDER = [status.value for status in IntegrationStatus]


def _known(known: Sequence[Assistant], portal: str, name: str) -> Assistant:
    """By name or address. Raises InputError."""
    found = next((a for a in known if name in (a.name, a.email)), None)
    if found is None:
        raise InputError(
            f"portal {portal} has no assistant {name!r}",
            fix=f"known are: {', '.join(a.name for a in known) or 'none'}",
        )
    return found


def _kept(assistant: Assistant) -> Document:
    return {
        "name": assistant.name,
        "email": assistant.email,
        "portal": assistant.portal,
        "context": assistant.context,
        "fallback_owner": assistant.fallback_owner,
        "followups": assistant.followups,
        "days_between": assistant.days_between,
        "off_days": list(filter(None, (assistant.off_days or "").split(", "))),
    }


def _with(assistant: Assistant, given: Document) -> Assistant:
    """Raises InputError for what cannot be kept."""
    if given.get("context"):
        context = checked_name(str(given["context"]), what="a context", longest=MAX_CONTEXT)
        given = {**given, "context": context}
    if given.get("fallback_owner"):
        owner = checked_name(str(given["fallback_owner"]), what="a fallback owner", longest=254)
        given = {**given, "fallback_owner": owner}
    if given.get("off_days") is not None:
        given = {**given, "off_days": checked_off_days(str(given["off_days"]))}
    return replace(assistant, **{key: value for key, value in given.items() if value is not None})


def _checked_email(email: str) -> str:
    if len(email) > 254 or not _EMAIL.fullmatch(email) or not one_line(email):
        raise InputError(
            f"{email[:254]!r} is no email address", fix="give one such as tara@example.com"
        )
    return email.lower()


def _step(step: SetupStep, status: str) -> Document:
    return {"what": step.what, "action": step.action, "status": status}
