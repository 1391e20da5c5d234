"""`leadback events consume` against real brokers: once, in order, whoever is killed when."""

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from leadback.base.errors import ConfigurationError
from leadback.brokers.consumer import connector
from tests.acceptance.conftest import Program, event, stop, wait_until
from tests.brokers.conftest import PASSWORD, Server

pytestmark = pytest.mark.long

COUNT = 1_500


class Sender(Protocol):
    """Sends as another program would, without any of Leadback's code."""

    def structured(self, events: Sequence[dict[str, Any]]) -> None: ...
    def binary(self, attributes: dict[str, str], data: bytes) -> None: ...
    def raw(self, body: bytes) -> None: ...
    def in_hand(self) -> int: ...
    def unacknowledged(self) -> int: ...


class RedisSender:
    def __init__(self, server: Server, stream: str) -> None:
        from redis import Redis

        self.client, self.stream = Redis.from_url(server.url), stream

    def structured(self, events: Sequence[dict[str, Any]]) -> None:
        with self.client.pipeline(transaction=False) as pipe:
            for each in events:
                pipe.xadd(self.stream, {"event": json.dumps(each)})
            pipe.execute()

    def binary(self, attributes: dict[str, str], data: bytes) -> None:
        fields: dict[Any, Any] = {f"ce-{name}": value for name, value in attributes.items()}
        self.client.xadd(self.stream, {**fields, "content-type": "application/json", "data": data})

    def raw(self, body: bytes) -> None:
        self.client.xadd(self.stream, {"event": body})

    def in_hand(self) -> int:
        return int(self.client.xinfo_groups(self.stream)[0]["pending"])

    def unacknowledged(self) -> int:
        groups = self.client.xinfo_groups(self.stream)
        return int(groups[0]["pending"]) + int(groups[0]["lag"] or 0)


class RabbitSender:
    def __init__(self, server: Server, queue: str) -> None:
        self.url, self.queue, self.sent = server.url, queue, 0

    def _send(self, messages: Sequence[tuple[bytes, dict[str, str], str]]) -> int:
        import aio_pika

        async def send() -> int:
            connection = await aio_pika.connect(self.url)
            async with connection, await connection.channel(publisher_confirms=False) as channel:
                found = await channel.declare_queue(self.queue, durable=True)
                for body, headers, kind in messages:
                    message = aio_pika.Message(
                        body, headers=dict(headers), content_type=kind, delivery_mode=2
                    )
                    await channel.default_exchange.publish(message, self.queue)
                return int(found.declaration_result.message_count or 0)

        return asyncio.run(send())

    def structured(self, events: Sequence[dict[str, Any]]) -> None:
        self.sent = len(events)
        self._send([(json.dumps(e).encode(), {}, "application/cloudevents+json") for e in events])

    def binary(self, attributes: dict[str, str], data: bytes) -> None:
        headers = {f"cloudEvents:{name}": value for name, value in attributes.items()}
        self._send([(data, headers, "application/json")])

    def raw(self, body: bytes) -> None:
        self._send([(body, {}, "application/cloudevents+json")])

    def in_hand(self) -> int:
        return self.sent - self._send([])

    def unacknowledged(self) -> int:
        return self._send([])  # those in a consumer's hands come back here when it is gone


