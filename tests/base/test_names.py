"""Names are short and can be seen; which signs they are made of does not matter."""

import pytest

from leadback.base.errors import InputError
from leadback.base.names import LONGEST_NAME, checked_name


@pytest.mark.parametrize(
    "name", ["tara", 'x" :data-x="alert(1)', "Zoë 寿司", "👩‍👩‍👧", "a" * LONGEST_NAME, "<b>{{ 7 }}"]
)
def test_a_name_that_can_be_seen(name: str) -> None:
    assert checked_name(f" {name} ", what="an assistant") == name


@pytest.mark.parametrize(
    "name",
    ["", "  ", "a" * (LONGEST_NAME + 1), "a\nb", "a\tb", "a\x00b", "\x1b[2J", "a\u2028b", "\ud83d",
     "evil\u202egpj.exe", " " * 10_000_000 + "a"],
)  # fmt: skip
def test_a_name_that_hides_something(name: str) -> None:
    with pytest.raises(InputError) as refused:
        checked_name(name, what="an assistant")
    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()
