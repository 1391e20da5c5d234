"""Waits for NOTIFY from PostgreSQL. Imported only where the driver is needed."""

import time
from typing import Any

import psycopg
from sqlalchemy import URL


class ChannelBell:
    """LISTEN on a connection of its own; while that is broken it only lets the time pass."""

    def __init__(self, url: URL, channel: str) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._channel = channel
        self._connection: psycopg.Connection[Any] | None = None
        self._listen()

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        try:
            if self._connection is None:
                self._listen()
                return self._connection is not None  # something may have come meanwhile
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                return True
        except psycopg.OperationalError:
            self.close()
            time.sleep(max(0.0, end - time.monotonic()))
        return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _listen(self) -> None:
        connection = psycopg.connect(self._url, autocommit=True)
        connection.execute(f"LISTEN {self._channel}")
        self._connection = connection
