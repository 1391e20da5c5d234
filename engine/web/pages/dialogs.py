"""Questions before something is done that no click undoes."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from engine.web.pages.desk import View
from engine.web.pages.parts import text

Doing = Callable[[], Awaitable[bool]]
"""What the dialog's button does; False leaves the dialog open."""


@contextmanager
def dialog(
    view: View, title: str, explanation: str, button: str, doing: Doing, *, danger: bool = False
) -> Iterator[ui.dialog]:
    """An open dialog; the block adds its fields between the explanation and the buttons."""
    with view.stage, ui.dialog() as opened, ui.card().classes("hb-dialog"):
        opened.props(f'aria-label="{title}"')
        text(title, tag="h2")
        if explanation:
            ui.label(explanation)
        yield opened

        async def go() -> None:
            if await doing():
                opened.close()

        with ui.row().classes("justify-end w-full"):
            ui.button("Cancel", on_click=opened.close).props("flat")
            ui.button(button, on_click=go).props("color=negative" if danger else "color=primary")
    opened.on("hide", opened.delete)
    opened.open()


def confirm(
    view: View, title: str, explanation: str, button: str, doing: Doing, *, danger: bool = False
) -> None:
    """A dialog without fields."""
    with dialog(view, title, explanation, button, doing, danger=danger):
        pass
