"""Slow and silent connections: each has its time, and no number of them keeps others waiting."""

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from leadback.web import guard
from leadback.web.patience import Patience
from tests.acceptance.conftest import Program
from tests.web.conftest import House, close_house, open_house

HALF_A_HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
SHORT = 0.05
LONG = 3600.0


async def _answer(request: Request) -> Response:
    await request.body()
    return PlainTextResponse("x" * int(request.query_params.get("size", "1")))


async def _unread(request: Request) -> Response:
    return PlainTextResponse("nobody asked for a body")


APP = Starlette(
    routes=[
        Route("/", _answer, methods=["GET", "POST"]),
        Route("/early", _unread, methods=["POST"]),
    ]
)


@contextmanager
def listening(patience: Patience, app: ASGIApp = APP) -> Iterator[tuple[str, int]]:
    """A real server, in a thread."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        config = uvicorn.Config(
            app, http=patience.protocol(), log_config=None, timeout_keep_alive=3600
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[:2]
        finally:
            server.should_exit = True
            thread.join()


def ends(wire: socket.socket) -> bool:
    """Whether the other side ends it."""
    wire.settimeout(60)
    try:
        while wire.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n", b"G", HALF_A_HEAD, b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTT"],
    ids=["nothing", "a blank line", "a letter", "half a head", "a request and half the next"],
)
def test_a_head_has_its_time(sent: bytes) -> None:
    patience = Patience(head=SHORT, request=LONG, reading=LONG)
    with listening(patience) as place, socket.create_connection(place) as wire:
        wire.sendall(sent)
        assert ends(wire)


def test_more_bytes_of_a_head_give_it_no_more_time() -> None:
    patience = Patience(head=SHORT, request=LONG, reading=LONG)
    with listening(patience) as place, socket.create_connection(place) as wire:
        wire.sendall(HALF_A_HEAD)
        while not over(wire, b"a"):
            pass


@pytest.mark.parametrize("path", [b"/", b"/early"])
def test_a_whole_request_has_its_time_read_or_not(path: bytes) -> None:
    patience = Patience(head=LONG, request=SHORT, reading=LONG)
    with listening(patience) as place, socket.create_connection(place) as wire:
        wire.sendall(HALF_A_BODY.replace(b" / ", b" " + path + b" "))
        assert ends(wire)


def test_somebody_who_does_not_read_has_a_time_too() -> None:
    patience = Patience(head=LONG, request=LONG, reading=SHORT)
    with listening(patience) as place, socket.create_connection(place) as wire:
        wire.sendall(b"GET /?size=50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        while not over(wire, b"\r\n"):
            pass


def over(wire: socket.socket, more: bytes) -> bool:
    """Whether the connection is gone; nothing is read from it, and more sent on it."""
    wire.settimeout(60)
    try:
        wire.sendall(more)
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_a_connection_that_answers_in_time_stays() -> None:
    with listening(Patience(head=LONG, request=LONG, reading=LONG)) as place:
        with requests.Session() as browser:
            for _ in range(3):
                assert browser.get(f"http://{place[0]}:{place[1]}/", timeout=60).text == "x"
        with socket.create_connection(place) as wire:
            wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)  # pipelined
            found = b""
            while found.count(b"200 OK") < 3:
                found += wire.recv(65536)


@pytest.mark.parametrize("sent", [HALF_A_HEAD, HALF_A_BODY], ids=["heads", "bodies"])
def test_whoever_has_been_at_it_longest_makes_room(sent: bytes) -> None:
    patience = Patience(head=LONG, request=LONG, reading=LONG, most=3)
    with listening(patience) as place, ExitStack() as open_ones:
        wires = [open_ones.enter_context(socket.create_connection(place)) for _ in range(6)]
        for wire in wires:
            wire.sendall(sent)
        for wire in wires[:3]:
            assert ends(wire)
        assert requests.get(f"http://{place[0]}:{place[1]}/", timeout=60).status_code == 200


def test_a_body_that_does_not_come_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", SHORT)
    guarded = guard.Guard(APP, lambda _: None)
    with listening(Patience(), guarded) as place, socket.create_connection(place) as wire:
        wire.sendall(HALF_A_BODY.replace(b"\r\n\r\n", b"\r\nOrigin: http://localhost\r\n\r\n"))
        wire.settimeout(60)
        answer = wire.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer.lower()
        assert ends(wire)


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[House]:
    """serve with no more than 1,024 files."""
    program = Program(tmp_path, "")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
    try:
        opened = open_house(program, "--no-worker", cold=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    try:
        yield opened
    finally:
        close_house(opened)


@pytest.mark.parametrize("sent", [HALF_A_HEAD, HALF_A_BODY], ids=["heads", "bodies"])
def test_more_slow_connections_than_files_keep_nobody_waiting(cramped: House, sent: bytes) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]), before[1]))
    parts = urlsplit(cramped.url)
    with ExitStack() as open_ones:
        open_ones.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        for _ in range(1100):
            wire = open_ones.enter_context(socket.create_connection((parts.hostname, parts.port)))
            wire.sendall(sent)
        for path in ("/healthz", "/login", "/healthz"):
            assert cramped.get(path).status_code == 200
