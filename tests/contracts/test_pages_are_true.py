"""What the pages list is complete: a table, a command or a setting that is new is seen missing."""

import re
from pathlib import Path

from engine.store.tables import GLOBAL, metadata
from tests.contracts.reference_page import PAGE, page

ROOT = Path(__file__).resolve().parents[2]


def test_every_table_of_a_portal_can_be_distributed_by_it() -> None:
    text = (ROOT / "docs/explain/scale.md").read_text(encoding="utf-8")
    named = set(re.findall(r"create_distributed_table\('(\w+)', +'portal'", text))
    assert named == set(metadata.tables) - GLOBAL
    assert set(re.findall(r"create_reference_table\('(\w+)'", text)) <= GLOBAL


def test_the_page_of_commands_and_settings_is_what_the_program_has() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make reference"
