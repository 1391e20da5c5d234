"""One HTTP exchange at the level of bytes: read the request, answer it, or break the connection."""

from __future__ import annotations

import socket
import struct
from asyncio import Transport
from typing import Any, Final

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT: Final = "sandbox.transport"
# Close with RST instead of FIN, as a crashed server or a dropped network path does.
_ABORT: Final = struct.pack("ii", 1, 0)


class SandboxProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also hands the connection to the app so that it can break it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class Wire:
    """A request being answered. Headers are few, so they are looked up by a scan."""

    __slots__ = ("_receive", "_scope", "_send", "method", "path", "query")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")

    def header(self, name: str) -> str:
        wanted = name.encode()
        for key, value in self._scope["headers"]:
            if key == wanted:
                return bytes(value).decode("latin-1")
        return ""

    async def body(self, most: int) -> bytes:
        """The whole body; what exceeds ``most`` bytes is cut off and so fails to parse."""
        content: bytes = b""
        while True:
            message = await self._receive()
            content += bytes(message.get("body", b""))
            if not message.get("more_body", False) or len(content) > most:
                return content[:most]

    async def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        await self._start(status, len(body), headers)
        await self._send({"type": "http.response.body", "body": body})

    async def cut_off(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Announce the whole body, send half of it and close."""
        await self._start(status, max(2, len(body)), headers)
        half = body[: len(body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        self._transport().close()

    def reset(self) -> None:
        """Abort the connection without an answer."""
        transport = self._transport()
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        transport.abort()

    async def _start(self, status: int, length: int, headers: dict[str, str]) -> None:
        sent = [(b"content-length", str(length).encode())] if status != 204 else []
        named = {name.lower() for name in headers}
        if "content-type" not in named and status != 204:
            sent.append((b"content-type", b"application/json;charset=utf-8"))
        sent += [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": sent})

    def _transport(self) -> Transport:
        extensions: dict[str, Any] = self._scope["extensions"]
        transport: Transport = extensions[TRANSPORT]["transport"]
        return transport
