"""Waits on this machine for the answer of a consent page: for installations without pages."""

import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from leadback.base.errors import ConfigurationError, InputError
from leadback.cli.output import complain
from leadback.service.connections import CONSENT_LASTS, RETURN_PATH, Connections, Document, Wanted
from leadback.web.plain import message_page

LONGEST = 4_000


class _Door(HTTPServer):
    """Takes one answer: the query of the first request to RETURN_PATH."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Answer)
        self.timeout = 1
        self.answer: dict[str, str] = {}


class _Answer(BaseHTTPRequestHandler):
    server: _Door

    def do_GET(self) -> None:
        parts = urlsplit(self.path[:LONGEST])
        found = parts.path == RETURN_PATH and not self.server.answer
        if found:
            query = parse_qs(parts.query)
            self.server.answer = {name: values[0] for name, values in query.items()}
        title = "Back to the console" if found else "Nothing here"
        text = (
            "You can close this page; the console goes on."
            if found
            else "Only one answer is taken."
        )
        body = message_page(title, text, link=None).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", "default-src 'none'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the path holds the code."""


def wait_for_consent(connections: Connections, wanted: Wanted, port: int) -> Document:
    """Show the address of the consent page on standard error, and wait for its answer.

    Raises InputError when no answer comes in time or the admin declines; else as finish().
    """
    try:
        door = _Door(port)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on port {port}: {error.strerror or error}",
            fix="give another one with --redirect-port, and register it with the app",
        ) from error
    with door:
        url = connections.begin(wanted, redirect_uri=f"http://localhost:{port}{RETURN_PATH}")
        complain("open this page as an admin of the account, and agree:")
        complain(url)
        ends = time.monotonic() + CONSENT_LASTS / 1000
        while not door.answer:
            if time.monotonic() > ends:
                raise InputError("nobody answered in time", fix="begin again")
            door.handle_request()
    return connections.take(door.answer)
