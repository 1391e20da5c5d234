"""Off-days as people write them."""

import pytest

from leadback.base.errors import InputError
from leadback.service.off_days import MOST, checked_off_days


def test_weekdays_come_first_then_dates_once_each() -> None:
    written = "2026-12-25 Sun,sat, 2026-01-01,sun"
    assert checked_off_days(written) == "sat, sun, 2026-01-01, 2026-12-25"
    assert checked_off_days("  ") == ""


@pytest.mark.parametrize("wrong", ["someday", "2026-02-30", "25.12.2026"])
def test_what_is_no_day_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match="no off-day"):
        checked_off_days(f"sat, {wrong}")


def test_too_many_are_refused() -> None:
    days = " ".join(f"{year}-01-{day:02}" for year in range(2000, 2020) for day in range(1, 29))
    with pytest.raises(InputError, match=f"at most {MOST}"):
        checked_off_days(days)
