"""Lives worlds one after another, each in a portal and a file of its own."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from engine.base.logging import configure_logging
from engine.lead.machine import LeadMachine
from engine.wiring import open_app
from tests.acceptance.conftest import RULES
from tests.plugins.hubspot.rig import start_sandbox
from tests.worlds.life import World
from tests.worlds.promises import broken


@dataclass(frozen=True)
class Lived:
    """What became of a world."""

    broken: list[str]
    log: list[str]
    deaths: int


class Worlds:
    """One sandbox process and one migrated file for all of them."""

    def __enter__(self) -> "Worlds":
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hb-worlds-"))
        self._folder = Path(folder)
        process, self._url = start_sandbox("--search-lag", "0")
        if process.stdout is not None:
            self._stack.callback(process.stdout.close)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        self._template = self._folder / "template.db"
        with open_app(database=f"sqlite:///{self._template}", rules=RULES) as app:
            self._machine: LeadMachine = app.rules.now()
            app.store._dialect.erased()  # the log goes into the file, which is copied
        configure_logging("critical")  # trouble is what worlds are for
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stack.close()

    def live(self, seed: int) -> Lived:
        world = World(seed, self._url, self._folder, self._template, self._machine)
        try:
            with self._in(world), closing(sqlite3.connect(world.database)) as tables:
                found = broken(tables, world, world.control("GET", "dump"))
                return Lived(found, world.log, world.deaths)
        except AssertionError as error:
            return Lived([str(error)], world.log, world.deaths)

    @contextmanager
    def lived(self, seed: int) -> Iterator[World]:
        """A world that has settled, to be looked at."""
        world = World(seed, self._url, self._folder, self._template, self._machine)
        with self._in(world):
            yield world

    @contextmanager
    def _in(self, world: World) -> Iterator[None]:
        with world.made():
            world.live()
            world.settle()
            yield
        for file in self._folder.glob(f"{world.database.name}*"):
            file.unlink()
