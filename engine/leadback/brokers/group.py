"""Commits what has come in together: while one transaction is written, the next batch gathers.

A message's put() returns when its events are on the disk, and only then may it be acknowledged: a
process that dies before leaves the message with the broker, and what comes twice is a duplicate.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from leadback.base.errors import LeadbackError
from leadback.base.reading import as_bytes
from leadback.brokers.messages import Message

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
FAILURES = 3
"""So often a message may make the program fail that is alone in its transaction."""

log = structlog.get_logger()

Take = Callable[[Sequence[Message]], None]
"""Writes messages to the database; runs in a thread."""


class BackOff:
    """Seconds to wait: doubled after each failure, with a random part so that not all come back at
    once."""

    def __init__(self) -> None:
        self._next = FIRST_WAIT

    def next(self) -> float:
        wait = self._next * random.uniform(0.75, 1.25)  # noqa: S311 — no secret
        self._next = min(2 * self._next, LONGEST_WAIT)
        return wait

    def reset(self) -> None:
        self._next = FIRST_WAIT


class Group:
    """Of one event loop. run() must be running for put() to return."""

    def __init__(self, take: Take, *, largest: int = 2_000) -> None:
        self._take, self._largest = take, largest
        self._waiting: deque[tuple[Message, asyncio.Future[None]]] = deque()
        self._some = asyncio.Event()

    async def put(self, messages: Sequence[Message]) -> None:
        """Returns once all of them are committed; in the order of the calls."""
        loop = asyncio.get_running_loop()
        done = [loop.create_future() for _ in messages]
        self._waiting.extend(zip(messages, done, strict=True))
        self._some.set()
        for future in done:
            await future

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._some.wait()
            count = min(len(self._waiting), self._largest)
            batch = [self._waiting.popleft() for _ in range(count)]
            if not self._waiting:
                self._some.clear()
            await self._commit([message for message, _ in batch])
            for _, future in batch:
                if not future.done():
                    future.set_result(None)

    async def _commit(self, messages: Sequence[Message]) -> None:
        """Tries until it is done: the messages stay with the broker meanwhile.

        One that makes the program itself fail goes to quarantine: it must not block those behind.
        """
        back_off, failures = BackOff(), 0
        while True:
            try:
                return await asyncio.to_thread(self._take, messages)
            except LeadbackError as error:
                log.error("events wait", action="consume", reason=str(error))
            except Exception:
                log.exception("events could not be taken", action="consume")
                failures += 1
                if len(messages) > 1:  # one of them may be to blame: the others need not wait
                    for message in messages:
                        await self._commit([message])
                    return None
                if failures == FAILURES:
                    messages = [_given_up(messages[0])]
            await asyncio.sleep(back_off.next())


def _given_up(message: Message) -> Message:
    raw = message.refused[0] if message.refused else b"\n".join(map(as_bytes, message.events))
    return Message(refused=(raw, f"the program failed on it {FAILURES} times; see its log"))
