"""What a portal may be connected with: which address, which variables, which token.

Who sits at the server's console may name any. Who comes from afar (the pages) reaches the CRM's own
address or this machine, and only variables that the operator named, so that no secret of the server
goes anywhere else.
"""

from collections.abc import Callable

from leadback.base.errors import InputError
from leadback.base.hosts import base_url

MAX_TOKEN = 4_096


def checked_url(url: str, *, own: str | None) -> str:
    """In one spelling. own: the one address that is allowed beside this machine's; None: all.
    Raises InputError."""
    try:
        found = base_url(url)
    except ValueError as error:
        raise InputError(
            f"{url[:200]!r} is no base URL", fix="give one such as https://api.example.com"
        ) from error
    if own is not None and not found.local and found != base_url(own):
        raise InputError(
            f"from here only {own} or this machine can be connected, not {found.url}",
            fix="use the console: leadback portal connect NAME --base-url URL",
        )
    if not found.encrypted and not found.local:
        raise InputError(f"{found.url!r} would send the token unencrypted", fix="use https")
    return found.url


def check_variables(nameable: Callable[[str], bool], *variables: str | None) -> None:
    """None is none. Raises InputError for one that nobody may name from afar."""
    for variable in variables:
        if variable and not nameable(variable):
            raise InputError(
                f"from the pages the variable {variable[:100]!r} cannot be named",
                fix="name one that LEADBACK_PAGES_VARIABLES allows, or use the console: "
                "leadback portal connect NAME --token-env VARIABLE",
            )


def checked_token(token: str) -> str:
    token = token.strip()
    if not token or len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable():
        raise InputError("that is no access token", fix="give it in one line, as the CRM shows it")
    return token
