"""Structured logs to standard error, one `action=` word each.

Whatever fails, a line holds no secret that redaction.hide() was told of, no address of a person,
and nothing that does something to a terminal; a failure that goes on is told once, then counted.
"""

import logging
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any

import structlog

from leadback.base.redaction import without_secrets
from leadback.base.words import plain, plain_lines

MOST_FAILURES = 256
"""Different failures that are counted; of more the oldest is told anew."""
AGAIN_SECONDS = 60.0
"""Between two words about a failure that goes on."""

Entry = MutableMapping[str, Any]


def _clean(_: Any, __: str, entry: Entry) -> Entry:
    """Every value as a text that may be shown."""
    for name, value in entry.items():
        if name == "exc_info" or isinstance(value, bool | int | float | None):
            continue
        entry[name] = plain(without_secrets(value if isinstance(value, str) else repr(value)))
    return entry


class _Failures:
    """Tells a failure with its traceback once, then how often it happened since."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()

    def __call__(self, _: Any, __: str, entry: Entry) -> Entry:
        error = _exception(entry.pop("exc_info", None))
        if error is None:
            return entry
        now, key = self._clock(), _place(entry, error)
        with self._lock:
            told = self._seen.get(key)
            if told is None:
                self._seen[key] = (now, 0)
                while len(self._seen) > MOST_FAILURES:
                    self._seen.popitem(last=False)
            elif now - told[0] < AGAIN_SECONDS:
                self._seen[key] = (told[0], told[1] + 1)
                raise structlog.DropEvent
            else:
                self._seen[key] = (now, 0)
        if told is None:
            text = "".join(traceback.format_exception(error))
            lines = plain_lines(without_secrets(text)).rstrip("\n").split("\n")
            entry["exception"] = "\n".join(f"  {line}" for line in lines)  # none begins like ours
        else:
            entry["again"] = told[1] + 1
            entry["reason"] = plain(without_secrets(f"{type(error).__name__}: {error}"))
        return entry


def _exception(given: object) -> BaseException | None:
    match given:
        case BaseException():
            return given
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
    return None


def _place(entry: Mapping[str, Any], error: BaseException) -> tuple[object, ...]:
    """What makes two failures the same: where they were caught, and where they began."""
    frames = traceback.extract_tb(error.__traceback__)
    began = (frames[-1].filename, frames[-1].lineno) if frames else ()
    return entry.get("event"), entry.get("portal"), type(error), *began


class _Others(logging.Handler):
    """What libraries say by Python's own logging looks like the rest."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            structlog.get_logger().log(
                record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
            )
        except Exception:
            self.handleError(record)


def configure_logging(
    level: str, *, json: bool = False, clock: Callable[[], float] = time.monotonic
) -> None:
    """Call once, at a door. json: one JSON object a line instead of text for people.

    clock: seconds, for failures that go on.
    """
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _clean,
            _Failures(clock),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _Others)]
    root.addHandler(_Others(logging.WARNING))


def log_what_nobody_catches() -> None:
    """Call once, in a process that is ours: what ends it or a thread of it is said in the log."""
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().error("failed", action="end", exc_info=error)


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else ""
        structlog.get_logger().error(
            "failed", action="thread", thread=name, exc_info=args.exc_value
        )
