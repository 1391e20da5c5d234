"""RabbitMQ queues and Redis streams, through FastStream: messages in, acknowledged when committed.

FastStream and not kombu: kombu's Redis transport takes a message off its list before it has noted
that it is in flight (a killed process loses it), and understands nothing but its own envelope. A
stream with a consumer group keeps an entry until it is acknowledged, and any client can fill it.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from aio_pika.exceptions import ChannelNotFoundEntity
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from faststream.redis import RedisBroker, StreamSub
from redis.exceptions import ResponseError

from leadback.brokers.messages import Message, from_rabbitmq, from_redis

GROUP = "leadback"
DRAIN_SECONDS = 15.0
PING_SECONDS = 3.0
BLOCK_MILLIS = 500
"""How long one read of a stream waits; a stop waits as long."""
RECLAIM_AT_ONCE = 100
"""Entries of dead processes come one by one; so many share a transaction."""

Put = Callable[[Sequence[Message]], Awaitable[None]]
"""Group.put: returns when the messages are committed."""

for _library in ("aio_pika", "aiormq", "faststream"):  # they log URLs; what matters is said by us
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)
_SILENT = logging.getLogger("faststream.leadback")


class Source(Protocol):
    """One connection to a broker."""

    async def start(self) -> None:
        """Connect and begin to hand messages on. Raises whatever the driver does."""

    async def healthy(self) -> bool:
        """False: close it and make a new one."""

    async def close(self) -> None:
        """Take no more messages, and wait until those in hand are committed."""


class RabbitMQ:
    """A queue. One that is not there is made (durable)."""

    def __init__(self, url: str, queue: str, put: Put, *, prefetch: int) -> None:
        self._queue, self._put = queue, put
        self._lost = False
        self._broker = RabbitBroker(
            url,
            logger=_SILENT,
            apply_types=False,
            graceful_timeout=DRAIN_SECONDS,
            default_channel=Channel(prefetch_count=prefetch),
            on_close=[self._on_close],
        )
        subscriber = self._broker.subscriber(
            RabbitQueue(queue, durable=True, declare=False),
            ack_policy=AckPolicy.MANUAL,
            decoder=_itself,
        )
        subscriber(self._handle)

    async def start(self) -> None:
        connection = await self._broker.connect()
        async with await connection.channel() as channel:
            try:
                await channel.get_queue(self._queue, ensure=True)
                missing = False
            except ChannelNotFoundEntity:  # it closes the channel too
                missing = True
        if missing:
            async with await connection.channel() as channel:
                await channel.declare_queue(self._queue, durable=True)
        await self._broker.start()

    async def healthy(self) -> bool:
        return not self._lost and await self._broker.ping(PING_SECONDS)

    async def close(self) -> None:
        await self._broker.stop()

    def _on_close(self, *_: Any) -> None:
        self._lost = True

    async def _handle(self, message: Any) -> None:
        packed = message.raw_message.content_encoding
        await self._put(
            [from_rabbitmq(message.headers, message.content_type, message.body, packed)]
        )
        await _acknowledged(message)


class RedisStream:
    """A stream, read by the consumer group `leadback`. Entries of a process that died are taken
    over after `reclaim_seconds`."""

    def __init__(
        self, url: str, stream: str, put: Put, *, prefetch: int, reclaim_seconds: float
    ) -> None:
        self._stream, self._put = stream, put
        self._consumer = f"leadback-{secrets.token_hex(8)}"
        self._broker = RedisBroker(
            url, logger=_SILENT, apply_types=False, graceful_timeout=DRAIN_SECONDS
        )
        reading: dict[str, Any] = {"group": GROUP, "consumer": self._consumer, "last_id": ">"}
        new = StreamSub(
            stream, batch=True, max_records=prefetch, polling_interval=BLOCK_MILLIS, **reading
        )
        left = StreamSub(
            stream,
            min_idle_time=int(reclaim_seconds * 1000),
            polling_interval=BLOCK_MILLIS,
            **reading,
        )
        self._subscribers = [
            self._broker.subscriber(
                stream=each,
                ack_policy=AckPolicy.MANUAL,
                parser=_parsed,
                decoder=_itself,
                max_workers=at_once,
            )
            for each, at_once in ((new, 1), (left, RECLAIM_AT_ONCE))
        ]
        for subscriber in self._subscribers:
            subscriber(self._handle)

    async def start(self) -> None:
        client = await self._broker.connect()
        try:  # from the stream's beginning: what came before the first start counts
            await client.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        await self._broker.start()

    async def healthy(self) -> bool:
        running = all(subscriber.running for subscriber in self._subscribers)
        return running and await self._broker.ping(PING_SECONDS)

    async def close(self) -> None:
        await self._broker.stop()

    async def _handle(self, message: Any) -> None:
        entries = message.raw_message["data"]
        await self._put(
            [from_redis(e) for e in (entries if isinstance(entries, list) else [entries])]
        )
        await _acknowledged(message)


async def _acknowledged(message: Any) -> None:
    """A connection that broke meanwhile brings the message again: a duplicate, and dropped."""
    try:
        await message.ack()
    except (TimeoutError, OSError, RuntimeError):
        return
    except Exception as error:
        if not _of_driver(error):
            raise


def _of_driver(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("aio_pika", "aiormq", "redis", "pamqp")


async def _itself(message: Any) -> Any:
    """The handler reads the message as it came: FastStream would decode, and fail on, poison."""
    return message


async def _parsed(raw: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    """FastStream's message around the raw entry, whose fields it does not look at."""
    data: Any = {b"__data__": b"{}"}
    message = await original({**raw, "data": [data] if isinstance(raw["data"], list) else data})
    message.raw_message = raw
    return message
