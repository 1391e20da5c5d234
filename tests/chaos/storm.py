"""Workers under load that are killed, on a database that is restarted; replayable by its seed.

Accepting is retried as a sender would: what was not acknowledged is sent again.
"""

import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg

from leadback.base.clock import SystemClock
from leadback.wiring import App, open_app
from tests.acceptance.conftest import PATIENCE, Program
from tests.chaos.checker import SOURCE, Read, Sent, problems
from tests.chaos.server import Server

WORKERS = 2
ASSISTANT, OWNER = "tara@example.com", "hanna@example.com"
EMAILS = 0.3
"""Share of the events that write an email into the portal."""
SLOW_SECONDS = 0.3
"""Every answer of the portal takes so long, so that a blow falls while a call is under way."""
TRIES = 300
PIECES = 8
LOOKS = 40
LIFETIME_SECONDS = (0.3, 1.5)

Tell = Callable[[str], None]


@dataclass
class Storm:
    """kills, restarts, events: in all. server: None = the database is a file."""

    program: Program
    url: str
    seed: int
    kills: int
    restarts: int
    events: int
    leads: int = 30
    server: Server | None = None
    tell: Tell = lambda _: None
    sent: list[Sent] = field(default_factory=list)
    in_flight: int = 0
    """Blows that fell while somebody had effects on their way to the portal."""

    def run(self) -> list[str]:
        """What is broken at the end, one sentence each."""
        dice = random.Random(self.seed)
        self.program.environment["LEADBACK_DATABASE_URL"] = self.url
        self.program.run("db", "upgrade")
        self.program.set_up_as_spelled()
        crm_ids = self._assigned()
        self.program.run("run", "--until-idle")  # the contacts are leads: no blow waits for a poll
        slow = {"kind": "slow", "seconds": SLOW_SECONDS, "route": "batch"}
        self.program.control("POST", "faults", slow)
        with open_app(database=self.url) as app:
            workers = [self.program.start("run") for _ in range(WORKERS)]
            try:
                self._blow(dice, app, crm_ids, workers)
            finally:
                for worker in workers:
                    _end(worker)
        self.program.control("DELETE", "faults")
        self.tell("settling")
        self.program.run("run", "--until-idle")
        return problems(self.reader(), self.program.dump(), self.sent)

    def _assigned(self) -> list[str]:
        ids = [self.program.new_contact(number, OWNER) for number in range(self.leads)]
        self.program.act(*({"action": "assign", "contact": i, "owner": ASSISTANT} for i in ids))
        return ids

    def _blow(
        self, dice: random.Random, app: App, ids: list[str], workers: list[subprocess.Popen[bytes]]
    ) -> None:
        moments = ["kill"] * self.kills + ["restart"] * self.restarts
        dice.shuffle(moments)
        first = [(crm_id, "capacity_available") for crm_id in ids]
        self._send(app, dice, first)
        for done, moment in enumerate(moments, 1):
            share = self.events * done // len(moments) - self.events * (done - 1) // len(moments)
            self._trickle(dice, app, ids, share)
            self.in_flight += self._under_way()
            if moment == "kill":
                victim = dice.randrange(len(workers))
                _end(workers[victim])
                workers[victim] = self.program.start("run")
            elif self.server is not None:
                self.server.restart(dice.choice(("fast", "immediate")))
            for number, worker in enumerate(workers):
                if worker.poll() is not None:  # as its supervisor would
                    _end(worker)
                    workers[number] = self.program.start("run")
            if done % 10 == 0 or done == len(moments):
                self.tell(
                    f"{done} of {len(moments)} blows, {self.in_flight} of them in mid-delivery, "
                    f"{len(self.sent)} events accepted"
                )

    def _under_way(self) -> bool:
        """Whether somebody has effects on their way; waits a little for it."""
        read = self.reader()
        for _ in range(LOOKS):
            [[leased]] = read("SELECT count(*) FROM outbox WHERE status = 'leased'")
            if leased:
                return True
            time.sleep(0.05)
        return False

    def _trickle(self, dice: random.Random, app: App, ids: list[str], share: int) -> None:
        """In pieces over a worker's life, so that the blow falls while there is work."""
        lifetime = dice.uniform(*LIFETIME_SECONDS)
        for piece in range(PIECES):
            count = share * (piece + 1) // PIECES - share * piece // PIECES
            self._send(app, dice, [(dice.choice(ids), "") for _ in range(count)])
            time.sleep(lifetime / PIECES if piece < PIECES - 1 else dice.uniform(0, 0.1))

    def _send(self, app: App, dice: random.Random, about: list[tuple[str, str]]) -> None:
        lines, batch = [], []
        for crm_id, kind in about:
            number = len(self.sent) + len(batch)
            kind = kind or ("email_sent" if dice.random() < EMAILS else "email_opened")
            subject = f"Mail {number:07}" if kind == "email_sent" else ""
            data = {"subject": subject, "body": "b"} if subject else {}
            batch.append(Sent(crm_id, f"c-{number}", subject))
            lines.append(_event(batch[-1], kind, data))
        _until_accepted(app, lines)
        self.sent += batch

    def reader(self) -> Read:
        if self.server is None:
            file = self.url.removeprefix("sqlite:///")

            def read_file(query: str) -> Any:
                with closing(sqlite3.connect(file)) as connection:
                    return connection.execute(query).fetchall()

            return read_file

        def read(query: str) -> Any:
            with psycopg.connect(self.url) as connection:
                return connection.execute(query).fetchall()  # type: ignore[arg-type]

        return read


def _event(one: Sent, kind: str, data: dict[str, str]) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": one.event_id,
            "source": SOURCE,
            "type": kind,
            "subject": f"acme/{one.crm_id}",
            "data": data,
        }
    )


def _until_accepted(app: App, lines: list[bytes]) -> None:
    """A database that is away is waited for, and what may have been taken is sent again."""
    last: Exception | None = None
    for _ in range(TRIES):
        try:
            added = app.events.add_lines(lines)
        except Exception as error:  # whatever it says: nothing was acknowledged
            last = error
            time.sleep(0.1)
            continue
        assert added.rejected == 0, added.reasons
        return
    raise TimeoutError(f"the database took no events at {SystemClock().now()}") from last


def _end(worker: subprocess.Popen[bytes]) -> None:
    """kill -9, whether it still runs or not."""
    worker.send_signal(signal.SIGKILL)
    worker.wait(PATIENCE)
    assert worker.stderr is not None
    worker.stderr.close()
