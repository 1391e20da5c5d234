"""The pace at the doors, on a clock that stands still."""

import asyncio

import pytest

from leadback.base.clock import SECOND, ManualClock
from leadback.web.limits import REMEMBERED, LoginPace, RateLimit, Turns, nearby


def test_a_burst_comes_in_and_then_the_pace_holds() -> None:
    clock = ManualClock(0)
    limit = RateLimit(clock, per_second=2, burst=3)
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 0]
    assert limit.wait("a") == pytest.approx(0.5)
    clock.advance(SECOND // 2)
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0


def test_nobody_pays_for_somebody_else() -> None:
    limit = RateLimit(ManualClock(0), per_second=1, burst=1)
    assert limit.wait("a") == 0
    assert limit.wait("b") == 0
    assert limit.wait("a") > 0


def test_a_pause_fills_the_bucket_no_higher_than_its_brim() -> None:
    clock = ManualClock(0)
    limit = RateLimit(clock, per_second=100, burst=2)
    limit.wait("a")
    clock.advance(3600 * SECOND)
    assert [limit.wait("a") == 0 for _ in range(3)] == [True, True, False]


def test_a_clock_that_goes_back_locks_nobody_out_for_longer() -> None:
    clock = ManualClock(1000 * SECOND)
    limit = RateLimit(clock, per_second=1, burst=1)
    assert limit.wait("a") == 0
    clock.set(0)
    assert limit.wait("a") == pytest.approx(1)
    clock.advance(SECOND)
    assert limit.wait("a") == 0


def test_only_the_latest_are_remembered() -> None:
    limit = RateLimit(ManualClock(0), per_second=1, burst=1)
    limit.wait("first")
    for number in range(REMEMBERED):
        limit.wait(str(number))
    assert limit.wait("first") == 0


def test_log_ins_have_a_pace_by_address_by_login_and_altogether() -> None:
    pace = LoginPace(ManualClock(0))
    assert [bool(pace.wait("192.0.2.1", f"n{n}")) for n in range(25)] == [False] * 20 + [True] * 5
    assert [bool(pace.wait(f"198.51.100.{n}", "vera")) for n in range(12)] == (
        [False] * 10 + [True] * 2
    )
    came = [not pace.wait(f"203.0.113.{n}", f"m{n}") for n in range(200)]
    assert came == [True] * 70 + [False] * 130  # 100 of everybody, with those above
    assert not pace.wait("192.0.2.1", "vera", "its browser")


def test_a_good_log_in_is_no_guess() -> None:
    pace = LoginPace(ManualClock(0))
    for number in range(15):
        assert not pace.wait(f"192.0.2.{number}", "vera")
        pace.was_good("vera")


def test_an_ipv6_network_is_one_address() -> None:
    assert nearby("2001:db8::1") == nearby("2001:db8::ffff:2") != nearby("2001:db8:0:1::1")
    assert nearby("::ffff:192.0.2.1") == nearby("192.0.2.1") != nearby("192.0.2.2")
    assert nearby("odd" * 100) == ("odd" * 100)[:64]


def test_each_and_all_have_so_many_turns_at_once() -> None:
    async def scene() -> None:
        turns, inside, go = Turns(each=2, all_=3), list[str](), asyncio.Event()

        async def work(who: str) -> None:
            async with turns.of(who):
                inside.append(who)
                await go.wait()

        tasks = [asyncio.create_task(work(who)) for who in "aaaabbc"]
        for _ in range(20):
            await asyncio.sleep(0)
        assert inside == ["a", "a", "b"]
        tasks[0].cancel()
        tasks[-1].cancel()  # whoever goes away while it waits takes no turn with it
        go.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(inside) == ["a", "a", "a", "a", "b", "b"]
        async with turns.of("a"), turns.of("b"), turns.of("c"):
            pass

    asyncio.run(scene())
