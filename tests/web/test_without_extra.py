"""Without handback[web] the doors for webhooks are open all the same, and serve says what to do."""

from pathlib import Path

from tests.acceptance.conftest import Program
from tests.web.conftest import close_house, open_house


def test_webhooks_come_in_without_the_extra(tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    missing = "raise ModuleNotFoundError('No module named nicegui', name='nicegui')\n"
    (library / "nicegui.py").write_text(missing)
    program = Program(tmp_path, "", {"PYTHONPATH": str(library)})
    house = open_house(program, "--no-worker")
    try:
        assert house.first == ""
        assert house.get("/healthz").text == "ok\n"
        assert house.get("/app/leads").status_code == 404
        assert "handback[web]" in (tmp_path / "serve.log").read_text()
    finally:
        close_house(house)
