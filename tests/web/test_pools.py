"""Threads of the pages: a portal that hangs holds up who asks it, and neither another portal nor
the database; and nobody spends a portal's calls at will."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leadback.base.errors import InputError
from tests.acceptance.conftest import wait_until
from tests.web.browser import Visit, chromium, needs_browser
from tests.web.conftest import House

pytestmark = pytest.mark.long

pools = pytest.importorskip("leadback.web.pages.pools")

PAGES = Path(__file__).resolve().parents[2] / "engine" / "leadback" / "web" / "pages"
HANGS = 12.0


class Hanging:
    """A portal whose answers wait for release."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()

    def call(self) -> str:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.release.wait(30)
        with self._lock:
            self.inside -= 1
        return "late"


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging()
    yield made
    made.release.set()


def run(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 20))  # type: ignore[arg-type]


def test_forty_questions_to_a_portal_that_hangs_hold_up_nobody_else(hanging: Hanging) -> None:
    async def scene() -> None:
        threads = pools.Pools()
        asked = [asyncio.create_task(threads.portal("slow", hanging.call)) for _ in range(40)]
        await asyncio.sleep(0)
        assert await threads.portal("quick", lambda: "at once") == "at once"
        answers = await asyncio.gather(*(threads.database(lambda: 7) for _ in range(20)))
        assert answers == [7] * 20
        hanging.release.set()
        assert await asyncio.gather(*asked) == ["late"] * 40

    run(scene)
    assert hanging.most == pools.EACH


def test_whose_turn_does_not_come_is_told_so(hanging: Hanging) -> None:
    async def scene() -> None:
        threads = pools.Pools(patience=0.05)
        asked = [asyncio.create_task(threads.portal("slow", hanging.call)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(InputError, match="slow has not answered"):
            await threads.portal("slow", hanging.call)
        hanging.release.set()
        assert await asyncio.gather(*asked) == ["late"] * 2
        assert await threads.portal("slow", lambda: 1) == 1

    run(scene)


def test_who_goes_away_keeps_the_turn_until_the_call_is_over(hanging: Hanging) -> None:
    async def scene() -> None:
        threads = pools.Pools(each=1, patience=0.05)
        gone = asyncio.create_task(threads.portal("slow", hanging.call))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(InputError, match="slow has not answered"):
            await threads.portal("slow", lambda: 1)
        hanging.release.set()
        while hanging.inside:
            await asyncio.sleep(0.001)
        assert await threads.portal("slow", lambda: 1) == 1

    run(scene)


def test_a_call_that_fails_gives_its_turn_back() -> None:
    async def scene() -> None:
        threads = pools.Pools(each=1, patience=0.05)

        def broken() -> None:
            raise InputError("no")

        for _ in range(3):
            with pytest.raises(InputError, match="no"):
                await threads.portal("p", broken)

    run(scene)


def test_no_page_takes_a_thread_beside_the_pools() -> None:
    """Those of asyncio are few, and shared by all."""
    beside = [
        f"{file.name}: {word}"
        for file in sorted(PAGES.glob("*.py"))
        for word in ("to_thread(", "run_in_executor(", "run.io_bound", "run_in_threadpool(")
        if word in file.read_text(encoding="utf-8") and file.name != "pools.py"
    ]
    assert beside == []


@pytest.mark.slow
def test_a_portal_that_hangs_does_not_stop_the_pages(house: House) -> None:
    """Eight times /assistants while every call of the CRM hangs; the leads are there at once."""
    program = house.program
    viewer, other = house.session("viewer"), house.session("admin")
    other.get(f"{house.url}/app/leads", timeout=30)
    program.control("POST", "faults", {"kind": "slow", "seconds": HANGS})
    done: list[int] = []

    def look() -> None:
        answer = viewer.get(f"{house.url}/app/assistants", timeout=60)
        done.append(answer.status_code)

    askers = [threading.Thread(target=look) for _ in range(8)]
    try:
        for asker in askers:
            asker.start()
        seen = other.get(f"{house.url}/app/leads", timeout=HANGS / 2)
        assert seen.status_code == 200
        wait_until(lambda: len(done) == 8, seconds=HANGS / 2)
        assert set(done) == {200}
    finally:
        program.control("DELETE", "faults")
        for asker in askers:
            asker.join()


@needs_browser()
@pytest.mark.slow
def test_open_pages_that_ask_a_portal_that_hangs_stop_nobody(house: House) -> None:
    """Eight tabs that wait for what the CRM says, and somebody who presses every button that asks
    it: another one's pages are drawn meanwhile, and who asks too often is told to wait."""
    program = house.program
    with chromium() as browser:
        asking, other = Visit(browser, house, "viewer"), Visit(browser, house, "admin")
        page = asking.go("crm")
        program.control("POST", "faults", {"kind": "slow", "seconds": HANGS})
        try:
            tabs = [asking.context.new_page() for _ in range(8)]
            for tab in tabs:
                tab.goto(f"{house.url}/app/assistants")
            assert any(_told_to_wait(page) for _ in range(20))
            other.context.set_default_timeout(HANGS * 1_000 / 2)
            other.go("leads").get_by_role("button", name="Export CSV").wait_for()
        finally:
            program.control("DELETE", "faults")
            asking.context.close()
            other.close()


def _told_to_wait(page: Any) -> bool:
    """Press every button that asks a portal, and look whether that was too often; what is told
    goes by itself after some seconds."""
    for name in ("Refresh", "Check set-up", "Prove the mapping"):
        page.get_by_role("button", name=name).first.click()
    return page.get_by_text("You asked portals often.").count() > 0
