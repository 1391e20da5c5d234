"""Numbers as people say them."""


def many(count: int, noun: str) -> str:
    """`1 lead`, `2,000 leads`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
