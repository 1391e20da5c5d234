"""What NiceGUI writes to the log goes through ours; what a browser would write there is dropped.

A browser that is logged in could make any line of its own (NiceGUI's event `log`), and a message of
an exception may hold what somebody typed: neither is to be taken for a line of this program.
"""

import logging
import traceback
from typing import Any

import structlog
from nicegui import core

NAME = "nicegui"
FRAMES = 6

log = structlog.get_logger()


class _Through(logging.Handler):
    """Hands records on as one event each, whose words are a quoted value."""

    def emit(self, record: logging.LogRecord) -> None:
        write = getattr(log, record.levelname.lower(), log.warning)
        if record.exc_info and record.exc_info[0] is not None:
            error, _, at = record.exc_info
            write("pages", action="page", failed=error.__name__, where=_where(at))
        else:
            write("pages", action="page", says=ascii(record.getMessage())[:500])


def _where(at: Any) -> str:
    """The last places in the code, innermost first; no values."""
    frames = traceback.extract_tb(at)[-FRAMES:]
    return " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in frames[::-1])


async def dropped(_: str, __: object = None) -> None:
    """A browser's own words."""


def quiet() -> None:
    """Once a process, when NiceGUI is set up."""
    core.sio.on("log", dropped)
    logger = logging.getLogger(NAME)
    logger.propagate = False
    logger.handlers[:] = [_Through()]
