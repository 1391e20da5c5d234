"""Activating what a portal cannot show: nothing happens before a person says what is to be done."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.conftest import wait_until
from tests.web.browser import Visit, chromium, needs_browser
from tests.web.conftest import House

pytestmark = [needs_browser(), pytest.mark.slow]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(house: House, browser: Any) -> Iterator[Callable[..., Visit]]:
    made = Visit(browser, house, "editor")
    yield lambda: made
    made.close()


def test_portals_are_set_up_first_or_passed_over(house: House, visit: Callable[..., Visit]) -> None:
    file = house.program.folder / "rules" / "lead_states.yaml"
    kept = file.read_text()
    before = house.program.json("rules", "versions")["in_use"]

    def in_use() -> str:
        return str(house.program.json("rules", "versions")["in_use"])

    file.write_text(kept.replace("[QUALIFIED, ", "[VERY_GOOD, "))
    try:
        page = visit().go("rules")
        page.get_by_role("button", name="Activate …").click()
        dialog = page.get_by_role("dialog", name="Activate these rules?")
        dialog.get_by_text(re.compile("Portal acme: Processed: .*VERY_GOOD")).wait_for()
        dialog.get_by_role("button", name="Activate", exact=True).click()
        page.get_by_text("Tick what is to be done about the portals.").wait_for()
        assert in_use() == before
        dialog.get_by_role("checkbox", name="Set these portals up first").click()
        dialog.get_by_role("button", name="Activate", exact=True).click()
        wait_until(lambda: in_use() != before)
        page.get_by_role("dialog").wait_for(state="detached")

        act = {"action": "archive_option", "property": "hs_lead_status", "value": "QUALIFIED"}
        house.program.act(act)
        page.get_by_role("tab", name="History").click()
        row = page.get_by_role("row", name=re.compile(before)).last
        row.get_by_role("button", name=re.compile("Go back")).click()
        dialog = page.get_by_role("dialog", name=f"Go back to version {before}?")
        dialog.get_by_role("checkbox", name="Use these rules all the same").click()
        dialog.get_by_role("button", name="Go back").click()
        wait_until(lambda: in_use() == before)
    finally:
        file.write_text(kept)
