"""What `make bench` writes when one of its measurements fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.figures import Figure


def _one() -> Iterator[Figure]:
    yield Figure("one", 1.0, "events/s")


def _breaks_after_its_first() -> Iterator[Figure]:
    yield Figure("half", 0.5, "ratio")
    raise TimeoutError("the door did not open")


def _two() -> Iterator[Figure]:
    yield Figure("two", 2.0, "s")


def test_a_measurement_that_fails_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"old": {"value": 3.0}}))
    monkeypatch.setattr(bench, "RESULTS", results)
    made = {"one": _one, "broken": _breaks_after_its_first, "two": _two}
    monkeypatch.setattr(bench, "BENCHMARKS", made)
    assert bench.main([]) == 1
    assert set(json.loads(results.read_text())) == {"old", "one", "half", "two"}
    said = capsys.readouterr().err
    assert "not measured to the end: broken" in said
    assert "the door did not open" in said
