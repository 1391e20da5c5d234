"""Settings from the environment and one optional file, checked once at the start.

Command-line options win over the environment, the environment over the file, the file over these
defaults. No secret is a setting: settings only name the environment variables that hold them.
"""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from leadback.base.errors import ConfigurationError
from leadback.base.shipped import SHIPPED_RULES

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}\*?")
_OAUTH_APP = re.compile(r"LEADBACK_\w+_CLIENT_(?:ID|SECRET)")
"""Of the operator's app at a CRM: see leadback.work.tokens."""


class Settings(BaseSettings):
    """What an operator can set: `LEADBACK_DATABASE_URL` and so on."""

    model_config = SettingsConfigDict(env_prefix="LEADBACK_", extra="ignore", frozen=True)

    database_url: str = "sqlite:///leadback.db"
    """Where leads are kept: `sqlite:///FILE` or `postgresql://…`."""

    rules: Path = Path("rules/lead_states.yaml")
    """The rules file. The shipped one is used when this default does not exist here."""

    public_url: str = ""
    """How the outside reaches `leadback serve`, e.g. https://leadback.example.com (webhooks)."""

    trusted_proxies: str = ""
    """Addresses or networks of the proxies in front, e.g. `127.0.0.1, 10.0.0.0/24`: only theirs is
    believed who says in X-Forwarded-For where a request comes from. Each has to set that header
    itself (or append to it), never to pass on what it was sent. Empty: nobody is believed."""

    secret_keys_file: Path | None = None
    """Keys that stored tokens are encrypted with, one a line; LEADBACK_SECRET_KEYS wins over it. A
    file that every user of the machine can read is refused."""

    log_level: str = Field(default="warning", pattern="^(debug|info|warning|error)$")
    """What is logged to standard error."""

    poll_seconds: int = Field(default=60, ge=5)
    """How often portals are asked for newly assigned contacts."""

    held_days: int = Field(default=14, ge=1, le=3650)
    """After how many days events that are held for a contact that is no lead need a person."""

    oidc_issuer: str = ""
    """The OpenID Connect provider people may log in with, e.g. https://id.example.com; exactly as
    it calls itself. Needs oidc_client_id, and public_url unless this machine alone is served."""

    oidc_client_id: str = ""
    """Who Leadback is at the provider. Its redirect URI there is PUBLIC_URL/login/sso/return."""

    oidc_client_secret_env: str = "LEADBACK_OIDC_CLIENT_SECRET"  # noqa: S105 — a variable's name
    """The environment variable that holds the secret; empty for a client without one."""

    oidc_label: str = Field(default="Log in with single sign-on", min_length=1, max_length=60)
    """What the button on the login page says."""

    oidc_domain_roles: str = ""
    """Who gets a login without an invitation: `example.com=viewer, example.org=operator`, by the
    domain of the verified address. Nobody becomes admin this way."""

    pages_variables: str = "LEADBACK_PORTAL_*"
    """Environment variables that the pages may name as a portal's access token or webhook secret:
    names, or beginnings with `*`, separated by commas. Never those of Leadback itself. On the
    command line any can be named."""

    @field_validator("pages_variables")
    @classmethod
    def _variables(cls, text: str) -> str:
        odd = [word for word in _words(text) if not _VARIABLE.fullmatch(word)]
        if odd:
            raise ValueError(f"{odd[0]!r} names no variable, e.g. ACME_TOKEN or LEADBACK_PORTAL_*")
        return text

    def pages_may_name(self, variable: str) -> bool:
        """Whether a person at the pages may have this variable read and sent to a portal."""
        if variable in self._own() or _OAUTH_APP.fullmatch(variable):
            return False
        return any(
            variable.startswith(word[:-1]) if word.endswith("*") else variable == word
            for word in _words(self.pages_variables)
        )

    def _own(self) -> set[str]:
        named = {f"LEADBACK_{field.upper()}" for field in type(self).model_fields}
        return named | {"LEADBACK_CONFIG", "LEADBACK_SECRET_KEYS", self.oidc_client_secret_env}

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for one in _words(text):
            ip_network(one)  # raises ValueError, which names it
        return text

    @property
    def proxies(self) -> list[str]:
        """`trusted_proxies`, one by one."""
        return _words(self.trusted_proxies)

    @property
    def rules_file(self) -> Path:
        default = type(self).model_fields["rules"].default
        if self.rules == default and not self.rules.exists():
            return SHIPPED_RULES
        return self.rules


def _words(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.strip(" ,")) if text.strip(" ,") else []


def load_settings(config: Path | None = None, **options: Any) -> Settings:
    """Settings from options (None = not given), environment and `config` (YAML, same names);
    without one, the file that LEADBACK_CONFIG names.

    Raises ConfigurationError naming the setting.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        from_environment = Settings().model_dump(exclude_unset=True)
        named = os.environ.get("LEADBACK_CONFIG")
        file = _file(config or (Path(named) if named else None))
        return Settings(**{**file, **from_environment, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"the setting {name} cannot be {first.get('input')!r}: {first['msg']}",
            fix=f"set LEADBACK_{name.upper()} or --config to something it accepts",
        ) from error


def _file(config: Path | None) -> dict[str, Any]:
    if config is None:
        return {}
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"the configuration cannot be read: {str(error).splitlines()[0]}",
            where=str(config),
            fix="give a YAML file of settings, e.g. database_url: sqlite:///leadback.db",
        ) from error
    known = set(Settings.model_fields)
    if not isinstance(content, dict) or set(content) - known:
        odd = sorted(set(content) - known) if isinstance(content, dict) else content
        raise ConfigurationError(
            f"unknown settings: {odd}", where=str(config), fix=f"known are {sorted(known)}"
        )
    return content