@pytest.fixture(params=["redis", pytest.param("rabbitmq", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def sender(server: Server, queue: str) -> Sender:
    made: Callable[..., Sender] = RedisSender if server.url.startswith("redis") else RabbitSender
    return made(server, queue)


@pytest.fixture
def consumer(
    program: Program, server: Server, queue: str
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    program.environment["LEADBACK_BROKER_URL"] = server.url
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = ("events", "consume", "--queue", queue, "--reclaim-after", "1", "--json")
        started.append(program.start(*command))
        return started[-1]

    yield start
    for process in started:  # those of a test that failed
        if process.poll() is None:
            stop(process, signal.SIGKILL)


def rows(program: Program, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(program.folder / "leadback.db")
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def taken(program: Program) -> list[str]:
    """Ids in the order of acceptance."""
    return [row[0] for row in rows(program, "SELECT event_id FROM inbox ORDER BY seq")]


def quarantined(program: Program) -> list[tuple[str, str]]:
    return rows(program, "SELECT raw, reason FROM quarantine ORDER BY id")  # type: ignore[return-value]


def some(first: int, last: int) -> list[dict[str, Any]]:
    return [event(n, "email_opened", f"acme/{500 + n % 7}") for n in range(first, last)]


def test_both_modes_are_taken_and_what_is_no_event_is_quarantined(
    program: Program, sender: Sender, consumer: Callable[[], subprocess.Popen[bytes]]
) -> None:
    sender.structured([event(1, "email_opened", "acme/501")])
    attributes = {
        "specversion": "1.0",
        "id": "b-1",
        "source": "mailer",
        "type": "email_sent",
        "subject": "acme/502",
        "time": "2026-11-02T09:00:00Z",
    }
    sender.binary(attributes, b'{"subject": "One"}')
    sender.raw(b"\xff\xfe{ not JSON")
    sender.raw(b"")
    sender.raw(b"[1]")
    sender.binary({**attributes, "id": "b-2", "subject": "acme/503"}, b"no JSON")
    sender.binary({**attributes, "id": "b-3", "type": "no_such_type"}, b"{}")
    sender.structured([event(2, "email_opened", "acme/501"), event(1, "email_opened", "acme/501")])
    process = consumer()
    wait_until(lambda: len(taken(program)) == 3 and len(quarantined(program)) == 5)
    assert stop(process) == 0
    assert taken(program) == ["m-1", "b-1", "m-2"]
    assert rows(program, "SELECT data FROM inbox WHERE event_id = 'b-1'")[0][0] in (
        '{"subject":"One"}',
        b'{"subject":"One"}',
    )
    reasons = [reason for _, reason in quarantined(program)]
    assert any("the data is not JSON" in reason for reason in reasons)
    assert any("the body is not JSON" in reason for reason in reasons)
    assert any("empty" in reason for reason in reasons)
    assert any("this is an array" in reason for reason in reasons)
    assert any("no_such_type" in reason for reason in reasons)
    assert sender.unacknowledged() == 0


def test_whatever_a_message_holds_it_is_taken_or_kept_and_acknowledged(
    program: Program, sender: Sender, consumer: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """Generated: pieces of events, nested or cut anywhere, with odd bytes in between."""
    dice = random.Random(7)
    good = [json.dumps(event(n, "email_opened", "acme/501")).encode() for n in range(40)]
    for number, line in enumerate(good):
        cut = dice.randrange(1, len(line) - 1)
        deep = b"[" * dice.choice([30, 300, 3_000])
        odd = dice.choice([deep, b"\x00", b"\xff\xfe", b"1e999", b'"\\ud83d"', dice.randbytes(40)])
        sender.raw(line[:cut] + odd + line[cut:])
        sender.raw(dice.randbytes(dice.randrange(60)))
        values = {"specversion": "1.0", "source": "m", "type": "email_opened", "id": f"b{number}"}
        subject = dice.choice(["", "acme", "acme/undefined", "acme/" + "9" * 400, "\U0001f600/1"])
        sender.binary({**values, "subject": subject}, odd)
    sender.structured([event(100, "email_opened", "acme/501")])
    process = consumer()
    wait_until(lambda: "m-100" in taken(program))
    wait_until(lambda: len(taken(program)) + len(quarantined(program)) == 3 * len(good) + 1)
    assert stop(process) == 0
    assert sender.unacknowledged() == 0


@contextmanager
def locked(program: Program) -> Iterator[None]:
    """Nobody else can write the database."""
    connection = sqlite3.connect(program.folder / "leadback.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.rollback()
    connection.close()


def test_kill_9_in_mid_flow_loses_and_doubles_nothing(
    program: Program, sender: Sender, consumer: Callable[[], subprocess.Popen[bytes]]
) -> None:
    sender.structured(some(0, 1))
    process = consumer()
    wait_until(lambda: len(taken(program)) == 1)
    with locked(program):  # so that it is sure to have messages in hand when it dies
        sender.structured(some(1, COUNT))
        wait_until(lambda: sender.in_hand() > 0)
        stop(process, signal.SIGKILL)
    assert len(taken(program)) == 1
    process = consumer()
    wait_until(lambda: len(taken(program)) >= 300)
    stop(process, signal.SIGKILL)
    assert len(taken(program)) < COUNT, "it was killed too late to show anything"
    process = consumer()
    wait_until(lambda: len(taken(program)) == COUNT)
    # What was taken right before the blow comes again, and is known.
    wait_until(lambda: sender.unacknowledged() == 0)
    assert stop(process) == 0
    assert sorted(taken(program)) == sorted(f"m-{n}" for n in range(COUNT))


def test_a_contacts_events_keep_the_brokers_order(
    program: Program, sender: Sender, consumer: Callable[[], subprocess.Popen[bytes]]
) -> None:
    sender.structured(some(0, COUNT))
    process = consumer()
    wait_until(lambda: len(taken(program)) == COUNT)
    assert stop(process) == 0
    assert taken(program) == [f"m-{n}" for n in range(COUNT)]


def test_a_broker_that_restarts_is_found_again(
    program: Program,
    server: Server,
    sender: Sender,
    consumer: Callable[[], subprocess.Popen[bytes]],
) -> None:
    sender.structured(some(0, 50))
    process = consumer()
    wait_until(lambda: len(taken(program)) == 50)
    server.stop()
    assert process.stderr is not None
    said = b""
    while b"no broker for now" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    server.start()
    sender.structured(some(50, 100))
    wait_until(lambda: len(taken(program)) == 100)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    said += process.stderr.read()
    process.stderr.close()
    assert PASSWORD.encode() not in said
    assert b"Traceback" not in said


def test_a_refused_password_is_said_and_not_shown(
    program: Program, server: Server, consumer: Callable[[], subprocess.Popen[bytes]]
) -> None:
    program.environment["LEADBACK_BROKER_URL"] = server.url.replace(PASSWORD, f"not-{PASSWORD}")
    process = consumer()
    assert process.stderr is not None
    said = b""
    while said.count(b"refuses the user or the password") < 2:  # it is tried again
        line = process.stderr.readline()
        assert line, said
        said += line
    assert stop(process) == 0
    assert PASSWORD.encode() not in said


@pytest.mark.parametrize(
    "url", [f"kafka://u:{PASSWORD}@host/", f"amqp://u:{PASSWORD}@[oh/", f"x{PASSWORD}"]
)
def test_an_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="amqp://USER:PASSWORD@HOST") as error:
        connector(url, "events", prefetch=1, reclaim_seconds=1)
    assert PASSWORD not in str(error.value)
