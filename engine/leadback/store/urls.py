"""Database URLs: read, and shown to people without what must not be seen."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from leadback.base.errors import ConfigurationError
from leadback.base.redaction import hide


def read_url(url: str) -> URL:
    """Raises ConfigurationError, which repeats nothing that may be a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise unusable(_kind(url)) from None
    on_server = parsed.get_backend_name() != "sqlite"
    if on_server and "@" in f"{parsed.host or ''}{parsed.database or ''}":
        # What stands behind the first @ of a password would be taken for the host, and shown.
        raise ConfigurationError(
            f"{_kind(url)!r} has more than one @",
            where="database_url",
            fix="write an @ in the password as %40",
        )
    for secret in (parsed.password, *_passwords(parsed)):
        hide(secret or "")
    return parsed


def shown(url: URL) -> str:
    """For people, without passwords."""
    quiet = url.difference_update_query([name for name in url.query if _is_secret(name)])
    return quiet.render_as_string(hide_password=True)


def unusable(url: str) -> ConfigurationError:
    """url: as it may be shown."""
    return ConfigurationError(
        f"{url!r} is no database that can be used",
        where="database_url",
        fix="use sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/NAME",
    )


def _kind(url: str) -> str:
    """What cannot be read may be a password anywhere: only the kind of database is repeated."""
    kind, found, _ = url.partition("://")
    return f"{kind}://…" if found and kind.replace("+", "").isidentifier() else "…"


def _passwords(url: URL) -> list[str]:
    """Given as a part of the query, as libpq takes them."""
    found: list[str] = []
    for name, value in url.query.items():
        if _is_secret(name):
            found += [value] if isinstance(value, str) else value
    return found


def _is_secret(name: str) -> bool:
    return "password" in name.lower() or name.lower() == "passfile"
