"""Every name that anybody can give is a script; pages and dialogs show it, and none runs it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.conftest import event, wait_until, write_events
from tests.web.browser import Visit, chromium, needs_browser
from tests.web.conftest import House

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [needs_browser(), pytest.mark.slow]

SCRIPTS = (
    'x" :data-x="window.ran=1',
    "x' :data-x='window.ran=1",
    ":x=window.ran=1",
    "{{constructor.constructor('window.ran=1')()}}",
    "<img src=x onerror=window.ran=1>",
    "`${window.ran=1}`</script><script>window.ran=1//",
)
"""A property for NiceGUI to evaluate, a template for Vue, markup, and a way out of each."""

ADDRESSES = ('x":a="window.ran=1"@e.example', "{{window.ran=1}}@e.example")

PAGES = (
    "leads",
    "lead",
    "attention",
    "overview",
    "crm",
    "assistants",
    "rules",
    "people",
    "account",
)
NOT_PRESSED = re.compile(r"Export CSV|Open in the CRM|Change it|Previous|Next|Let the draft watch")

BUTTONS = """
() => [...document.querySelectorAll('.lb-main button')]
  .filter(e => e.getBoundingClientRect().width > 0 && !e.disabled)
  .map(e => (e.getAttribute('aria-label') || e.innerText).trim())
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def evil(house: House) -> str:
    """Scripts wherever people, senders and the CRM can put a name; a lead's CRM id."""
    program, folder = house.program, house.program.folder
    file = folder / "rules" / "lead_states.yaml"
    text = file.read_text()
    quoted = '"' + "; ".join(SCRIPTS).replace('"', '\\"') + '"'
    for words in ('"opened at least 1 email"', '"only a new lead waits for capacity"'):
        assert words in text
        text = text.replace(words, quoted, 1)
    file.write_text(text)
    program.run("rules", "apply", str(file), "--yes")
    mapped = re.sub(r"(Warm: +\[)IN_PROGRESS", lambda m: f"{m[1]}{quoted}", text)
    assert mapped != text
    file.write_text(mapped)
    for number, script in enumerate(SCRIPTS):
        house.add_login(script, "viewer")
        program.run(
            "assistant", "add", script, "--portal", "acme", "--email", f"e{number}@example.com",
            "--context", script, "--fallback-owner", script,
        )  # fmt: skip
    for number, address in enumerate(ADDRESSES):
        house.add_login(address, "viewer")
        program.run("assistant", "add", f"a{number}", "--portal", "acme", "--email", address)
    contacts = [
        program.new_contact(n, "tara@example.com", firstname=script, lastname=script)
        for n, script in enumerate(SCRIPTS, 700)
    ]
    lead = contacts[0]
    for one in contacts:
        wait_until(
            lambda one=one: program.run("lead", "show", f"acme/{one}", code=None).returncode == 0
        )
    lines = [event(6990 + n, "capacity_available", f"acme/{lead}") for n in range(2)]
    lines += [event(7000 + n, script, f"acme/{lead}") for n, script in enumerate(SCRIPTS)]
    lines += [
        {**event(7100 + n, "replied", f"acme/{lead}", intent=script, text=script), "source": script}
        for n, script in enumerate(SCRIPTS)
    ]
    program.run("events", "add", str(write_events(folder / "evil.jsonl", lines)), code=None)
    option = {"property": "lead_connection_status", "value": "Hot"}
    program.act({"action": "archive_option", **option})
    program.run("mark", f"acme/{contacts[1]}", "hot")
    wait_until(lambda: program.json("queue", "list"))
    return lead


def ran(page: "Page") -> object:
    return page.evaluate("() => window.ran")


@pytest.mark.parametrize("name", PAGES)
def test_no_page_and_no_dialog_runs_a_name(
    house: House, browser: Any, evil: str, name: str
) -> None:
    """Every tab, and every button that opens something; confirmed is nothing."""
    someone = Visit(browser, house, "admin")
    page = someone.go(f"lead/acme/{evil}" if name == "lead" else name)
    page.wait_for_timeout(700)
    tabs = page.get_by_role("tab")
    opened = 0
    for number in range(max(1, tabs.count())):
        if tabs.count():
            tabs.nth(number).click()
            page.wait_for_timeout(300)
        opened += _press_all(page)
        assert ran(page) is None
    if name in ("assistants", "people"):
        assert opened > len(SCRIPTS)
    shown = page.locator("body").inner_text()
    assert "window.ran=1" in shown or name in ("crm", "overview", "account", "rules")
    assert page.locator("[data-x], img[src=x]").count() == 0
    someone.close()


def _press_all(page: "Page") -> int:
    """How many dialogs were opened."""
    from playwright.sync_api import TimeoutError

    opened = 0
    for button in dict.fromkeys(page.evaluate(BUTTONS)):
        if NOT_PRESSED.search(button):
            continue
        target = page.get_by_role("button", name=button, exact=True).first
        if not target.count() or not target.is_visible():
            continue
        for _ in range(3):  # what is pressed next may wait behind a dialog that came late
            opened += _close_all(page)
            try:
                target.click(timeout=3_000)
                break
            except TimeoutError:
                continue
        page.wait_for_timeout(250)
        assert ran(page) is None, button
        opened += _close_all(page)
    return opened


def _close_all(page: "Page") -> int:
    """How many dialogs there were."""
    found = page.get_by_role("dialog").count()
    for _ in range(20):
        if not page.get_by_role("dialog").or_(page.get_by_role("menu")).count():
            break
        assert ran(page) is None
        page.keyboard.press("Escape")
        page.wait_for_timeout(150)
    return found


def test_a_script_in_a_page_would_be_seen_here(house: House, browser: Any) -> None:
    """That the check can fail: what NiceGUI evaluates does run in these pages."""
    someone = Visit(browser, house, "admin")
    page = someone.go("account")
    page.evaluate("() => new Function('props', 'return (window.ran=1)')({})")
    assert ran(page) == 1
    someone.close()
