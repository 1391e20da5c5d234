"""Where a setting comes from: option, environment, file, default, in this order."""

from pathlib import Path

import pytest

from engine.base.errors import ConfigurationError
from engine.base.settings import load_settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "LOG_LEVEL", "POLL_SECONDS", "DATABASE_URL"):
        monkeypatch.delenv(f"HANDBACK_{name}", raising=False)


def test_options_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("log_level: info\npoll_seconds: 30\ndatabase_url: sqlite:///file.db\n")
    monkeypatch.setenv("HANDBACK_POLL_SECONDS", "40")
    found = load_settings(file, database_url="sqlite:///option.db")
    assert (found.log_level, found.poll_seconds) == ("info", 40)
    assert found.database_url == "sqlite:///option.db"


def test_the_environment_can_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, given = tmp_path / "named.yaml", tmp_path / "given.yaml"
    named.write_text("log_level: debug\n")
    given.write_text("log_level: error\n")
    monkeypatch.setenv("HANDBACK_CONFIG", str(named))
    assert load_settings().log_level == "debug"
    assert load_settings(given).log_level == "error"
    monkeypatch.setenv("HANDBACK_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings()


def test_a_setting_that_does_not_exist_is_named(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("databaseurl: sqlite:///x.db\n")
    with pytest.raises(ConfigurationError, match=r"unknown settings.*databaseurl"):
        load_settings(file)
