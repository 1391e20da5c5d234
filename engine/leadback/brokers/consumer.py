"""Keeps a broker connected, with back-off, until it is told to stop; then drains."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import structlog
from redis.exceptions import ResponseError

from leadback.base.errors import ConfigurationError
from leadback.brokers.group import BackOff, Group, Take
from leadback.brokers.messages import Message
from leadback.brokers.sources import Put, RabbitMQ, RedisStream, Source
from leadback.wiring import App
from leadback.work.intake import Added
from leadback.work.senders import by_broker

LOOK_SECONDS = 0.5

log = structlog.get_logger()

Connect = Callable[[Put], Source]


def connector(url: str, queue: str, *, prefetch: int, reclaim_seconds: float) -> Connect:
    """How to connect to a broker. Raises ConfigurationError; the URL may hold a password, and is in
    no error."""
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host = "", None
    if host and scheme in ("amqp", "amqps"):
        return lambda put: RabbitMQ(url, queue, put, prefetch=prefetch)
    if host and scheme in ("redis", "rediss"):
        return lambda put: RedisStream(
            url, queue, put, prefetch=prefetch, reclaim_seconds=reclaim_seconds
        )
    raise ConfigurationError(
        "this is no broker's URL that can be used",
        where="LEADBACK_BROKER_URL",
        fix="give amqp://USER:PASSWORD@HOST/VHOST or redis://:PASSWORD@HOST:6379/0",
    )


class Taken:
    """Writes messages to the inbox, and counts."""

    def __init__(self, app: App, queue: str) -> None:
        self._app, self._name = app, f"broker:{queue}"
        self._sender = by_broker(queue)
        self.added = Added()

    def take(self, messages: Sequence[Message]) -> None:
        intake, now = self._app.intake, self._app.clock.now()
        lines = [line for message in messages for line in message.events]
        refused = [message.refused for message in messages if message.refused]
        sender = self._sender
        added = intake.add_lines(enumerate(lines, 1), now, name=self._name, sender=sender)
        added += intake.refuse(
            [(number, raw, why) for number, (raw, why) in enumerate(refused, 1)],
            now,
            name=self._name,
            sender=sender,
        )
        self.added += added


def consume(connect: Connect, take: Take, stop: threading.Event) -> None:
    """Until `stop` is set; what the broker has handed over by then is committed first."""
    asyncio.run(_consume(connect, take, stop))


async def _consume(connect: Connect, take: Take, stop: threading.Event) -> None:
    stopping = asyncio.create_task(asyncio.to_thread(stop.wait))
    group = Group(take)
    committing = asyncio.create_task(group.run())
    back_off = BackOff()
    try:
        while not stopping.done():
            source = connect(group.put)
            try:
                await source.start()
                log.info("connected", action="consume")
                back_off.reset()
                await _until_lost(source, stopping)
            except Exception as error:  # of drivers: their texts may hold the URL, their names not
                _complain(error)
            finally:
                with suppress(Exception):  # it may be gone already; what is not acknowledged stays
                    await source.close()
            await asyncio.wait([stopping], timeout=0 if stopping.done() else back_off.next())
    finally:
        stop.set()
        committing.cancel()


async def _until_lost(source: Source, stopping: "asyncio.Task[bool]") -> None:
    while not stopping.done():
        if not await source.healthy():
            raise ConnectionError
        await asyncio.wait([stopping], timeout=LOOK_SECONDS)


def _complain(error: Exception) -> None:
    log.warning("no broker for now, trying again", action="consume", reason=_reason(error))


def _reason(error: Exception) -> str:
    """Without the driver's own text, as far as a URL could be in it."""
    name = type(error).__name__
    if "Authentication" in name:
        return f"it refuses the user or the password ({name})"
    if isinstance(error, ResponseError):
        return f"Redis answers {str(error).partition(' ')[0]}"  # its code, e.g. WRONGTYPE
    return (isinstance(error, OSError) and error.strerror) or name
