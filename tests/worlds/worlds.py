"""Lives worlds one after another, each in a portal and a database of its own."""

import os
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from leadback.base.clock import ManualClock
from leadback.base.logging import configure_logging
from leadback.base.settings import Settings
from leadback.lead.machine import LeadMachine
from leadback.wiring import open_app
from tests.acceptance.conftest import RULES
from tests.plugins.hubspot.rig import start_sandbox
from tests.worlds.databases import Databases, databases
from tests.worlds.life import START, World
from tests.worlds.portal import Sandbox, set_up_model
from tests.worlds.promises import broken

MEMORY = Path("/dev/shm")  # noqa: S108 — only where files live when there is one
"""No process dies here but in play, so nothing has to reach a disk."""


@dataclass(frozen=True)
class Lived:
    """What became of a world."""

    seed: int
    broken: list[str]
    log: list[str]
    deaths: int
    curses: int
    """How often an exception fell that was planted."""


class Worlds:
    """One sandbox process and one migrated database for all of them. database: sqlite or
    postgresql."""

    def __init__(self, database: str = "sqlite") -> None:
        self._kind = database

    def __enter__(self) -> "Worlds":
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        configure_logging("critical")  # trouble is what worlds are for
        return self

    def _open(self, stack: ExitStack) -> None:
        where = MEMORY if os.access(MEMORY, os.W_OK) else None
        folder = tempfile.TemporaryDirectory(prefix="lb-worlds-", dir=where)
        path = Path(stack.enter_context(folder))
        process, url = start_sandbox("--search-lag", "0")
        if process.stdout is not None:
            stack.callback(process.stdout.close)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        self.databases: Databases = stack.enter_context(databases(self._kind, path))
        self._sandbox = Sandbox(url)
        stack.callback(self._sandbox.close)
        clock = ManualClock(START)
        with open_app(database=self.databases.template, rules=RULES, clock=clock) as app:
            set_up_model(app, self._sandbox)
            self._settings: Settings = app.settings
            self._machine: LeadMachine = app.rules.now()
            self._compiled = app.store._compiled
            app.store._dialect.erased()  # the log goes into the file, which is copied

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stack.close()

    def live(self, seed: int) -> Lived:
        """A world that cannot go on has broken its promises, too."""
        with self._made(seed) as world:
            try:
                with self._in(world), self.databases.tables(world.database) as tables:
                    found = broken(tables, world, world.control("GET", "dump"))
            except Exception:
                found = [traceback.format_exc(limit=-3)]
            return Lived(seed, found, world.log, world.deaths, world.curse.fell)

    @contextmanager
    def lived(self, seed: int) -> Iterator[World]:
        """A world that has settled, to be looked at."""
        with self._made(seed) as world, self._in(world):
            yield world

    @contextmanager
    def _made(self, seed: int) -> Iterator[World]:
        database = self.databases.fresh(seed)
        settings = self._settings.model_copy(update={"database_url": database})
        try:
            world = World(seed, self._sandbox, settings, self._compiled, self._machine)
            with self.databases.tables(database) as tables:
                tables.execute("UPDATE portals SET account_id = ?", (str(world.number),))
                tables.commit()
            yield world
        finally:
            self.databases.drop(database)

    @contextmanager
    def _in(self, world: World) -> Iterator[None]:
        with world.made():
            world.live()
            world.settle()
            yield


def live_part(seeds: range, database: str) -> list[Lived]:
    """Several worlds, in the process that is called."""
    with Worlds(database) as worlds:
        return [worlds.live(seed) for seed in seeds]
