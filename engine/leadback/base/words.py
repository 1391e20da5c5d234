"""Numbers and texts as people can read them."""


def many(count: int, noun: str) -> str:
    """`1 lead`, `2,000 leads`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def plain(text: str) -> str:
    """For a terminal or a log: one line, and what cannot be seen as \\xNN, \\uNNNN or \\n.

    Names and notes come from anybody. Raw, an escape sequence rules the terminal, a line break
    forges a line, and a mark of direction turns one around.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


def plain_lines(text: str) -> str:
    """The same for a text of several lines that is ours: its line breaks stay."""
    return "\n".join(map(plain, text.split("\n")))
