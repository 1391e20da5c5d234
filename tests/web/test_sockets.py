"""Whose page an event of the socket is for, and how many pages and sockets a session may have."""

import asyncio
from typing import Any

import pytest
from nicegui import Client, core
from nicegui.page import page
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from leadback.service.accounts import Visitor
from leadback.web.guard import COOKIE, SOCKET, SOCKETS, Guard
from leadback.web.pages import sockets


def drawn_for(session: str) -> Client:
    """A page as NiceGUI makes it for a request that the guard let in."""
    scope: dict[str, Any] = {
        "type": "http", "path": "/leads", "headers": [], "method": "GET", "query_string": b"",
        "state": {"visitor": Visitor(session, "viewer", session)},
    }  # fmt: skip
    return Client(page(""), request=Request(scope))


@pytest.fixture(autouse=True)
def _nobody_else() -> Any:
    before = dict(core.sio.handlers["/"])
    Client.instances.clear()  # of other modules in this process
    yield
    core.sio.handlers["/"] = before
    Client.instances.clear()


def test_pages_of_one_session_are_bounded_and_those_of_others_stay() -> None:
    async def reload() -> None:
        other = drawn_for("other")
        open_in_a_browser = drawn_for("mine")
        open_in_a_browser.tab_id = "a tab"  # as after a handshake
        for _ in range(3 * sockets.MOST):
            with drawn_for("mine") as newest:
                sockets.make_room("mine")
        mine = [c for c in Client.instances.values() if c is not other]
        assert len(mine) == sockets.MOST
        assert open_in_a_browser in mine
        assert newest in mine
        assert other.id in Client.instances

    asyncio.run(reload())


def environ(session: str) -> dict[str, Any]:
    scope = {"state": {"visitor": Visitor(session, "viewer", session)}}
    return {"asgi.scope": scope, "QUERY_STRING": ""}


def test_a_socket_speaks_for_the_pages_that_it_opened_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[tuple[str, str]] = []
    for name in ("event", "javascript_response", "ack"):
        core.sio.handlers["/"][name] = lambda sid, message, name=name: heard.append((name, sid))
    sockets.bind()
    monkeypatch.setattr(core.sio, "rooms", lambda sid: {"own": ["own", "page"]}.get(sid, [sid]))
    for name in ("event", "javascript_response", "ack"):
        handler = core.sio.handlers["/"][name]
        for odd in (None, "page", ["page"], {}, {"client_id": None}):
            handler("own", odd)
        handler("other", {"client_id": "page"})
        assert heard == []
        handler("own", {"client_id": "page"})
        assert heard.pop() == (name, "own")


def test_a_page_is_opened_by_its_own_session_alone() -> None:
    async def open_it() -> None:
        client = drawn_for("ada")
        assert sockets._may_open(environ("ada"), client.id)
        assert not sockets._may_open(environ("vera"), client.id)
        assert not sockets._may_open(None, client.id)
        sockets.bind()
        connect = core.sio.handlers["/"]["connect"]
        asked = {
            **environ("vera"),
            "QUERY_STRING": f"client_id={client.id}&implicit_handshake=true",
        }
        with pytest.raises(sockets.RefusedError):
            await connect("sid", asked)

    asyncio.run(open_it())


class Sockets:
    """A guard whose pages keep every web socket open until they are told; how many are open."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.open = 0
        self.guard = Guard(self.hold, self.visitor)
        self.closed: list[int] = []

    async def hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.open += 1
        try:
            await self.end.wait()
        finally:
            self.open -= 1

    @staticmethod
    def visitor(token: str) -> Visitor | None:
        return Visitor(token, "viewer", token) if token else None

    def knock(self, session: str) -> asyncio.Task[None]:
        """A browser opens a web socket."""

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            self.closed.append(message["code"])

        headers = [
            (b"host", b"localhost"), (b"origin", b"http://localhost"),
            (b"cookie", f"{COOKIE}={session}".encode()),
        ]  # fmt: skip
        scope = {"type": "websocket", "path": SOCKET, "headers": headers, "query_string": b""}
        return asyncio.create_task(self.guard(scope, receive, send))


def test_web_sockets_of_one_session_are_bounded_and_others_still_come_in() -> None:
    async def flood() -> None:
        here = Sockets()
        tasks = [here.knock("mine") for _ in range(SOCKETS + 7)]
        while len(here.closed) < 7 or here.open < SOCKETS:
            await asyncio.sleep(0)
        assert (here.open, here.closed) == (SOCKETS, [1008] * 7)
        tasks.append(here.knock("other"))
        while here.open == SOCKETS:
            await asyncio.sleep(0)
        one = next(task for task in tasks if not task.done())
        one.cancel()  # as when a browser is gone without a word
        await asyncio.gather(one, return_exceptions=True)
        tasks.append(here.knock("mine"))
        while here.open <= SOCKETS:
            await asyncio.sleep(0)
        assert len(here.closed) == 7
        here.end.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not here.guard._sockets

    asyncio.run(asyncio.wait_for(flood(), 60))
