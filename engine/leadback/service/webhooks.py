"""A webhook that came in: checked by the plugin, kept as hints, nothing else.

An app of a CRM has one address for all accounts that installed it, so a webhook is for the portals
of the accounts that it names, whichever portal's address it came to. Each of them checks it by its
own secret: whoever has the secret of one app can say nothing about a portal of another.

Whoever cannot sign learns nothing, not even which portals there are: every refusal is the same, and
the reason is in the log, once until a webhook of that portal is good again.
"""

import threading
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import structlog

from leadback.base.clock import Clock
from leadback.base.errors import ConfigurationError
from leadback.hooks.outcomes import Received, Refused, WebhookRequest
from leadback.lead.records import Portal
from leadback.store import NewHint, Store
from leadback.work.access import Accesses

UNSIGNED = Refused("no portal of this address has signed this request")
STRANGERS = 1_000
"""Accounts without a portal that are counted, and told of in the log, by name."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Taken:
    """accepted: contacts to read again. unknown: accounts that no portal is connected to; their
    CRM is told that all is well, or it would send the same again for a day."""

    accepted: int
    unknown: int = 0


class Webhooks:
    """One per process."""

    def __init__(self, store: Store, accesses: Accesses, clock: Clock) -> None:
        self._store, self._accesses, self._clock = store, accesses, clock
        self._lock = threading.Lock()
        self._said: set[tuple[str, str]] = set()
        self._strangers: Counter[tuple[str, str]] = Counter()

    def take(self, plugin: str, portal: str, request: WebhookRequest) -> Taken | Refused:
        """portal: whose address it came to. What came of it, or why the request is refused.
        UNSIGNED: to whoever has no right signature, also of a portal that does not exist."""
        named, portals = self._portals(plugin, portal, request)
        answers = [(one, self._ask(one, request)) for one in portals]
        signed = [(one, answer) for one, answer in answers if not _is_unsigned(answer)]
        for one, answer in answers:
            if one.name == portal or (signed and one.account_id in named):
                self._note(one.name, answer)
        if not signed:
            return UNSIGNED
        unknown = set(named) - {one.account_id for one in portals}
        accepted = self._keep(
            [(p.name, a) for p, a in signed if isinstance(a, Received) and p.account_id in named]
        )
        for one, answer in (*signed, *answers):
            to_it = one.account_id in named or (not _is_unsigned(answer) and (unknown or not named))
            if to_it and isinstance(answer, Refused):
                return UNSIGNED if answer.unsigned else answer
        self._count(plugin, unknown)
        return Taken(accepted, len(unknown))

    def strangers(self) -> int:
        """How often an account without a portal was named by a webhook of this process."""
        with self._lock:
            return self._strangers.total()

    def _portals(
        self, plugin: str, portal: str, request: WebhookRequest
    ) -> tuple[Sequence[str], Sequence[Portal]]:
        """The accounts that the webhook names, and who can know its secret: the portal of the
        address, and those of the accounts. Nothing in the log: anybody can make up names."""
        with self._store.read() as tx:
            door = tx.portals.get(portal)
            if not tx.portals.has_crm(plugin):
                return (), ()
        named = self._accesses.hooks(plugin).crm_notified_accounts(request=request)
        with self._store.read() as tx:
            others = [one for one in tx.portals.of_accounts(plugin, named) if one.name != portal]
        return named, [door, *others] if door is not None and door.crm == plugin else others

    def _ask(self, portal: Portal, request: WebhookRequest) -> Received | Refused:
        try:
            access = self._accesses.to(portal)
            return self._accesses.hooks(portal.crm).crm_receive(access=access, request=request)
        except ConfigurationError as error:
            return Refused(f"{error.what}; {error.fix}")

    def _keep(self, received: Sequence[tuple[str, Received]]) -> int:
        now = self._clock.now()
        with self._store.write() as tx:
            for portal, one in received:
                hints = [NewHint(hint.crm_id, now, hint.erased) for hint in one.hints]
                tx.hints.add(portal, hints, now=now)
                tx.listening.hooked(portal, at=now)
        return sum(len(one.hints) for _, one in received)

    def _count(self, plugin: str, accounts: Collection[str]) -> None:
        for account in sorted(accounts):
            with self._lock:
                known = (plugin, account) in self._strangers
                named = account if known or len(self._strangers) < STRANGERS else "others"
                self._strangers[plugin, named] += 1
            if not known and named == account:
                log.warning(
                    "webhook of an account without a portal", action="webhook", crm=plugin,
                    account=account, fix="connect it: leadback portal connect NAME, or uninstall"
                    " the app there",
                )  # fmt: skip

    def _note(self, portal: str, answer: Received | Refused) -> None:
        if not isinstance(answer, Refused) or not answer.unsigned:
            if self._said:
                with self._lock:
                    self._said = {said for said in self._said if said[0] != portal}
            return
        with self._lock:
            known = (portal, answer.reason) in self._said
            self._said.add((portal, answer.reason))
        if not known:
            log.warning("webhook refused", action="webhook", portal=portal, reason=answer.reason)


def _is_unsigned(answer: Received | Refused) -> bool:
    return isinstance(answer, Refused) and answer.unsigned
