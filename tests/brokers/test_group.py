"""Messages are committed together, in order, and nobody is told before."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from leadback.base.errors import LeadbackError
from leadback.brokers import group
from leadback.brokers.group import BackOff, Group, Take
from leadback.brokers.messages import Message


def message(number: int) -> Message:
    return Message((str(number).encode(),))


def put_all(take: Take, count: int, told: Callable[[int], None] = lambda _: None) -> None:
    """Messages 0, 1, 2 … from as many tasks, until all are committed. told: is called then."""

    async def run() -> None:
        together = Group(take, largest=10)

        async def one(number: int) -> None:
            await together.put([message(number)])
            told(number)

        committing = asyncio.create_task(together.run())
        await asyncio.gather(*(one(number) for number in range(count)))
        committing.cancel()

    asyncio.run(asyncio.wait_for(run(), 20))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "FIRST_WAIT", 0.0)


def numbers(messages: Sequence[Message]) -> list[int]:
    return [int(line) for each in messages for line in each.events]


def test_what_gathers_is_committed_together_and_in_order() -> None:
    batches: list[list[int]] = []
    early: list[int] = []

    def told(number: int) -> None:
        if number not in [n for batch in batches for n in batch]:
            early.append(number)

    put_all(lambda messages: batches.append(numbers(messages)), 35, told)
    assert [n for batch in batches for n in batch] == list(range(35))
    assert [len(batch) for batch in batches] == [10, 10, 10, 5]
    assert early == []


def test_a_database_that_cannot_be_written_makes_them_wait() -> None:
    tries: list[list[int]] = []

    def take(messages: Sequence[Message]) -> None:
        tries.append(numbers(messages))
        if len(tries) < 5:
            raise LeadbackError("the database is locked")

    put_all(take, 3)
    assert tries == [[0, 1, 2]] * 5


def test_a_message_that_makes_the_program_fail_blocks_nobody_and_is_kept() -> None:
    taken: list[int] = []
    refused: list[tuple[bytes, str]] = []

    def take(messages: Sequence[Message]) -> None:
        if 4 in numbers(messages):
            raise ZeroDivisionError
        taken.extend(numbers(messages))
        refused.extend(m.refused for m in messages if m.refused)

    put_all(take, 25)
    assert taken == [n for n in range(25) if n != 4]
    assert [raw for raw, _ in refused] == [b"4"]
    assert "3 times" in refused[0][1]


def test_the_waits_double_to_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "FIRST_WAIT", 0.5)
    back_off = BackOff()
    waits = [back_off.next() for _ in range(12)]
    for wait, expected in zip(waits, [0.5, 1, 2, 4, 8, 16, *[30] * 6], strict=True):
        assert 0.75 * expected <= wait <= 1.25 * expected
    back_off.reset()
    assert back_off.next() <= 0.625
