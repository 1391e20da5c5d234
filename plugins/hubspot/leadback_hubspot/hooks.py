"""HubSpot for the engine: every hook, each in a few lines. The work is in the modules beside it."""

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

from leadback.api import (
    Access,
    AssistantUser,
    ContactChanges,
    ContactIds,
    ContactReading,
    CrmMapping,
    Delivery,
    EffectKind,
    Hint,
    MappingProblem,
    Millis,
    OAuthApp,
    Outcome,
    Portal,
    Received,
    Refused,
    SetupPlan,
    SetupStep,
    Tokens,
    WebhookRequest,
    hookimpl,
)
from leadback_hubspot import delivery, fields, webhooks
from leadback_hubspot.addresses import find_contacts
from leadback_hubspot.answers import Answer, Verdict
from leadback_hubspot.comparison import find_records, resolve_fields
from leadback_hubspot.contacts import CONTACT_IDS, facts_of, read_contacts
from leadback_hubspot.owners import Directory
from leadback_hubspot.polling import assigned_contacts, changed_contacts
from leadback_hubspot.portals import Memories
from leadback_hubspot.settings import DEFAULT_URL, notices, read_settings
from leadback_hubspot.setup_apply import apply_setup, plan_setup
from leadback_hubspot.verdicts import refused_call, unavailable

CRM = "hubspot"
PAGES = "https://app.hubspot.com"


