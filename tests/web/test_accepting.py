"""Connections are taken in at once, and never more than there is room for: a real server, real
sockets, and every turn of its loop counted."""

import asyncio
import errno
import select
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from leadback.web import accepting
from leadback.web.accepting import AT_ONCE, Room, Server
from leadback.web.patience import Patience

HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LONG = 3600.0
WIDE = Room(most=900, full=1000)
NARROW = Room(most=10, full=20)

Place = tuple[str, int]


@dataclass
class Door:
    """An app that can count the turns of its loop, and keep a request until it is let go."""

    counts: bool = False
    turns: int = 0
    kept: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)

    def app(self) -> Starlette:
        routes = [
            Route("/", self._answer),
            Route("/much", self._much),
            Route("/turns", self._told),
            Route("/kept", self._keep),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        counting = asyncio.create_task(self._count())
        yield
        counting.cancel()

    async def _count(self) -> None:
        while self.counts:
            self.turns += 1
            await asyncio.sleep(0)

    async def _answer(self, _: Request) -> Response:
        return PlainTextResponse("x")

    async def _much(self, _: Request) -> Response:
        return PlainTextResponse("x" * 6_000_000)

    async def _told(self, _: Request) -> Response:
        return PlainTextResponse(str(self.turns))

    async def _keep(self, _: Request) -> Response:
        self.kept.release()
        await asyncio.get_running_loop().run_in_executor(None, self.go.wait)
        return PlainTextResponse("x")


@contextmanager
def serving(
    listener: socket.socket,
    door: Door,
    *,
    room: Room = WIDE,
    loop: Any = "auto",
    patience: Patience | None = None,
) -> Iterator[None]:
    patience = patience or Patience(head=LONG, request=LONG, reading=LONG)
    config = uvicorn.Config(
        door.app(), http=patience.protocol(), log_config=None, loop=loop,
        timeout_keep_alive=3600, timeout_graceful_shutdown=1, limit_concurrency=room.full,
    )  # fmt: skip
    server = Server(config, patience, room)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield
    finally:
        door.go.set()
        server.should_exit = True
        thread.join()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=2048)) as made:
        yield made


@pytest.fixture
def wires() -> Iterator["Wires"]:
    with ExitStack() as open_ones:
        yield Wires(open_ones)


@dataclass
class Wires:
    """Connections that stay open until the test ends."""

    open_ones: ExitStack

    def to(self, place: Place, sent: bytes, source: str = "127.0.0.1") -> socket.socket:
        made = self.open_ones.enter_context(socket.socket())
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.settimeout(60)
        made.bind((source, 0))
        made.connect(place)
        made.sendall(sent)
        return made


def answer(place: Place, path: str = "/") -> requests.Response:
    """On a connection of its own."""
    return requests.get(f"http://{place[0]}:{place[1]}{path}", timeout=60)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_queue_of_silent_ones_is_taken_in_within_a_few_turns(
    listener: socket.socket, wires: Wires, loop: str
) -> None:
    place, silent = listener.getsockname(), 400
    for _ in range(silent):
        wires.to(place, b"")
    last = wires.to(place, WHOLE.replace(b" / ", b" /turns "))
    with serving(listener, Door(counts=True), loop=loop):
        told = b""
        while not told.rpartition(b"\r\n\r\n")[2]:
            told += last.recv(65536)
        turns = int(told.rpartition(b"\r\n\r\n")[2])
        assert turns < 10 + 3 * silent / AT_ONCE, "uvloop's own: one connection in each turn"


@pytest.mark.parametrize(
    "sent",
    [b"", HALF_A_HEAD, WHOLE, WHOLE.replace(b" / ", b" /much ")],
    ids=["silent", "half a head", "between two requests", "not reading"],
)
def test_whoever_keeps_us_waiting_makes_room(
    listener: socket.socket, wires: Wires, sent: bytes
) -> None:
    place = listener.getsockname()
    with serving(listener, Door(), room=NARROW):
        for _ in range(2 * NARROW.full):
            wire = wires.to(place, sent)
            if sent.endswith(b"\r\n\r\n"):
                assert wire.recv(1)
            assert answer(place).status_code == 200
        wires.open_ones.close()  # uvloop warns of what is unread at its end


def test_requests_in_hand_stay_and_the_rest_is_told_so(
    listener: socket.socket, wires: Wires
) -> None:
    place, door = listener.getsockname(), Door()
    with serving(listener, door, room=NARROW):
        keep = WHOLE.replace(b" / ", b" /kept ")
        held = [wires.to(place, keep) for _ in range(NARROW.most)]
        for _ in held:
            door.kept.acquire()
        assert answer(place).status_code == 200
        for _ in range(NARROW.full):
            wire = wires.to(place, keep)
            while not door.kept.acquire(blocking=False):
                if select.select([wire], [], [], 0.01)[0]:
                    said = _heard(wire)
                    assert said == b"" or said.startswith(b"HTTP/1.1 503 "), said
                    break
            else:
                held.append(wire)
        assert len(held) < NARROW.full
        door.go.set()
        for wire in held:
            assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert answer(place).status_code == 200


def _heard(wire: socket.socket) -> bytes:
    """What the other side said, and then no more."""
    try:
        return wire.recv(65536)
    except ConnectionResetError:
        return b""


class Exhausted(socket.socket):
    """A listener of a process that may not open any more files, for some tries."""

    tries = iter(range(0))

    def accept(self) -> tuple[socket.socket, Any]:
        if next(self.tries, None) is not None:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@pytest.mark.parametrize("silent", [0, 5], ids=["nothing to drop", "with silent ones"])
def test_a_process_without_files_goes_on(
    wires: Wires, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "PAUSE", 0.001)
    with Exhausted() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        place = listener.getsockname()
        with serving(listener, Door()):
            quiet = [wires.to(place, HALF_A_HEAD) for _ in range(silent)]
            assert answer(place).status_code == 200
            listener.tries = iter(range(3))
            assert answer(place).status_code == 200
            assert next(listener.tries, None) is None
            for wire in quiet[:3]:
                assert _heard(wire) == b""


def test_one_address_takes_the_room_of_no_other(listener: socket.socket, wires: Wires) -> None:
    place, patience = listener.getsockname(), Patience(head=LONG, request=LONG, most=5)
    with serving(listener, Door(), patience=patience):
        slow = wires.to(place, HALF_A_HEAD, source="127.0.0.2")
        assert answer(place).status_code == 200
        many = [wires.to(place, HALF_A_HEAD) for _ in range(20)]
        for wire in many[: 20 - 5]:
            assert _heard(wire) == b""
        slow.sendall(b"mobile\r\n\r\n")
        assert slow.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_the_end_comes_although_connections_are_open(listener: socket.socket, wires: Wires) -> None:
    place = listener.getsockname()
    with serving(listener, Door()):
        for _ in range(5):
            wires.to(place, HALF_A_HEAD)
        assert answer(place).status_code == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place)
