"""Names of this machine, and addresses read as the client that calls them will read them."""

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

LOCAL = ("127.0.0.1", "localhost", "::1")
"""What is open to nobody else may do without TLS."""

MAX_URL = 500
_URL = re.compile(
    r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]*)*)"
)
"""Nothing that two readers of an address could take for different hosts: no user, no `%`, no
backslash, no blank, nothing after `?` or `#` (https://url.spec.whatwg.org/#concept-host)."""
_NONE = "this is no base URL"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where an API begins. url: in one spelling, without a `/` at the end. local: this machine."""

    url: str
    encrypted: bool
    local: bool


def base_url(text: str) -> BaseUrl:
    """Raises ValueError for anything but http(s)://HOST[:PORT][/PATH]."""
    found = _URL.fullmatch(text) if len(text) <= MAX_URL else None
    if found is None:
        raise ValueError(_NONE)
    scheme, port = found[1], int(found[3] or _PORTS[found[1]])
    host, local = _host(found[2])
    if not 0 < port < 65_536:
        raise ValueError(_NONE)
    shown = "" if port == _PORTS[scheme] else f":{port}"
    path = found[4].rstrip("/")
    return BaseUrl(f"{scheme}://{host}{shown}{path}", scheme == "https", local)


def _host(text: str) -> tuple[str, bool]:
    """In one spelling, and whether it is this machine. Numbers are addresses as the system's
    resolver takes them: 127.1, 2130706433 and 0x7f.1 are 127.0.0.1. Nothing is asked."""
    if text.startswith("["):
        six = _read(ipaddress.IPv6Address, text[1:-1])
        if six.ipv4_mapped is None:
            return f"[{six}]", six.is_loopback
        return str(six.ipv4_mapped), six.ipv4_mapped.is_loopback
    name = text.lower().removesuffix(".")
    if not name or name.startswith((".", "-")) or ".." in name:
        raise ValueError(_NONE)
    if name.rpartition(".")[2][0].isdigit():  # no domain of the top begins with a digit
        four = _read(lambda number: ipaddress.IPv4Address(socket.inet_aton(number)), name)
        return str(four), four.is_loopback
    return name, name == "localhost"


def _read(read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except (OSError, ValueError) as error:
        raise ValueError(_NONE) from error
