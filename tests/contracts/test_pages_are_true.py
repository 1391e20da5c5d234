"""What the pages list is complete: a table, a command or a setting that is new is seen missing."""

import re
import resource
from pathlib import Path

from leadback.base.clock import DAY, HOUR, MINUTE
from leadback.base.settings import Settings
from leadback.cli import serving
from leadback.service import accounts, passwords
from leadback.service.hashing import AT_ONCE, LONGEST, PLACES
from leadback.store import log_ins
from leadback.store.tables import GLOBAL, metadata
from leadback.web import accepting, eventapi, guard
from leadback.web.pages import sockets
from leadback.web.patience import Patience
from leadback_hubspot import webhooks
from tests.contracts.reference_page import PAGE, page

ROOT = Path(__file__).resolve().parents[2]

UNTESTABLE = {"2.1.10", "2.5.1 – 2.5.6", "2.7, 2.8", "4.3.1"}
"""Rows of the page on security that say that there is nothing of the kind."""


def test_every_table_of_a_portal_can_be_distributed_by_it() -> None:
    text = (ROOT / "docs/explain/scale.md").read_text(encoding="utf-8")
    named = set(re.findall(r"create_distributed_table\('(\w+)', +'portal'", text))
    assert named == set(metadata.tables) - GLOBAL
    assert set(re.findall(r"create_reference_table\('(\w+)'", text)) <= GLOBAL


def test_the_tools_of_the_virtual_environment_are_locked_as_the_rest_is() -> None:
    """Python brings along those of its own day; security.md says that ours are newer."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"-m venv \$\(VENV\)\n(?:\t.*\n)*", makefile)
    for tool in ("pip", "setuptools"):
        assert re.search(rf"^{tool}==", lock, re.MULTILINE)
        assert re.search(rf"--constraint requirements.lock --upgrade .*\b{tool}\b", recipe)
        assert f"--exclude {tool}" not in makefile


def test_every_test_that_the_page_on_security_names_is_there() -> None:
    text = (ROOT / "docs/explain/security.md").read_text(encoding="utf-8")
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    named = set(re.findall(r"`((?:tests/)?[\w/]*test_\w+\.py)`", text))
    assert len(named) > 20
    lost = [name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files)]
    assert lost == []
    folders = set(re.findall(r"`(tests/[\w/]+)`", text))
    assert [name for name in folders if not (ROOT / name).is_dir()] == []


def test_the_figures_of_the_page_on_security_are_those_of_the_code() -> None:
    text = (ROOT / "docs/explain/security.md").read_text(encoding="utf-8")
    for words in (
        f"{accounts.SHORTEST} to {LONGEST} characters",
        f"locked for {accounts.LOCKED // MINUTE} minutes after {accounts.TRIES} failures",
        f"has {accounts.TRIES} tries of its own for {accounts.REMEMBERED // DAY} days",
        f"The first {passwords.JUDGED} characters",
        f"a score below {passwords.LEAST} of 4",
        f"after {accounts.IDLE // HOUR} hours unused",
        f"after {accounts.LIFETIME // HOUR} hours",
        f"page objects ({sockets.MOST}) and web sockets ({guard.SOCKETS}) of a session",
        f"of a key {eventapi.OF_A_KEY} requests with events are read and stored at once",
        f"at once, of all keys {eventapi.BATCHES_AT_ONCE}",
        f"body limit {guard.MAX_BODY // 1_000_000} MB",
        f"the newest {log_ins.KEPT:,} that were good",
        f"(v3 with its time ({webhooks.WINDOW // MINUTE} minutes)".lstrip("("),
        f"at first `{Settings.model_fields['pages_variables'].default}`",
    ):
        assert words in text, words
    assert (AT_ONCE, PLACES - AT_ONCE) == (2, 6)
    assert "Two at once, by threads of their own; six more wait" in text


def test_the_figures_about_connections_are_those_of_the_code() -> None:
    text = (ROOT / "docs/explain/operations.md").read_text(encoding="utf-8")
    patience, room = Patience(), serving.room_of(files=1_224)
    for words in (
        f"{patience.head:.0f} seconds for a request's head, {patience.request:.0f} for all of it, "
        f"and {patience.reading:.0f} to read on",
        f"on their way {patience.most} may be open",
        f"A body has {guard.BODY_SECONDS:.0f} seconds",
        f"up to {accepting.AT_ONCE} in each turn",
        f"{serving.OTHER_FILES} are left for the database",
        f"no more than {serving.MOST_CONNECTIONS:,} are used",
        f"{eventapi.BATCHES_AT_ONCE} requests at once, {eventapi.OF_A_KEY} of one key",
    ):
        assert words in text, words
    assert (room.most, room.full) == (768, 1_024)
    assert serving.room_of(files=resource.RLIM_INFINITY).full == serving.MOST_CONNECTIONS
    assert "When three quarters of those are open" in text


def test_every_row_of_the_page_on_security_names_its_test_or_says_why_not() -> None:
    text = (ROOT / "docs/explain/security.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.split("\n") if line.startswith("| ")]
    bare = [row[0] for row in rows[1:] if "test" not in row[-1]]
    assert set(bare) <= UNTESTABLE, "name the test, or say here that there is nothing to run"


def test_the_page_of_commands_and_settings_is_what_the_program_has() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make reference"