class HubSpotPlugin:
    """Thread-safe; keeps connections and short memories of the portals it was asked about.

    OAuth is imported where it is used: with private tokens nobody waits for Authlib.
    """

    def __init__(self) -> None:
        self._memories = Memories()

    @hookimpl
    def crm_default_url(self) -> str:
        return DEFAULT_URL

    @hookimpl
    def crm_notices(self, portal: Portal) -> Sequence[str]:
        return notices(portal)

    @hookimpl
    def crm_contact_ids(self) -> ContactIds:
        return CONTACT_IDS

    @hookimpl
    def crm_starting_options(self) -> Mapping[str, Sequence[str]]:
        return fields.STARTING_OPTIONS

    @hookimpl
    def crm_batch_limit(self, kind: EffectKind) -> int:
        return delivery.batch_limit(kind)

    @hookimpl
    def crm_calls_in_flight(self, access: Access) -> int:
        return self._memories.desk(access).memory.connection.budget.calls_in_flight()

    @hookimpl
    def crm_deliver(
        self, access: Access, kind: EffectKind, deliveries: Sequence[Delivery]
    ) -> Mapping[int, Outcome]:
        return delivery.deliver(self._memories.desk(access), kind, deliveries)

    @hookimpl
    def crm_read_contacts(self, access: Access, crm_ids: Sequence[str]) -> Sequence[ContactReading]:
        return read_contacts(self._memories.desk(access), crm_ids)

    @hookimpl
    def crm_find_contacts(self, access: Access, emails: Sequence[str]) -> Mapping[str, str | None]:
        return find_contacts(self._memories.desk(access), emails)

    @hookimpl
    def crm_assigned_contacts(self, access: Access) -> Sequence[Hint]:
        return assigned_contacts(self._memories.desk(access))

    @hookimpl
    def crm_changed_contacts(self, access: Access, cursor: Millis) -> ContactChanges:
        return changed_contacts(self._memories.desk(access), cursor)

    @hookimpl
    def crm_resolve_fields(self, access: Access, values: Mapping[str, str]) -> Mapping[str, str]:
        return resolve_fields(self._memories.desk(access), values)

    @hookimpl
    def crm_find_records(
        self, access: Access, kind: EffectKind, deliveries: Sequence[Delivery]
    ) -> Mapping[int, str | None]:
        return find_records(self._memories.desk(access), kind, deliveries)

    @hookimpl
    def crm_notified_accounts(self, request: WebhookRequest) -> Sequence[str]:
        return webhooks.accounts(request.body)

    @hookimpl
    def crm_receive(self, access: Access, request: WebhookRequest) -> Received | Refused:
        return webhooks.receive(
            request,
            secret=access.webhook_secret(),
            account_id=access.portal.account_id,
            facts=facts_of(read_settings(access.portal)),
        )

    @hookimpl
    def crm_identify(self, access: Access) -> str:
        desk = self._memories.desk(access)
        answer = desk.api.get(desk.api.paths.account())
        portal_id = answer.body.get("portalId")
        if answer.ok and portal_id is not None:
            return str(portal_id)
        if answer.status == 401 or answer.verdict is Verdict.REFUSED:
            raise refused_call(answer, access.portal.name)
        raise unavailable(answer, access.portal.name)

    @hookimpl
    def crm_plan_setup(self, access: Access, mapping: CrmMapping) -> SetupPlan:
        return plan_setup(self._memories.desk(access), mapping)

    @hookimpl
    def crm_apply_setup(
        self, access: Access, mapping: CrmMapping, plan: SetupPlan
    ) -> Sequence[SetupStep]:
        return apply_setup(self._memories.desk(access), mapping, plan)

    @hookimpl
    def crm_check_mapping(self, access: Access, mapping: CrmMapping) -> Sequence[MappingProblem]:
        desk = self._memories.desk(access)
        book = desk.memory.properties
        definitions = book.get(desk.api, desk.now(), newer_than=book.version)
        if isinstance(definitions, Answer):
            raise unavailable(definitions, access.portal.name)
        return fields.check_mapping(mapping, definitions)

    @hookimpl
    def crm_field_options(self, access: Access, mapping: CrmMapping) -> Mapping[str, Sequence[str]]:
        desk = self._memories.desk(access)
        definitions = desk.memory.properties.get(desk.api, desk.now())
        if isinstance(definitions, Answer):
            raise unavailable(definitions, access.portal.name)
        return fields.offered(mapping, definitions)

    @hookimpl
    def crm_assistant_users(
        self, access: Access, met: Collection[str] | None
    ) -> Mapping[str, AssistantUser]:
        desk = self._memories.desk(access)
        directory = desk.directory(fresh=met is None)
        if isinstance(directory, Directory) and met and not directory.by_id.keys() >= set(met):
            directory = desk.directory(fresh=True)
        if isinstance(directory, Answer):
            raise unavailable(directory, access.portal.name)
        return {one.email: directory.user_of(one) for one in access.assistants}

    @hookimpl
    def crm_contact_url(self, portal: Portal, crm_id: str) -> str | None:
        if portal.account_id is None:
            return None
        host = urlsplit(portal.base_url).hostname or ""
        pages = str(portal.settings.get("pages_url") or _pages(portal.base_url, host))
        return f"{pages}/contacts/{portal.account_id}/record/0-1/{crm_id}"

    @hookimpl
    def crm_authorize_url(self, base_url: str, app: OAuthApp, state: str, verifier: str) -> str:
        from leadback_hubspot import oauth

        return oauth.authorize_url(base_url, app, state=state, verifier=verifier)

    @hookimpl
    def crm_exchange_code(
        self, portal: Portal, app: OAuthApp, code: str, verifier: str, now: Millis
    ) -> Tokens:
        from leadback_hubspot import oauth

        return oauth.exchange_code(portal, app, code=code, verifier=verifier, now=now)

    @hookimpl
    def crm_refresh_tokens(
        self, portal: Portal, app: OAuthApp, refresh: str, now: Millis
    ) -> Tokens:
        from leadback_hubspot import oauth

        return oauth.refresh_tokens(portal, app, refresh=refresh, now=now)


def _pages(base_url: str, host: str) -> str:
    """HubSpot's own pages; a sandbox shows its contacts where its API is."""
    return PAGES if host.endswith("hubapi.com") else base_url.rstrip("/")
