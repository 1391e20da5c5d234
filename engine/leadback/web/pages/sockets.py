"""Whose page an event is for: NiceGUI asks the message, we ask the web socket that it came by.

A page has a random id. Whoever knew it could speak for the page from any socket that was let in;
here a socket speaks for the pages that it opened, and opens those of its own session alone.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client, core, ui
from socketio.exceptions import ConnectionRefusedError as RefusedError

MOST = 30
"""Page objects of one session: one for each open page, and those that nobody opened in time."""

_PASSED = ("event", "javascript_response", "ack")


def bind() -> None:
    """Put the checks before NiceGUI's handlers."""
    handlers = core.sio.handlers["/"]
    for name in _PASSED:
        handlers[name] = _of_its_own_page(handlers[name])
    handlers["connect"] = _of_its_own_session(handlers["connect"])
    handlers["handshake"] = _asked_of_its_own(handlers["handshake"])


def make_room(session: str) -> None:
    """Before a page of this session is drawn: the oldest beyond MOST go, first those that no
    browser has opened."""
    drawn = ui.context.client
    mine = [c for c in Client.instances.values() if c is not drawn and _session_of(c) == session]
    mine.sort(key=lambda client: (client.has_socket_connection, client.created))
    for client in mine[: max(0, len(mine) + 1 - MOST)]:
        client.delete()


def _session_of(client: Client) -> str:
    """Hash of the session's token; "" for what was drawn for nobody."""
    visitor = getattr(client.request.state, "visitor", None) if client._request else None
    return visitor.session if visitor is not None else ""


def _may_open(environ: dict[str, Any] | None, client_id: object) -> bool:
    client = Client.instances.get(client_id) if isinstance(client_id, str) else None
    if client is None:
        return True  # NiceGUI says no by itself, so that the browser asks for the page anew
    scope = (environ or {}).get("asgi.scope", {})
    visitor = scope.get("state", {}).get("visitor")
    return visitor is not None and visitor.session == _session_of(client)


def _of_its_own_page(handler: Callable[..., Any]) -> Callable[..., Any]:
    def checked(sid: str, message: Any) -> Any:
        known = isinstance(message, dict) and message.get("client_id") in core.sio.rooms(sid)
        return handler(sid, message) if known else None

    return checked


def _of_its_own_session(handler: Callable[..., Any]) -> Callable[..., Any]:
    async def checked(sid: str, environ: dict[str, Any], auth: Any = None) -> Any:
        asked = parse_qs(environ.get("QUERY_STRING", "")).get("client_id", [""])[0]
        if not _may_open(environ, asked):
            raise RefusedError("another session's page")
        return await handler(sid, environ, auth)

    return checked


def _asked_of_its_own(handler: Callable[..., Any]) -> Callable[..., Any]:
    async def checked(sid: str, message: Any) -> Any:
        known = isinstance(message, dict)
        if not known or not _may_open(core.sio.get_environ(sid), message.get("client_id")):
            return False
        return await handler(sid, message)

    return checked
