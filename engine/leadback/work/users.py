"""The assistants' users in the CRM: looked for, and known again when they were made anew.

A user that is deleted and made anew has another owner id. Contacts go on pointing at the old one,
so that is kept: what it owns is the assistant's, and nobody has taken anything back.
"""

from collections.abc import Collection
from dataclasses import replace

import structlog

from leadback.base.clock import Millis
from leadback.hooks.outcomes import Access, AssistantUser
from leadback.hooks.specs import CrmSpecs
from leadback.lead.records import Assistant
from leadback.store import Store

log = structlog.get_logger()


def with_users(
    store: Store, access: Access, hooks: CrmSpecs, met: Collection[str] | None
) -> Access:
    """The access with every assistant as its user is now, which is kept and said when it is news.

    met: as of crm_assistant_users. Raises PortalUnavailable.
    """
    if not access.assistants:
        return access
    users = hooks.crm_assistant_users(access=access, met=met)
    now = access.now()
    known = tuple(_as_now(one, users[one.email], now) for one in access.assistants)
    if known == tuple(access.assistants):
        return access
    with store.write() as tx:
        for before, after in zip(access.assistants, known, strict=True):
            kept = tx.portals.assistant(after.portal, after.email)
            if kept is not None and after != before and kept.owner_ids == before.owner_ids:
                tx.portals.put_assistant(
                    replace(
                        kept,
                        owner_id=after.owner_id,
                        former_owner_ids=after.former_owner_ids,
                        user_changed_at=after.user_changed_at,
                    )
                )
                _tell(before, after)
    return replace(access, assistants=known)


def strangers(access: Access, owners: Collection[str | None]) -> set[str]:
    """Those of these owner ids that are no assistant's."""
    known = {owner_id for one in access.assistants for owner_id in one.owner_ids}
    return {owner_id for owner_id in owners if owner_id is not None} - known


def _as_now(before: Assistant, user: AssistantUser, now: Millis) -> Assistant:
    since = before.user_changed_at if user.owner_id == before.owner_id else now
    return replace(
        before,
        owner_id=user.owner_id,
        former_owner_ids=user.former,
        user_changed_at=since if user.former else None,
    )


def _tell(before: Assistant, after: Assistant) -> None:
    told = {
        "action": "find user", "portal": after.portal, "assistant": after.name,
        "owner_id": after.owner_id, "former": " ".join(after.former_owner_ids),
    }  # fmt: skip
    if after.owner_id is None:
        log.error(
            "the assistant has no active user in the CRM any more", **told,
            fix="make one with its address; until then nobody can give it contacts",
        )  # fmt: skip
    elif before.owner_ids and after.former_owner_ids:
        log.warning(
            "the assistant's user was made anew", **told,
            fix="what the former ones own is the assistant's all the same",
        )  # fmt: skip
