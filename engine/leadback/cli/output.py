"""How every command talks: one JSON document for scripts, tables for people, errors with the fix.

Standard output carries results only; progress and errors go to standard error. Nothing else in
leadback.cli writes to either: names come from anybody, and here they become texts that do nothing
to a terminal.
"""

import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import orjson

from leadback.base.words import many, plain, plain_lines

DONE, ATTENTION, WRONG_USE = 0, 1, 2
"""Exit codes: done; done and something needs attention; wrong use or configuration."""
WIDEST = 10_000
"""Characters; a file or a pipe has no edge at which to cut."""


def print_json(document: Any) -> None:
    """One JSON document on standard output; what cannot be seen is escaped."""
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    if not text.replace("\n", "").isprintable():
        text = "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _escaped(one: str) -> str:
    """As JSON writes it; beyond the first plane that is a pair."""
    pair = one.encode("utf-16-be").hex()
    return "".join(f"\\u{pair[at : at + 4]}" for at in range(0, len(pair), 4))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = ""
) -> None:
    """A table for people; None shows as nothing. What is no terminal gets every cell whole."""
    from rich.console import Console  # here: most commands print none
    from rich.markup import escape
    from rich.table import Table

    title = escape(plain(title))
    table = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else escape(plain(str(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else WIDEST).print(table)


def print_fields(values: Mapping[str, object]) -> None:
    """One record for people, a line per field."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        sys.stdout.write(f"{name:<{width}}  {'' if value is None else plain(str(value))}\n")


def say(text: str) -> None:
    """One line of result for people."""
    sys.stdout.write(plain(text) + "\n")
    sys.stdout.flush()


def print_text(text: str) -> None:
    """A document of several lines, such as the rules in words."""
    sys.stdout.write(plain_lines(text.rstrip("\n")) + "\n")


@contextmanager
def data_out() -> Iterator[TextIO]:
    """Where to write data for programs: a file keeps them as they are, a terminal gets what
    everything else is to it."""
    if not sys.stdout.isatty():
        yield sys.stdout
        return
    shown = io.StringIO(newline="")
    yield shown
    print_text(shown.getvalue().replace("\r\n", "\n"))


def complain(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(plain(text) + "\n")
    sys.stderr.flush()


def difference(one: Mapping[str, Any]) -> str:
    """One line about what other rules do, with how many leads that concerns, if that is known."""
    leads = one["leads"]
    return str(one["text"]) if leads is None else f"{one['text']} ({many(leads, 'lead')})"


def paused(pause: Mapping[str, Any]) -> str:
    """One line about a portal that waits."""
    if pause["until"] is None:
        portal = pause["portal"]
        return f"portal {portal} is {pause['reason']}; go on with: leadback portal connect {portal}"
    return f"portal {pause['portal']} waits until {pause['until']}: {pause['reason']}"
