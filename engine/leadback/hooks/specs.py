"""The table of contents of hooks: everything the engine ever asks of a CRM plugin.

The engine calls one plugin for one portal at a time (never a fan-out), outside any transaction.
Import `leadback.api` in a plugin, not this module.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import pluggy

from leadback.base.clock import Millis
from leadback.hooks.outcomes import (
    Access,
    AssistantUser,
    ContactChanges,
    Delivery,
    Hint,
    MappingProblem,
    OAuthApp,
    Outcome,
    Received,
    Refused,
    SetupPlan,
    SetupStep,
    Tokens,
    WebhookRequest,
)
from leadback.lead.records import ContactIds, ContactReading, EffectKind, Portal
from leadback.rules.model import CrmMapping

PROJECT = "leadback"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class CrmSpecs(Protocol):
    """All hooks are firstresult: exactly one plugin answers. All may be called twice.

    Called with keyword arguments only, as pluggy wants it.
    """

    @hookspec(firstresult=True)
    def crm_default_url(self) -> str:
        """The API's base URL when a portal is connected without one. Pure."""

    @hookspec(firstresult=True)
    def crm_notices(self, portal: Portal) -> Sequence[str]:
        """What a person should know about the portal's settings, such as an end of support: one
        sentence each, with what to do. Pure."""

    @hookspec(firstresult=True)
    def crm_contact_ids(self) -> ContactIds:
        """What the ids of contacts look like; an event for another one is refused. Pure."""

    @hookspec(firstresult=True)
    def crm_starting_options(self) -> Mapping[str, Sequence[str]]:
        """Fields with a closed list of options, and those that a new account has. Pure.

        Set-up can add options to them. `rules check` asks this where no portal is asked.
        """

    @hookspec(firstresult=True)
    def crm_batch_limit(self, kind: EffectKind) -> int:
        """How many effects of this kind one call of crm_deliver takes at most. Pure."""

    @hookspec(firstresult=True)
    def crm_calls_in_flight(self, access: Access) -> int:
        """How many crm_deliver at once are worth it: as many as use up what the portal may be
        called now, though its answers are slow. Asks nothing; the engine bounds it."""

    @hookspec(firstresult=True)
    def crm_deliver(
        self, access: Access, kind: EffectKind, deliveries: Sequence[Delivery]
    ) -> Mapping[int, Outcome]:
        """Send one batch (one kind, distinct contacts for `fields`); an outcome for every id.

        Raises nothing: every way a call can end is an outcome. A delivery with maybe_sent of a
        kind that is not idempotent is looked up in the CRM before it is sent again.
        """

    @hookspec(firstresult=True)
    def crm_read_contacts(self, access: Access, crm_ids: Sequence[str]) -> Sequence[ContactReading]:
        """Read contacts with their owner history, any number of ids, one reading for each.

        Raises PortalUnavailable (leadback.api) when the portal cannot be read now.
        """

    @hookspec(firstresult=True)
    def crm_find_contacts(self, access: Access, emails: Sequence[str]) -> Mapping[str, str | None]:
        """address → CRM id of the contact that has it, by its primary address or another one; None
        where no contact has. Any number of addresses, in lower case.

        Takes a small part of the portal's calls, so that deliveries go on under a flood of
        addresses. Raises PortalUnavailable.
        """

    @hookspec(firstresult=True)
    def crm_assigned_contacts(self, access: Access) -> Sequence[Hint]:
        """Contacts that the portal's assistants own now, and what is shown of them: for
        installations without webhooks.

        Raises PortalUnavailable.
        """

    @hookspec(firstresult=True)
    def crm_changed_contacts(self, access: Access, cursor: Millis) -> ContactChanges:
        """What crm_assigned_contacts would find new since the last time, in few calls.

        cursor: from the last answer, 0 the first time. Raises PortalUnavailable.
        """

    @hookspec(firstresult=True)
    def crm_resolve_fields(self, access: Access, values: Mapping[str, str]) -> Mapping[str, str]:
        """Mapped values (column → value) in the portal's own spelling: what a contact that shows
        them reads.

        Raises ConfigurationError for a value that the portal cannot take, or PortalUnavailable.
        """

    @hookspec(firstresult=True)
    def crm_find_records(
        self, access: Access, kind: EffectKind, deliveries: Sequence[Delivery]
    ) -> Mapping[int, str | None]:
        """Which notes, emails or tasks are in the CRM, found by their references.

        The record's id, None when it is surely not there; an id that is left out could not be
        settled now. Raises nothing.
        """

    @hookspec(firstresult=True)
    def crm_notified_accounts(self, request: WebhookRequest) -> Sequence[str]:
        """The ids of the accounts that a webhook says it is about. Nothing is proved by that: their
        portals are asked by crm_receive. Pure, and quick, as anybody may send anything."""

    @hookspec(firstresult=True)
    def crm_receive(self, access: Access, request: WebhookRequest) -> Received | Refused:
        """Check a webhook's signature and age by this portal's own secret, and say which of its
        contacts changed. No network."""

    @hookspec(firstresult=True)
    def crm_identify(self, access: Access) -> str:
        """The portal's account id in the CRM; proves that the token works.

        Raises PortalUnavailable, or ConfigurationError when the token is refused.
        """

    @hookspec(firstresult=True)
    def crm_plan_setup(self, access: Access, mapping: CrmMapping) -> SetupPlan:
        """What has to be created in the portal so that every mapped value can be written."""

    @hookspec(firstresult=True)
    def crm_apply_setup(
        self, access: Access, mapping: CrmMapping, plan: SetupPlan
    ) -> Sequence[SetupStep]:
        """Do exactly this plan; the steps done. Raises ConfigurationError when it is stale."""

    @hookspec(firstresult=True)
    def crm_check_mapping(self, access: Access, mapping: CrmMapping) -> Sequence[MappingProblem]:
        """Prove against the live portal that every state's values can be written."""

    @hookspec(firstresult=True)
    def crm_field_options(self, access: Access, mapping: CrmMapping) -> Mapping[str, Sequence[str]]:
        """What people may choose for each mapped column, in the portal's order; a column that
        takes any text, or that the portal does not have, is left out. May be minutes old."""

    @hookspec(firstresult=True)
    def crm_assistant_users(
        self, access: Access, met: Collection[str] | None
    ) -> Mapping[str, AssistantUser]:
        """The users of the access's assistants, by the assistants' addresses.

        met: owner ids that contacts have; the CRM is asked anew if what is remembered does not know
        one of them. None: it is asked in any case. Raises PortalUnavailable.
        """

    @hookspec(firstresult=True)
    def crm_contact_url(self, portal: Portal, crm_id: str) -> str | None:
        """Where a person sees this contact in the CRM. Pure."""

    @hookspec(firstresult=True)
    def crm_authorize_url(self, base_url: str, app: OAuthApp, state: str, verifier: str) -> str:
        """Where an admin of the account agrees to the connection. Pure.

        state: ours, comes back with the code; verifier: the PKCE secret, kept for the exchange.
        """

    @hookspec(firstresult=True)
    def crm_exchange_code(
        self, portal: Portal, app: OAuthApp, code: str, verifier: str, now: Millis
    ) -> Tokens:
        """Tokens for the code of a redirect. portal: account_id may be unknown yet.

        Raises ConfigurationError (the code or our app is refused) or PortalUnavailable.
        """

    @hookspec(firstresult=True)
    def crm_refresh_tokens(
        self, portal: Portal, app: OAuthApp, refresh: str, now: Millis
    ) -> Tokens:
        """New tokens; keep the refresh token that comes back, it may be another one.

        Raises PortalDisconnected (revoked, uninstalled), ConfigurationError (our app is refused)
        or PortalUnavailable: asked again later, the portal is as connected as before.
        """
