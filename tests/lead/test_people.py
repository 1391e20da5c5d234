"""Whoever wrote and whomever to: each person is one entry, never a header line as an address."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.lead.people import is_address, people


def person(email: str, first: str = "", last: str = "") -> dict[str, str]:
    named = {"email": email, "first_name": first, "last_name": last}
    return {key: value for key, value in named.items() if value}


HUGO = person("hugo.ito@quarry.example.com", "Hugo", "Ito")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("hugo.ito@quarry.example.com", [person("hugo.ito@quarry.example.com")]),
        ("<hugo.ito@quarry.example.com>", [person("hugo.ito@quarry.example.com")]),
        ('"Ito, Hugo" <hugo.ito@quarry.example.com>', [HUGO]),
        ("Ito, Hugo <hugo.ito@quarry.example.com>", [HUGO]),
        ("Hugo Ito <hugo.ito@quarry.example.com>", [HUGO]),
        ("Hugo\r\n Ito <hugo.ito@quarry.example.com>", [HUGO]),
        ("hugo.ito@quarry.example.com (Hugo Ito)", [HUGO]),
        ("Tara <tara@example.com>", [person("tara@example.com", "Tara")]),
        ("'a@b.example' <a@b.example>", [person("a@b.example")]),
        ("=?utf-8?q?J=C3=B6rg_Maa=C3=9F?= <j@x.example>", [person("j@x.example", "Jörg", "Maaß")]),
        ("Anna Maria Lee <a@x.example>", [person("a@x.example", "Anna Maria", "Lee")]),
        (
            "a@x.example, B C <b@x.example>",
            [person("a@x.example"), person("b@x.example", "B", "C")],
        ),
        ("a@x.example; b@x.example", [person("a@x.example"), person("b@x.example")]),
        ("Team: a@x.example, b@x.example;", [person("a@x.example"), person("b@x.example")]),
        ("undisclosed-recipients:;", []),
        ("<>", []),
        (
            ["a@x.example", "Tara <t@x.example>"],
            [person("a@x.example"), person("t@x.example", "Tara")],
        ),
        ({"email": "a@x.example", "name": "Ann Lee"}, [person("a@x.example", "Ann", "Lee")]),
        ({"email": "a@x.example", "firstName": "Ann"}, [person("a@x.example", "Ann")]),
        (
            {"emailAddress": {"name": "Ann", "address": "a@x.example"}},
            [person("a@x.example", "Ann")],
        ),
        ([], []),
    ],
)
def test_each_person_is_one_entry(given: Any, found: list[dict[str, str]]) -> None:
    assert people(given) == found
    assert people(found) == found


@pytest.mark.parametrize(
    "given",
    ["Hugo Ito", "MAILER-DAEMON", "a@b@c", 7, [True], {"name": "Ann"}, {"email": 7},
     [["a@x.example"]], ",".join(f"a{n}@x.example" for n in range(101)),
     "a" * 400 + "@x.example", {"email": "Ann <a@x.example>"}],
)  # fmt: skip
def test_what_names_nobody_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"names|has"):
        people(given)


@given(st.lists(st.text() | st.dictionaries(st.sampled_from(["email", "name"]), st.text())))
def test_whatever_is_given_every_entry_has_an_address(given: list[Any]) -> None:
    try:
        found = people(given)
    except ValueError:
        return
    assert all(is_address(one["email"]) for one in found)
    assert all(value.isprintable() for one in found for value in one.values())
