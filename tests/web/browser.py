"""A real browser for the pages: Chromium, driven by Playwright; skips say what is missing."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import COOKIE, House

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pages"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PATIENCE = 20_000


def needs_browser() -> pytest.MarkDecorator:
    """Skip with the reason where there is no browser."""
    if importlib.util.find_spec("playwright") is None:
        return pytest.mark.skip(reason="Playwright is missing: pip install playwright")
    if CHROMIUM is None:
        return pytest.mark.skip(reason="Chromium is missing: apt-get install chromium")
    return pytest.mark.chromium


@contextmanager
def chromium() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


def serious(page: "Page", within: str | None = None) -> dict[str, list[str]]:
    """What axe finds that is serious or critical: rule → what. The context must bypass_csp.

    The editor's scroller is not counted: its content takes the focus. In a dialog (`within`) axe
    takes what lies behind for the ground of a filled button; pages have the same buttons.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    if within:
        page.add_style_tag(content=".q-dialog__backdrop { display: none }")
    found: dict[str, list[str]] = {}
    for one in axe.Axe().run(page, context=within).response["violations"]:
        if one["impact"] not in ("serious", "critical"):
            continue
        known = ["cm-scroller", *(['<span class="block">'] if within else [])]
        nodes = [n["html"][:200] for n in one["nodes"] if not any(k in n["html"] for k in known)]
        if nodes:
            found[one["id"]] = nodes[:3]
    return found


class Visit:
    """One person at one browser; what the browser complains about is a failure."""

    def __init__(self, browser: "Browser", house: House, name: str, **options: Any) -> None:
        options.setdefault("viewport", DESKTOP)
        self.house = house
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE)
        token = house.session(name).cookies[COOKIE]
        self.context.add_cookies([{"name": COOKIE, "value": token, "url": house.url}])
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )

    def go(self, path: str) -> "Page":
        """Open a page and wait until it answers to people."""
        self.page.goto(f"{self.house.url}/app/{path}")
        self.page.locator("main h1").first.wait_for()
        self.page.wait_for_function("() => window.socket && window.socket.connected")
        return self.page

    def picture(self, name: str) -> None:
        """A screenshot for the documentation: LEADBACK_PICTURES=1 pytest tests/web."""
        if not os.environ.get("LEADBACK_PICTURES"):
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")

    def close(self) -> None:
        self.context.close()
        assert self.complaints == [], self.complaints
