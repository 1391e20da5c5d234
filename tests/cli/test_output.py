"""What is printed for people stays whole where no terminal sets its width."""

import pytest

from leadback.base.words import many
from leadback.cli.output import print_table


def test_a_table_in_a_pipe_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    name, place = "acme/" + "1" * 40, "a place " * 30
    print_table(("lead", "where", "when"), [(name, place.strip(), None), ("[b]", 2, "now")])
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split("  ", maxsplit=1)[0] == name
    assert place.strip() in first
    assert second.split() == ["[b]", "2", "now"]


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 leads"), (1, "1 lead"), (2, "2 leads"), (12_000, "12,000 leads")]
)
def test_one_is_no_plural(count: int, said: str) -> None:
    assert many(count, "lead") == said
