"""Addresses are read as the client that calls them reads them, or not at all."""

import socket
from urllib.parse import urlsplit

import pytest
from urllib3.util import parse_url

from leadback.base.hosts import base_url

HERE = (
    "http://127.0.0.1:8765", "http://localhost:8765/", "http://LOCALHOST.:80", "http://[::1]:8765",
    "https://127.1:9443", "https://2130706433:9443", "https://0x7f.1:9443", "https://0177.0.0.1",
    "https://[::ffff:127.0.0.1]:9443", "https://[::ffff:7f00:1]", "https://127.8.8.8",
)  # fmt: skip
AWAY = (
    "https://api.hubapi.com", "https://api.hubapi.com/", "https://API.hubapi.com.:443",
    "https://api.hubapi.com.evil.example", "https://localhost.evil.example", "https://10.1.2.3",
    "https://0.0.0.0", "https://[::]", "https://127-0-0-1.evil.example", "https://evil.example/a/b",
)  # fmt: skip
NONE = (
    "", "http://", "https:///x", "ftp://127.0.0.1", "https://user@127.0.0.1", "//127.0.0.1",
    "https://evil.example\\@127.0.0.1", "https://127.0.0.1\\.evil.example", "https://127.0.0.1%2e",
    "https://127.0.0.1:99999", "https://127.0.0.1:0", "https://127.0.0.1:x", "https://a b",
    "https://127.0.0.1?x", "https://127.0.0.1#@evil.example", "https://127.0.0.1\n", "https://..",
    "https://\u2460\u2461\u2466.0.0.1", "https://example.com/%2e%2e", "https://[::1%25lo]",
    "https://[127.0.0.1]", "https://999.1.1.1", "https://1.2.3.4.5", "https://" + "a" * 600,
    "javascript:alert(1)", "https://x.example/;p", "https://\x00.example",
)  # fmt: skip


@pytest.mark.parametrize("text", HERE)
def test_this_machine_in_every_spelling(text: str) -> None:
    found = base_url(text)
    assert found.local
    host = urlsplit(found.url).hostname or ""
    addresses = {where[4][0] for where in socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)}
    assert all(str(a) == "::1" or str(a).startswith("127.") for a in addresses)


@pytest.mark.parametrize("text", AWAY)
def test_what_is_elsewhere_is_not_this_machine(text: str) -> None:
    assert not base_url(text).local


@pytest.mark.parametrize("text", NONE)
def test_what_two_readers_could_take_differently_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="no base URL"):
        base_url(text)


@pytest.mark.parametrize("text", [*HERE, *AWAY])
def test_the_client_goes_where_it_was_read(text: str) -> None:
    """The spelling that is kept is the same for both parsers that the client uses."""
    url = base_url(text).url
    ours, theirs = urlsplit(url), parse_url(url)
    assert ours.netloc == theirs.netloc
    assert (theirs.host or "").strip("[]") == ours.hostname
    assert base_url(url).url == url


def test_one_address_has_one_spelling() -> None:
    spelled = ("https://api.hubapi.com", "https://API.hubapi.com.:443/", "https://api.HUBAPI.com/")
    assert {base_url(text).url for text in spelled} == {"https://api.hubapi.com"}
