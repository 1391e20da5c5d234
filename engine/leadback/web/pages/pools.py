"""The threads of the pages: some for the database, others for portals, and few of those for each
portal. A portal that does not answer holds up whoever asks it, and nobody else."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from leadback.base.errors import InputError

DATABASE = 8
PORTALS = 24
EACH = 2
"""Calls of one portal at once, of all pages together."""
PATIENCE = 20.0
"""Seconds that a call waits for its turn."""
REMEMBERED = 1_000

T = TypeVar("T")


class Pools:
    """One per process; of one event loop. Threads are made when they are needed."""

    def __init__(self, *, each: int = EACH, patience: float = PATIENCE) -> None:
        self._each, self._patience = each, patience
        self._database = ThreadPoolExecutor(DATABASE, thread_name_prefix="pages")
        self._portals = ThreadPoolExecutor(PORTALS, thread_name_prefix="pages-portal")
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def database(self, call: Callable[[], T]) -> T:
        """A call that asks the database and nobody else."""
        return await self._in(self._database, call)

    async def portal(self, name: str, call: Callable[[], T]) -> T:
        """A call that asks a portal. Raises InputError when its turn does not come."""
        turns = self._turn(name)
        try:
            async with asyncio.timeout(self._patience):
                await turns.acquire()
        except TimeoutError as error:
            raise InputError(
                f"{name} has not answered what it was asked before",
                fix="try again in a minute; what does not need the portal works",
            ) from error
        try:
            asked = asyncio.ensure_future(self._in(self._portals, call))
            asked.add_done_callback(partial(_ended, turns))
        except BaseException:
            turns.release()
            raise
        return await asyncio.shield(asked)  # the turn lasts as long as the call, whoever waits

    def _turn(self, name: str) -> asyncio.Semaphore:
        if len(self._turns) > REMEMBERED:  # names come from outside
            self._turns = {n: one for n, one in self._turns.items() if one.locked()}
        return self._turns.setdefault(name, asyncio.Semaphore(self._each))

    @staticmethod
    async def _in(pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(pool, partial(context.run, call))


def _ended(turns: asyncio.Semaphore, asked: "asyncio.Future[T]") -> None:
    turns.release()
    if not asked.cancelled():
        asked.exception()  # seen here, in case that nobody waits any more
