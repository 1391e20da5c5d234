"""A form is read once: what was checked is what is done, whatever a browser sends meanwhile."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest

from leadback.base.errors import InputError

nicegui = pytest.importorskip("nicegui", reason="the extra web is missing")

from leadback.web.pages.desk import View  # noqa: E402 — after the check for the extra
from leadback.web.pages.dialogs import LONGEST, Form, Given  # noqa: E402


@pytest.fixture
def form() -> Iterator[Form]:
    """One field of each kind, on a page that no browser has opened."""
    with nicegui.Client(nicegui.ui.page(""), request=None) as client:
        made = Form()
        made.text("name", "Your name", " first ")
        made.secret("password", "Password", autocomplete="off")
        made.lines("raw", "Event", '{"a": 1}\n')
        made.number("days", "Days", 3, least=1, most=365)
        made.choice("role", "Role", ["viewer", "admin"], "viewer")
        made.choices("scopes", "Scopes", ["a", "b"], ["a"])
        made.check("keep", "Keep it", value=True)
        yield made
    client.delete()


class Told:
    """A view that remembers what was said."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def say(self, words: str, *, bad: bool = False) -> None:
        self.words.append(words)


def send(form: Form, name: str, value: Any) -> None:
    """What a browser does by `update:value`: any value at any time."""
    form._fields[name][1].set_value(value)


def test_what_the_fields_held_at_the_click_is_what_counts(form: Form) -> None:
    seen: list[str] = []

    async def connect(given: Given) -> bool:
        seen.append(given.text("name"))  # what a check looks at
        send(form, "name", "stolen")
        send(form, "role", "admin")
        await asyncio.sleep(0)
        seen.append(given.text("name"))  # what is done
        seen.append(given.text("role"))  # what the trail says
        return True

    assert asyncio.run(form.submit(cast(View, Told()), connect))
    assert seen == ["first", "first", "viewer"]


def test_what_was_given_cannot_be_changed(form: Form) -> None:
    given = form.given()
    with pytest.raises(TypeError):
        cast(dict[str, str], given.values)["name"] = "stolen"
    assert given.number("days") == 3
    assert given.words("scopes") == ("a",)
    assert given.checked("keep")
    assert given.text("raw") == '{"a": 1}\n'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "x" * (LONGEST + 1)), ("name", "a\x00b"), ("name", "a\nb"), ("name", {"a": 1}),
        ("name", 7), ("password", ["x"]), ("raw", "x" * 1_000_001), ("days", "many"), ("days", 0),
        ("days", 10**30), ("days", 1.5), ("days", float("nan")), ("days", None), ("days", True),
        ("scopes", [{"a": 1}]),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_told_with_the_fields_label(
    form: Form, name: str, value: Any
) -> None:
    told, label = Told(), form._fields[name][0]

    async def never(_: Given) -> bool:
        raise AssertionError("it was handed on")

    form._fields[name] = (label, cast(Any, Holds(value)), form._fields[name][2])
    assert not asyncio.run(form.submit(cast(View, told), never))
    assert len(told.words) == 1
    assert told.words[0].startswith(f"{label}: ")


class Holds:
    """A field with any value, also one that NiceGUI would not take today."""

    def __init__(self, value: Any) -> None:
        self.value = value


def test_a_refusal_of_the_command_is_said_too(form: Form) -> None:
    told = Told()

    async def refuses(_: Given) -> bool:
        raise InputError("no such time")

    assert not asyncio.run(form.submit(cast(View, told), refuses))
    assert told.words == ["no such time"]
