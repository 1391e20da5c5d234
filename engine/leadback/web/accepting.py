"""Connections are taken in as they come, and never more of them than the process has files for.

uvicorn leaves that to its event loop. uvloop takes in one connection in each of its turns, so that
a queue of a thousand silent ones keeps a new one waiting for a thousand turns; asyncio takes in all
of them before it closes one, and when that were more than the process may open, none for a second.
"""

import asyncio
import errno
import socket
from dataclasses import dataclass

import structlog
import uvicorn

from leadback.web.patience import Patience

AT_ONCE = 100
"""Connections taken in within one turn of the loop: some ten milliseconds."""
PAUSE = 0.1
"""Seconds until the next try when the system gives no more files, and none can be had back."""

log = structlog.get_logger()

_NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_CAME_AND_WENT = (ConnectionError, BlockingIOError, InterruptedError)


@dataclass(frozen=True, slots=True)
class Room:
    """most: connections that may be open before whoever keeps us waiting makes room; full: beyond
    this a new one is closed at once."""

    most: int
    full: int


class Server(uvicorn.Server):
    """uvicorn's, which listens by itself. To be run with sockets that listen already."""

    def __init__(self, config: uvicorn.Config, patience: Patience, room: Room) -> None:
        super().__init__(config)
        self._patience, self._room = patience, room
        self._entering: dict[asyncio.Protocol, asyncio.Task[None]] = {}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        for listener in sockets or ():
            listener.setblocking(False)
            self._listen(listener)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in sockets or ():
            asyncio.get_running_loop().remove_reader(listener)
        await super().shutdown(sockets)

    def _listen(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:  # the server may have ended meanwhile
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                wire, _ = listener.accept()
            except _CAME_AND_WENT:
                return
            except OSError as error:
                if error.errno not in _NO_MORE:
                    raise
                self._out_of_files(listener, error)
                return
            self._enter(wire)

    def _enter(self, wire: socket.socket) -> None:
        connected = self.server_state.connections
        open_ones = len(connected) + len(self._entering.keys() - connected)
        made_room = open_ones < self._room.most or self._patience.make_room()
        if not made_room and open_ones >= self._room.full:
            wire.close()
            return
        wire.setblocking(False)
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        task = asyncio.get_running_loop().create_task(_connect(protocol, wire))
        self._entering[protocol] = task
        task.add_done_callback(lambda _: self._entering.pop(protocol))

    def _out_of_files(self, listener: socket.socket, error: OSError) -> None:
        """What the loop would ask for again at once, and in vain."""
        if self._patience.make_room():
            return
        log.warning("no connection taken in", why=error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(PAUSE, self._listen, listener)


async def _connect(protocol: asyncio.Protocol, wire: socket.socket) -> None:
    try:
        await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, wire)
    except OSError:  # it has gone again
        wire.close()
