"""Open pages without a screen: WebSocket clients that speak as the pages' own script does.

They load the page, open its socket and take every update; they draw nothing, so that what is
measured is Leadback and the wire, and not fifty browsers on the machine that also works.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import requests
import socketio

from leadback.base.clock import parse_time
from leadback.web.guard import PAGES

_CLIENT = re.compile(r"query: \{'client_id': '([0-9a-f-]+)', 'next_message_id': (\d+)")

Newest = Callable[[Any], int | None]
"""What an update says that can be compared with commits; None when it says nothing of that."""


@dataclass(slots=True)
class Visitor:
    """One open page. seen: (instant of arrival, what it shows by then), as updates came."""

    url: str
    cookies: dict[str, str]
    path: str
    newest: Newest
    seen: list[tuple[float, int]] = field(default_factory=list)
    bytes: int = 0
    listening: bool = True
    _socket: Any = None

    async def open(self) -> None:
        query = await asyncio.to_thread(self._load)
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("update", self._take)
        given = "&".join(f"{name}={value}" for name, value in query.items())
        await self._socket.connect(
            f"{self.url}?{given}",
            socketio_path=f"{PAGES}/_nicegui_ws/socket.io",
            transports=["websocket"],
            headers={"Cookie": _header(self.cookies), "Origin": self.url},
        )

    async def close(self) -> None:
        await self._socket.disconnect()

    def _load(self) -> dict[str, str]:
        page = requests.get(f"{self.url}{PAGES}{self.path}", cookies=self.cookies, timeout=30)
        page.raise_for_status()
        found = _CLIENT.search(page.text)
        assert found is not None, "the page opens no socket"
        return {
            "client_id": found[1],
            "next_message_id": found[2],
            "implicit_handshake": "true",
            "document_id": secrets.token_hex(8),
            "tab_id": secrets.token_hex(8),
            "old_tab_id": "",
        }

    def _take(self, message: Any) -> None:
        if self.listening:
            newest = self.newest(message)
            if newest is not None:
                self.seen.append((time.time() * 1000, newest))


def _header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def newest_change(message: Any) -> int | None:
    """The latest `updated_at` of a table of leads."""
    instants = [parse_time(value) for value in _values(message, "updated_at")]
    return max(instants, default=None)


def decided(message: Any) -> int | None:
    """How many events the overview's hour has."""
    for series in _values(message, "series"):
        for line in series:
            if line.get("name") == "events":
                return int(sum(line["data"]))
    return None


def _values(message: Any, name: str) -> Iterable[Any]:
    if isinstance(message, dict):
        if name in message:
            yield message[name]
        for value in message.values():
            yield from _values(value, name)
    elif isinstance(message, list):
        for value in message:
            yield from _values(value, name)
