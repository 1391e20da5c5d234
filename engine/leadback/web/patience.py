"""How long a connection may take to say what it wants, and how many may be at it at once.

uvicorn waits for ever for the rest of a request's head, and for a reader that does not read. Its
protocol is told here what happens on the wire, and drops such a connection. Of requests that are
on their way only so many may be open: of the address that has most of them the one that has been
at it longest goes, so that somebody who comes with a whole request is served however many others
hold their connections open.
"""

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from leadback.web.limits import nearby


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for a request's head, for all of it, and for somebody to read on; and how many
    requests may be on their way. One per server, of one event loop."""

    head: float = 10.0
    request: float = 60.0
    reading: float = 30.0
    most: int = 256
    _coming: "OrderedDict[PatientProtocol, str]" = field(default_factory=OrderedDict)
    """With the address each comes from."""
    _of: Counter[str] = field(default_factory=Counter)
    """How many come from each address."""
    _waiting: "OrderedDict[PatientProtocol, None]" = field(default_factory=OrderedDict)
    """Others whose turn it is: between two requests, or with an answer to read."""

    def protocol(self) -> type["PatientProtocol"]:
        """The class that uvicorn is to speak HTTP with."""
        return type("Protocol", (PatientProtocol,), {"patience": self})

    def comes(self, connection: "PatientProtocol") -> None:
        """A request is on its way there."""
        if connection in self._coming:
            return
        self._waiting.pop(connection, None)
        address = nearby(connection.client[0]) if connection.client else ""
        self._coming[connection] = address
        self._of[address] += 1
        if len(self._coming) > self.most:
            self.make_room()

    def came(self, connection: "PatientProtocol") -> None:
        """It is here, or nobody waits for it any more."""
        address = self._coming.pop(connection, None)
        if address is not None:
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]

    def waits(self, connection: "PatientProtocol") -> None:
        """It is the other side's turn, and no request is on its way."""
        self._waiting[connection] = None

    def works(self, connection: "PatientProtocol") -> None:
        """It is not, or not any more."""
        self._waiting.pop(connection, None)

    def make_room(self) -> bool:
        """Drop one: a request on its way, else one that keeps us waiting. False if there is none;
        requests in hand stay."""
        if self._coming:
            [(most, _)] = self._of.most_common(1)
            next(one for one, address in self._coming.items() if address == most).drop()
        elif self._waiting:
            next(iter(self._waiting)).drop()
        else:
            return False
        return True


class PatientProtocol(HttpToolsProtocol):
    """One connection. A timer runs while a request comes in, another while nobody reads."""

    patience: Patience

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._coming: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def drop(self) -> None:
        """End it at once; what was not sent is not sent."""
        self._arrived()
        self.patience.works(self)
        if self.transport is not None:
            self.transport.abort()

    # ---------------------------------------------------------------- what is sent to us

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect(self.patience.head)

    def data_received(self, data: bytes) -> None:
        if self._coming is None and (self.cycle is None or self.cycle.response_complete):
            self._expect(self.patience.head)
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._coming is None:  # it came in one piece with the request before
            self._expect(self.patience.head)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._coming is not None:
            self._expect(self.patience.request)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._arrived()

    def handle_websocket_upgrade(self) -> None:
        self._arrived()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._read_on()
        self.patience.works(self)
        super().connection_lost(exc)

    def _expect(self, seconds: float) -> None:
        if self._coming is not None:
            self._coming.cancel()
        self._coming = self.loop.call_later(seconds, self.drop)
        self.patience.comes(self)

    def _arrived(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            self._coming = None
        self.patience.came(self)

    # ---------------------------------------------------------------- what we send

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.patience.reading, self.drop)
        if self._coming is None:
            self.patience.waits(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_on()
        if not self.cycle.response_complete:
            self.patience.works(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self.loop.call_later(self.patience.reading, self.transport.abort)
        if self._coming is None and self.cycle.response_complete:  # no other one was pipelined
            self.patience.waits(self)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.patience.reading, self.transport.abort)

    def _read_on(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
