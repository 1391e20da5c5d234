"""The list of failures names tests that exist, each failure at least one."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explain" / "reliability.md"
NAME = re.compile(r"`(test_\w+)`")


def test_every_failure_names_a_test_that_exists() -> None:
    written = "\n".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")
    )
    known = set(re.findall(r"^def (test_\w+)\(", written, re.MULTILINE))
    rows = re.findall(r"^\| (\d+) \|(.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 23))
    for number, row in rows:
        named = NAME.findall(row)
        assert named, f"failure {number} names no test"
        assert set(named) <= known, f"failure {number}: {sorted(set(named) - known)}"
