"""What the OAuth server keeps: registered apps, codes, installs, and the scopes that exist."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

LIFETIME_SECONDS: Final = 1_800
CODE_LIFETIME_MS: Final = 60_000
INSTALLER_USER_ID: Final = 52_000_001
JOURNAL_SCOPES: Final = frozenset(
    f"developer.webhooks_journal.{part}"
    for part in (
        "read", "subscriptions.read", "subscriptions.write", "snapshots.read", "snapshots.write",
    )
)  # fmt: skip
SCOPES: Final = frozenset(
    {
        "oauth", "crm.objects.contacts.read", "crm.objects.contacts.write",
        "crm.schemas.contacts.read", "crm.schemas.contacts.write", "crm.objects.owners.read",
        "sales-email-read", "settings.users.read", "settings.users.write",
        "settings.users.teams.read", "crm.objects.companies.read", "crm.objects.deals.read",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class App:
    """A registered app. No ``redirect_uris`` means any that HubSpot's rules allow."""

    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - the sandbox's well-known default
    app_id: int = 1_160_452
    name: str = "Leadback"
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """What a code from the consent page stands for; good once, for a minute."""

    client_id: str
    portal_id: int
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str | None
    expires_ms: int


@dataclass(slots=True)
class Install:
    """An app in a portal. Its refresh token lives until it is revoked or the app is removed."""

    client_id: str
    portal_id: int
    scopes: frozenset[str]
    revoked: bool = False


@dataclass(slots=True)
class OAuthServer:
    """All apps and grants of the process."""

    apps: dict[str, App] = field(default_factory=lambda: {App().client_id: App()})
    codes: dict[str, Code] = field(default_factory=dict)
    installs: dict[str, Install] = field(default_factory=dict)
