"""What a portal's own switches mean to this plugin, checked before the first call.

Portal.settings is free JSON; nothing else in the plugin reads it.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from leadback.api import ConfigurationError, Millis, Portal

DEFAULT_URL = "https://api.hubapi.com"
DEFAULT_VERSION = "2026-09"
_VERSION = re.compile(r"v3|20[0-9]{2}-[0-9]{2}(-beta)?")
KNOWN = (
    "api_version", "app_id", "budget_share", "context_field", "pages_url", "settle_seconds",
)  # fmt: skip
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Settings:
    """share: of HubSpot's limits that this portal's budget may use, 0 to 1; the rest is left to
    the account's other apps. settle: how long after a lost answer a created record can still
    turn up, in ms. app_id: what HubSpot writes into histories for our changes, when known.
    """

    base_url: str
    version: str
    share: float
    settle: Millis
    context_field: str
    app_id: str | None


def read_settings(portal: Portal) -> Settings:
    """The portal's settings with their defaults. Raises ConfigurationError naming the setting."""
    given = portal.settings
    for name in sorted(set(given) - set(KNOWN)):
        raise ConfigurationError(
            f"there is no setting {name!r}",
            where=f"portal {portal.name}",
            fix=f"known are: {', '.join(KNOWN)}",
        )
    version = str(given.get("api_version") or DEFAULT_VERSION)
    if not _VERSION.fullmatch(version):
        raise _wrong(portal, "api_version", version, "a release such as 2026-09, or v3")
    share = given.get("budget_share", 0.9)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0.01 <= share <= 1:
        raise _wrong(portal, "budget_share", share, "a number from 0.01 to 1")
    settle = given.get("settle_seconds", 15)
    if isinstance(settle, bool) or not isinstance(settle, int | float) or not 0 <= settle <= 3600:
        raise _wrong(portal, "settle_seconds", settle, "seconds from 0 to 3600")
    app_id = given.get("app_id")
    return Settings(
        base_url=_url(portal),
        version=version,
        share=float(share),
        settle=int(settle * 1000),
        context_field=str(given.get("context_field") or "context"),
        app_id=None if app_id is None else str(app_id),
    )


def notices(portal: Portal) -> tuple[str, ...]:
    """What ends: https://developers.hubspot.com/docs/developer-tooling/platform/versioning"""
    if str(portal.settings.get("api_version") or DEFAULT_VERSION) != "v3":
        return ()
    return (
        "api_version v3 is about to end: HubSpot supports its v4 associations until 2027-03-30,"
        f" and v1 to v3 until September 2027; change to {DEFAULT_VERSION}:"
        f" leadback portal set {portal.name} api_version={DEFAULT_VERSION}",
    )


def _url(portal: Portal) -> str:
    parts = urlsplit(portal.base_url)
    local = (parts.hostname or "") in _LOCAL
    if parts.scheme == "https" or (parts.scheme == "http" and local):
        if parts.username is None and not parts.query and not parts.fragment and parts.hostname:
            return portal.base_url.rstrip("/")
        raise _wrong(portal, "base_url", "that", "only https://HOST, without user, query or #")
    raise ConfigurationError(
        f"the address {portal.base_url!r} would carry the access token unencrypted",
        where=f"portal {portal.name}",
        fix=f"use https (http is for localhost only), e.g. {DEFAULT_URL}",
    )


def _wrong(portal: Portal, name: str, value: object, allowed: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} cannot be {value!r}", where=f"portal {portal.name}", fix=f"give {allowed}"
    )
