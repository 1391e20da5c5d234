"""Questions before something is done that no click undoes, and the fields that answer them.

Whoever handles a form is given what its fields held at the instant of the click, and never the
fields: a browser can change them at any time, also between a check and what it was for.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement

from leadback.base.errors import InputError
from leadback.base.names import one_line
from leadback.web.pages.desk import View
from leadback.web.pages.parts import text

LONGEST = 500
"""Characters that a field of one line may hold, unless it says otherwise."""
MOST_TEXT = 1_000_000


@dataclass(frozen=True, slots=True)
class Given:
    """What a form held when its button was pressed; read once, bounded, and never anew."""

    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Without blanks around it."""
        return str(self.values[name])

    def number(self, name: str) -> int:
        return int(self.values[name])

    def checked(self, name: str) -> bool:
        return bool(self.values[name])

    def words(self, name: str) -> tuple[str, ...]:
        """What was picked of several."""
        return tuple(self.values[name])


Doing = Callable[[Given], Awaitable[bool]]
"""What the dialog's button does; False leaves the dialog open."""
Read = Callable[[object], object]
"""What a browser sent → what it means. Raises ValueError with the rest of a sentence."""


class Form:
    """Adds fields where it is used, one under each name."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, ValueElement[Any], Read]] = {}

    def text(
        self, name: str, label: str, value: str = "", *, kind: str = "text", longest: int = LONGEST
    ) -> None:
        """One line. kind: an input's type in HTML."""
        field = ui.input(label, value=value).props("outlined dense autocomplete=off")
        field.props["maxlength"] = longest
        if kind != "text":
            field.props["type"] = kind
            field.props("stack-label")
        self._add(name, label, field, lambda found: _line(found, longest))

    def secret(self, name: str, label: str, *, autocomplete: str) -> None:
        """A password, taken as it is typed."""
        field = ui.input(label, password=True).props("outlined dense").classes("w-full")
        field.props["autocomplete"] = autocomplete
        self._add(name, label, field, lambda found: _bounded(found, LONGEST))

    def lines(self, name: str, label: str, value: str) -> None:
        """Many lines."""
        field = ui.textarea(label, value=value)
        field.props('outlined autogrow input-class="lb-mono"')
        self._add(name, label, field, lambda found: _bounded(found, MOST_TEXT))

    def number(self, name: str, label: str, value: int, *, least: int, most: int) -> None:
        field = ui.number(label, value=value, min=least, max=most, precision=0)
        field.props("outlined dense")
        self._add(name, label, field, lambda found: _whole(found, least, most))

    def choice(self, name: str, label: str, options: Sequence[str], value: str | None) -> None:
        """One of the options; "" while none is picked."""
        field = ui.select(list(options), label=label, value=value)
        field.props("outlined dense options-dense")
        self._add(name, label, field, lambda found: _one_of(found or "", (*options, "")))

    def choices(self, name: str, label: str, options: Sequence[str], value: Sequence[str]) -> None:
        """Any number of the options."""
        field = ui.select(list(options), label=label, value=list(value), multiple=True)
        field.props("outlined dense")
        self._add(name, label, field, lambda found: _some_of(found, options))

    def check(self, name: str, label: str, *, value: bool) -> None:
        self._add(name, label, ui.checkbox(label, value=value), bool)

    def _add(self, name: str, label: str, field: ValueElement[Any], read: Read) -> None:
        self._fields[name] = (label, field, read)

    def given(self) -> Given:
        """All fields at this instant. Raises InputError naming the field that cannot be taken."""
        found: dict[str, Any] = {}
        for name, (label, field, read) in self._fields.items():
            try:
                found[name] = read(field.value)
            except ValueError as error:
                raise InputError(f"{label}: {error}") from error
        return Given(MappingProxyType(found))

    def button(self, view: View, words: str, doing: Doing) -> ui.button:
        """Hands over what the fields hold when it is pressed."""
        return ui.button(words, on_click=lambda: self.submit(view, doing))

    async def submit(self, view: View, doing: Doing) -> bool:
        """Read all fields, then act; what cannot be taken is said."""
        try:
            return await doing(self.given())
        except InputError as error:
            view.say(str(error), bad=True)
            return False


@contextmanager
def dialog(
    view: View, title: str, explanation: str, button: str, doing: Doing, *, danger: bool = False
) -> Iterator[Form]:
    """An open dialog; the block adds its fields between the explanation and the buttons."""
    form = Form()
    with view.stage, ui.dialog() as opened, ui.card().classes("lb-dialog"):
        opened.props["aria-label"] = title
        text(title, tag="h2")
        if explanation:
            ui.label(explanation)
        yield form

        async def go() -> None:
            if await form.submit(view, doing):
                opened.close()

        with ui.row().classes("justify-end w-full"):
            ui.button("Cancel", on_click=opened.close).props("flat")
            does = ui.button(button, on_click=go)
            does.props["color"] = "negative" if danger else "primary"
    opened.on("hide", opened.delete)
    opened.open()


def confirm(
    view: View,
    title: str,
    explanation: str,
    button: str,
    doing: Callable[[], Awaitable[bool]],
    *,
    danger: bool = False,
) -> None:
    """A dialog without fields."""

    async def go(_: Given) -> bool:
        return await doing()

    with dialog(view, title, explanation, button, go, danger=danger):
        pass


def _bounded(found: object, longest: int) -> str:
    words = "" if found is None else found
    if not isinstance(words, str):
        raise ValueError("this is no text")
    if len(words) > longest:
        raise ValueError(f"at most {longest:,} characters")
    return words


def _line(found: object, longest: int) -> str:
    words = _bounded(found, longest).strip()
    if not one_line(words):
        raise ValueError("characters that cannot be seen; type it anew")
    return words


def _whole(found: object, least: int, most: int) -> int:
    if isinstance(found, bool) or not isinstance(found, int | float) or found != found // 1:
        raise ValueError("give a whole number")
    if not least <= found <= most:
        raise ValueError(f"give a number from {least} to {most}")
    return int(found)


def _one_of(found: object, options: Sequence[str]) -> str:
    if found not in options:
        raise ValueError("choose one of the list")
    return str(found)


def _some_of(found: object, options: Sequence[str]) -> tuple[str, ...]:
    picked = found if isinstance(found, list | tuple) else ()
    return tuple(_one_of(one, options) for one in picked)
