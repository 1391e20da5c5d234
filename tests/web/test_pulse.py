"""Readings that pages share: once for all, never older than what was asked for."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from leadback.base.clock import ManualClock
from leadback.base.errors import LeadbackError

pulse = pytest.importorskip("leadback.web.pages.pulse")

NOW = 1_000_000


def run(scene: Callable[[ManualClock], Awaitable[None]]) -> None:
    asyncio.run(scene(ManualClock(NOW)))  # type: ignore[arg-type]


def test_fifty_pages_that_ask_at_once_read_once() -> None:
    reads = []

    async def scene(clock: ManualClock) -> None:
        shared = pulse.Shared(clock)
        together = threading.Event()

        def read() -> int:
            together.wait(5)
            reads.append(1)
            return 7

        asked = [asyncio.create_task(shared.ask("k", read, after=NOW - 1)) for _ in range(50)]
        await asyncio.sleep(0)
        together.set()
        assert await asyncio.gather(*asked) == [(7, True)] * 50

    run(scene)
    assert reads == [1]


def test_a_reading_from_before_is_not_given_for_what_came_after() -> None:
    async def scene(clock: ManualClock) -> None:
        shared = pulse.Shared(clock)
        values = iter(range(9))
        assert await shared.ask("k", lambda: next(values), after=NOW - 1) == (0, True)
        clock.advance(pulse.LONGEST)
        assert await shared.ask("k", lambda: next(values), after=NOW - 1) == (0, True)
        assert await shared.ask("k", lambda: next(values), after=NOW) == (1, True)
        assert await shared.ask("other", lambda: next(values), after=NOW) == (2, True)

    run(scene)


def test_what_took_long_rests_and_says_that_it_is_older(monkeypatch: pytest.MonkeyPatch) -> None:
    instants = iter([0.0, 0.5, 10.0, 10.0])
    monkeypatch.setattr(pulse, "monotonic", lambda: next(instants))

    async def scene(clock: ManualClock) -> None:
        shared = pulse.Shared(clock)
        values = iter(range(9))
        assert await shared.ask("k", lambda: next(values), after=NOW - 1) == (0, True)
        clock.advance(4 * 500 - 1)
        assert await shared.ask("k", lambda: next(values), after=clock.now() - 1) == (0, False)
        clock.advance(1)
        assert await shared.ask("k", lambda: next(values), after=clock.now() - 1) == (1, True)

    run(scene)


def test_an_error_reaches_all_who_waited_and_is_not_kept() -> None:
    async def scene(clock: ManualClock) -> None:
        shared = pulse.Shared(clock)

        def broken() -> int:
            raise LeadbackError("the database is gone")

        asked = [shared.ask("k", broken, after=NOW - 1) for _ in range(3)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [str(one) for one in found] == ["the database is gone"] * 3
        assert await shared.ask("k", lambda: 7, after=NOW - 1) == (7, True)

    run(scene)


def test_the_beat_is_looked_for_once_in_a_while() -> None:
    async def scene(clock: ManualClock) -> None:
        marks, counts = [], []

        def mark() -> str:
            marks.append(1)
            return f"m{len(marks)}"

        def attention() -> int:
            counts.append(1)
            return len(counts)

        heart = pulse.Pulse(clock, pulse.Shared(clock), mark, attention)
        beats = await asyncio.gather(*[heart.beat() for _ in range(20)])
        assert {beat.mark for beat in beats} == {"m1"}
        clock.advance(pulse.FRESH + pulse.LONGEST)
        assert (await heart.beat()).mark == "m2"
        assert len(marks) == 2
        assert len(counts) == (await heart.beat()).attention

    run(scene)
