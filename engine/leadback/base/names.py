"""What people may call things: bounded, and without characters that only machines see."""

import unicodedata

from leadback.base.errors import InputError

LONGEST_NAME = 64
_UNSEEN = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of pairs, and breaks between lines."""
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what stands around them:
https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters"""


def one_line(words: str) -> bool:
    """Whether this is text of one line that looks like what it is. Bound its length before."""
    return not any(unicodedata.category(c) in _UNSEEN or c in _TURNS for c in words)


def checked_name(words: str, *, what: str, longest: int = LONGEST_NAME) -> str:
    """A name without the blanks around it. Raises InputError, which says what it cannot name."""
    name = words.strip() if len(words) <= 4 * longest else words
    if not name:
        raise InputError(f"{what} needs a name", fix=f"give one of at most {longest} characters")
    if len(name) > longest:
        raise InputError(
            f"the name of {what} has {len(name):,} characters", fix=f"use at most {longest}"
        )
    if not one_line(name):
        raise InputError(
            f"{name!a} cannot name {what}", fix="use characters that can be seen, in one line"
        )
    return name
