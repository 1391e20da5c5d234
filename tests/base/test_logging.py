"""What the log holds whatever fails: no secret, no address, no forged line; and not for ever."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog

from leadback.base.logging import AGAIN_SECONDS, MOST_FAILURES, configure_logging
from leadback.base.redaction import hide, without_secrets

TOKEN = "pat-na1-LEAKME-0123456789"
ADDRESS = "ann.secret@private.example"
ODD = "\x1b[2J\x1b]0;owned\x07 \r\n2026-11-28 [info] forged \u202e \x9b2J"


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture(autouse=True)
def _configured(seconds: Seconds) -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers = before


@pytest.fixture(params=[False, True], ids=["text", "json"])
def written(
    request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str], seconds: Seconds
) -> Callable[[], str]:
    configure_logging("INFO", json=request.param, clock=seconds)
    return lambda: capfd.readouterr().err


def breaks(text: str = "", kind: type[Exception] = RuntimeError) -> None:
    token, address = hide(TOKEN), ADDRESS
    raise kind(text or f"{token} of {address}")


def failed(text: str = "", **values: object) -> None:
    try:
        breaks(text)
    except RuntimeError:
        structlog.get_logger().exception("work failed", action="work", **values)


def test_a_traceback_has_neither_token_nor_address(written: Callable[[], str]) -> None:
    failed(reason=f"Authorization: Bearer {TOKEN}", who=ADDRESS, row={"email": ADDRESS})
    text = written()
    assert "RuntimeError" in text
    assert "in breaks" in text
    assert TOKEN not in text
    assert "secret@" not in text
    assert "locals" not in text


def test_no_value_forges_a_line_or_speaks_to_the_terminal(written: Callable[[], str]) -> None:
    log = structlog.get_logger()
    log.warning(f"odd {ODD}", name=ODD, other=[ODD])
    logging.getLogger("nicegui").warning("said %s", ODD)
    failed(ODD)
    text = written()
    assert all(line.isprintable() for line in text.split("\n")), repr(text)
    assert not [line for line in text.split("\n") if line.startswith("2026-11-28 [info] forged")]


def test_a_failure_that_goes_on_is_told_once_and_then_counted(
    written: Callable[[], str], seconds: Seconds
) -> None:
    for _ in range(200):
        failed()
    assert written().count("in breaks") == 1
    seconds.now = AGAIN_SECONDS
    failed()
    text = written()
    assert "200" in text
    assert text.count("\n") == 1


def test_other_failures_are_told_beside_it_and_memory_is_bounded(
    written: Callable[[], str],
) -> None:
    for number in range(3 * MOST_FAILURES):
        failed(portal=f"p{number}")
    assert written().count("in breaks") == 3 * MOST_FAILURES
    failed(portal="p0")
    assert "in breaks" in written(), "what was forgotten is told anew"


def test_an_exception_in_a_library_and_in_a_thread_is_said_the_same_way(
    written: Callable[[], str],
) -> None:
    from leadback.base.logging import _uncaught_in_thread

    try:
        breaks()
    except RuntimeError as error:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        given = (type(error), error, error.__traceback__, threading.current_thread())
        _uncaught_in_thread(threading.ExceptHookArgs(given))
    text = written()
    assert text.count("in breaks") == 2
    assert TOKEN not in text
    assert "secret@" not in text


@pytest.mark.parametrize(
    "text", ["x" * 10**6, "@" * 10**6, "a@" * 500_000, "a" * 10**6 + "@", "=" * 10**6 + "@b"]
)
def test_long_texts_take_no_time(text: str) -> None:
    assert len(without_secrets(text)) <= 25_000


def test_what_is_no_address_stays() -> None:
    assert without_secrets("lead acme/501 moved at 10:00") == "lead acme/501 moved at 10:00"
    assert without_secrets(f"To: {ADDRESS}, <{ADDRESS}>") == "To: …@…, <…@…>"


def test_databases_do_not_repeat_what_they_were_given(tmp_path: object) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    from leadback.store.database import _dialect

    dialect = _dialect(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(DBAPIError) as caught, dialect.engine.connect() as connection:
        connection.execute(text("SELECT * FROM nowhere WHERE email = :e"), {"e": ADDRESS})
    dialect.dispose()
    assert isinstance(caught.value.orig, sqlite3.OperationalError)
    assert ADDRESS not in str(caught.value)
