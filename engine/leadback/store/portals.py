"""Portals, their pauses, and their assistants."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from leadback.base.clock import Millis
from leadback.lead.records import Assistant, Portal
from leadback.store.records import PortalState
from leadback.store.statements import InsertRows, InSet
from leadback.store.tables import FAR, assistants, portals
from leadback.store.transaction import Transaction, dump, load_or_unreadable

_PORTAL = (
    "name",
    "crm",
    "base_url",
    "token_env",
    "webhook_secret_env",
    "account_id",
    "fallback_owner",
    "settings",
)
_ASSISTANT = (
    "portal",
    "email",
    "name",
    "context",
    "fallback_owner",
    "followups",
    "days_between",
    "owner_id",
    "off_days",
    "former_owner_ids",
    "user_changed_at",
)
_KNOWN = select(portals.c.name).where(portals.c.name == bindparam("portal"))
_NEW = InsertRows(portals, (*_PORTAL, "pause_reason"))
_CHANGE = (
    update(portals)
    .where(portals.c.name == bindparam("portal"))
    .values({name: bindparam(f"new_{name}") for name in _PORTAL[1:]})
)
_ALL = select(*(portals.c[name] for name in _PORTAL)).order_by(portals.c.name)
_ONE = _ALL.where(portals.c.name == bindparam("portal"))
_HAS_CRM = select(portals.c.name).where(portals.c.crm == bindparam("crm")).limit(1)
_OF_ACCOUNTS = _ALL.where(
    portals.c.crm == bindparam("crm"), InSet(portals.c.account_id, "accounts")
)
_REMOVE = delete(portals).where(portals.c.name == bindparam("portal"))
_PAUSE = (
    update(portals)
    .where(portals.c.name == bindparam("portal"), portals.c.disconnected_at.is_(None))
    .values(paused_until=bindparam("until"), pause_reason=bindparam("reason"))
)
_RESUME = (
    update(portals)
    .where(portals.c.name == bindparam("portal"))
    .values(paused_until=None, pause_reason="", disconnected_at=None, disconnected_why=None)
)
_DISCONNECT = (
    update(portals)
    .where(portals.c.name == bindparam("portal"))
    .values(
        paused_until=FAR,
        pause_reason="disconnected",
        disconnected_at=bindparam("now"),
        disconnected_why=bindparam("reason"),
    )
)
_STATE = select(
    portals.c.paused_until,
    portals.c.pause_reason,
    portals.c.disconnected_at,
    portals.c.disconnected_why,
).where(portals.c.name == bindparam("portal"))
_PUT_ASSISTANT = InsertRows(assistants, _ASSISTANT, "update")
_ASSISTANTS = (
    select(*(assistants.c[name] for name in _ASSISTANT))
    .where(assistants.c.portal == bindparam("portal"))
    .order_by(assistants.c.email)
)
_ASSISTANT_OF = _ASSISTANTS.where(assistants.c.email == bindparam("email"))
_CHANGED_USERS = (
    select(*(assistants.c[name] for name in _ASSISTANT))
    .where(assistants.c.user_changed_at.isnot(None))
    .order_by(assistants.c.portal, assistants.c.email)
)
_REMOVE_ASSISTANT = delete(assistants).where(
    assistants.c.portal == bindparam("portal"), assistants.c.email == bindparam("email")
)


def _portal(row: Any) -> Portal:
    return Portal(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], load_or_unreadable(row[7])
    )


def _assistant(row: Any) -> Assistant:
    given = dict(zip(_ASSISTANT, row, strict=True))
    given["off_days"] = given["off_days"] or ""
    given["former_owner_ids"] = tuple((given["former_owner_ids"] or "").split())
    return Assistant(**given)


class Portals:
    """`tx.portals`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def put(self, portal: Portal) -> None:
        """Connect it, or change how; a pause stays."""
        row = (
            portal.name,
            portal.crm,
            portal.base_url,
            portal.token_env,
            portal.webhook_secret_env,
            portal.account_id,
            portal.fallback_owner,
            dump(portal.settings),
        )
        if self._tx.run(_KNOWN, portal=portal.name).first() is None:
            self._tx.rows(_NEW, [(*row, "")])
            return
        new = {f"new_{name}": value for name, value in zip(_PORTAL[1:], row[1:], strict=True)}
        self._tx.run(_CHANGE, portal=portal.name, **new)

    def get(self, name: str) -> Portal | None:
        row = self._tx.run(_ONE, portal=name).first()
        return None if row is None else _portal(row)

    def list(self) -> list[Portal]:
        """By name."""
        return [_portal(row) for row in self._tx.run(_ALL)]

    def has_crm(self, crm: str) -> bool:
        """Whether a portal of this CRM is connected."""
        return self._tx.run(_HAS_CRM, crm=crm).first() is not None

    def of_accounts(self, crm: str, accounts: Sequence[str]) -> Sequence[Portal]:
        """Those of these accounts of a CRM, by name."""
        return [
            _portal(row) for row in self._tx.run(_OF_ACCOUNTS, crm=crm, accounts=list(accounts))
        ]

    def remove(self, name: str) -> None:
        """The connection and its assistants; leads and history stay."""
        self._tx.run(_REMOVE, portal=name)

    def pause(self, name: str, *, until: Millis, reason: str) -> None:
        """Nothing is sent to the portal, nor asked of it, before `until`.

        A disconnected portal stays as it is."""
        self._tx.run(_PAUSE, portal=name, until=until, reason=reason)

    def resume(self, name: str) -> None:
        """It is connected, and may be asked."""
        self._tx.run(_RESUME, portal=name)

    def disconnect(self, name: str, *, now: Millis, why: str) -> None:
        """Nothing is sent to it until resume(); what waits for it stays."""
        self._tx.run(_DISCONNECT, portal=name, now=now, reason=why)

    def state(self, name: str) -> PortalState:
        """A pause that is over still shows here; compare with the time."""
        row = self._tx.run(_STATE, portal=name).first()
        if row is None:
            return PortalState()
        return PortalState(row[0], row[1], row[2], row[3] or "")

    def put_assistant(self, assistant: Assistant) -> None:
        """Add or change, by portal and email."""
        self._tx.rows(
            _PUT_ASSISTANT,
            [
                (
                    assistant.portal,
                    assistant.email,
                    assistant.name,
                    assistant.context,
                    assistant.fallback_owner,
                    assistant.followups,
                    assistant.days_between,
                    assistant.owner_id,
                    assistant.off_days or None,
                    " ".join(assistant.former_owner_ids) or None,
                    assistant.user_changed_at,
                )
            ],
        )

    def assistant(self, portal: str, email: str) -> Assistant | None:
        row = self._tx.run(_ASSISTANT_OF, portal=portal, email=email).first()
        return None if row is None else _assistant(row)

    def assistants(self, portal: str) -> Sequence[Assistant]:
        """By email address."""
        return [_assistant(row) for row in self._tx.run(_ASSISTANTS, portal=portal)]

    def changed_users(self) -> Sequence[Assistant]:
        """Assistants of any portal whose CRM user is gone, or was made anew."""
        return [_assistant(row) for row in self._tx.run(_CHANGED_USERS)]

    def remove_assistant(self, portal: str, email: str) -> None:
        self._tx.run(_REMOVE_ASSISTANT, portal=portal, email=email)
