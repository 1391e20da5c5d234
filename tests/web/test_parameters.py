"""Whatever stands in the address of a page: an answer in words, and never a failure."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

import pytest
import requests
import structlog

from leadback.base.errors import InputError
from leadback.service.browse import wanted_from
from tests.web.conftest import House

nicegui = pytest.importorskip("nicegui", reason="the extra web is missing")
httpx = pytest.importorskip("httpx", reason="the extra web is missing")

from nicegui import core, ui  # noqa: E402 — after the check for the extra

from leadback.web.pages import (  # noqa: E402
    assistants,
    attention,
    build,
    crm,
    lead,
    leads,
    nicegui_log,
    overview,
    people,
    rules,
)  # fmt: skip
from leadback.web.pages.desk import Desk  # noqa: E402

MODULES = (leads, lead, attention, overview, crm, assistants, rules, people)
ODD = (
    "xx", "9" * 30, "-1", "1e9", "٣", "0001-01-01", "9999-12-31T23:59:59+14:00", "a\x00b",
    "\x1b[2J\r\n", "%", "'\"--", "x" * 3_000, "\ud83d", "{{ 7 * 7 }}", "__proto__",
)  # fmt: skip
SECRET = "what-nobody-may-see"


class _Asked(dict[str, str]):
    """Remembers which names are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return default


def parameters() -> list[str]:
    """Every name that filters are read from, and those that begin as counters do."""
    asked = _Asked()
    wanted_from(cast(Mapping[str, str], asked))
    return [*sorted(asked.names), "min_opens", "min_" + "a" * 90, "min_"]


def paths() -> list[str]:
    """Every page and download below /app, by its route."""
    for module in MODULES:
        module.register(cast(Desk, None))
    found = [str(getattr(route, "path", "")) for route in core.app.routes]
    return [p for p in found if p.strip("/") and not p.startswith(("/_nicegui", "/favicon"))]


@pytest.mark.parametrize("odd", ODD)
def test_filters_are_read_or_refused_in_words(odd: str) -> None:
    said: list[str] = []
    for name in parameters():
        try:
            wanted_from({name: odd})
        except InputError as refused:
            said.append(str(refused))
    assert all(words.isprintable() and len(words) < 400 for words in said)


def test_what_no_database_takes_is_no_filter() -> None:
    for given in (
        {"since": "xx"}, {"until": "1e9"}, {"min_opens": "9" * 30}, {"min_opens": "-1"},
        {"search": "a\x00b"}, {"portal": "x" * 201}, {f"min_a{n}": "1" for n in range(21)},
    ):  # fmt: skip
        with pytest.raises(InputError):
            wanted_from(given)


@pytest.mark.slow
def test_no_page_fails_whatever_stands_in_its_address(house: House) -> None:
    someone = house.session("admin")
    asked, pages = parameters(), paths()
    assert {"/leads", "/leads.csv", "/lead/{portal}/{lead}", "/people"} <= set(pages)
    answers: set[int] = set()

    def get(path: str) -> requests.Response:
        answer = someone.get(f"{house.url}/app{path}", allow_redirects=False, timeout=60)
        answers.add(answer.status_code)
        assert answer.status_code < 500, path
        assert "Error" not in answer.text[:4_000] or answer.status_code == 200, path
        return answer

    words = [quote(odd.encode("utf-8", "surrogatepass"), safe="")[:900] for odd in ODD]
    for path in pages:  # every page once with everything, those that read it once with each
        filters = path.startswith("/leads")
        for word in words if filters or "{" in path else words[:1]:
            filled = path.replace("{portal}", word).replace("{lead}", word)
            mixed = [word] * len(asked) if filters else words
            get(f"{filled}?" + "&".join(f"{n}={w}" for n, w in zip(asked, mixed, strict=False)))
    refused = get("/leads.csv?since=xx")
    assert refused.status_code == 400
    assert "the filter since cannot be" in refused.text
    assert {200, 400} <= answers


@pytest.fixture
def planted() -> Iterator[Callable[[str], Any]]:
    """The pages' application with a page and a download that break."""
    build.answer_plainly()

    @ui.page("/planted-page")
    def broken() -> None:
        raise OverflowError(SECRET)

    @core.app.get("/planted-download")
    def download() -> None:
        raise KeyError(SECRET)

    @core.app.get("/planted-refusal")
    def refusal() -> None:
        raise InputError("that is no number", fix="give one")

    def get(path: str) -> Any:
        async def ask() -> Any:
            way = httpx.ASGITransport(core.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=way, base_url="http://here") as client:
                return await client.get(path)

        return asyncio.run(ask())

    yield get
    for path in ("/planted-page", "/planted-download", "/planted-refusal"):
        core.app.remove_route(path)


def test_an_unexpected_error_is_a_page_that_names_nothing(planted: Callable[[str], Any]) -> None:
    for path in ("/planted-page", "/planted-download"):
        answer = planted(path)
        assert answer.status_code == 500
        assert "Something went wrong here" in answer.text
        assert not any(w in answer.text for w in (SECRET, "Error", "Traceback", "line "))


def test_a_mistake_is_a_sentence_and_what_is_missing_says_so(planted: Callable[[str], Any]) -> None:
    answer = planted("/planted-refusal")
    assert answer.status_code == 400
    assert "that is no number — give one" in answer.text
    before = len(nicegui.Client.instances)
    answer = planted("/no-such-page%0dFAKE")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert len(nicegui.Client.instances) == before


def test_no_line_of_the_log_is_a_browsers(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.reset_defaults()
    nicegui_log.quiet()
    assert core.sio.handlers["/"]["log"] is nicegui_log.dropped
    forged = "x\n2026-11-28T04:10:00Z [info     ] new token FORGED\x1b[2J\r"
    logging.getLogger("nicegui").warning(forged)
    try:
        raise ValueError(forged)
    except ValueError as error:
        logging.getLogger("nicegui").exception(error)
    written = capsys.readouterr()
    said = (written.out + written.err).splitlines()
    assert len(said) == 2
    assert all("\x1b[2J" not in line and not line.startswith("2026-11-28T04") for line in said)
    assert "ValueError" in said[1]
    assert "test_parameters.py" in said[1]
