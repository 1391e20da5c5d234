"""Mapped values: what a CRM would refuse, or a person could never type, is found in the file."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadback.rules.findings import Finding
from leadback.rules.loader import parse

SOUND = Path("tests/rules/sound.yaml").read_text()
VISIBLE = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="{}"),
                  min_size=1, max_size=20)  # fmt: skip
UNSEEN = [
    "\0", "\x07", "\x1b", "\x7f", "\x85", "\t", "\n", "\r", "\u2028", "\u2029",
    "\u200b", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u200f", "\u061c", "\u202a", "\u202e",
    "\u2066", "\u2069", "\U000e0041",
]  # fmt: skip
BLANK = [" ", "\u00a0", "\u2003", "\u3000", "\u3164", "\u115f", "\u2800"]


def found(value: str) -> list[Finding]:
    """R052 of a file that maps this value."""
    assert "Cold: [OPEN, Cold]" in SOUND
    quoted = "".join(f"\\U{ord(character):08X}" for character in value)
    text = SOUND.replace("Cold: [OPEN, Cold]", f'Cold: [OPEN, "{quoted}"]')
    return [finding for finding in parse(text, file="f.yaml")[1] if finding.code == "R052"]


def is_seen(character: str) -> bool:
    return unicodedata.category(character) != "Cf" and character not in "".join(BLANK)


@given(before=VISIBLE, after=VISIBLE, unseen=st.sampled_from(UNSEEN))
def test_what_nobody_sees_is_found_wherever_it_stands(before: str, after: str, unseen: str) -> None:
    for value in (unseen + after, before + unseen, before + unseen + after):
        (finding,) = found(value)
        assert "blank" in finding.message or f"U+{ord(unseen):04X}" in finding.message
        assert finding.line == 1 + SOUND[: SOUND.index("Cold: [OPEN")].count("\n")


@given(word=VISIBLE.filter(lambda text: all(map(is_seen, text))), blank=st.sampled_from(BLANK))
def test_blanks_are_found_at_the_ends_alone(word: str, blank: str) -> None:
    assert found(blank + word)
    assert found(word + blank)
    assert not found(f"{word}{blank}{word}")


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_joiners_may_stand_between_letters(joiner: str) -> None:
    assert not found(f"\u0645\u06cc{joiner}\u062e")
    assert found(f"{joiner}Warm")
    assert found(f"Warm{joiner}")


def test_the_message_names_the_character() -> None:
    (finding,) = found("Warm\u200b")
    assert "'Warm\\u200b' cannot be written to a field" in finding.message
    assert "U+200B (ZERO WIDTH SPACE)" in finding.message
