"""The wire: what is sent, what is never shown, and servers that misbehave."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from leadback.api import ConfigurationError, Portal
from leadback_hubspot import client
from leadback_hubspot.answers import Verdict
from leadback_hubspot.client import Api, Connection, Paths
from leadback_hubspot.settings import read_settings

TOKEN = "pat-na1-very-secret"


def connection(url: str, **settings: Any) -> Connection:
    return Connection(read_settings(Portal("acme", "hubspot", url, "TOKEN", settings=settings)))


class Server(ThreadingHTTPServer):
    """Answers every request with the bytes it was given; remembers the requests."""

    daemon_threads = True
    seen: list[dict[str, str]]
    answer: bytes


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))
        self.wfile.write(self.server.answer)
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        return


@contextmanager
def serving(answer: bytes) -> Iterator[tuple[str, list[dict[str, str]]]]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.seen, server.answer = [], answer
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.seen
        finally:
            server.shutdown()
            thread.join()


def get(url: str, token: str = TOKEN) -> Any:
    return Api(connection(url), lambda: token).get("/crm/owners/2026-09")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\":true}", Verdict.OK),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"ok\":true}", Verdict.LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Verdict.LOST),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Verdict.LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na", Verdict.LOST),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
         Verdict.REFUSED),
        (b"garbage\r\n\r\n", Verdict.LOST),
        (b"", Verdict.LOST),
    ],
)  # fmt: skip
def test_servers_that_misbehave(answer: bytes, verdict: Verdict) -> None:
    with serving(answer) as (url, _):
        assert get(url).verdict is verdict


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_BODY", 1000)
    with serving(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000) as (url, _):
        assert get(url).verdict is Verdict.LOST


def test_the_token_goes_out_in_its_header_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not replaced by ~/.netrc, not in a log, not in the answer, even if HubSpot repeats it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    caplog.set_level(logging.DEBUG)
    body = b'{"message":"bad token %s"}' % TOKEN.encode()
    head = b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serving(head + body) as (url, seen):
        answer = get(url)
    assert seen[0]["Authorization"] == f"Bearer {TOKEN}"
    assert seen[0]["User-Agent"].startswith("leadback")
    assert TOKEN not in repr(answer)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("token", ["a\nb", "a b", "tökén", "a\r\nX-Evil: 1"])
def test_a_token_that_is_none_is_refused_before_it_is_sent(token: str) -> None:
    with serving(b"") as (url, seen), pytest.raises(ConfigurationError) as caught:
        get(url, token)
    assert seen == []
    assert token not in str(caught.value)


def test_cookies_are_not_kept() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}"
    with serving(answer) as (url, seen):
        api = Api(connection(url), lambda: TOKEN)
        api.get("/crm/owners/2026-09")
        api.get("/crm/owners/2026-09")
    assert "Cookie" not in seen[1]


@pytest.mark.parametrize(
    "settings",
    [{"api_version": "v4"}, {"api_version": "../x"}, {"budget_share": 0}, {"budget_share": True},
     {"budget_share": "1"}, {"settle_seconds": -1}],
)  # fmt: skip
def test_settings_that_cannot_work(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        connection("https://api.hubapi.com", **settings)


@pytest.mark.parametrize(
    "url",
    ["http://api.hubapi.com", "ftp://x", "https://", "https://u:p@x.example", "https://x?a=b"],
)
def test_no_token_goes_out_unencrypted_or_to_an_odd_address(url: str) -> None:
    with pytest.raises(ConfigurationError):
        connection(url)


def test_paths_of_both_styles() -> None:
    dated, legacy = Paths("2026-09"), Paths("v3")
    assert dated.objects("contacts", "batch", "read") == "/crm/objects/2026-09/contacts/batch/read"
    assert legacy.objects("contacts", "batch", "read") == "/crm/v3/objects/contacts/batch/read"
    assert dated.associations("contacts", "notes", "batch", "read") == (
        "/crm/associations/2026-09/contacts/notes/batch/read"
    )
    assert legacy.associations("contacts", "notes") == "/crm/v4/associations/contacts/notes"
    assert dated.account() == "/account-info/2026-09/details"
    assert legacy.properties("contacts", "a/b?c") == "/crm/v3/properties/contacts/a%2Fb%3Fc"
