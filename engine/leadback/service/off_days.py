"""Days on which an assistant does not follow up, as people write them. The engine sends nothing
itself: whoever sends reads them."""

from datetime import date

from leadback.base.errors import InputError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST = 400


def checked_off_days(text: str) -> str:
    """Weekdays, then dates, in order and once each, e.g. "sat, sun, 2026-12-25". InputError."""
    words = {word.lower() for word in text.replace(",", " ").split()}
    if len(words) > MOST:
        raise InputError(f"{len(words)} off-days are too many", fix=f"give at most {MOST}")
    dates = sorted(_date(word) for word in words.difference(WEEKDAYS))
    return ", ".join([*(day for day in WEEKDAYS if day in words), *dates])


def _date(word: str) -> str:
    try:
        return date.fromisoformat(word).isoformat()
    except ValueError as error:
        raise InputError(
            f"{word!r} is no off-day", fix="give weekdays (sat, sun) and dates (2026-12-25)"
        ) from error
