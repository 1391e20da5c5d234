"""A hundred small mistakes in a sound file, and what is said about each: nothing twice, no more.

`mistakes.txt` holds, for each, the text that is replaced, what it becomes, and the output.
"""

from pathlib import Path

import pytest

from leadback.rules import rows
from leadback.rules.loader import parse
from leadback.rules.shapes import known_names

SOUND = Path("tests/rules/sound.yaml").read_text()


def cases() -> list[tuple[str, str, str]]:
    found = []
    for block in Path("tests/rules/mistakes.txt").read_text().split("=== ")[1:]:
        before, _, rest = block.partition("\n--> ")
        after, _, output = rest.partition("\n")
        found.append((before.replace("\\n", "\n"), after.replace("\\n", "\n"), output))
    return found


@pytest.mark.parametrize(("before", "after", "output"), cases())
def test_a_mistake_is_said_once(before: str, after: str, output: str) -> None:
    assert before in SOUND
    _, findings = parse(SOUND.replace(before, after, 1), file="f")
    assert "".join(f"{finding}\n" for finding in findings) == output


def test_a_list_of_names_is_cut_where_it_would_be_long() -> None:
    assert known_names("abcdefghijklmnop") == "a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p"
    assert known_names("abcdefghijklmnopq") == "a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, …"


def test_a_file_has_at_most_so_many_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROWS", 13)
    assert parse(SOUND, file="enough")[1] == ()
    monkeypatch.setattr(rows, "MAX_ROWS", 12)
    first = next(f for f in parse(SOUND, file="more")[1] if f.code == "R002")
    assert (first.line, first.message) == (40, "more than 12 rules")
